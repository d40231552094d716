"""What a fuzz target is: bytes go in, nothing but refusals of our own may come out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from krm_functions.errors import ReportedError


@dataclass(frozen=True)
class Target:
    """One entry point under attack.

    Args:
        name: as on the command line.
        attack: the entry point and what must hold of its answer; raises ReportedError where it refuses.
        seeds: inputs to begin with; they are joined to one another, so each should hold one idea.
        words: pieces of the input's language, which mutations put in.
        longest: inputs are cut after this many bytes.
    """

    name: str
    attack: Callable[[bytes], None]
    seeds: tuple[bytes, ...]
    words: tuple[bytes, ...] = ()
    longest: int = 1024

    def __call__(self, data: bytes) -> None:
        """Attack once. Whatever is raised is a finding."""
        with suppress(ReportedError):
            self.attack(data)


def as_text(data: bytes) -> str:
    """Bytes as the text that a decoder or an HTTP library hands on; lone surrogates included, as JSON can make them."""
    return data.decode("utf-8", "surrogateescape")


def cut(data: bytes, parts: int) -> list[str]:
    """Several texts from one input; NUL parts them."""
    texts = [as_text(piece) for piece in data.split(b"\0", parts - 1)]
    return texts + [""] * (parts - len(texts))
