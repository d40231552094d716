"""Kubernetes label selectors, in the string form and in the two-field form of ``metav1.LabelSelector``.

The grammar and its checks are those of k8s.io/apimachinery ``pkg/labels/selector.go``::

    selector    = [ requirement { "," requirement } ]
    requirement = key | "!" key | key operator value | key ( "in" | "notin" ) values
    operator    = "=" | "==" | "!=" | ">" | "<"
    values      = "(" value { "," value } ")"

A value may be empty. ``!=`` and ``notin`` also match where the label is absent; ``>`` and ``<`` compare integers and
match nothing where the label is not one.

Departures: messages are our own, with ``~~~^`` under the place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from krm_functions.errors import UsageError

Operator = Literal["in", "notin", "exists", "!", ">", "<"]

_TOKEN = re.compile(r"(?P<space>[ \t\r\n]+)|(?P<operator>==|!=|[=!(),<>])|(?P<word>[^ \t\r\n=!(),<>]+)")
_NAME = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_PREFIX = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")
_INTEGER = re.compile(r"[+-]?[0-9]+")
_EXPRESSIONS: Mapping[str, Operator] = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!"}


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on one label."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether a resource with these labels meets the condition."""
        value = labels.get(self.key)
        match self.operator:
            case "in":
                return value is not None and value in self.values
            case "notin":
                return value is None or value not in self.values
            case "exists":
                return value is not None
            case "!":
                return value is None
            case ">" | "<":
                number = _int64(value or "")
                bound = _int64(self.values[0])
                if number is None or bound is None:
                    return False
                return number > bound if self.operator == ">" else number < bound

    def __str__(self) -> str:
        match self.operator:
            case "exists":
                return self.key
            case "!":
                return f"!{self.key}"
            case ">" | "<":
                return f"{self.key}{self.operator}{self.values[0]}"
            case "in" | "notin" if len(self.values) == 1:
                return f"{self.key}{'=' if self.operator == 'in' else '!='}{self.values[0]}"
            case "in" | "notin":
                return f"{self.key} {self.operator} ({','.join(self.values)})"


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """Conditions on labels, all of which must be met; without any it matches everything."""

    requirements: tuple[Requirement, ...] = ()

    @classmethod
    def parse(cls, text: str) -> LabelSelector:
        """Read ``app=web,tier in (front,back),!canary``.

        Raises:
            UsageError: the text is not a label selector; the hint draws a pointer under the place.
        """
        return cls(tuple(_Parser(text).requirements()))

    @classmethod
    def from_dict(cls, data: Mapping[str, object], *, where: str = "") -> LabelSelector:
        """Read ``{matchLabels: {app: web}, matchExpressions: [{key: tier, operator: In, values: [front]}]}``.

        Raises:
            UsageError: a field is unknown or has no valid value; *where* begins the place that it names.
        """
        dot = f"{where}." if where else ""
        if unknown := sorted(set(data) - {"matchLabels", "matchExpressions"}, key=str):
            raise UsageError(f"unknown field {unknown[0]!r}: expected matchLabels or matchExpressions", where=where)
        match_labels = data.get("matchLabels") or {}
        if not isinstance(match_labels, Mapping):
            raise UsageError("expected a mapping of labels to values", where=f"{dot}matchLabels")
        found = [
            _checked(key, "in", [value], where=f"{dot}matchLabels")
            for key, value in sorted(match_labels.items(), key=lambda entry: str(entry[0]))
        ]
        expressions = data.get("matchExpressions") or []
        if not isinstance(expressions, list):
            raise UsageError("expected a list of expressions", where=f"{dot}matchExpressions")
        found += [
            _expression(expression, f"{dot}matchExpressions[{index}]") for index, expression in enumerate(expressions)
        ]
        return cls(tuple(found))

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether a resource with these labels meets all conditions."""
        return all(requirement.matches(labels) for requirement in self.requirements)

    def __str__(self) -> str:
        return ",".join(map(str, self.requirements))


class _Parser:
    """Tokens of one selector string with their offsets; each method's docstring is its grammar line."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [(match.group(), match.start()) for match in _TOKEN.finditer(text) if match.lastgroup != "space"]
        self._next = 0

    def requirements(self) -> Iterator[Requirement]:
        """[ requirement { "," requirement } ]"""
        while self._peek():
            yield self._requirement()
            if not self._peek():
                return
            self._expect(",")
            if not self._peek():
                raise self._error("expected a label after the comma")

    def _requirement(self) -> Requirement:
        """key | "!" key | key operator value | key ( "in" | "notin" ) values"""
        absent = self._accept("!")
        key, start = self._word("a label")
        if absent:
            return self._check(key, "!", [], start)
        sign = self._peek()
        if sign in ("", ","):
            return self._check(key, "exists", [], start)
        if sign not in ("=", "==", "!=", "<", ">", "in", "notin"):
            raise self._error("expected one of = == != < > in notin")
        self._next += 1
        match sign:
            case "in" | "notin":
                return self._check(key, sign, self._values(), start)
            case ">" | "<":
                return self._check(key, sign, [self._value()], start)
            case _:
                return self._check(key, "notin" if sign == "!=" else "in", [self._value()], start)

    def _values(self) -> list[str]:
        """ "(" value { "," value } ")" """
        self._expect("(")
        if self._peek() == ")":
            raise self._error("expected at least one value")
        values = [self._value()]
        while not self._accept(")"):
            self._expect(",")
            values.append(self._value())
        return sorted(set(values))

    def _value(self) -> str:
        """[ word ]"""
        return "" if self._peek() in ("", ",", ")") else self._word("a value")[0]

    def _word(self, what: str) -> tuple[str, int]:
        token = self._peek()
        if not token or token[0] in "=!(),<>":
            raise self._error(f"expected {what}")
        self._next += 1
        return self._tokens[self._next - 1]

    def _peek(self) -> str:
        return self._tokens[self._next][0] if self._next < len(self._tokens) else ""

    def _accept(self, token: str) -> bool:
        found = self._peek() == token
        self._next += found
        return found

    def _expect(self, token: str) -> None:
        if not self._accept(token):
            raise self._error(f"expected '{token}'")

    def _check(self, key: str, operator: Operator, values: Sequence[str], start: int) -> Requirement:
        try:
            return _checked(key, operator, values)
        except UsageError as err:
            raise self._pointing(err.what, start, len(key)) from err

    def _error(self, what: str) -> UsageError:
        token, start = self._tokens[self._next] if self._next < len(self._tokens) else ("", len(self._text))
        return self._pointing(f"{what}, found {token!r}" if token else f"{what} at the end", start, len(token))

    def _pointing(self, what: str, start: int, length: int) -> UsageError:
        pointer = " " * start + "~" * max(length - 1, 0) + "^"
        return UsageError(f"label selector: {what}", hint=f"{self._text}\n{pointer}")


