"""The build backend of pyproject.toml: hatchling, and for an isolated build the versions of build.txt.

With ``requires = ["hatchling"]`` every isolated build (pip's of an sdist or a Git URL, pre-commit's of the hooks) would
take what was published last, so a release of somebody else could change or break the installation of a tag of ours.
With exact pins there, a packager who builds with a distribution's own hatchling would be turned away. So:

- hatchling is installed already: it is used, whatever its version, and nothing is asked for.
- it is not, as in an isolated build: it and all it needs are asked for by exact version.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

PINS = Path(__file__).with_name("build.txt")

Settings = dict[str, Any] | None


def get_requires_for_build_wheel(config_settings: Settings = None) -> list[str]:
    if find_spec("hatchling") is not None:
        return []
    lines = PINS.read_text(encoding="utf-8").splitlines()
    return [line.rstrip(" \\") for line in lines if line[:1].isalnum()]


get_requires_for_build_sdist = get_requires_for_build_wheel
get_requires_for_build_editable = get_requires_for_build_wheel


def build_wheel(directory: str, config_settings: Settings = None, metadata_directory: str | None = None) -> str:
    from hatchling import build

    return str(build.build_wheel(directory, config_settings, metadata_directory))


def build_sdist(directory: str, config_settings: Settings = None) -> str:
    from hatchling import build

    return str(build.build_sdist(directory, config_settings))


def build_editable(directory: str, config_settings: Settings = None, metadata_directory: str | None = None) -> str:
    from hatchling import build

    return str(build.build_editable(directory, config_settings, metadata_directory))
