"""Tags of signatures and attestations are never images, whatever the exclusion list and the rule."""

from __future__ import annotations

import pytest

from imagesetter.errors import NoTags
from imagesetter.policy.alphabetical import AlphabeticalRule
from imagesetter.policy.explain import explain, why_not
from imagesetter.policy.filters import is_signature
from imagesetter.policy.select import ranking, select
from imagesetter.policy.tag_policy import FilterTags, TagPolicy

DIGEST = "sha256-" + "0123456789abcdef" * 4
SIGNATURES = (DIGEST, f"{DIGEST}.sig", f"{DIGEST}.att", f"{DIGEST}.sbom")
OTHERS = ("sha512-" + "a" * 64, f"sha384-{'b' * 64}.sig")
IMAGES = (
    "1.0.0", "sha256-4f53", f"{DIGEST}0", DIGEST[:-1], DIGEST.upper(), f"{DIGEST}.tar", f"v{DIGEST}", f"{DIGEST}.sig.1",
    "sha512-" + "a" * 65, "sha1-" + "a" * 64, f"sha256:{'a' * 64}", f"{DIGEST}-amd64", "release.sbom",
)  # fmt: skip


@pytest.mark.parametrize("tag", [*SIGNATURES, *OTHERS])
def test_a_signature_is_one(tag: str) -> None:
    assert is_signature(tag)


@pytest.mark.parametrize("tag", IMAGES)
def test_an_image_is_none(tag: str) -> None:
    assert not is_signature(tag)


@pytest.mark.parametrize("exclusions", [(), ("^beta",), (r"^.*\.sig$",)])
def test_a_signature_is_never_selected(exclusions: tuple[str, ...]) -> None:
    policy = TagPolicy(AlphabeticalRule(), exclusion_list=exclusions)
    assert select(policy, ["release-1", "release-2", *SIGNATURES]) == "release-2"
    assert ranking(policy, [*SIGNATURES, "release-1"]) == ["release-1"]
    assert ranking(policy, [*OTHERS, "release-1"]) == ["release-1"]


def test_a_filter_that_matches_signatures_does_not_change_that() -> None:
    policy = TagPolicy(AlphabeticalRule(), FilterTags("^sha256-"), ())
    assert select(policy, ["sha256-abc", *SIGNATURES]) == "sha256-abc"


def test_nothing_but_signatures_is_nothing() -> None:
    with pytest.raises(NoTags) as caught:
        select(TagPolicy(AlphabeticalRule()), SIGNATURES)
    assert caught.value.hint == "they are all signatures, or the exclusion list excludes them (4)"


def test_an_explanation_counts_them_apart() -> None:
    policy = TagPolicy(AlphabeticalRule())
    tags = ["1", "other.sig", *SIGNATURES]
    selection = explain(policy, tags)
    assert (selection.funnel.listed, selection.funnel.signatures, selection.funnel.excluded) == (6, 4, 1)
    assert str(why_not(policy, tags, DIGEST)) == (
        f"{DIGEST}: it is the tag of a signature, an attestation or an SBOM, which is never an image"
    )
