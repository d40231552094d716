"""The section of CHANGELOG.md for one version, without its heading: `python .ci/changelog.py 1.2.3`.

A version under development (``1.2.3.dev0``) has the section "Unreleased". No such section: exit code 1.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

CHANGELOG = Path(__file__).resolve().parent.parent / "CHANGELOG.md"


def section(text: str, version: str) -> str | None:
    heading = "Unreleased" if ".dev" in version else version
    title = rf"^## (?:\[{re.escape(heading)}\]|{re.escape(heading)})(?: [^\n]*)?\n"
    found = re.search(title + r"(.*?)(?=^## |^\[[^\]\n]+\]: |\Z)", text, re.M | re.S)
    return found[1].strip() if found else None


if __name__ == "__main__":
    body = section(CHANGELOG.read_text(encoding="utf-8"), sys.argv[1])
    if body is None:
        sys.exit(1)
    print(body)
