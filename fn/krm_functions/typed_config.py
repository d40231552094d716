"""The functionConfig as an object of a pydantic model.

A model does not care how it is filled:

* from the ``data`` of a **ConfigMap**. They are strings; pydantic makes numbers and booleans of them, and a field that
  is a list, a mapping or a model reads its string as YAML;
* from a resource of the function's **own kind**: its ``spec``, or its fields beside ``apiVersion``, ``kind`` and
  ``metadata``. A model that has a field of one of these four names gets the whole resource.

An unknown field is an error, at every depth, unless the model's ``extra`` says something else.

This module imports pydantic; it is imported only by a function that has a model.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, RootModel, ValidationError

from krm_functions.errors import ReportedError, UsageError, UsageErrors
from krm_functions.function_config import read_function_config
from krm_functions.model_errors import model_error
from krm_functions.suggestions import did_you_mean
from krm_functions.yaml.field_path import FieldPath, format_path
from krm_functions.yaml.load import load

Model = TypeVar("Model", bound=BaseModel)
_STRUCTURED = frozenset({"list_type", "dict_type", "model_type", "model_attributes_type", "tuple_type", "set_type"})
"""pydantic's errors for a string where a collection belongs."""
_ENVELOPE = frozenset({"apiVersion", "kind", "metadata"})


def read_config(model: type[Model], resource: object) -> Model:
    """The functionConfig as the model.

    Args:
        model: what it has to be.
        resource: the loaded functionConfig, or None.

    Raises:
        UsageErrors: fields are missing, unknown or not valid: an error each, with its path.
        UsageError: it is not a resource.
    """
    config = read_function_config(resource)
    if config is None:
        return _validated(model, {}, "functionConfig", strings=False)
    if config.is_config_map:
        return _validated(model, config.body, "functionConfig.data", strings=True)
    data, where = config.body, "functionConfig"
    names = field_names(model)
    if not names & {*_ENVELOPE, "spec"}:
        data = {key: value for key, value in data.items() if key not in _ENVELOPE}
        if data.keys() == {"spec"} and isinstance(data["spec"], Mapping):
            data, where = data["spec"], "functionConfig.spec"
    elif not is_open(model):
        data = {key: value for key, value in data.items() if key not in _ENVELOPE - names}
    return _validated(model, data, where, strings=False)


def field_names(model: type[BaseModel]) -> set[str]:
    """What the fields of a model are called in a configuration; for a model of everything (RootModel) none."""
    if issubclass(model, RootModel):
        return set()
    by_name = model.model_config.get("populate_by_name") or model.model_config.get("validate_by_name")
    names = set()
    for name, field in model.model_fields.items():
        alias = field.validation_alias or field.alias
        names |= {alias} if isinstance(alias, str) else {name} if alias is None else set(_choices(alias))
        if by_name:
            names.add(name)
    return names


def is_open(model: type[BaseModel]) -> bool:
    """Whether a model takes fields that it does not name."""
    return issubclass(model, RootModel) or model.model_config.get("extra") in ("allow", "ignore")


def _choices(alias: object) -> Iterator[str]:
    """The first step of each way that an AliasChoices or AliasPath leads."""
    for choice in getattr(alias, "choices", [alias]):
        yield choice if isinstance(choice, str) else str(choice.path[0])


def _validated(model: type[Model], data: Mapping[str, object], where: str, *, strings: bool) -> Model:
    errors = list(_unknown_names(model, data, where))
    try:
        found = _parsed(model, data, where, strings=strings)
    except ValidationError as err:
        misspelt = {error.where for error in errors}
        errors += [_error(dict(each), data, where, misspelt) for each in err.errors(include_url=False)]
        raise UsageErrors(errors) from err
    errors += [each for name in sorted(field_names(model)) for each in _unknown_below(found, name, data, where)]
    if errors:
        raise UsageErrors(errors)
    return found


def _parsed(model: type[Model], data: Mapping[str, object], where: str, *, strings: bool) -> Model:
    """The model; a string that has to be a collection is read as YAML, where all that is given are strings."""
    try:
        return model.model_validate(data)
    except ValidationError as err:
        texts = {each["loc"][0] for each in err.errors() if each["loc"] and each["type"] in _STRUCTURED}
        if not strings or not texts:
            raise
        read = dict(data)
        for name in texts & data.keys():
            path = f"{where}{_suffix((str(name),))}"
            try:
                read[str(name)] = load(str(data[str(name)]))
            except ReportedError as cause:
                raise UsageError(f"{cause.what} (line {cause.where})", where=path) from cause
        return model.model_validate(read)


def _unknown_names(model: type[BaseModel], data: Mapping[str, object], where: str) -> Iterator[UsageError]:
    names = field_names(model)
    if not is_open(model) and model.model_config.get("extra") != "forbid":
        for name in data:
            if name not in names:
                yield _unknown(name, names, where)


def _unknown(name: str, names: Iterable[str], where: str) -> UsageError:
    known = sorted(names)
    closest = did_you_mean(name, known)
    hint = "" if closest else f"known are {', '.join(known)}" if known else "there are no fields"
    return UsageError(f"no such field{closest}", where=f"{where}{_suffix((name,))}", hint=hint)


def _unknown_below(found: object, name: str, data: object, where: str) -> Iterator[UsageError]:
    """Unknown fields of the models inside a model, which pydantic ignores by default."""
    if not isinstance(data, Mapping) or name not in data or not isinstance(found, BaseModel):
        return
    for field, info in type(found).model_fields.items():
        if name in (field, info.alias, info.validation_alias):
            yield from _unknown_inside(getattr(found, field), data[name], f"{where}{_suffix((name,))}")


def _unknown_inside(value: object, data: object, where: str) -> Iterator[UsageError]:
    if isinstance(value, BaseModel) and isinstance(data, Mapping):
        yield from _unknown_names(type(value), data, where)
        for name in sorted(field_names(type(value))):
            yield from _unknown_below(value, name, data, where)
    elif isinstance(value, list | tuple) and isinstance(data, list):
        for number, (inner, given) in enumerate(zip(value, data, strict=False)):
            yield from _unknown_inside(inner, given, f"{where}[{number}]")
    elif isinstance(value, Mapping) and isinstance(data, Mapping):
        for key, inner in value.items():
            if key in data:
                yield from _unknown_inside(inner, data[key], f"{where}{_suffix((str(key),))}")


def _error(error: Mapping[str, Any], data: Mapping[str, object], where: str, misspelt: set[str]) -> UsageError:
    """What pydantic found, with a hint where a field is missing."""
    location: FieldPath = error["loc"]
    place, name = f"{where}{_suffix(location)}", str(location[-1]) if location else ""
    match error["type"]:
        case "missing":
            hint = ""
            near = _parent(data, location)
            if close := [key for key in near if did_you_mean(str(key), [name])]:
                hint = f"is {close[0]!r} a misspelling of it?"
            elif not misspelt and not data:
                hint = "give it in the data of a ConfigMap, or in a resource of the function's own kind"
            return UsageError(model_error(error), where=place, hint=hint)
        case "extra_forbidden":
            return UsageError("no such field", where=place)
        case _:
            return UsageError(model_error(error), where=place)


def _parent(data: object, location: FieldPath) -> list[object]:
    for step in location[:-1]:
        try:
            data = data[step]  # type: ignore[index]
        except (LookupError, TypeError):  # a step of pydantic's own, such as the name of a union's branch
            return []
    return list(data) if isinstance(data, Mapping) else []


def _suffix(path: FieldPath) -> str:
    text = format_path(path) if path else ""
    return text if not text or text.startswith("[") else f".{text}"
