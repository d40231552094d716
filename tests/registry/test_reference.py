"""References, held against what go-containerregistry 0.21.6 and Flux answered (`tests/oracle/refs.json`)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imagesetter.errors import ImageReferenceError
from imagesetter.registry.reference import (
    Repository,
    is_list_of_tags,
    is_tag,
    only_tags,
    parse_flux_image,
    parse_reference,
    parse_repository,
)
from krm_functions.redaction import without_logins
from support.tables import each_row

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent.parent / "oracle" / "refs.json").read_text(encoding="utf-8")
)["cases"]

DIGEST = "sha256:" + "ab" * 32


def by_reference(case: dict[str, Any]) -> str:
    return ascii(case["ref"])


@each_row(CASES, by_reference)
def test_reference_reads_as_upstream_reads_it(case: dict[str, Any]) -> None:
    if not case["ok"]:
        with pytest.raises(ImageReferenceError) as caught:
            parse_reference(case["ref"])
        assert str(caught.value) == without_logins(case["error"])
        assert caught.value.hint, "the reason that upstream swallows"
        return
    reference = parse_reference(case["ref"])
    assert reference.registry == case["registry"]
    assert reference.repository == case["repository"]
    assert reference.identifier == case["identifier"]
    assert reference.name == case["name"]
    assert reference.context.canonical == case["context"]
    assert str(reference) == case["ref"]
    assert bool(reference.digest) == (case["kind"] == "digest")


@each_row(CASES, by_reference)
def test_repository_name_reads_as_upstream_reads_it(case: dict[str, Any]) -> None:
    if case["newrepository_ok"]:
        assert parse_repository(case["ref"]).canonical == case["newrepository_name"]
        return
    with pytest.raises(ImageReferenceError) as caught:
        parse_repository(case["ref"])
    assert str(caught.value) == case["newrepository_error"]


@each_row(CASES, by_reference)
def test_image_of_an_image_repository_reads_as_flux_reads_it(case: dict[str, Any]) -> None:
    if case["flux_image_ok"]:
        repository = parse_flux_image(case["ref"])
        assert repository.canonical == case["context"]
        assert repository.written == case["ref"]
        return
    with pytest.raises(ImageReferenceError) as caught:
        parse_flux_image(case["ref"])
    assert str(caught.value) == without_logins(case["flux_image_error"])


# Found by comparing 300,000 made-up references with the Go program; the answers are its.
@pytest.mark.parametrize(
    ("text", "registry"),
    [
        pytest.param("a:b:c:5/xx", "a:b:c:5", id="several-colons-last-one-a-port"),
        pytest.param('a.b<>"/xx', 'a.b<>"', id="characters-that-go-tolerates-in-a-host"),
        pytest.param("é.de/xx", "é.de", id="letters-beyond-ascii"),
        pytest.param("[::ffff:1.2.3.4]/xx", "[::ffff:1.2.3.4]", id="ipv4-inside-ipv6"),
        pytest.param("[1:2:3:4:5:6:7::]:/xx", "[1:2:3:4:5:6:7::]:", id="empty-port-after-ipv6"),
        pytest.param("./xx", ".", id="a-dot-is-a-registry"),
        pytest.param("a.b]/xx", "a.b]", id="bracket-without-partner"),
    ],
)
def test_odd_hosts_are_registries_as_upstream_has_it(text: str, registry: str) -> None:
    assert parse_reference(text).registry == registry


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[::1%25eth0]:5/xx", id="zone-of-an-ipv6-address"),
        pytest.param("a.b:5x/xx", id="port-with-a-letter"),
        pytest.param("[::1]5/xx.y", id="port-without-colon"),
        pytest.param("[1.2.3.4]/xx", id="ipv4-in-brackets"),
        pytest.param("a.b[c]/xx", id="bracket-inside"),
        pytest.param("a.%41/xx", id="percent-encoding"),
        pytest.param("a b.c/xx", id="space"),
        pytest.param("a.b\x7f/xx", id="control-character"),
        pytest.param("a.b?c/xx", id="query"),
        pytest.param("a.b#c/xx", id="fragment"),
        pytest.param("u@a.b/xx", id="user"),
    ],
)
def test_what_go_does_not_take_for_a_host_is_refused(text: str) -> None:
    with pytest.raises(ImageReferenceError, match="registries must be valid RFC 3986 URI authorities"):
        parse_repository(text)


@pytest.mark.parametrize(
    ("digest", "reason"),
    [
        ("sha512:" + "ab" * 64, "unsupported digest algorithm"),
        ("sha256:" + "AB" * 32, "a sha256 digest is 64 lower-case hexadecimal digits"),
        ("sha256:" + "ab" * 31, "a sha256 digest is 64 lower-case hexadecimal digits"),
        (f"{DIGEST}@{DIGEST}", "a digest must contain exactly one '@' separator"),
    ],
)
def test_digest_that_is_none_is_refused_with_its_reason(digest: str, reason: str) -> None:
    with pytest.raises(ImageReferenceError, match=r"could not parse reference: ghcr\.io/org/app@sha") as caught:
        parse_reference(f"ghcr.io/org/app@{digest}")
    assert caught.value.hint.startswith(reason)


def test_empty_name_is_no_repository() -> None:
    with pytest.raises(ImageReferenceError, match="a repository name must be specified"):
        parse_repository("")


def test_tag_stays_beside_the_digest() -> None:
    reference = parse_reference(f"ghcr.io/org/app:1.2@{DIGEST}")
    assert (reference.tag, reference.digest) == ("1.2", DIGEST)
    assert reference.name == f"ghcr.io/org/app@{DIGEST}"
    assert reference.context == Repository("ghcr.io", "org/app", "ghcr.io/org/app")
    assert reference.context.written == "ghcr.io/org/app"


def test_a_name_with_a_digest_has_to_fit_with_its_library() -> None:
    """Upstream reads such a name twice, the second time spelled out."""
    longest, digest = "a" * (255 - len("library/")), f"@sha256:{'0' * 64}"
    assert parse_reference(f"{longest}{digest}").repository == f"library/{longest}"
    assert parse_reference(f"{longest}a:1").repository == f"library/{longest}a"
    for text in (f"{longest}a{digest}", f"docker.io/{longest}a:1{digest}"):
        with pytest.raises(ImageReferenceError, match="could not parse reference"):
            parse_reference(text)


def test_no_tag_is_invented() -> None:
    assert parse_reference("nginx").tag == ""
    assert parse_reference("nginx").identifier == "latest"


def test_repositories_are_equal_when_their_canonical_names_are() -> None:
    assert parse_flux_image("nginx") == parse_flux_image("docker.io/library/nginx")
    assert parse_flux_image("nginx").written != parse_flux_image("docker.io/library/nginx").written


def test_hint_says_which_part_is_wrong() -> None:
    with pytest.raises(ImageReferenceError) as caught:
        parse_reference("ghcr.io/Org/app:1.0")
    assert caught.value.hint.startswith("repository can only contain the characters")


@pytest.mark.parametrize("text", ["1.0\n", "", ".x", "-x", "a" * 129, "é", "a b", "1.0\x1b[31m", "a/b", None, 3])
def test_what_no_tag_can_be_is_none(text: object) -> None:
    assert not is_tag(text)


NEARLY_TAGS = st.one_of(
    st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", fullmatch=True),
    st.text(alphabet="a0._-\n é", max_size=4),
    st.integers(126, 130).map(lambda length: "a" * length),
    st.sampled_from([None, 1, b"a", ["a"]]),
)


@given(st.lists(NEARLY_TAGS, max_size=20))
@example(["a\nb"])
@example(["a", "b\n"])
@example(["a" * 128 + "\n" + "a"])
def test_many_are_read_as_each_by_itself(texts: list[object]) -> None:
    assert only_tags(texts) == [text for text in texts if is_tag(text)]
    lines = "\n".join(text for text in texts if isinstance(text, str))
    assert is_list_of_tags(lines) is (not lines or all(map(is_tag, lines.split("\n"))))


def test_one_that_is_no_tag_costs_a_long_list_no_other() -> None:
    texts = [f"1.{number}" for number in range(2500)]
    assert only_tags([*texts[:1200], "no tag", *texts[1200:]]) == texts


@given(st.text(max_size=40))
def test_anything_else_than_a_reference_is_refused_and_not_a_crash(text: str) -> None:
    try:
        reference = parse_reference(text)
    except ImageReferenceError:
        return
    assert parse_reference(reference.name).name == reference.name


@given(st.from_regex(r"[a-z0-9]{2,5}(/[a-z0-9]{1,5}){0,3}(:[A-Za-z0-9._-]{1,10})?", fullmatch=True))
def test_canonical_name_reads_as_itself(text: str) -> None:
    name = parse_reference(text).name
    assert parse_reference(name).name == name
