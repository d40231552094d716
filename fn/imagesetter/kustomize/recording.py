"""What kustomize hands to the function inside of a build of updated sources, kept for the function outside of it.

A variable names a folder. The function that finds it set writes its input there, and looks at no sources: those of
this build are up to date. So calls cannot nest.
"""

import json
import os
import time
from pathlib import Path
from typing import NamedTuple

from imagesetter.config.options import INPUTS_VARIABLE
from krm_functions.errors import InputError


class RecordedInput(NamedTuple):
    """An input of the function, and the directory in which it ran."""

    folder: Path
    data: bytes


def record(data: bytes, folder: str) -> None:
    """Keep an input.

    Raises:
        InputError: the folder cannot be written.
    """
    name = f"{time.monotonic_ns():020d}-{os.getpid()}"
    try:
        written = Path(folder, f"{name}.part")
        written.write_bytes(os.fsencode(json.dumps(str(Path.cwd()))) + b"\n" + data)
        written.rename(Path(folder, f"{name}.input"))
    except OSError as error:
        hint = f"{INPUTS_VARIABLE} is for imagesetter itself; unset it"
        raise InputError(f"cannot be written: {error.strerror}", where=folder, hint=hint) from error


def recorded(folder: Path) -> list[RecordedInput]:
    """What was kept, in the order in which it came."""
    found: list[RecordedInput] = []
    for path in sorted(folder.glob("*.input")):
        where, _, data = path.read_bytes().partition(b"\n")
        found.append(RecordedInput(Path(json.loads(where)), data))
    return found
