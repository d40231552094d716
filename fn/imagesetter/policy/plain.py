r"""Patterns so plain that Python's own engine finds what Go's does, in bounded time, over thousands of tags at once.

Most filterTags patterns are a row of characters and repeated character classes: ``^main-[a-f0-9]+-(?P<ts>[0-9]+)$``.
Those are read here by a small grammar, and written anew, class by class as sets of ASCII characters, for
:mod:`re`, which then reads a whole list of tags in one call. Whatever the grammar does not know is left to RE2
(:mod:`imagesetter.policy.regexp`). Nothing of the pattern's own text reaches :mod:`re`::

    pattern = ["^"] *( atom [count] | group | "(?:" words ")?" ) ["$"]
    group   = ( "(" | "(?:" | "(?P<name>" | "(?<name>" ) ( words | *( atom [count] | group ) ) ")"
    atom    = character | "\" punctuation | "\d" | "\w" | "\s" and their negations | "." | "[" ["^"] items "]"
    count   = "*" | "+" | "?" | "{n}" | "{n,}" | "{n,m}"     greedy
    words   = 1*character *( "|" 1*character )               none of them begins with another

Why the answer is the same: but for words, of which one at most can stand in a place, there are no alternatives, and
there are no repeated groups and no empty loops. So leftmost-first matching is one rule for a backtracking engine and
for RE2.

Why the time is bounded: a repeated atom whose characters cannot be those that come next never gives any back. Of other
repeats one is taken, and none where the search may begin anywhere, so the work is at most the square of a line's
length, and longer lines than :data:`MAX_LINE` are left to RE2 too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

MAX_LINE = 256
MAX_COUNT = 1000
"""How often all atoms together may be asked for at most, or at least where there is no most."""

_CHARACTERS = frozenset(map(chr, range(128))) - {"\n"}
_DIGITS = frozenset("0123456789")
_WORD = _DIGITS | frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_SPACE = frozenset("\t\f\r ")
_CLASSES = {
    r"\d": _DIGITS,
    r"\D": _CHARACTERS - _DIGITS,
    r"\w": _WORD,
    r"\W": _CHARACTERS - _WORD,
    r"\s": _SPACE,
    r"\S": _CHARACTERS - _SPACE,
}

_PUNCTUATION = r"\\[-.+*?()|\[\]{}^$\\/]"
_CHARACTER = rf"(?:[A-Za-z0-9_/:@,=~!#%&<>; -]|{_PUNCTUATION})"
_LETTER = r"(?:[A-Za-z0-9_/:@,=~!#%&<>; -]|\\[-.+*?()\[\]{}^$/])"  # of a word; neither a bar nor a backslash
_ITEM = rf"(?:\\[dDwWsS]|{_PUNCTUATION}|[A-Za-z0-9]-[A-Za-z0-9]|[A-Za-z0-9_.+/:@,=~!#%<>; ])"
_ITEMS = re.compile(_ITEM)
_TOKEN = re.compile(
    rf"\(\?:(?P<maybe>{_LETTER}+(?:\|{_LETTER}+)*)\)\?(?![*+?{{])"
    r"|(?P<open>\((?:\?:|\?P?<(?P<name>[A-Za-z0-9_]+)>|(?!\?)))"
    rf"|(?P<words>{_LETTER}+(?:\|{_LETTER}+)+)(?=\))"
    r"|(?P<close>\)(?![*+?{]))"
    r"|(?P<end>\$\Z)"
    rf"|(?P<atom>{_CHARACTER}|\\[dDwWsS]|(?P<any>\.)"
    rf"|\[(?P<negated>\^)?(?P<first>-)?(?P<items>{_ITEM}*)(?P<last>-)?\])"
    r"(?:(?P<sign>[*+?])|\{(?P<least>[0-9]{1,4})(?P<comma>,(?P<most>[0-9]{1,4})?)?\})?(?![*+?{])"
)
_SIGNS = {None: (1, 1), "*": (0, None), "+": (1, None), "?": (0, 1)}


@dataclass(frozen=True, slots=True)
class Plain:
    """A plain pattern, ready for lists of tags.

    Args:
        names: the name of every group, "" for those without; the first is the whole match.
        lines: finds, in lines, those that hold a match: the line, the whole match, then each group.
    """

    names: tuple[str, ...]
    lines: re.Pattern[str]

    def find_all(self, texts: Sequence[str]) -> list[tuple[str, ...]] | None:
        """The texts that hold a match: each with its leftmost match and the groups of that, "" for one without part.

        ``None`` when the texts are such that only RE2 may read them: not ASCII, holding a newline, or too long.
        """
        if not texts:
            return []
        joined = "\n".join(texts)
        if not joined.isascii() or joined.count("\n") >= len(texts) or len(max(texts, key=len)) > MAX_LINE:
            return None
        return self.lines.findall(joined)


@dataclass(frozen=True, slots=True)
class _Atom:
    """What may stand in a place, and how often.

    Args:
        characters: those that it begins with; all that it takes, unless there are words.
        least: how often it has to stand.
        most: how often it may stand; ``None`` is any number.
        words: it takes one of these, once or not at all.
    """

    characters: frozenset[str]
    least: int
    most: int | None
    words: tuple[str, ...] = ()

    def __str__(self) -> str:
        text = f"(?:{'|'.join(map(re.escape, self.words))})" if self.words else _write(self.characters)
        if self.least == self.most == 1:
            return text
        return f"{text}{{{self.least},{'' if self.most is None else self.most}}}"


@lru_cache(maxsize=512)
def compile_plain(pattern: str) -> Plain | None:
    """Read a pattern by the grammar above; ``None`` if it is not plain, which does not mean that it is wrong."""
    position = anchored = int(pattern.startswith("^"))
    names, pieces, depth, ends = [""], list[_Atom | str](), 0, False
    while position < len(pattern):
        token = _TOKEN.match(pattern, position)
        if token is None or (token["close"] and depth == 0):
            return None
        position = token.end()
        if token["open"]:
            depth += 1
            pieces.append("(?:" if token["open"] == "(?:" else "(")
            if pieces[-1] == "(":
                names.append(token["name"] or "")
        elif token["close"]:
            depth -= 1
            pieces.append(")")
        elif token["end"]:
            ends = True
        elif token["words"] and not (pieces and pieces[-1] in ("(", "(?:")):
            return None
        elif atom := _atom(token):
            pieces.append(atom)
        else:
            return None
    named = [name for name in names if name]
    atoms = [piece for piece in pieces if isinstance(piece, _Atom)]
    if depth or len(set(named)) < len(named) or _loose(atoms) > anchored or _size(atoms) > MAX_COUNT:
        return None
    before, after = "" if anchored else r"[^\n]*?", "" if ends else r"[^\n]*"
    return Plain(tuple(names), re.compile(f"^({before}({''.join(map(str, pieces))}){after})$", re.MULTILINE))


def _atom(token: re.Match[str]) -> _Atom | None:
    """``atom [count]`` or words; ``None`` for what Go refuses, what takes no character, and words that are alike."""
    if text := token["words"] or token["maybe"]:
        words = sorted(text.replace("\\", "").split("|"))
        if any(longer.startswith(word) for word, longer in pairwise(words)):
            return None
        return _Atom(frozenset(word[0] for word in words), int(token["maybe"] is None), 1, tuple(words))
    characters = _characters(token)
    if token["least"] is None:
        least, most = _SIGNS[token["sign"]]
    else:
        least = int(token["least"])
        most = (int(token["most"]) if token["most"] else None) if token["comma"] else least
    if not characters or (most is not None and most < least):
        return None
    return _Atom(characters, least, most)


def _characters(token: re.Match[str]) -> frozenset[str]:
    """The ASCII characters that an atom takes, without the newline, which is never met."""
    if token["any"]:
        return _CHARACTERS
    if token["items"] is None:
        return _item(token["atom"])
    hyphens = frozenset(token["first"] or "") | frozenset(token["last"] or "")
    characters = hyphens.union(*map(_item, _ITEMS.findall(token["items"])))
    return _CHARACTERS - characters if token["negated"] and characters else characters


def _item(text: str) -> frozenset[str]:
    """One character, ``a-z``, or an escape."""
    if text in _CLASSES:
        return _CLASSES[text]
    return frozenset(map(chr, range(ord(text[0]), ord(text[2]) + 1))) if len(text) == 3 else frozenset(text[-1])


def _loose(atoms: list[_Atom]) -> int:
    """How many repeats may have to give characters back: those that take what may stand behind them as well."""
    loose = 0
    following: frozenset[str] = frozenset()
    for atom in reversed(atoms):
        loose += atom.least != atom.most and not following.isdisjoint(atom.characters)
        following = atom.characters | following if atom.least == 0 else atom.characters
    return loose


def _size(atoms: list[_Atom]) -> int:
    """How large the program for the atoms is, about; Go and RE2 refuse large ones, and so they are left to them."""
    return sum(max(atom.least, atom.most or 0, 1) + sum(map(len, atom.words)) for atom in atoms)


def _write(characters: frozenset[str]) -> str:
    """A set of characters as :mod:`re` reads it."""
    if len(characters) == 1:
        return re.escape(*characters)
    codes = sorted(map(ord, characters))
    spans: list[list[int]] = []
    for code in codes:
        if spans and spans[-1][1] == code - 1:
            spans[-1][1] = code
        else:
            spans.append([code, code])
    ranges = (rf"\x{low:02x}-\x{high:02x}" for low, high in spans)
    return f"[{''.join(ranges)}]"
