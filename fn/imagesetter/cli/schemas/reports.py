"""The JSON documents that ``explain``, ``tags`` and ``test`` print, as models: the source of their published schemas.

The reports themselves are plain data, so that printing one imports no model; tests hold the two together.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from imagesetter.config.strict_model import StrictModel
from imagesetter.errors import Stage
from imagesetter.flux.models import TagFilter, with_rules
from imagesetter.policy.explain import Step


class Report(StrictModel):
    """What every report begins with; its kind follows."""

    api_version: Literal["imagesetter.dev/v1alpha1"]


class Ref(StrictModel):
    """An image: name, tag, and the digest where there is one, else an empty text."""

    name: str
    tag: str
    digest: str


class RuleOfPolicy(with_rules(StrictModel)):  # type: ignore[misc]
    """A rule and its filters, as in Flux's resources."""

    filter_tags: TagFilter | None = None
    exclusion_list: list[str]


class FunnelCounts(StrictModel):
    """How many tags each step dropped, and how many were left to choose from."""

    listed: int
    excluded: int
    filtered_out: int
    shadowed: int
    unparsed: int
    out_of_range: int
    candidates: int


class RejectedTag(StrictModel):
    """A tag, how far it came, and why no further."""

    tag: str
    step: Step
    reason: str


class Explanation(Report):
    """Why a policy gives this tag and not another."""

    kind: Literal["Explanation"]
    policy: str | None = Field(description="namespace:name; null for one made up on the command line")
    image: str | None
    rule: RuleOfPolicy | None = Field(description="null where the policy could not be read")
    chosen: Ref | None
    error: str | None
    stage: Stage | None
    where: str | None
    hint: str | None
    funnel: FunnelCounts | None = Field(description="null where there was no list of tags")
    rejected: list[RejectedTag]
    asked: RejectedTag | None = Field(None, description="the answer to --tag")
    notes: list[str]


class ComparedPolicy(StrictModel):
    """A policy's answer in the cluster and here."""

    policy: str
    same: bool
    cluster: Ref
    ours: Ref | None
    reason: str | None


class NotCompared(StrictModel):
    """A policy without an answer in the cluster."""

    policy: str
    reason: str


class ParityReport(Report):
    """A cluster's answers beside ours."""

    kind: Literal["ParityReport"]
    policies: list[ComparedPolicy]
    not_compared: list[NotCompared]


class TaggedImage(StrictModel):
    """What is behind a tag; null where it was not asked, or could not be had."""

    tag: str
    digest: str | None
    created: str | None
    platforms: list[str] | None


class TagList(Report):
    """The tags that a registry has."""

    kind: Literal["TagList"]
    image: str
    total: int = Field(description="how many there are, however many are shown")
    tags: list[str]
    images: list[TaggedImage] | None = Field(None, description="the columns that were asked for")


class Outcome(StrictModel):
    """A tag, or an error."""

    pick: str | None = None
    error: str | None = None
    stage: Stage | None = None


class CaseReport(StrictModel):
    """What came of a case."""

    name: str
    passed: bool
    expected: Outcome
    got: Outcome
    funnel: FunnelCounts
    why_not: RejectedTag | None = Field(description="why the expected tag was not picked")


class TestReport(StrictModel):
    """What came of one PolicyTest."""

    place: str = Field(description="file:line")
    name: str
    policy: str | None = Field(description="namespace:name, or null for a policy of the test's own")
    passed: bool
    error: str | None = Field(description="why no case was run")
    cases: list[CaseReport]


class NotReadable(StrictModel):
    """A test that could not be read."""

    place: str
    error: str
    hint: str


class PolicyTestReport(Report):
    """What came of policy tests."""

    kind: Literal["PolicyTestReport"]
    passed: bool
    tests: list[TestReport]
    not_readable: list[NotReadable]