def _expression(data: object, where: str) -> Requirement:
    if not isinstance(data, Mapping):
        raise UsageError("expected a mapping with key, operator and values", where=where)
    if unknown := sorted(set(data) - {"key", "operator", "values"}, key=str):
        raise UsageError(f"unknown field {unknown[0]!r}: expected key, operator or values", where=where)
    operator = _EXPRESSIONS.get(str(data.get("operator")))
    if operator is None:
        known = ", ".join(_EXPRESSIONS)
        raise UsageError(f"unknown operator {data.get('operator')!r}: use {known}", where=where)
    values = data.get("values") or []
    if not isinstance(values, list):
        raise UsageError("expected a list of values", where=f"{where}.values")
    if bool(values) != (operator in ("in", "notin")):
        needs = "takes no values" if values else "needs at least one value"
        raise UsageError(f"operator {data['operator']} {needs}", where=where)
    return _checked(data.get("key"), operator, values, where=where)


def _checked(key: object, operator: Operator, values: Sequence[object], *, where: str = "") -> Requirement:
    if not isinstance(key, str) or not _is_key(key):
        raise UsageError(f"{key!r} is not a label key", where=where)
    for value in values:
        if not isinstance(value, str):
            raise UsageError(f"label {key}: {value!r} is not a string", where=where, hint="put it into quotes")
        if operator in (">", "<"):
            if _int64(value) is None:
                raise UsageError(f"label {key}: {value!r} is not an integer", where=where)
        elif value and not _NAME.fullmatch(value):
            raise UsageError(f"label {key}: {value!r} is not a label value", where=where)
    return Requirement(key, operator, tuple(str(value) for value in values))


def _is_key(key: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    if slash and (len(prefix) > 253 or not _PREFIX.fullmatch(prefix)):
        return False
    return bool(_NAME.fullmatch(name))


def _int64(text: str) -> int | None:
    if not text.isascii() or len(text) > 63 or not _INTEGER.fullmatch(text):
        return None
    number = int(text)
    return number if -(2**63) <= number < 2**63 else None
