"""ImageUpdateAutomation, validated as its CRD validates it: image-automation-controller api/v1.

Apart from :mod:`imagesetter.flux.models`, so that a run that reads policies alone does not make these as well.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from imagesetter.flux.models import Duration, FluxModel, LocalObjectReference, Name


class SourceReference(FluxModel):
    """The GitRepository that an automation works on."""

    kind: Literal["GitRepository"] = "GitRepository"
    name: Name
    namespace: str | None = None


class GitReference(FluxModel):
    """What to check out; Flux prefers commit, then name, semver, tag and branch."""

    branch: str | None = None
    tag: str | None = None
    semver: str | None = None
    name: str | None = None
    commit: str | None = None


class Checkout(FluxModel):
    """git.checkout."""

    ref: GitReference


class CommitAuthor(FluxModel):
    """Who the commit is by; Flux's committer is the same person."""

    name: str = ""
    email: str


class SigningKey(FluxModel):
    """A Secret with a gpg or ssh key."""

    secret_ref: LocalObjectReference
    type: Literal["gpg", "ssh"] = "gpg"


class CommitSpec(FluxModel):
    """git.commit."""

    author: CommitAuthor
    signing_key: SigningKey | None = None
    message_template: str = ""
    message_template_values: dict[str, str] = Field(default_factory=dict)


class PushSpec(FluxModel):
    """git.push."""

    branch: str | None = None
    refspec: str | None = None
    options: dict[str, str] = Field(default_factory=dict)


class GitSpec(FluxModel):
    """ImageUpdateAutomation.spec.git."""

    checkout: Checkout | None = None
    commit: CommitSpec
    push: PushSpec | None = None


class UpdateStrategy(FluxModel):
    """ImageUpdateAutomation.spec.update; Setters is the only strategy."""

    strategy: Literal["Setters"] = "Setters"
    path: str = ""


class LabelRequirement(FluxModel):
    """One matchExpressions entry."""

    key: str
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: list[str] = Field(default_factory=list)


class LabelSelectorSpec(FluxModel):
    """A Kubernetes label selector."""

    match_labels: dict[str, str] = Field(default_factory=dict)
    match_expressions: list[LabelRequirement] = Field(default_factory=list)


class ImageUpdateAutomationSpec(FluxModel):
    """ImageUpdateAutomation.spec: what to check out, change, commit and push, and when."""

    source_ref: SourceReference
    git: GitSpec | None = None
    interval: Duration
    policy_change_delay: Duration | None = None
    policy_selector: LabelSelectorSpec | None = None
    update: UpdateStrategy = Field(default_factory=UpdateStrategy)
    suspend: bool = False
