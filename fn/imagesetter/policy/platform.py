"""Platforms as containerd writes and compares them: ``linux/amd64``, ``linux/arm64/v8``, ``linux/arm/v7``.

The other spellings that containerd knows are read too (its module ``platforms``: ``x86_64``, ``aarch64``, ``armhf``).
What is the default is left out: ``linux/arm64/v8`` is ``linux/arm64``, ``linux/arm`` is ``linux/arm/v7``.

Departures from containerd:

* A platform has an operating system and an architecture; containerd completes ``amd64`` by the machine it runs on.
* An image for another architecture does not count, though some nodes run it (386 on amd64, arm on arm64): who asks for
  ``linux/arm64`` wants images that are built for it.
* Versions of Windows (``os.version``) are not compared.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

_PART = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_VERSION = re.compile(r"v([0-9]{1,3})(?:\.([0-9]{1,3}))?", re.ASCII)
_SYSTEMS = {"macos": "darwin"}
_ARCHITECTURES = {
    "i386": ("386", ""),
    "x86_64": ("amd64", ""),
    "x86-64": ("amd64", ""),
    "aarch64": ("arm64", ""),
    "armhf": ("arm", "v7"),
    "armel": ("arm", "v6"),
}
_DEFAULTS = {"amd64": "v1", "arm64": "v8"}
"""Variants that are left out."""


class Platform(NamedTuple):
    """A platform in its normal form; ``str()`` writes it as images do."""

    os: str
    architecture: str
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in self if part)

    def runs_on(self, node: "Platform") -> bool:
        """Whether a node runs an image for this platform: the same one, or an older variant of its architecture."""
        if self[:2] != node[:2]:
            return False
        mine, its = _version(self), _version(node)
        return self.variant == node.variant or (mine is not None and its is not None and mine <= its)


def _version(platform: Platform) -> tuple[int, int] | None:
    found = _VERSION.fullmatch(platform.variant or _DEFAULTS.get(platform.architecture, ""))
    return (int(found[1]), int(found[2] or 0)) if found else None


def normal_platform(os: str, architecture: str, variant: str = "") -> Platform:
    """A platform from its three parts, in any spelling."""
    os, architecture, variant = os.lower(), architecture.lower(), variant.lower()
    architecture, implied = _ARCHITECTURES.get(architecture, (architecture, ""))
    variant = implied or variant
    if variant[:1].isdigit():
        variant = f"v{variant}"
    if architecture == "arm" and not variant:
        variant = "v7"
    return Platform(_SYSTEMS.get(os, os), architecture, "" if _DEFAULTS.get(architecture) == variant else variant)


def parse_platform(text: str) -> Platform:
    """A platform as people write it.

    Raises:
        ValueError: it is not an operating system and an architecture, with or without a variant.
    """
    parts = text.split("/")
    if len(parts) not in (2, 3) or not all(_PART.fullmatch(part) for part in parts):
        raise ValueError(f"{text!r} is not a platform such as linux/amd64 or linux/arm64/v8")
    return normal_platform(*parts)


def parse_platforms(texts: Iterable[str]) -> tuple[Platform, ...]:
    """Several platforms, sorted, each once.

    Raises:
        ValueError: as `parse_platform`.
    """
    return tuple(sorted({parse_platform(text) for text in texts}))
