r"""Templates of Go's ``Regexp.Expand``: what filterTags.extract makes of a match.

``$1`` and ``${1}`` stand for a group by number, ``$name`` and ``${name}`` by name, ``$0`` for the whole match, ``$$``
for a dollar. A name without braces is as long as it can be, so ``$1x`` is the group named ``1x``: write ``${1}x``.
A group that does not exist or took no part is empty, and a dollar that begins none of these is a dollar. A number
with a leading zero is a name. Of groups with the same name the first that took part counts.

Departure from Go, a bound against hostile templates: more than :data:`MAX_TEMPLATE_BYTES`, or more than
:data:`MAX_REFERENCES` groups, is an error.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from imagesetter.golang.errors import InvalidExpansion
from imagesetter.golang.regexp.pattern import Found, Regexp

MAX_TEMPLATE_BYTES = 1024
MAX_REFERENCES = 32

_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")

Groups = tuple[int, ...]
"""The numbers of the groups that a reference may mean, in the order in which they are asked."""


class Expansion(NamedTuple):
    """A parsed template: plain text and references in turn."""

    parts: tuple[str | Groups, ...]

    def expand_all(self, found: Sequence[Found]) -> list[str]:
        """What the template makes of each match that :meth:`Regexp.find_all` found."""
        match self.parts:
            case ((group,),):  # the usual template
                return [match[group + 1] or "" for match in found]
        return [
            "".join([part if isinstance(part, str) else _first(match, part) for part in self.parts]) for match in found
        ]


def _first(match: Found, groups: Groups) -> str:
    """The first of the groups that took part; one that took part may be empty."""
    return next((text for group in groups if (text := match[group + 1]) is not None), "")


def parse_expansion(template: str, regexp: Regexp) -> Expansion:
    """Read a template for the groups of *regexp*; no text is malformed for Go.

    Raises:
        InvalidExpansion: it is longer or refers more often than imagesetter allows.
    """
    parts: list[str | Groups] = []
    if len(template.encode("utf-8", "replace")) > MAX_TEMPLATE_BYTES:
        raise InvalidExpansion(f"is longer than {MAX_TEMPLATE_BYTES} bytes")
    rest = template
    while rest:
        before, dollar, rest = rest.partition("$")
        parts.append(before)
        if rest.startswith("$"):
            parts.append("$")
            rest = rest[1:]
        elif dollar:
            name, length = _reference(rest)
            parts.append(_groups(name, regexp) if name else "$")
            rest = rest[length:]
    if sum(isinstance(part, tuple) for part in parts) > MAX_REFERENCES:
        raise InvalidExpansion(f"refers to groups more than {MAX_REFERENCES} times")
    return Expansion(tuple(part for part in parts if part))


def _reference(text: str) -> tuple[str, int]:
    """``name`` or ``{name}`` at the beginning of *text*, and how long it is; ``("", 0)`` if there is none."""
    if text.startswith("{"):
        name, brace, _ = text[1:].partition("}")
        return (name, len(name) + 2) if brace and all(map(_in_name, name)) and name else ("", 0)
    length = 0
    while length < len(text) and _in_name(text[length]):
        length += 1
    return text[:length], length


def _in_name(char: str) -> bool:
    return char == "_" or char.isalpha() or char.isdecimal()


def _groups(name: str, regexp: Regexp) -> Groups:
    if _INDEX.fullmatch(name):
        return (int(name),) if int(name) < len(regexp.names) else ()
    return tuple(number for number, known in enumerate(regexp.names) if known == name)
