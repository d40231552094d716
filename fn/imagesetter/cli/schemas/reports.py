"""Models of the JSON documents that ``explain``, ``tags`` and ``test`` print; the published schemas derive from them.

The reports themselves are plain data, so that printing one imports no model; tests check that both agree.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from imagesetter.config.strict_model import StrictModel
from imagesetter.errors import Stage
from imagesetter.flux.models import TagFilter, with_rules
from imagesetter.policy.explain import Step


class Report(StrictModel):
    """The fields of every report."""

    api_version: Literal["imagesetter.dev/v1alpha1"]


class Ref(StrictModel):
    """An image: name, tag and digest, which is empty if there is none."""

    name: str
    tag: str
    digest: str


class RuleOfPolicy(with_rules(StrictModel)):  # type: ignore[misc]
    """A rule and its filters, as in Flux's resources."""

    filter_tags: TagFilter | None = None
    exclusion_list: list[str]


class FunnelCounts(StrictModel):
    """The number of tags that each step dropped, and the number of candidates."""

    listed: int
    signatures: int
    excluded: int
    filtered_out: int
    shadowed: int
    unparsed: int
    out_of_range: int
    candidates: int


class RejectedTag(StrictModel):
    """A tag, the step that dropped it, and the reason."""

    tag: str
    step: Step
    reason: str


class PassedOverTag(StrictModel):
    """A candidate that a rule beside the ranking did not allow."""

    tag: str
    rule: str
    reason: str
    until: str | None = Field(description="when it is allowed; null where no time is known")


class Explanation(Report):
    """Why a policy selects this tag and not another."""

    kind: Literal["Explanation"]
    policy: str | None = Field(description="namespace:name; null for a policy given by options")
    image: str | None
    rule: RuleOfPolicy | None = Field(description="null if the policy could not be read")
    chosen: Ref | None
    error: str | None
    stage: Stage | None
    where: str | None
    hint: str | None
    funnel: FunnelCounts | None = Field(description="null without a list of tags")
    rejected: list[RejectedTag]
    asked: RejectedTag | None = Field(None, description="the answer to --tag")
    passed_over: list[PassedOverTag] = Field(description="better candidates that rules did not allow, best first")
    notes: list[str]


class ComparedPolicy(StrictModel):
    """The latest ref of a policy in the cluster and here."""

    policy: str
    same: bool
    cluster: Ref
    ours: Ref | None
    reason: str | None


class NotCompared(StrictModel):
    """A policy without a latest ref in the cluster."""

    policy: str
    reason: str


class ParityReport(Report):
    """A cluster's latest refs compared with imagesetter's."""

    kind: Literal["ParityReport"]
    policies: list[ComparedPolicy]
    not_compared: list[NotCompared]


class TaggedImage(StrictModel):
    """The details of a tag; null if not requested or not available."""

    tag: str
    digest: str | None
    created: str | None
    platforms: list[str] | None


class TagList(Report):
    """The tags of a repository."""

    kind: Literal["TagList"]
    image: str
    total: int = Field(description="number of tags in the repository")
    tags: list[str]
    images: list[TaggedImage] | None = Field(None, description="the requested columns")


class VerifiedImage(StrictModel):
    """An image in a file or in the lock, and whether it is signed."""

    image: str
    digest: str = Field(description="what was verified; empty if nothing was")
    file: str
    line: int = Field(description="from 1; 0 for the whole file")
    policies: list[str] = Field(description="the policies that ask for its signature")
    signed: bool | None = Field(description="null if nothing says whose signature it needs")
    by: str = Field(description="who signed it")
    reason: str = Field(description="why it is not known to be signed")


class Outcome(StrictModel):
    """A tag, or an error."""

    pick: str | None = None
    error: str | None = None
    stage: Stage | None = None


class CaseReport(StrictModel):
    """The result of a case."""

    name: str
    passed: bool
    expected: Outcome
    got: Outcome
    funnel: FunnelCounts
    why_not: RejectedTag | None = Field(description="why the expected tag was not picked")


class TestReport(StrictModel):
    """The result of one PolicyTest."""

    place: str = Field(description="file:line")
    name: str
    policy: str | None = Field(description="namespace:name, or null for a policy in the test itself")
    passed: bool
    error: str | None = Field(description="why no case was run")
    cases: list[CaseReport]


class NotReadable(StrictModel):
    """A test that could not be read."""

    place: str
    error: str
    hint: str


class PolicyTestReport(Report):
    """The results of policy tests."""

    kind: Literal["PolicyTestReport"]
    passed: bool
    tests: list[TestReport]
    not_readable: list[NotReadable]
