"""The versions that matter in a bug report: imagesetter's, and those of its YAML and regex libraries."""

from __future__ import annotations

from importlib import import_module

import click

from imagesetter import __version__
from imagesetter.cli.terminal import echo
from krm_functions.yaml.parser import has_libyaml


def print_version(context: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    """``--version``: one line for scripts, and a second one for people."""
    if wanted and not context.resilient_parsing:
        echo(f"imagesetter {__version__}")
        echo(details())
        context.exit()


def details() -> str:
    """``Python 3.11.2 on Linux, PyYAML 6.0.2 with libyaml 0.2.5, google-re2 1.1``."""
    import platform

    parts = [
        f"Python {platform.python_version()} on {platform.system()} {platform.machine()}",
        f"PyYAML {_version('PyYAML')} with {_libyaml()}",
        f"google-re2 {_version('google-re2') if has_re2() else 'not installed'}",
        *(f"{name} {_version(name)}" for name in ("pydantic", "httpx", "click")),
    ]
    return ", ".join(parts)


def has_re2() -> bool:
    """Whether google-re2 can be imported; without it, only plain patterns work."""
    try:
        import_module("re2")
    except ImportError:
        return False
    return True


def _libyaml() -> str:
    """libyaml's own version; without libyaml, PyYAML is correct, but slow."""
    try:
        found = import_module("yaml._yaml").get_version_string()
    except (ImportError, AttributeError):  # PyYAML without libyaml, or with another module name
        return "libyaml" if has_libyaml() else "no libyaml"
    return f"libyaml {found}"


def _version(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:  # a zipped or frozen program has no metadata
        return "of an unknown version"
