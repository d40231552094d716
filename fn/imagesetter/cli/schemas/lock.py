"""The lock as a model: the source of its published schema, and of the report that ``lock --output json`` prints.

Reading a lock (`imagesetter.lock.document`) imports none of this: a locked run is to start quickly. Tests hold the two
together.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from imagesetter.cli.schemas.changes import RunResult
from imagesetter.cli.schemas.reports import Report
from imagesetter.config.strict_model import Metadata, StrictModel

_ONE_TAG: dict[str, Any] = {"oneOf": [{"required": ["tag"]}, {"required": ["exclude"]}]}

Policy = Annotated[str, Field(pattern="^[^:]+:[^:]+$", description="namespace:name")]
Time = Annotated[str, Field(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$")]


class LockedPolicy(StrictModel):
    """What a policy resolved to."""

    policy: Policy
    image: str = Field(description="the repository, as its ImageRepository writes it")
    tag: str
    digest: str = Field(description="what the tag pointed to, whether the policy reflects it or not")
    digest_reflection_policy: Literal["IfNotPresent", "Always"] | None = None
    inputs: str = Field(description="a hash of everything that decides the answer; of a changed policy it is another")
    candidates: int = Field(0, description="how many tags the registry listed")
    changed: Time | None = Field(None, description="when this entry changed last")
    replaces: str | None = Field(None, description="the higher tag from which it went back because somebody asked")


class HeldPolicy(StrictModel):
    """A person's decision: the policy stays at a tag, or leaves one out."""

    model_config = ConfigDict(json_schema_extra=_ONE_TAG)

    policy: Policy
    tag: str | None = Field(None, min_length=1, description="stay at this tag")
    exclude: str | None = Field(None, min_length=1, description="leave this tag out")
    reason: str = Field(min_length=1)
    until: str | None = Field(
        None, pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$", description="the day (UTC) from which it counts no more"
    )


class SeenTag(StrictModel):
    """Since when a tag with its digest has been seen that is not old enough yet."""

    policy: Policy
    tag: str
    digest: str
    since: Time


class ImageLockSpec(StrictModel):
    """What is locked, held and seen."""

    entries: list[LockedPolicy] = Field(default_factory=list)
    holds: list[HeldPolicy] = Field(default_factory=list)
    seen: list[SeenTag] = Field(default_factory=list)


class ImageLock(StrictModel):
    """What every image policy resolved to; `imagesetter lock` writes it, `--from lock` applies it."""

    api_version: Literal["imagesetter.dev/v1alpha1"]
    kind: Literal["ImageLock"]
    metadata: Metadata = Field(default_factory=Metadata)
    spec: ImageLockSpec


class LockChange(StrictModel):
    """An entry that changed or, with --check, would change."""

    policy: str = Field(description="namespace:name")
    file: str
    field: str
    old: str | None = Field(description="the locked image; null for a new entry")
    new: str | None = Field(description="null for an entry that went")


class LockReport(Report):
    """What locking came to."""

    kind: Literal["LockReport"]
    written: bool = Field(description="false with --check")
    changes: list[LockChange]
    results: list[RunResult]
