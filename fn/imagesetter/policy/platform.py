"""Platforms as containerd writes and compares them: ``linux/amd64``, ``linux/arm64/v8``, ``linux/arm/v7``.

The other spellings that containerd knows are read too (its module ``platforms``: ``x86_64``, ``aarch64``, ``armhf``).
What is the default is left out: ``linux/arm64/v8`` is ``linux/arm64``, ``linux/arm`` is ``linux/arm/v7``.

Departures from containerd:

* A platform has an operating system and an architecture; containerd completes ``amd64`` by the machine it runs on.
* An image for another architecture does not count, though some nodes run it (386 on amd64, arm on arm64): who asks for
  ``linux/arm64`` wants images that are built for it.
* Versions of Windows (``os.version``) are not compared.

The known names are those of Go, which images use (OCI image spec, "Platform Variants"): ``KnownOS`` and ``KnownArch``
in internal/syslist/syslist.go of Go 1.26, and the values of GOARM, GOARM64, GOAMD64, GOMIPS, GOPPC64 and GORISCV64
(``go help environment``); the image spec adds ``v8`` for arm. Others are accepted, since a registry may have images for
them.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from krm_functions.suggestions import KnownNames

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

SYSTEMS = frozenset(
    {"aix", "android", "darwin", "dragonfly", "freebsd", "hurd", "illumos", "ios", "js", "linux", "nacl", "netbsd"}
    | {"openbsd", "plan9", "solaris", "wasip1", "windows", "zos"}
)
"""The operating systems that Go knows."""
ARCHITECTURES = frozenset(
    {"386", "amd64", "amd64p32", "arm", "armbe", "arm64", "arm64be", "loong64", "mips", "mipsle", "mips64", "mips64le"}
    | {"mips64p32", "mips64p32le", "ppc", "ppc64", "ppc64le", "riscv", "riscv64", "s390", "s390x", "sparc", "sparc64"}
    | {"wasm"}
)
"""The architectures that Go knows."""
_FLOATS = ("hardfloat", "softfloat")
_POWER = ("power8", "power9", "power10")
VARIANTS: dict[str, tuple[str, ...]] = {
    "amd64": ("v1", "v2", "v3", "v4"),
    "arm": ("v5", "v6", "v7", "v8"),
    "arm64": ("v8", *(f"v8.{n}" for n in range(10)), "v9", *(f"v9.{n}" for n in range(6))),
    "ppc64": _POWER,
    "ppc64le": _POWER,
    "riscv64": ("rva20u64", "rva22u64", "rva23u64"),
    **dict.fromkeys(("mips", "mipsle", "mips64", "mips64le"), _FLOATS),
}
"""The variants of an architecture that Go or the image spec knows; no variant of another is known."""


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


def unknown_part(platform: Platform) -> str:
    """What is not known of a platform, and what was meant perhaps; empty where all of it is known."""
    os, architecture, variant = platform
    if os in ARCHITECTURES and architecture in SYSTEMS:
        return f"the architecture is before the operating system (did you mean {architecture}/{os}?)"
    if os in ARCHITECTURES and architecture in VARIANTS.get(os, ()):
        return f"the operating system is missing (did you mean linux/{os}/{architecture}?)"
    variants = VARIANTS.get(architecture, ())
    for part, what, known in ((os, "operating system", SYSTEMS), (architecture, "architecture", ARCHITECTURES)):
        if part not in known:
            close = KnownNames(known).close_to(part)
            meant = platform._replace(**{"os" if part is os else "architecture": close[0]}) if close else None
            return f"{part!r} is not a known {what}{f' (did you mean {meant}?)' if meant else ''}"
    if variant and variant not in variants:
        listed = f": write one of {', '.join(variants)}" if 0 < len(variants) < 9 else ""
        return f"{variant!r} is not a known variant of {architecture}{listed}"
    return ""


def parse_platform(text: str) -> Platform:
    """A platform as people write it.

    Raises:
        ValueError: it is not an operating system and an architecture, with or without a variant.
    """
    parts = text.split("/")
    if len(parts) not in (2, 3) or not all(_PART.fullmatch(part) for part in parts):
        raise ValueError(f"{text!r} is not a platform such as linux/amd64 or linux/arm64/v8{_meant(text)}")
    return normal_platform(*parts)


def _meant(text: str) -> str:
    """The platform that was meant perhaps: the separator is another one, or the operating system is missing."""
    parts = re.split(r"[^a-z0-9.]+", text.lower().replace("x86-64", "amd64").replace("x86_64", "amd64").strip())
    guesses = [parts, ["linux", *parts]] if len(text) <= 64 else []
    guesses += [[each, parts[0].removeprefix(each), *parts[1:]] for each in SYSTEMS if parts[0].startswith(each)]
    for guess in guesses:
        if 2 <= len(guess) <= 3 and all(guess) and not unknown_part(found := normal_platform(*guess)):
            return f" (did you mean {found}?)"
    return ""


def parse_platforms(texts: Iterable[str]) -> tuple[Platform, ...]:
    """Several platforms, sorted, each once.

    Raises:
        ValueError: as `parse_platform`.
    """
    return tuple(sorted({parse_platform(text) for text in texts}))
