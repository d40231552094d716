"""Kinds of our own group, ``imagesetter.dev``, validated strictly: an unknown field is an error that names the nearest.

Flux's kinds are lenient towards unknown fields, as the API server is; inside one of ours they are held to our rule.
This module imports pydantic and is itself imported only by a run that reads such a kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from imagesetter.flux.models import FluxModel as FluxModel
from imagesetter.flux.models import Location, resource_path
from krm_functions.errors import UsageError
from krm_functions.model_errors import model_error
from krm_functions.suggestions import did_you_mean


class StrictModel(BaseModel):
    """A part of a kind: camelCase on the wire, types not converted, unknown fields refused."""

    # A validator is built when the first kind needs it, and not one for each of its parts as well.
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", strict=True, frozen=True, defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, data: object) -> object:
        """A null field, as templates leave it, counts as absent; an unknown one is still reported."""
        if not isinstance(data, dict):
            return data
        known = _wire_names(cls)
        return {key: value for key, value in data.items() if value is not None or key not in known}


class Metadata(BaseModel):
    """metadata, of which only name and namespace matter; kustomize adds annotations of its own."""

    model_config = ConfigDict(extra="allow", defer_build=True)

    name: str = ""
    namespace: str = ""


Kind = TypeVar("Kind", bound=StrictModel)


def validate_strictly(
    model: type[Kind], data: Mapping[str, Any], *, where: str, hint: str = "", path: str = ""
) -> Kind:
    """A loaded resource as its model.

    Args:
        model: the model of the kind.
        data: the whole resource, as loaded.
        where: what to call it in an error.
        hint: for the error.
        path: the field path of *data*, if it is only a part of a resource.

    Raises:
        UsageError: one sentence a broken rule, each with its field path.
    """
    prefix = f"{path}." if path else ""
    try:
        found = model.model_validate(data)
    except ValidationError as error:
        sentences = [f"{prefix}{_sentence(model, dict(broken))}" for broken in error.errors()]
        raise UsageError("; ".join(sentences), where=where, hint=hint) from error
    strays = [
        f"{prefix}{resource_path(location)}: unknown field{did_you_mean(name, known)}"
        for location, name, known in _strays(found)
    ]
    if strays:
        raise UsageError("; ".join(strays), where=where, hint=hint)
    return found


def _sentence(model: type[StrictModel], error: Mapping[str, Any]) -> str:
    location = error["loc"]
    path = resource_path(location)
    if error["type"] == "extra_forbidden":
        return f"{path}: unknown field{did_you_mean(str(location[-1]), _known_fields(model, location))}"
    return f"{path}: {model_error(error)}" if path else model_error(error)


def _known_fields(model: type[BaseModel], location: Location) -> list[str]:
    """The fields of the model in which an unknown one was found."""
    current = model
    for part in location[:-1]:
        if isinstance(part, str):
            field = next(field for name, field in current.model_fields.items() if (field.alias or name) == part)
            current = next(iter(_models_in(field.annotation)), StrictModel)
    return _wire_names(current)


def _wire_names(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in getattr(annotation, "__args__", ()) for model in _models_in(argument)]


def _strays(value: object, location: Location = ()) -> Iterator[tuple[Location, str, list[str]]]:
    """Fields of Flux's parts that Flux does not have: place, name, and the names that are known there."""
    if isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _strays(item, (*location, index))
    elif isinstance(value, BaseModel):
        if isinstance(value, FluxModel):
            known = _wire_names(type(value))
            yield from (((*location, name), name, known) for name in value.model_extra or ())
        for name, field in type(value).model_fields.items():
            yield from _strays(getattr(value, name), (*location, field.alias or name))
