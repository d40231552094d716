r"""Patterns so plain that Python's own engine finds what Go's does, in bounded time, over thousands of tags at once.

Most filterTags patterns are a row of characters and repeated character classes: ``^main-[a-f0-9]+-(?P<ts>[0-9]+)$``.
Those are read here by a small grammar, and written anew, class by class as sets of ASCII characters, for
:mod:`re`, which then reads a whole list of tags in one call. Whatever the grammar does not know is left to RE2
(:mod:`imagesetter.golang.regexp.pattern`). Nothing of the pattern's own text reaches :mod:`re`::

    pattern = ["(?i)"] ["^"] ["(?i)"] *( atom [count] | group | "(?:" words ")?" ) ["$"]
    group   = ( "(" | "(?:" | "(?P<name>" | "(?<name>" ) ( words | *( atom [count] | group ) ) ")" ["?"]
    atom    = character | "\" punctuation | "\d" | "\w" | "\s" and their negations | "." | "[" ["^"] items "]"
    count   = "*" | "+" | "?" | "{n}" | "{n,}" | "{n,m}"     greedy
    words   = 1*character *( "|" 1*character )               none of them begins with another

Why the answer is the same: but for words, of which one at most can be in a place, there are no alternatives, and
there are no repeated groups, no groups that are optional and may be empty, and no empty loops. So leftmost-first
matching is one rule for a backtracking engine and for RE2.

Why the time is bounded: a repeated atom whose characters cannot be those that come next never gives any back, and nor
does an optional group that begins with others. Of other repeats and optional groups one is taken, and none where the
search may begin anywhere, so the work is at most the square of a line's length, and longer lines than :data:`MAX_LINE`
are left to RE2 too. A pattern that begins with ``.*`` begins at the beginning of the line or nowhere.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

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
    r"|(?P<close>\)\??(?![*+?{]))"
    r"|(?P<end>\$\Z)"
    rf"|(?P<atom>{_CHARACTER}|\\[dDwWsS]|(?P<any>\.)"
    rf"|\[(?P<negated>\^)?(?P<first>-)?(?P<items>{_ITEM}*)(?P<last>-)?\])"
    r"(?:(?P<sign>[*+?])|\{(?P<least>[0-9]{1,4})(?P<comma>,(?P<most>[0-9]{1,4})?)?\})?(?![*+?{])"
)
_BEGINNING = re.compile(r"(?P<folded>\(\?i\))?(?P<anchor>\^)?(?P<folded_behind>\(\?i\))?")
_OPENING = ("(", "(?:")
_SIGNS = {None: (1, 1), "*": (0, None), "+": (1, None), "?": (0, 1)}

_Fold = Callable[[frozenset[str]], frozenset[str]]
"""What a flag makes of the characters that are written."""


class PlainRegexp(NamedTuple):
    """A plain pattern, ready for lists of tags.

    Args:
        names: the name of every group, "" for those without; the first is the whole match.
        lines: finds, in lines, those that hold a match: the line, the whole match, then each group.
        alone: finds the leftmost match in one line, for :mod:`re`: the match, then each group.
    """

    names: tuple[str, ...]
    lines: re.Pattern[str]
    alone: str

    def search(self, text: str, start: int) -> re.Match[str] | None:
        """The leftmost match in one line from a place on; ``^`` stands for the beginning of the line nevertheless.

        Takes up to the cube of the line's length: the line is ASCII and has :data:`MAX_LINE` characters at most.
        """
        return re.compile(self.alone).search(text, start)

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


class PlainAtom(NamedTuple):
    """What may be in a place, and how often.

    Args:
        characters: those that it begins with; all that it takes, unless there are words.
        least: how often it has to be.
        most: how often it may be; ``None`` is any number.
        words: it takes one of these, once or not at all; each as :mod:`re` reads it.
    """

    characters: frozenset[str]
    least: int
    most: int | None
    words: tuple[str, ...] = ()

    @property
    def takes_anything(self) -> bool:
        """Whether nothing keeps it from standing over a whole line."""
        return self.characters == _CHARACTERS and self.most is None

    def __str__(self) -> str:
        text = f"(?:{'|'.join(self.words)})" if self.words else _write(self.characters)
        if self.least == self.most == 1:
            return text
        return f"{text}{{{self.least},{'' if self.most is None else self.most}}}"


class _Group:
    """A group that is looked through from its end: what may be behind it, and whether it takes a character."""

    def __init__(self, optional: bool, following: frozenset[str]) -> None:
        self.optional = optional
        self.following = following
        self.solid = False


class PlainPattern(NamedTuple):
    """What the grammar reads of a pattern.

    Args:
        pieces: atoms, and the marks of groups between them, as :mod:`re` reads these.
        names: as those of `PlainRegexp`.
        begins: whether a match begins where the text does.
        ends: whether it ends where the text does.
    """

    pieces: tuple[PlainAtom | str, ...]
    names: tuple[str, ...]
    begins: bool
    ends: bool


@lru_cache(maxsize=512)
def read_plain_pattern(pattern: str) -> PlainPattern | None:
    """Read a pattern by the grammar above; ``None`` if it is not plain, which does not mean that it is wrong."""
    beginning = _BEGINNING.match(pattern)
    assert beginning is not None  # all its parts may be missing
    fold: _Fold = _both_cases if beginning["folded"] or beginning["folded_behind"] else frozenset
    position = beginning.end()
    names, pieces, depth, ends = [""], list[PlainAtom | str](), 0, False
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
            pieces.append(token["close"])
        elif token["end"]:
            ends = True
        elif token["words"] and not (pieces and pieces[-1] in _OPENING):
            return None
        elif atom := _atom(token, fold):
            pieces.append(atom)
        else:
            return None
    named = [name for name in names if name]
    atoms = [piece for piece in pieces if isinstance(piece, PlainAtom)]
    if depth or len(set(named)) < len(named) or _size(atoms) > MAX_COUNT:
        return None
    return PlainPattern(tuple(pieces), tuple(names), bool(beginning["anchor"]), ends)


@lru_cache(maxsize=512)
def compile_plain_regexp(pattern: str) -> PlainRegexp | None:
    """A plain pattern, ready; ``None`` if it is not plain, or if its time would not be bounded."""
    plain = read_plain_pattern(pattern)
    if plain is None:
        return None
    # Where anything may be first, a match begins at the beginning of the line, if there is one.
    anchored = plain.begins or _begins_with_anything(plain.pieces)
    loose = _loose(plain.pieces)
    if loose is None or loose > anchored:
        return None
    before, after = "" if anchored else r"[^\n]*?", "" if plain.ends else r"[^\n]*"
    body = "".join(map(str, plain.pieces))
    lines = re.compile(f"^({before}({body}){after})$", re.MULTILINE)
    begin, end = r"\A" if plain.begins else "", r"\Z" if plain.ends else ""
    return PlainRegexp(plain.names, lines, f"{begin}{body}{end}")


def _atom(token: re.Match[str], fold: _Fold) -> PlainAtom | None:
    """``atom [count]`` or words; ``None`` for what Go refuses, what takes no character, and words that are alike."""
    if text := token["words"] or token["maybe"]:
        words = [[fold(frozenset(letter)) for letter in word] for word in text.replace("\\", "").split("|")]
        keys = sorted("".join(map(min, word)) for word in words)
        if any(longer.startswith(word) for word, longer in pairwise(keys)):
            return None
        first = frozenset[str]().union(*(word[0] for word in words))
        return PlainAtom(first, int(token["maybe"] is None), 1, tuple("".join(map(_write, word)) for word in words))
    characters = _characters(token, fold)
    if token["least"] is None:
        least, most = _SIGNS[token["sign"]]
    else:
        least = int(token["least"])
        most = (int(token["most"]) if token["most"] else None) if token["comma"] else least
    if not characters or (most is not None and most < least):
        return None
    return PlainAtom(characters, least, most)


def _characters(token: re.Match[str], fold: _Fold) -> frozenset[str]:
    """The ASCII characters that an atom takes, without the newline, which is never met."""
    if token["any"]:
        return _CHARACTERS
    if token["items"] is None:
        return fold(_item(token["atom"]))
    hyphens = frozenset(token["first"] or "") | frozenset(token["last"] or "")
    characters = fold(hyphens.union(*map(_item, _ITEMS.findall(token["items"]))))
    return _CHARACTERS - characters if token["negated"] and characters else characters


def _both_cases(characters: frozenset[str]) -> frozenset[str]:
    """What ``(?i)`` makes of characters: those beyond ASCII that it adds are never met."""
    return characters.union(map(str.lower, characters), map(str.upper, characters))


def _item(text: str) -> frozenset[str]:
    """One character, ``a-z``, or an escape."""
    if text in _CLASSES:
        return _CLASSES[text]
    return frozenset(map(chr, range(ord(text[0]), ord(text[2]) + 1))) if len(text) == 3 else frozenset(text[-1])


def _begins_with_anything(pieces: Sequence[PlainAtom | str]) -> bool:
    """Whether a pattern begins with ``.*`` or its like, outside of optional groups."""
    first = next((piece for piece in pieces if isinstance(piece, PlainAtom)), None)
    return first is not None and first.takes_anything and (pieces[0] is first or ")?" not in pieces)


def _loose(pieces: Sequence[PlainAtom | str]) -> int | None:
    """How many parts may have to give characters back: those that take, or begin with, what may be behind them too.

    ``None`` where an optional group may be empty.
    """
    loose = 0
    following: frozenset[str] = frozenset()
    groups: list[_Group] = []
    for piece in reversed(pieces):
        if isinstance(piece, PlainAtom):
            loose += piece.least != piece.most and not following.isdisjoint(piece.characters)
            following = piece.characters | following if piece.least == 0 else piece.characters
            if groups and piece.least:
                groups[-1].solid = True
        elif piece in _OPENING:
            group = groups.pop()
            if not group.optional:
                if groups and group.solid:
                    groups[-1].solid = True
            elif not group.solid:
                return None
            else:
                loose += not group.following.isdisjoint(following)
                following |= group.following
        else:
            groups.append(_Group(piece == ")?", following))
    return loose


def _size(atoms: list[PlainAtom]) -> int:
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
