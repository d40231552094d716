"""The annotations of kpt and kustomize: file, index, local-config and the names of before."""

from __future__ import annotations

import pytest

from krm_functions import annotations
from krm_functions.annotations import Identity

CURRENT = Identity("Deployment", "b-a-web", "prod")


def test_internal_path_and_index_win_over_the_legacy_ones() -> None:
    found = {annotations.PATH: "new.yaml", annotations.LEGACY_PATH: "old.yaml", annotations.INDEX: "2"}
    assert annotations.path(found) == "new.yaml"
    assert annotations.document_index({**found, annotations.LEGACY_INDEX: "1"}) == 2


def test_legacy_path_and_index_count_where_they_are_alone() -> None:
    found = {annotations.LEGACY_PATH: "old.yaml", annotations.LEGACY_INDEX: "1"}
    assert (annotations.path(found), annotations.document_index(found)) == ("old.yaml", 1)
    assert (annotations.path({}), annotations.document_index({})) == ("", 0)


@pytest.mark.parametrize("text", ["", "-1", "x", "1.5", "٣", "9" * 5000])
def test_index_that_is_no_small_number_counts_as_0(text: str) -> None:
    assert annotations.document_index({annotations.INDEX: text}) == 0


@pytest.mark.parametrize(
    ("value", "local"), [("true", True), ("false", False), ("", True), ("yes", True), ("False", True), (None, False)]
)
def test_local_config_is_anything_but_false_as_for_kustomize(value: str | None, local: bool) -> None:
    found = {} if value is None else {annotations.LOCAL_CONFIG: value}
    assert annotations.is_local_config(found) is local


def test_identities_are_the_names_of_before_and_then_the_current_one() -> None:
    found = {
        annotations.PREVIOUS_KINDS: "Deployment,Deployment",
        annotations.PREVIOUS_NAMES: "web,a-web",
        annotations.PREVIOUS_NAMESPACES: "default,prod",
    }
    assert annotations.identities(CURRENT, found) == (
        Identity("Deployment", "web", "default"),
        Identity("Deployment", "a-web", "prod"),
        CURRENT,
    )
    assert annotations.identities(CURRENT, {}) == (CURRENT,)


def test_lists_of_unequal_length_give_what_they_have_in_common() -> None:
    found = {
        annotations.PREVIOUS_KINDS: "Deployment",
        annotations.PREVIOUS_NAMES: "web,a-web",
        annotations.PREVIOUS_NAMESPACES: "default,prod",
    }
    assert annotations.identities(CURRENT, found) == (Identity("Deployment", "web", "default"), CURRENT)


def test_identifier_is_whichever_the_orchestrator_wrote() -> None:
    assert (
        annotations.identifier({annotations.ID: "1", annotations.LEGACY_ID: "2", annotations.KUSTOMIZE_ID: "3"}) == "1"
    )
    assert annotations.identifier({annotations.LEGACY_ID: "2", annotations.KUSTOMIZE_ID: "3"}) == "2"
    assert annotations.identifier({annotations.KUSTOMIZE_ID: "3"}) == "3"
    assert annotations.identifier({}) == ""
