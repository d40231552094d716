"""The specs of ImagePolicy and ImageRepository, validated as their CRDs validate them.

``image.toolkit.fluxcd.io`` v1, v1beta2 and v1beta1. The field names of the three versions are the same; a field that a
version does not know yet is accepted in it (the API server would prune it), so that one shape a kind is enough. Source
of the rules: image-reflector-controller api/v1, the ``+kubebuilder:validation`` markers.

Departures:

- ``interval`` may be missing: policies as files are often completed by a kustomization. The scan cache then uses its
  default.
- An order may be written in any case, as the controllers accept it (``internal/policy/factory.go``), although the CRD
  wants lower case.
- Unknown fields are kept for the linter instead of being pruned without a word.

Every run that asks a registry reads these two, and pydantic takes a third of such a run to import and to build models.
So each field is checked by a function that yields what is wrong, as pydantic's ``ValidationError.errors()`` would have
it: the sentences are the same as for the kinds that have models.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from imagesetter.golang.duration import parse_duration
from imagesetter.policy.kinds import KINDS, chosen, listed
from imagesetter.policy.rule import Argument
from krm_functions.errors import ResourceError
from krm_functions.model_errors import model_error

Location = tuple[str | int, ...]
"""A place in a resource: the keys and indexes that lead there."""
Errors = Iterator[tuple[Location, Mapping[str, Any]]]
"""What is wrong: where, and the type of the error with its input and context, as pydantic has them."""
Check = Callable[[object], Errors]
"""Yields what is wrong with a value; places are those below it."""


def _error(kind: str, value: object, at: Location = (), message: str = "", **context: object) -> Errors:
    yield at, {"type": kind, "input": value, "ctx": context, "msg": message}


def _text(value: object) -> Errors:
    if not isinstance(value, str):
        yield from _error("string_type", value)


def _flag(value: object) -> Errors:
    if not isinstance(value, bool):
        yield from _error("bool_type", value)


def _long_text(least: int, most: int) -> Check:
    """A text with a number of characters."""

    def check(value: object) -> Errors:
        yield from _text(value)
        if isinstance(value, str) and not least <= len(value) <= most:
            words, limit = ("at least", least) if len(value) < least else ("at most", most)
            message = f"String should have {words} {limit} character{'' if limit == 1 else 's'}"
            yield from _error("string_length", value, message=message)

    return check


def _read_by(reader: Callable[[str], object]) -> Check:
    """A text that a function reads, which raises a ``ValueError`` for one that it cannot."""

    def check(value: object) -> Errors:
        if not isinstance(value, str):
            yield from _text(value)
            return
        try:
            reader(value)
        except ValueError as error:
            yield from _error("value_error", value, error=error)

    return check


def _one_of(*choices: str) -> Check:
    *others, last = map(repr, choices)

    def check(value: object) -> Errors:
        if value not in choices:
            yield from _error("literal_error", value, expected=f"{', '.join(others)} or {last}")

    return check


def _keys(value: Mapping[Any, object]) -> Errors:
    for key in value:
        if not isinstance(key, str):  # YAML reads `on:` as true
            yield from _error(
                "invalid_key", key, ("null" if key is None else str(key).lower(),), "Keys should be strings"
            )


def _labels(value: object) -> Errors:
    if not isinstance(value, dict):
        yield from _error("dict_type", value)
        return
    yield from _keys(value)
    for name, text in value.items():
        yield from _below(name, _text(text))


class ListOf(NamedTuple):
    """A list of values, each checked."""

    check: "Check | Shape"
    most: int | None = None

    def errors(self, value: object) -> Errors:
        """What is wrong with a list."""
        if not isinstance(value, list):
            yield from _error("list_type", value)
        elif self.most is not None and len(value) > self.most:
            yield from _error("too_long", value, max_length=self.most)
        else:
            for number, each in enumerate(value):
                yield from _below(number, _errors(self.check, each))


class Shape(NamedTuple):
    """An object: a check of each field that it may have, and which of them it must have."""

    fields: Mapping[str, "Check | ListOf | Shape"]
    required: frozenset[str] = frozenset()
    rule: Callable[[Mapping[str, Any]], str] = lambda given: ""
    """What is wrong with fields that are right by themselves, or ""."""

    def errors(self, value: object) -> Errors:
        """What is wrong with an object, in the order of its fields."""
        if not isinstance(value, dict):
            yield from _error("model_type", value)
            return
        given = without_nulls(value)
        found = [error for name, check in self.fields.items() for error in self._field(name, check, given, value)]
        found += _keys(given)
        yield from found
        if not found and (message := self.rule(given)):
            yield from _error("value_error", value, error=message)

    def _field(self, name: str, check: "Check | ListOf | Shape", given: Mapping[str, Any], value: object) -> Errors:
        if name in given:
            return _below(name, _errors(check, given[name]))
        return _error("missing", value, (name,)) if name in self.required else iter(())


def _errors(check: Check | ListOf | Shape, value: object) -> Errors:
    return check.errors(value) if isinstance(check, ListOf | Shape) else check(value)


def _below(key: str | int, errors: Errors) -> Errors:
    return (((key, *at), error) for at, error in errors)


def undeclared_fields(check: Check | ListOf | Shape, value: Any, at: Location = ("spec",)) -> Iterator[str]:
    """The paths of fields that the CRD of a valid spec does not have, such as ``spec.filterTag``.

    The API server would prune them.
    """
    if isinstance(check, ListOf):
        for number, each in enumerate(value):
            yield from undeclared_fields(check.check, each, (*at, number))
    elif isinstance(check, Shape):
        given = without_nulls(value)
        yield from (resource_path((*at, name)) for name in given if name not in check.fields)
        for name, field in check.fields.items():
            if name in given:
                yield from undeclared_fields(field, given[name], (*at, name))


def without_nulls(value: Mapping[str, Any]) -> dict[str, Any]:
    """``suspend: null`` is as good as nothing: the API server drops a null where the schema is not nullable."""
    return {name: each for name, each in value.items() if each is not None}


def _minutes(text: str) -> None:
    if "h" in text:
        raise ValueError(f"{text!r} uses hours, which spec.timeout does not accept: write minutes")
    parse_duration(text)


def _rule(argument: Argument) -> Shape:
    """The object that holds a policy kind's one field."""

    def known(text: str) -> None:
        if argument.choices and argument.normalized(text) not in argument.choices:
            raise ValueError(f"invalid {argument.name} {text!r}: must be {' or '.join(argument.choices)}")

    required = frozenset({argument.name} if argument.default is None else ())
    return Shape({argument.name: _read_by(known)}, required)


