"""Texts that a pattern matches, so that a rule can try a policy instead of guessing from its text.

Patterns are read by the grammar of :mod:`imagesetter.golang.regexp.plain`; others give no texts. Each atom gives a
few. The caller asks the policy itself whether a text matches, so a text that does not match is harmless.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice, product
from typing import NamedTuple

from imagesetter.golang.regexp.plain import PlainAtom, read_plain_pattern

_MOST = 400
_TEXTS = ("1", "12", "9", "2026", "1.2.3", "1.2", "0a1b2c3", "abc", "x")
_ANY = ("", "1.2.3", "x", "1")
_MANY = 80
"""A class with more characters than this excludes a few: nearly any text may be there."""


class Samples(NamedTuple):
    """Some texts, and whether parts of the pattern match anything, so that there are texts of quite another kind."""

    texts: tuple[str, ...]
    open: bool


@lru_cache(maxsize=512)
def samples(pattern: str) -> Samples:
    """Texts for a Go pattern; none where it is not plain."""
    plain = read_plain_pattern(pattern)
    if plain is None:
        return Samples((), open=True)
    found = [text for atoms in _with_and_without_options(plain.pieces) for text in _sequence(atoms)]
    texts = list(found)
    if not plain.begins:
        texts += [f"{begin}{text}" for begin in ("1.2.3", "v1.2.3") for text in found]
    if not plain.ends:
        texts += [f"{text}{end}" for end in ("-x", ".1", "1") for text in found]
    matches_anything = any(isinstance(piece, PlainAtom) and _is_open(piece) for piece in plain.pieces)
    return Samples(tuple(dict.fromkeys(texts))[:_MOST], open=matches_anything or not (plain.begins and plain.ends))


def _with_and_without_options(pieces: Sequence[PlainAtom | str]) -> Iterator[list[PlainAtom]]:
    """The atoms in a row: all of them, and all but those of optional groups."""
    needed: list[PlainAtom] = []
    starts: list[int] = []
    for piece in pieces:
        if isinstance(piece, PlainAtom):
            needed.append(piece)
        elif not piece.startswith(")"):
            starts.append(len(needed))
        elif (start := starts.pop()) is not None and piece.endswith("?"):
            del needed[start:]
    yield [piece for piece in pieces if isinstance(piece, PlainAtom)]
    yield needed


def _sequence(atoms: Sequence[PlainAtom]) -> Iterator[str]:
    parts = [_texts(atom)[:6] for atom in atoms]
    # Both ways round: whichever part varies last hardly varies at all among the first texts.
    yield from islice(("".join(chosen) for chosen in product(*parts)), _MOST // 4)
    yield from islice(("".join(reversed(chosen)) for chosen in product(*reversed(parts))), _MOST // 4)


def _is_open(atom: PlainAtom) -> bool:
    return not atom.words and len(atom.characters) > _MANY


def _texts(atom: PlainAtom) -> list[str]:
    """A few texts that an atom takes."""
    most = atom.most if atom.most is not None else 64
    if atom.words:
        return [*([""] if atom.least == 0 else []), *(word.replace("\\", "") for word in atom.words)]
    if most == 1:
        some = sorted({min(atom.characters), max(atom.characters), *(atom.characters & set("19a"))})
        some = ["1"] if _is_open(atom) else some
        return [*([""] if atom.least == 0 else []), *some]
    fitting = [text for text in (*_ANY, *_TEXTS) if set(text) <= atom.characters and atom.least <= len(text) <= most]
    return list(dict.fromkeys(fitting)) or [min(atom.characters) * max(atom.least, 1)]
