"""A section of CHANGELOG.md, without its heading: `python .ci/changelog.py 1.2.3` or `... Unreleased`.

No such section, or an empty one: exit code 1.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

CHANGELOG = Path(__file__).resolve().parent.parent / "CHANGELOG.md"


def section(text: str, heading: str) -> str:
    title = rf"^## (?:\[{re.escape(heading)}\]|{re.escape(heading)})(?: [^\n]*)?\n"
    found = re.search(title + r"(.*?)(?=^## |^\[[^\]\n]+\]: |\Z)", text, re.M | re.S)
    return found[1].strip() if found else ""


if __name__ == "__main__":
    body = section(CHANGELOG.read_text(encoding="utf-8"), sys.argv[1])
    if not body:
        sys.exit(1)
    print(body)
