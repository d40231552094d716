"""Policies become latest refs: from registries or from a cluster's status, each failure a value of its own."""

from __future__ import annotations

from typing import Any

import pytest

from imagesetter.cli.network_options import NetworkOptions
from imagesetter.cli.source import source_for
from imagesetter.errors import InvalidPolicy, NothingSelected, ResolveError, Unauthorized
from imagesetter.fields.digests import FieldDigests
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.latest_ref import LatestRef
from imagesetter.flux.markers import PolicyName
from imagesetter.flux.resources import resource
from imagesetter.lock.document import Lock
from imagesetter.lock.holds import Hold
from imagesetter.registry.scan import ScanOptions
from imagesetter.selection.registry_source import RegistrySource, scan_options
from imagesetter.selection.sources import Failed, Resolution, Resolved
from imagesetter.selection.status_source import StatusSource
from krm_functions.errors import ReportedError
from support.shelf import Shelf, digest_of

NAME = "registry.example.com/app"
TAGS = ("1.0.0", "1.0.10", "1.0.9", "2.0.0", "latest")
APP = PolicyName("flux-system", "app")
WEB = PolicyName("flux-system", "web")


def flux(kind: str, name: str, spec: dict[str, Any], **more: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "flux-system"}
    return {
        "apiVersion": "image.toolkit.fluxcd.io/v1",
        "kind": kind,
        "metadata": metadata,
        "spec": spec,
        **more,
    }


def policy(name: str = "app", range_: str = "1.0.x", repository: str = "app", **more: Any) -> dict[str, Any]:
    status = {"status": more.pop("status")} if "status" in more else {}
    spec = {"imageRepositoryRef": {"name": repository}, "policy": {"semver": {"range": range_}}, **more}
    return flux("ImagePolicy", name, spec, **status)


def repository(name: str = "app", image: str = NAME, **more: Any) -> dict[str, Any]:
    return flux("ImageRepository", name, {"image": image, **more})


def catalog(*resources: dict[str, Any]) -> Catalog:
    made = Catalog()
    made.add(found for number, data in enumerate(resources) if (found := resource(data, f"file.yaml:{number}")))
    return made


def error_of(answer: Resolution) -> ReportedError:
    assert isinstance(answer, Failed), answer
    return answer.error


def ref_of(answer: Resolution) -> LatestRef:
    assert isinstance(answer, Resolved), answer
    return answer.ref


# From the registry


def test_two_policies_on_one_repository_scan_it_once() -> None:
    shelf = Shelf({NAME: TAGS})
    answers = RegistrySource(catalog(policy(), policy("web", "2.x"), repository()), shelf).answers([APP, WEB])
    assert {name: ref_of(answer).tag for name, answer in answers.items()} == {APP: "1.0.10", WEB: "2.0.0"}
    assert shelf.scanned == [(NAME, ScanOptions())]


def test_only_the_policies_that_are_asked_for_cost_a_scan() -> None:
    shelf = Shelf({NAME: TAGS})
    made = catalog(
        policy(), policy("web", repository="web"), repository(), repository("web", "registry.example.com/web")
    )
    assert list(RegistrySource(made, shelf).answers([APP])) == [APP]
    assert [name for name, _ in shelf.scanned] == [NAME]


def test_a_repository_is_asked_as_its_resource_says() -> None:
    shelf = Shelf({NAME: TAGS})
    RegistrySource(catalog(policy(), repository(insecure=True, interval="1h", timeout="10s")), shelf).answers([APP])
    assert shelf.scanned == [(NAME, ScanOptions(insecure=True, interval=3600.0, timeout=10.0))]


def test_the_name_is_written_as_the_resource_writes_it_though_the_registry_is_asked_by_its_full_name() -> None:
    shelf = Shelf({"index.docker.io/library/nginx": ["1.0.1"]})
    (answer,) = RegistrySource(catalog(policy(), repository(image="nginx")), shelf).answers([APP]).values()
    assert answer == Resolved(LatestRef("nginx", "1.0.1"), candidates=1)


def test_a_registry_that_refuses_fails_its_own_policies_and_no_others() -> None:
    refusal = Unauthorized("who are you?")
    shelf = Shelf({NAME: TAGS, "registry.example.com/web": refusal})
    made = catalog(
        policy(), policy("web", repository="web"), repository(), repository("web", "registry.example.com/web")
    )
    answers = RegistrySource(made, shelf).answers([WEB, APP])
    assert error_of(answers[WEB]) is refusal
    assert ref_of(answers[APP]).tag == "1.0.10"


