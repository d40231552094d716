"""The project file, ``.imagesetter.yaml``: what every run in a repository has in common (hook, CI and laptop).

It comes with the repository, so it can only narrow what is read and choose between options that are safe with any
input: it names no registry, no credential, and no file outside of its folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from imagesetter.config.options import API_VERSION
from imagesetter.config.strict_model import Metadata, StrictModel, validate_strictly

KIND = "Project"


def _below(text: str) -> str:
    path = PurePosixPath(text)
    if not text or path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{text!r} is not a path below the folder of this file")
    return text


class ProjectDefaults(StrictModel):
    """Options of every command that has them; the command line and the environment win."""

    namespace: str | None = Field(None, min_length=1, description="--namespace")
    from_: Literal["registry", "lock", "status"] | None = Field(None, alias="from", description="--from")
    on_error: Literal["fail", "keep"] | None = Field(None, description="--on-error")
    strict: bool | None = Field(None, description="--strict")
    allow_downgrade: bool | None = Field(None, description="--allow-downgrade")
    allow_unpin: bool | None = Field(None, description="--allow-unpin")


class ProjectSpec(StrictModel):
    """Which files are read, which lint rules are off, and defaults of options."""

    paths: list[Annotated[str, AfterValidator(_below)]] = Field(
        default_factory=list, description="read these files and folders only; relative to this file"
    )
    exclude: list[str] = Field(
        default_factory=list, description="skip files that match a .gitignore pattern; relative to this file"
    )
    disable: list[str] = Field(default_factory=list, description="lint rules that are off")
    defaults: ProjectDefaults = Field(default_factory=lambda: ProjectDefaults.model_validate({}))


class Project(StrictModel):
    """The settings of a repository, in .imagesetter.yaml."""

    api_version: Literal["imagesetter.dev/v1alpha1"]
    kind: Literal["Project"]
    metadata: Metadata = Field(default_factory=Metadata)
    spec: ProjectSpec = Field(default_factory=lambda: ProjectSpec.model_validate({}))


def parse_project(data: Mapping[str, Any], *, where: str) -> ProjectSpec:
    """The settings in a loaded project file.

    Raises:
        UsageError: one sentence a broken rule, each with its field path.
    """
    hint = f"`imagesetter schema {KIND}` prints the JSON Schema of {API_VERSION} {KIND}"
    return validate_strictly(Project, data, where=where, hint=hint).spec
