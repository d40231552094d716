"""What a registry asks for when it answers 401: the ``WWW-Authenticate`` header, read as RFC 9110 §11.6.1 writes it.

A list of challenges may be in several header lines or in one, joined by the same comma that separates the
parameters of each (Gitea sends ``Bearer realm=…,service=…,scope="*",Basic realm=…``), and a quoted value may hold
commas itself (``scope="repository:a:pull,push"``). So it is read character by character, never split. A semicolon
between parameters is taken for the comma that it stands for.
"""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", re.ASCII)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_GAP = re.compile(r"[ \t]*")
_LIST_GAP = re.compile(r"[ \t,;]*")
_EQUALS = re.compile(r"[ \t]*=[ \t]*")
_SINGLE_QUOTED = re.compile(r"'([^'\"]*)'(?=[ \t,;]|$)")
_LOOSE_VALUE = re.compile(r"[^\s,;\"]+")
_TOKEN68 = re.compile(r"[A-Za-z0-9\-._~+/]+=*(?=[ \t]*(?:,|$))", re.ASCII)

_LONGEST = 16 * 1024


class Challenge(NamedTuple):
    """One way in that a server offers: a scheme in lower case and its parameters."""

    scheme: str
    parameters: Mapping[str, str] = {}


def parse_challenges(headers: Iterable[str]) -> tuple[Challenge, ...]:
    """Every challenge of every header line, in order; what cannot be read ends its line, silently.

    ``challenges = *( scheme [ 1*SP ( token68 / parameter *( "," parameter ) ) ] )``
    """
    return tuple(challenge for line in headers for challenge in _parse_line(line[:_LONGEST]))


def _parse_line(line: str) -> Iterable[Challenge]:
    at = 0
    scheme = ""
    parameters: dict[str, str] = {}
    while True:
        at = _end(_LIST_GAP, line, at)
        word = _TOKEN.match(line, at)
        if word is None:
            break
        name, at = word[0].lower(), word.end()
        equals = _EQUALS.match(line, at)
        if scheme and equals is not None:
            value = _value(line, equals.end())
            if value is None:
                break
            text, at = value
            parameters.setdefault(name, text)
            continue
        if scheme:
            yield Challenge(scheme, parameters)
        scheme, parameters = name, {}
        token68 = _TOKEN68.match(line, _end(_GAP, line, at))
        if token68 is not None and token68.start() > at:
            at = token68.end()
    if scheme:
        yield Challenge(scheme, parameters)


def _value(line: str, at: int) -> tuple[str, int] | None:
    """``token / quoted-string`` and where it ends; single quotes are read, too, as some servers write them."""
    quoted = _QUOTED.match(line, at)
    if quoted is not None:
        return re.sub(r"\\(.)", r"\1", quoted[1], flags=re.DOTALL), quoted.end()
    single = _SINGLE_QUOTED.match(line, at)
    if single is not None:
        return single[1], single.end()
    token = _LOOSE_VALUE.match(line, at)
    return (token[0], token.end()) if token is not None else None


def _end(pattern: re.Pattern[str], line: str, at: int) -> int:
    match = pattern.match(line, at)
    return match.end() if match is not None else at
