"""Models of the JSON documents of ``update``, ``mark``, ``lint`` and ``automate``; the schemas derive from them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from imagesetter.cli.schemas.reports import Ref, Report, VerifiedImage
from imagesetter.config.strict_model import StrictModel
from imagesetter.flux.latest_ref import Part
from imagesetter.policy.semver_delta import Step
from krm_functions.result import Severity


class ResultResource(StrictModel):
    """The resource that a result is about."""

    api_version: str
    kind: str
    name: str
    namespace: str | None = None


class ResultField(StrictModel):
    """The field that a result is about, with its current and its proposed value."""

    path: str
    current_value: str | None = None
    proposed_value: str | None = None


class ResultFile(StrictModel):
    """The file that a result is about, and the index of the document in it, from 0."""

    path: str
    index: int | None = None


class RunResult(StrictModel):
    """A result, as in the results of a KRM function."""

    message: str
    severity: Severity
    resource_ref: ResultResource | None = None
    field: ResultField | None = None
    file: ResultFile | None = None
    tags: dict[str, str] | None = Field(None, description="policy, error, line and others, if known")


class ChangeLinks(StrictModel):
    """Links from the labels of the old and the new image; null if the labels do not give one."""

    source: str | None
    revision: str | None
    commit: str | None
    compare: str | None


class FieldChange(StrictModel):
    """A field that changed or, if nothing was written, would change."""

    policy: str = Field(description="namespace:name")
    part: Part = Field(description="the part of the reference that the marker sets; empty for the whole reference")
    file: str
    line: int = Field(description="from 1")
    column: int = Field(description="from 1")
    field: str = Field(description="the field's path, from the resource that holds it")
    old: str
    new: str
    latest: Ref = Field(description="what the policy selects")
    delta: Step
    downgrade: bool = Field(description="whether the new version is lower than the old one")
    links: ChangeLinks | None = Field(description="null without --links")


class UpdateReport(Report):
    """What an update did or, with --check, would do."""

    kind: Literal["UpdateReport"]
    written: bool = Field(description="false with --check, and if an error with --on-error fail prevented writing")
    files: int = Field(description="number of files read")
    unchanged: int = Field(description="number of fields that were up to date")
    changes: list[FieldChange]
    results: list[RunResult]


class MarkerInsertion(StrictModel):
    """A marker that was inserted or, with --check, would be."""

    policy: str = Field(description="namespace:name")
    part: Part
    file: str
    line: int
    field: str
    value: str


class MarkReport(Report):
    """Which markers were inserted."""

    kind: Literal["MarkReport"]
    markers: list[MarkerInsertion]
    results: list[RunResult]


class VerifyReport(Report):
    """Which images are signed."""

    kind: Literal["VerifyReport"]
    images: list[VerifiedImage]
    results: list[RunResult]


class LintFinding(StrictModel):
    """A problem that a rule of the linter found."""

    rule: str
    severity: Severity
    message: str
    hint: str
    file: str
    line: int = Field(description="from 1; 0 for the whole file")
    column: int


class LintReport(Report):
    """The findings of the linter."""

    kind: Literal["LintReport"]
    findings: list[LintFinding]


class CommitChange(StrictModel):
    """A field that a commit changed."""

    policy: str = Field(description="namespace:name")
    file: str = Field(description="from the top of the repository")
    line: int = Field(description="from 1")
    field: str = Field(description="the field's path, from the resource that holds it")
    old: str
    new: str


class AutomationCommit(StrictModel):
    """A commit that was pushed or, with --dry-run, would be."""

    hash: str = Field(description="empty with --dry-run")
    branch: str
    message: str
    changes: list[CommitChange]


class AutomationRequest(StrictModel):
    """What --pull-request did with the request of a branch."""

    branch: str
    number: int
    url: str
    action: Literal["created", "updated", "unchanged", "left closed", "closed"] = Field(
        description="left closed: somebody closed a request with the same changes"
    )


class AutomationRun(StrictModel):
    """The result of one ImageUpdateAutomation."""

    automation: str = Field(description="namespace:name")
    folder: str = Field(
        description="where it is defined, if automations of several clusters go by its name, else empty"
    )
    status: Literal["pushed", "would push", "up to date", "suspended", "failed"]
    commits: list[AutomationCommit]
    requests: list[AutomationRequest]
    notes: list[str]
    results: list[RunResult]


class AutomationReport(Report):
    """The results of the ImageUpdateAutomations."""

    kind: Literal["AutomationReport"]
    automations: list[AutomationRun]


class LoggedImageChange(StrictModel):
    """A commit that changed a field, or an entry of the lock."""

    policy: str = Field(description="namespace:name")
    file: str = Field(description="from the top of the repository, as it is called now")
    field: str = Field(description="the field's path, from the resource that holds it; spec.entries for a lock")
    old: str
    new: str
    time: str = Field(description="of the commit (RFC 3339, UTC)")
    commit: str
    author: str
    subject: str
    reasons: list[str] = Field(description="what the lock of the commit says: holds, a changed policy, an age")


class ImageLog(Report):
    """The changes of fields and lock entries, from the Git history, newest first."""

    kind: Literal["ImageLog"]
    changes: list[LoggedImageChange]
