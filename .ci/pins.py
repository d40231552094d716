"""The pins of requirements files as constraints, without hashes and extras: `python .ci/pins.py FILE…`.

`--without PYPROJECT` leaves out what that pyproject.toml names as dependency, and what such a one decides exactly.
"""

from __future__ import annotations

import argparse
import re
import tomllib
from pathlib import Path

DECIDED = {"pydantic-core"}  # pydantic asks for one version of it


def pins(text: str) -> list[str]:
    """The requirements of a file, as they are written: `name[extra]==version ; marker`."""
    return [line.rstrip(" \\") for line in text.splitlines() if line[:1].isalnum()]


def name(requirement: str) -> str:
    found = re.match(r"[\w.-]+", requirement)
    assert found
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def named_by(pyproject: Path) -> set[str]:
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    extras = project.get("optional-dependencies", {}).values()
    return {name(wanted) for wanted in [*project["dependencies"], *(one for extra in extras for one in extra)]}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--without", type=Path)
    arguments = parser.parse_args()
    left_out = DECIDED | named_by(arguments.without) if arguments.without else set()
    found = {pin: None for file in arguments.files for pin in pins(file.read_text(encoding="utf-8"))}
    for pin in found:
        if name(pin) not in left_out:
            print(re.sub(r"\[[^]]*\]", "", pin))