def test_a_policy_that_nobody_knows_is_an_answer_too() -> None:
    answers = RegistrySource(catalog(policy(), repository()), Shelf({NAME: TAGS})).answers([APP, WEB])
    assert isinstance(error_of(answers[WEB]), ResolveError)
    assert ref_of(answers[APP]).tag == "1.0.10"


def test_a_range_that_does_not_parse_is_told_without_asking_the_registry() -> None:
    shelf = Shelf({})
    (answer,) = RegistrySource(catalog(policy(range_=">>1"), repository()), shelf).answers([APP]).values()
    assert isinstance(error_of(answer), InvalidPolicy)
    assert shelf.scanned == []


def test_tags_that_a_policy_cannot_use_fail_it_in_the_words_of_flux() -> None:
    (answer,) = RegistrySource(catalog(policy(range_="9.x"), repository()), Shelf({NAME: TAGS})).answers([APP]).values()
    assert isinstance(error_of(answer), NothingSelected)
    assert str(error_of(answer)) == "unable to determine latest version from provided list"


# Digests

DIGEST = digest_of(NAME, "1.0.10")
KNOWN = "sha256:" + "0" * 64


def digest_policy(reflection: str, **more: Any) -> Catalog:
    return catalog(policy(digestReflectionPolicy=reflection, **more), repository())


DIGESTS = {
    "Never": (digest_policy("Never"), KNOWN, "", []),
    "IfNotPresent, one is known": (digest_policy("IfNotPresent"), KNOWN, KNOWN, []),
    "IfNotPresent, none is known": (digest_policy("IfNotPresent"), "", DIGEST, [f"{NAME}:1.0.10"]),
    "Always, one is known": (digest_policy("Always", interval="1h"), KNOWN, DIGEST, [f"{NAME}:1.0.10"]),
}


@pytest.mark.parametrize(("made", "known", "digest", "asked"), DIGESTS.values(), ids=DIGESTS)
def test_a_digest_is_reflected_as_the_policy_says(made: Catalog, known: str, digest: str, asked: list[str]) -> None:
    shelf = Shelf({NAME: TAGS})
    (answer,) = RegistrySource(made, shelf, lambda name, ref: known).answers([APP]).values()
    assert ref_of(answer) == LatestRef(NAME, "1.0.10", digest)
    assert shelf.asked == asked


def test_the_known_digest_is_looked_up_by_policy_name_and_tag() -> None:
    seen: list[object] = []

    def known(name: PolicyName, ref: LatestRef) -> str:
        seen.append((name, ref))
        return KNOWN

    RegistrySource(digest_policy("IfNotPresent"), Shelf({NAME: TAGS}), known).answers([APP])
    assert seen == [(APP, LatestRef(NAME, "1.0.10"))]


def test_policies_that_chose_the_same_tag_ask_for_its_digest_once() -> None:
    shelf = Shelf({NAME: TAGS})
    wanting = {"digestReflectionPolicy": "IfNotPresent"}
    made = catalog(policy(**wanting), policy("web", "~1.0", **wanting), repository())
    answers = RegistrySource(made, shelf).answers([APP, WEB])
    assert {ref_of(answer).digest for answer in answers.values()} == {DIGEST}
    assert shelf.asked == [f"{NAME}:1.0.10"]


def test_a_digest_that_cannot_be_had_fails_the_policy() -> None:
    refusal = Unauthorized("not for you")
    shelf = Shelf({NAME: TAGS}, broken_digests=refusal)
    (answer,) = RegistrySource(digest_policy("IfNotPresent"), shelf).answers([APP]).values()
    assert error_of(answer) is refusal


# Suspended

STATUS = {"latestRef": {"name": NAME, "tag": "1.0.0", "digest": KNOWN}}
SUSPENDED = {
    "the policy": (policy(suspend=True, status=STATUS), repository()),
    "its repository": (policy(status=STATUS), repository(suspend=True)),
}


@pytest.mark.parametrize("resources", SUSPENDED.values(), ids=SUSPENDED)
def test_what_is_suspended_keeps_its_recorded_answer(resources: tuple[dict[str, Any], ...]) -> None:
    shelf = Shelf({NAME: TAGS})
    (answer,) = RegistrySource(catalog(*resources), shelf).answers([APP]).values()
    assert ref_of(answer) == LatestRef(NAME, "1.0.0", KNOWN)
    assert isinstance(answer, Resolved)
    assert answer.notes == ("suspended, so the image in its status is kept",)
    assert shelf.scanned == []


def test_a_suspended_policy_without_a_recorded_answer_has_none() -> None:
    (answer,) = RegistrySource(catalog(policy(suspend=True), repository()), Shelf({NAME: TAGS})).answers([APP]).values()
    assert "suspended" in str(error_of(answer))
    assert error_of(answer).where == "file.yaml:0"


