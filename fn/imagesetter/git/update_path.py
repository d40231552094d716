"""``spec.update.path`` stays in the repository."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from krm_functions.errors import ResourceError


def confined(root: Path, path: str, where: str) -> Path:
    """``spec.update.path`` in a working tree, links followed; one that leaves it, by ``..`` or by a link, is refused.

    Departure: Flux clamps such a path to the top of the repository (SecureJoin), and so updates more than was meant.

    Raises:
        ResourceError: it leaves the repository, is inside ``.git``, or is not there.
    """
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if "\0" in path or (any(part == ".." for part in parts) and not _stays_inside(parts)):
        raise ResourceError(f"spec.update.path: {path!r} leaves the repository", where=where)
    target = root.joinpath(*parts)
    real, top = Path(os.path.realpath(target)), Path(os.path.realpath(root))
    if real != top and top not in real.parents:
        raise ResourceError(f"spec.update.path: {path!r} leads out of the repository by a link", where=where)
    if any(part.lower() == ".git" for part in (*parts, *real.relative_to(top).parts)):
        raise ResourceError(f"spec.update.path: {path!r} is Git's own folder", where=where)
    if not target.exists():
        raise ResourceError(f"spec.update.path: {path!r} is not in the repository", where=where)
    return real


def _stays_inside(parts: Sequence[str]) -> bool:
    depth = 0
    for part in parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            return False
    return True
