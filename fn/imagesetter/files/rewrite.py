"""A file whose bytes change."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path


class Rewrite(NamedTuple):
    """A file's bytes before and after."""

    path: Path
    before: bytes
    after: bytes