def _has_a_rule(given: Mapping[str, Any]) -> str:
    return "" if chosen(given) else f"given ImagePolicyChoice object is invalid: write {listed('or')}"


def _interval_goes_with_always(given: Mapping[str, Any]) -> str:
    always = given.get("digestReflectionPolicy") == "Always"
    if "interval" in given and not always:
        return "spec.interval is only accepted when spec.digestReflectionPolicy is set to 'Always'"
    if "interval" not in given and always:
        return "spec.interval must be set when spec.digestReflectionPolicy is set to 'Always'"
    return ""


_DURATION = _read_by(parse_duration)
_NAME = _long_text(1, 253)
_OBJECT = Shape({"name": _NAME}, frozenset({"name"}))
"""A resource of the same namespace, by name."""

IMAGE_REPOSITORY = Shape(
    {
        "image": _text,
        "interval": _DURATION,
        "timeout": _read_by(_minutes),
        "secretRef": _OBJECT,
        "proxySecretRef": _OBJECT,
        "serviceAccountName": _long_text(0, 253),
        "certSecretRef": _OBJECT,
        "suspend": _flag,
        "accessFrom": Shape(
            {"namespaceSelectors": ListOf(Shape({"matchLabels": _labels}))}, frozenset({"namespaceSelectors"})
        ),
        "exclusionList": ListOf(_text, most=25),
        "provider": _one_of("generic", "aws", "azure", "gcp"),
        "insecure": _flag,
    },
    frozenset({"image"}),
)
IMAGE_POLICY = Shape(
    {
        "imageRepositoryRef": Shape({"name": _NAME, "namespace": _text}, frozenset({"name"})),
        "policy": Shape({kind.kind: _rule(kind.argument) for kind in KINDS}, rule=_has_a_rule),
        "filterTags": Shape({"pattern": _text, "extract": _text}),
        "digestReflectionPolicy": _one_of("Never", "IfNotPresent", "Always"),
        "interval": _DURATION,
        "suspend": _flag,
    },
    frozenset({"imageRepositoryRef", "policy"}),
    _interval_goes_with_always,
)
SPECS = {"ImagePolicy": IMAGE_POLICY, "ImageRepository": IMAGE_REPOSITORY}


def resource_path(location: Location) -> str:
    """``spec.policies[0].semver`` for a place in a resource."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)[1:]


def check_spec(shape: Shape, spec: object, *, where: str) -> dict[str, Any]:
    """The spec of a resource, without its nulls.

    Args:
        shape: that of this kind's spec.
        spec: what is under ``spec`` in the resource, as loaded.
        where: the resource and its file, for the error.

    Raises:
        ResourceError: with one ``spec.path: reason`` a broken rule, in the order of the fields.
    """
    if spec is None:
        raise ResourceError("spec: is required", where=where)
    lines = [f"{resource_path(('spec', *at))}: {model_error(error)}" for at, error in shape.errors(spec)]
    if lines or not isinstance(spec, dict):
        raise ResourceError("; ".join(lines), where=where)
    return without_nulls(spec)
