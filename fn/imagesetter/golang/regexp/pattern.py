r"""Go's regular expressions, on RE2, which takes linear time whatever the pattern is.

`compile_pattern` is the one reader of patterns: of filterTags, exclusion lists and kustomize's selectors, and of the
functions of a commit message, for which `search` adds ``FindAll``, ``ReplaceAll`` and ``Split``. `expand` is what
``Regexp.Expand`` makes of a match.

Go's ``regexp`` and RE2 share their syntax; the two differences that were measured are refused: ``\C``, and group names
that are not ASCII. A pattern is searched for, leftmost, anywhere in the tag, as Flux does it. Patterns that are plain
enough for :mod:`imagesetter.golang.regexp.plain` are read there, and google-re2 is not even imported for them.
google-re2 may be missing, since it has no wheels for some systems: then all other patterns are an error that says so.

Departures from Go, both bounds against hostile patterns: a pattern longer than :data:`MAX_PATTERN_BYTES`, and one whose
program needs more than :data:`MAX_MEMORY`, is an error.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from imagesetter.golang.errors import InvalidPattern, PatternNeedsRe2
from imagesetter.golang.regexp.plain import PlainRegexp, compile_plain_regexp
from krm_functions.messages import shown

MAX_PATTERN_BYTES = 4096
MAX_MEMORY = 8 << 20

Found = Sequence[Any]
"""A text that holds a match, the leftmost match, and each group of that, ``None`` (or "") for one without part."""

# Go's words for what RE2 calls otherwise.
_GO_WORDS = {
    "missing ]": "missing closing ]",
    "missing )": "missing closing )",
    "no argument for repetition operator": "missing argument to repetition operator",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid repetition size": "invalid repeat count",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid named capture group": "invalid named capture",
    "trailing \\": "trailing backslash at end of expression",
}
_HINTS = (
    (re.compile(r"\(\?<?[=!]"), "look-around is not in Go's RE2 syntax; a narrower pattern can leave tags out"),
    (re.compile(r"\\[1-9]|\(\?P="), "back-references are not in Go's RE2 syntax"),
    (re.compile(r"\(\?>|[*+?}]\+"), "atomic groups and possessive quantifiers are not in Go's RE2 syntax"),
    (re.compile(r"\\Z"), r"the end of the text is \z or $ in Go's RE2 syntax"),
)
_INSTALL = (
    "install it: pip install 'imagesetter[re2]'; where it has no wheel (musl, Python 3.15 and later), build google-re2 "
    "with abseil, or write the pattern with literals, classes and repeats only"
)
TEXTS_FOR_RE2 = "for a text that is not ASCII, has several lines, or is longer than 256 characters"
_SHOWN = 200
_SYNTAX = "the syntax is that of Go's regexp package: https://pkg.go.dev/regexp/syntax"

# What the places of groups depend on: quoted text, escapes, character classes, opening parentheses.
_TOKEN = re.compile(
    r"\\Q.*?(?:\\E|\Z)|(?P<any_byte>\\C)|\\."
    r"|\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*"
    r"|\(\?P?<(?P<name>[^>]*)>|\(\?|(?P<group>\()",
    re.DOTALL,
)
_GROUP_NAME = re.compile(r"[A-Za-z0-9_]+")


def needs_re2(pattern: str, why: str = "") -> PatternNeedsRe2:
    """The error for a pattern that cannot be read without google-re2, or not in some texts (*why*)."""
    shortened = pattern if len(pattern) <= _SHOWN else f"{pattern[:_SHOWN]}…"
    what = f"the pattern `{shortened}` needs google-re2{f' {why}' if why else ''}; it is not installed"
    return PatternNeedsRe2(what, hint=_INSTALL)


class Regexp(NamedTuple):
    """A pattern that Go would compile.

    Args:
        pattern: as written.
        names: the name of every group, "" for those without; the first is the whole match.
        plain: the same pattern for Python's engine, if it is plain.
    """

    pattern: str
    names: tuple[str, ...]
    plain: PlainRegexp | None

    def find_all(self, texts: Sequence[str]) -> Sequence[Found]:
        """The texts that hold a match, in the order given, each with its leftmost match."""
        found = self.plain.find_all(texts) if self.plain else None
        return self._search_all(texts) if found is None else found

    def _search_all(self, texts: Sequence[str]) -> Sequence[Found]:
        compiled = compile_re2(self.pattern, TEXTS_FOR_RE2)
        search, groups = compiled.search, range(compiled.groups + 1)
        ascii_only = "".join(texts).isascii()  # then places in UTF-8 are places in the text
        found: list[Found] = []
        for text in texts:
            # Bytes, since google-re2 counts the places in a text anew; what is not a character is a question mark.
            data = text.encode("utf-8", "replace")
            if (match := search(data)) is None:
                continue
            spans = map(match.span, groups)
            if ascii_only:
                found.append((text, *[text[start:end] if start >= 0 else None for start, end in spans]))
            else:
                pieces = [data[start:end].decode("utf-8", "replace") if start >= 0 else None for start, end in spans]
                found.append((text, *pieces))
        return found


@lru_cache(maxsize=512)
def compile_pattern(pattern: str) -> Regexp:
    """Compile a pattern as Go would.

    Raises:
        InvalidPattern: with Go's words after ``error parsing regexp:``.
    """
    if len(pattern) > MAX_PATTERN_BYTES or len(pattern.encode("utf-8", "replace")) > MAX_PATTERN_BYTES:
        raise InvalidPattern(
            f"error parsing regexp: expression too large: `{pattern[:40]}…`",
            hint=f"imagesetter takes patterns of up to {MAX_PATTERN_BYTES} bytes",
        )
    plain = compile_plain_regexp(pattern)
    if plain:
        return Regexp(pattern, plain.names, plain)
    compile_re2(pattern)
    return Regexp(pattern, _group_names(pattern), None)


@lru_cache(maxsize=128)
def compile_re2(pattern: str, why: str = "") -> Any:
    """The pattern as google-re2 compiles it, within our bounds: an object with ``search``, ``groups``, ``programsize``.

    Args:
        pattern: as written.
        why: when google-re2 is needed for this pattern, if it is not always.

    Raises:
        InvalidPattern: with Go's words after ``error parsing regexp:``.
        PatternNeedsRe2: google-re2 is not installed.
    """
    try:
        import re2
    except ImportError as err:
        raise needs_re2(pattern, why) from err
    options = re2.Options()
    options.log_errors = False
    options.max_mem = MAX_MEMORY
    try:
        compiled = re2.compile(pattern, options)
    except UnicodeEncodeError as err:
        raise _refused(pattern, "invalid UTF-8", shown(pattern)) from err
    except re2.error as err:
        reason, _, part = err.args[0].decode("utf-8", "replace").partition(": ")
        if part in ("(?<=", "(?<!"):  # Go takes a look-behind for the beginning of a group name
            before, bracket, _ = pattern[pattern.index(part) :].partition(">")
            reason, part = "invalid named capture", before + bracket
        raise _refused(pattern, _GO_WORDS.get(reason, reason), part) from err
    return compiled


def _group_names(pattern: str) -> tuple[str, ...]:
    names = [""]
    for token in _TOKEN.finditer(pattern):
        if token["any_byte"]:
            raise _refused(pattern, "invalid escape sequence", token[0])
        if token["name"] is not None:
            if not _GROUP_NAME.fullmatch(token["name"]):
                raise _refused(pattern, "invalid named capture", token[0])
            names.append(token["name"])
        elif token["group"]:
            names.append("")
    return tuple(names)


def _refused(pattern: str, reason: str, part: str) -> InvalidPattern:
    hint = next((hint for construct, hint in _HINTS if construct.search(pattern)), _SYNTAX)
    return InvalidPattern(f"error parsing regexp: {reason}: `{part}`", hint=hint)