# From a cluster's status

STATUSES: dict[str, tuple[dict[str, Any], LatestRef]] = {
    "latestRef": (STATUS, LatestRef(NAME, "1.0.0", KNOWN)),
    "the older latestImage": ({"latestImage": f"{NAME}:1.0.9"}, LatestRef(NAME, "1.0.9")),
    "both, while a cluster was upgraded": ({**STATUS, "latestImage": f"{NAME}:1.0.9"}, LatestRef(NAME, "1.0.0", KNOWN)),
}


@pytest.mark.parametrize(("status", "ref"), STATUSES.values(), ids=STATUSES)
def test_a_status_is_the_answer_and_needs_neither_repository_nor_registry(
    status: dict[str, Any], ref: LatestRef
) -> None:
    assert StatusSource(catalog(policy(status=status))).answers([APP]) == {APP: Resolved(ref)}


def test_two_statuses_of_one_policy_that_differ_are_an_error_and_not_a_choice() -> None:
    """As where two clusters have the same policy; a file without a status beside a cluster's export is one status."""

    def answered(*statuses: dict[str, Any] | None) -> str:
        found = catalog(*(policy(status=status) if status else policy() for status in statuses))
        answer = StatusSource(found).answers([APP])[APP]
        return str(answer.error) if isinstance(answer, Failed) else str(answer.ref)

    older, undigested = {"latestImage": f"{NAME}:1.0.9"}, {"latestImage": f"{NAME}:1.0.0"}
    one = f"{NAME}:1.0.0@{KNOWN}"
    assert answered(None, STATUS) == answered(STATUS, STATUS) == answered(undigested, STATUS) == one
    assert answered(STATUS, older) == f"ImagePolicy {APP} has several statuses: {one} and {NAME}:1.0.9"


def test_a_policy_without_a_status_says_how_to_get_one() -> None:
    answers = StatusSource(catalog(policy(), policy("web", status=STATUS))).answers([APP, WEB])
    assert str(error_of(answers[APP])) == "ImagePolicy flux-system:app has no status.latestRef"
    assert "kubectl get imagepolicies" in error_of(answers[APP]).hint
    assert ref_of(answers[WEB]).tag == "1.0.0"


def test_a_secret_that_cannot_be_used_is_noted_and_never_shown() -> None:
    question = catalog(
        policy(), repository(secretRef={"name": "pull"}, certSecretRef={"name": "gone"}), encrypted("pull")
    ).policy(APP)
    options = scan_options(question)
    told = " ".join(options.notes)
    assert "Secret gone is not among the resources; the logins of this machine are used" in told
    assert "is encrypted" in told
    assert "ENC[" not in told + repr(options)


def encrypted(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/dockerconfigjson",
        "metadata": {"name": name, "namespace": "flux-system"},
        "data": {".dockerconfigjson": "ENC[AES256_GCM,data:abc]"},
        "sops": {"mac": "ENC[x]"},
    }


def test_a_status_does_not_go_past_a_hold() -> None:
    """The cluster knows no holds, so its tag is refused while one is in force, and taken when it has expired."""
    source = catalog(policy(status=STATUS))
    ref = StatusSource(source).answers([APP])[APP].ref  # type: ignore[union-attr]

    def answered(*holds: Hold) -> str:
        answer = StatusSource(source, lambda: Lock({}, holds=holds), 1772366400.0).answers([APP])[APP]
        return answer.error.what if isinstance(answer, Failed) else answer.ref.tag

    assert answered() == ref.tag
    assert answered(Hold(APP, tag=ref.tag)) == ref.tag
    assert answered(Hold(APP, exclude=ref.tag, until="2026-03-01")) == ref.tag
    held = f"ImagePolicy {APP} is held at 0.9.0 (crashes), and the cluster's status has {ref.tag}"
    assert answered(Hold(APP, tag="0.9.0", reason="crashes")) == held
    assert answered(Hold(APP, exclude=ref.tag)).startswith(f"ImagePolicy {APP} is without {ref.tag}, and")


def test_the_lock_is_read_once_for_the_status_of_all_policies() -> None:
    read: list[Lock] = []

    def present() -> Lock:
        read.append(Lock({}))
        return read[-1]

    source = catalog(policy(status=STATUS), policy("web", status=STATUS))
    with source_for("status", present, NetworkOptions(), present=present) as make:
        assert read == []
        answers = make(source, FieldDigests([])).answers([APP, WEB])
    assert all(isinstance(answer, Resolved) for answer in answers.values())
    assert len(read) == 1
