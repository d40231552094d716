"""Links of the manual that leave it: on the site they lead to the repository, and only to what is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
HOME = "https://github.com/imagesetter/imagesetter/blob/main/"
_LINK = re.compile(r"\]\(\.\./([^)#]+)(#[^)]*)?\)")


def on_page_markdown(markdown: str, *, page: Any, **others: Any) -> str:
    """Turn ``](../PATH)`` into a link to the repository.

    Raises:
        ValueError: there is no such file.
    """

    def outside(match: re.Match[str]) -> str:
        if not (ROOT / match[1]).exists():
            raise ValueError(f"{page.file.src_uri} links to ../{match[1]}, and there is no such file")
        return f"]({HOME}{match[1]}{match[2] or ''})"

    return _LINK.sub(outside, markdown)
