"""The ``PolicyTest`` kind (``imagesetter.dev/v1alpha1``), validated strictly: an unknown field is an error.

Its ``spec`` refers to an ImagePolicy in the files, or has the fields of one. A module of its own, because only
``imagesetter test`` and ``imagesetter schema`` need pydantic.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field, model_validator

from imagesetter.config.strict_model import Metadata, StrictModel
from imagesetter.errors import Stage
from imagesetter.flux.models import PolicyChoice, TagFilter

MOST_TAGS = 1_000_000
"""The most tags that one case may generate."""


class Generated(StrictModel):
    """Tags made by counting, such as ``1.0.{}`` from 0 to 99."""

    format: str = Field(
        pattern=r"^[^{}]*\{(:0[1-9])?\}[^{}]*$", description="with {} for the number, or {:05} for five digits"
    )
    from_: int = Field(0, alias="from", ge=0)
    to: int = Field(ge=0, description="the last number")

    @model_validator(mode="after")
    def _is_a_limited_range(self) -> Generated:
        if not 0 < self.to - self.from_ + 1 <= MOST_TAGS:
            raise ValueError(f"from {self.from_} to {self.to} is not a range of 1 to {MOST_TAGS} tags")
        return self


class TagLists(StrictModel):
    """Sources of tags; several of them are one list."""

    tags: list[str] | None = None
    tags_file: str | None = Field(
        None,
        min_length=1,
        description="a file in the repository with one tag per line, or a JSON list; relative to the test file",
    )
    generate: list[Generated] | None = None

    @property
    def brings_tags(self) -> bool:
        """Whether any list is given, an empty one included."""
        return any(given is not None for given in (self.tags, self.tags_file, self.generate))


_PICK_OR_ERROR: dict[str, Any] = {
    "oneOf": [{"required": ["pick"]}, {"anyOf": [{"required": ["error"]}, {"required": ["stage"]}]}]
}


_REF_OR_POLICY: dict[str, Any] = {"oneOf": [{"required": ["policyRef"]}, {"required": ["policy"]}]}


class Case(TagLists):
    """Tags, and the expected result."""

    model_config = ConfigDict(json_schema_extra=_PICK_OR_ERROR)

    name: str = Field("", description="what the case shows, for the report")
    pick: str | None = Field(None, min_length=1, description="the tag that the policy has to select")
    error: str | None = Field(None, min_length=1, description="a text that the error has to contain")
    stage: Stage | None = Field(None, description="the stage that the error has to come from")

    @model_validator(mode="after")
    def _expects_one_thing(self) -> Case:
        fails = self.error is not None or self.stage is not None
        if fails == (self.pick is not None):
            raise ValueError("set either pick, or error, stage or both")
        return self


class PolicyTestSpec(TagLists):
    """A policy, and the expected results for lists of tags."""

    model_config = ConfigDict(json_schema_extra=_REF_OR_POLICY)

    policy_ref: str | None = Field(None, min_length=1, description="[ns:]name of an ImagePolicy in the files")
    policy: PolicyChoice | None = Field(None, description="a policy of the test's own, as in an ImagePolicy's spec")
    filter_tags: TagFilter | None = None
    exclusion_list: list[str] | None = Field(None, max_length=25, description="as in an ImageRepository's spec")
    cases: list[Case] = Field(min_length=1)

    @model_validator(mode="after")
    def _has_one_policy_and_tags(self) -> PolicyTestSpec:
        if (self.policy is None) == (self.policy_ref is None):
            raise ValueError("set either policyRef, or policy as in an ImagePolicy's spec")
        if self.policy_ref is not None:
            for given, name in ((self.filter_tags, "filterTags"), (self.exclusion_list, "exclusionList")):
                if given is not None:
                    raise ValueError(f"{name} cannot be combined with policyRef: set it in that policy")
        for index, case in enumerate(self.cases):
            if not (case.brings_tags or self.brings_tags):
                raise ValueError(f"cases[{index}] has no tags: set tags, tagsFile or generate in the case or in spec")
        return self


class PolicyTest(StrictModel):
    """The expected results of a policy for lists of tags; `imagesetter test` runs it."""

    api_version: Literal["imagesetter.dev/v1alpha1"]
    kind: Literal["PolicyTest"]
    metadata: Metadata = Field(default_factory=Metadata)
    spec: PolicyTestSpec
