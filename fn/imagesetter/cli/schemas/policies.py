"""Models of the JSON document of ``report``; the schema derives from them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from imagesetter.cli.schemas.reports import FunnelCounts, Ref, Report, RuleOfPolicy
from imagesetter.config.options import SourceName
from imagesetter.config.strict_model import StrictModel


class HoldingBack(StrictModel):
    """What holds a policy back."""

    what: str
    why: str
    until: str | None = Field(description="a date or a time (UTC); null for no end")


class FollowingField(StrictModel):
    """A field that follows a policy."""

    place: str = Field(description="file:line")
    tag: str = Field(description="the tag in it; empty if there is none")


class LockedImageChange(StrictModel):
    """A commit that changed the policy's entry of the lock."""

    time: str = Field(description="of the commit (RFC 3339, UTC)")
    old: str
    new: str
    commit: str
    author: str
    subject: str


class ReportedPolicy(StrictModel):
    """Where one policy stands."""

    policy: str = Field(description="namespace:name")
    folder: str = Field(description="where several go by this name: the folder that is meant; else empty")
    image: str
    rule: RuleOfPolicy | None = Field(description="null if the policy could not be read")
    state: Literal["failed", "held back", "to update", "unused", "up to date"]
    current: list[str] = Field(description="the tags of its fields")
    latest: Ref | None
    error: str | None
    hint: str | None
    held_back: list[HoldingBack]
    notes: list[str]
    fields: list[FollowingField]
    updates: int = Field(description="number of fields that an update would change")
    locked: str | None = Field(description="when its entry of the lock changed last (RFC 3339, UTC)")
    tags: int = Field(description="number of tags in the list; 0 if it is not known")
    funnel: FunnelCounts | None = Field(description="null without a list of tags")
    changes: list[LockedImageChange] = Field(description="of the last 30 days, newest first")
    verified: str | None = Field(None, description="what the lock records of the image's signatures")


class PolicyReport(Report):
    """Where every policy stands."""

    kind: Literal["PolicyReport"]
    source: SourceName
    made: str = Field(description="RFC 3339, UTC")
    policies: list[ReportedPolicy]
