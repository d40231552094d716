"""The lock's published schema, made from the fields that `imagesetter.lock.document` names, and ``lock``'s JSON report.

Reading a lock does not import this module: a locked run must start quickly, and pydantic is slow to import.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, create_model

from imagesetter.cli.schemas.changes import RunResult
from imagesetter.cli.schemas.reports import Report
from imagesetter.config.strict_model import Metadata, StrictModel
from imagesetter.lock.document import ENTRY_FIELDS, HOLD_FIELDS, RELEASED_FIELDS, SEEN_FIELDS, FieldType, LockField
from imagesetter.lock.ledger import LEDGER_FIELDS


class _OneTag(StrictModel):
    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["tag"]}, {"required": ["exclude"]}]})


# The type of each field, and pydantic's further arguments for it.
_TYPES: dict[FieldType, tuple[Any, dict[str, Any]]] = {
    "policy": (Annotated[str, Field(pattern="^[^:]+:[^:]+$", description="namespace:name")], {}),
    "string": (str, {}),
    "non-empty string": (str, {"min_length": 1}),
    "count": (int, {}),
    "time": (Annotated[str, Field(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$")], {}),
    "date": (str, {"pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}),
    "reflection": (Literal["IfNotPresent", "Always"], {}),
}


def _model(name: str, doc: str, fields: Iterable[LockField], base: type[StrictModel] = StrictModel) -> Any:
    definitions: dict[str, Any] = {}
    for field in fields:
        annotation, limits = _TYPES[field.type]
        details = {**limits, **({"description": field.description} if field.description else {})}
        if field.required:
            definitions[field.name] = annotation, Field(**details)
        elif field.type == "count":
            definitions[field.name] = annotation, Field(0, **details)
        else:
            definitions[field.name] = annotation | None, Field(None, **details)
    return create_model(name, __base__=base, __module__=__name__, __doc__=doc, **definitions)


_ENTRY = _model("LockedPolicy", "What a policy resolved to.", ENTRY_FIELDS)
_HOLD = _model(
    "HeldPolicy",
    "A person's decision: the policy keeps a tag, or excludes one.",
    HOLD_FIELDS,
    _OneTag,
)
_SEEN = _model("SeenTag", "A tag that is not old enough yet, and when it was first seen with this digest.", SEEN_FIELDS)
_SIGHT = _model("FirstSight", "A tag of an image, and since when it has been seen with this digest.", LEDGER_FIELDS)
_RELEASED = _model(
    "ReleasedPolicy", "A policy that goes on though somebody set a field of it back before this time.", RELEASED_FIELDS
)


class ImageLockSpec(StrictModel):
    """The locked policies, the holds, the tags that are not old enough yet, and the released policies."""

    entries: list[_ENTRY] = Field(default_factory=list)  # type: ignore[valid-type] # made above
    holds: list[_HOLD] = Field(default_factory=list)  # type: ignore[valid-type] # made above
    seen: list[_SEEN] = Field(default_factory=list)  # type: ignore[valid-type] # made above
    released: list[_RELEASED] = Field(default_factory=list)  # type: ignore[valid-type] # made above


class ImageLock(StrictModel):
    """What every image policy resolved to; `imagesetter lock` writes it, `--from lock` applies it."""

    api_version: Literal["imagesetter.dev/v1alpha1"]
    kind: Literal["ImageLock"]
    metadata: Metadata = Field(default_factory=Metadata)
    spec: ImageLockSpec


class ImageLedgerSpec(StrictModel):
    """The tags that the locks have seen."""

    seen: list[_SIGHT] = Field(default_factory=list)  # type: ignore[valid-type] # made above


class ImageLedger(StrictModel):
    """When each tag was first seen, shared by several locks; `imagesetter lock --ledger` adds to it."""

    api_version: Literal["imagesetter.dev/v1alpha1"]
    kind: Literal["ImageLedger"]
    metadata: Metadata = Field(default_factory=Metadata)
    spec: ImageLedgerSpec


class LockChange(StrictModel):
    """An entry that changed or, with --check, would change."""

    policy: str = Field(description="namespace:name")
    file: str
    field: str
    old: str | None = Field(description="the locked image; null for a new entry")
    new: str | None = Field(description="null for a removed entry")


class LockReport(Report):
    """The result of locking."""

    kind: Literal["LockReport"]
    written: bool = Field(description="false with --check")
    changes: list[LockChange]
    results: list[RunResult]
