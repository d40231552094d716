"""Models of the JSON documents of ``init`` and ``outdated``; the schemas derive from them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from imagesetter.cli.schemas.changes import RunResult
from imagesetter.cli.schemas.reports import Report
from imagesetter.config.strict_model import StrictModel


class ProposedField(StrictModel):
    """A place that holds an image, and its tag there."""

    file: str
    line: int
    tag: str


class ProposedRule(StrictModel):
    """The rule of a proposed policy: a kind with its range or order."""

    kind: str
    range: str | None = None
    order: str | None = None


class ProposedFilter(StrictModel):
    """filterTags of a proposed policy."""

    pattern: str
    extract: str


class ProposedPolicy(StrictModel):
    """The images of one repository, and the policy that their tags suggest; null if none is proposed."""

    image: str
    tags: list[str]
    policy: str | None = Field(description="namespace:name")
    rule: ProposedRule | None
    filter_tags: ProposedFilter | None
    reason: str | None = Field(description="why no policy is proposed")
    fields: list[ProposedField]


class InitReport(Report):
    """Policies and markers for images that have none."""

    kind: Literal["InitReport"]
    written: bool
    policy_file: str | None
    suggestions: list[ProposedPolicy]
    files: list[str] = Field(description="the files that change")
    results: list[RunResult]


class ImageField(StrictModel):
    """A place that holds an image."""

    file: str
    line: int
    digest: str | None


class OutdatedImage(StrictModel):
    """An image with one tag, and the newer ones; null if there is none or it is not known."""

    image: str
    current: str
    within: str | None = Field(description="what the policy selects, or the newest tag with the same major version")
    latest: str | None = Field(description="the newest tag of the same shape")
    outdated: bool
    policy: str | None = Field(description="namespace:name")
    reason: str | None = Field(description="why the tag cannot be compared")
    error: str | None = Field(description="what failed")
    uploaded: dict[str, str] = Field(description="when these tags were uploaded, as far as the registry says")
    fields: list[ImageField]


class OutdatedReport(Report):
    """The images of a tree, and their newer tags."""

    kind: Literal["OutdatedReport"]
    images: list[OutdatedImage]
    results: list[RunResult]
