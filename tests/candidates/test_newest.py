"""Newest: tags without an order of their own get one by time, and nothing goes back in time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from imagesetter.config.function_config import parse_function_config
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.markers import PolicyName
from imagesetter.lock.document import parse_lock
from krm_functions.errors import UsageError
from krm_functions.function_config import FunctionConfig
from support.registries import RunningRegistry, push_image, run_registry
from support.runs import Ran, run_here, write_files
from support.sandbox import POLICIES, Sandbox

WEB = PolicyName("flux-system", "web")
ANY = POLICIES.replace("semver: {range: 1.x}", "alphabetical: {}")
HASHES = f"{ANY}  filterTags: {{pattern: '^sha-'}}\n"
Run = Callable[..., Ran]


def newest(by: str, policies: str = HASHES, more: str = "") -> str:
    return policies.replace("annotations: {}", f"annotations: {{imagesetter.dev/newest: {by}{more}}}")


def locked(sandbox: Sandbox) -> str:
    return parse_lock(sandbox.text(), "x").entries[WEB].tag


@pytest.fixture
def hashes(sandbox: Sandbox) -> Sandbox:
    """A policy that takes the hash tag that was pushed last, locked at the only one."""
    sandbox.write("policies.yaml", newest("pushed"))
    sandbox.registry.push("sha-9a")
    assert sandbox.run("lock").status == 0
    return sandbox


def test_the_tag_that_the_lock_saw_last_is_taken_whatever_its_name(hashes: Sandbox) -> None:
    for day, tag in (("2026-03-02", "sha-1b"), ("2026-03-03", "sha-f0"), ("2026-03-04", "sha-00")):
        hashes.registry.push(tag)
        hashes.day(day)
        ran = hashes.run("lock")
        assert (ran.status, locked(hashes)) == (0, tag), ran.err
        assert f"flux-system:web: {tag} was first seen on {day}T12:00:00Z" in ran.err
    assert parse_lock(hashes.text(), "x").entries[WEB].newest == "2026-03-04T12:00:00Z (first seen)"
    assert hashes.run("update", "--from", "lock").status == 0
    assert "web:sha-00 #" in hashes.text("app.yaml")


def test_filters_exclusions_and_holds_count_as_always(hashes: Sandbox) -> None:
    hashes.write("policies.yaml", newest("pushed").replace("interval: 5m", "interval: 5m, exclusionList: ['-bad$']"))
    hashes.registry.push("sha-1-bad", "latest")
    hashes.day("2026-03-02")
    hashes.run("lock")
    assert locked(hashes) == "sha-9a"
    hashes.registry.push("sha-22")
    hashes.run("hold", "web", "--exclude-tag", "sha-22", "--reason", "broken")
    hashes.day("2026-03-03")
    hashes.run("lock")
    assert locked(hashes) == "sha-9a"
    hashes.registry.push("sha-11")
    hashes.run("unhold", "web")
    hashes.day("2026-03-04")
    hashes.run("lock")
    assert locked(hashes) == "sha-11"


def test_a_tag_that_a_partial_answer_left_out_is_not_new_when_it_is_back(hashes: Sandbox) -> None:
    for day, change in (
        ("2026-03-02", lambda: hashes.registry.push("sha-1b")),
        ("2026-03-03", lambda: hashes.registry.delete("sha-9a")),
        ("2026-03-04", lambda: hashes.registry.push("sha-9a")),
    ):
        change()
        hashes.day(day)
        assert hashes.run("lock").status == 0
        assert locked(hashes) == "sha-1b"


def test_an_entry_never_goes_back_in_time_unless_that_is_allowed(hashes: Sandbox) -> None:
    hashes.registry.push("sha-1b")
    hashes.day("2026-03-02")
    hashes.run("lock")
    hashes.registry.delete("sha-1b")
    hashes.day("2026-03-03")
    ran = hashes.run("lock")
    assert (ran.status, locked(hashes)) == (0, "sha-1b")
    assert "flux-system:web stays locked at sha-1b, which it ranks above the selected tag, sha-9a: a tag" in ran.err
    assert hashes.run("lock", "--strict").status == 1
    assert hashes.run("lock", "--allow-downgrade").status == 0
    assert locked(hashes) == "sha-9a"


def test_upload_times_of_the_registry_count_where_there_are_any(sandbox: Sandbox) -> None:
    sandbox.write("policies.yaml", newest("pushed"))
    sandbox.registry.push("sha-9a", "sha-1b", "sha-55")
    sandbox.registry.uploaded = {"sha-9a": 1.7e9, "sha-1b": 1.7e9 + 60}
    ran = sandbox.run("lock")
    assert (ran.status, locked(sandbox)) == (0, "sha-1b")
    assert "sha-1b was uploaded on 2023-11-14T22:14:20Z according to the registry" in ran.err
    assert parse_lock(sandbox.text(), "x").seen == ()
    assert sandbox.registry.scanned[0][1].upload_times


def test_a_run_in_which_the_registry_sends_no_times_changes_nothing(sandbox: Sandbox) -> None:
    sandbox.write("policies.yaml", newest("pushed"))
    sandbox.registry.push("sha-9a")
    sandbox.registry.uploaded = {"sha-9a": 1.7e9}
    sandbox.run("lock")
    before = sandbox.text()
    sandbox.registry.push("sha-1b")
    sandbox.registry.uploaded = {}
    ran = sandbox.run("lock")
    assert (ran.status, sandbox.text()) == (1, before)
    assert "flux-system:web takes the newest tag, and the registry sent no upload times in this run" in ran.err


def test_of_too_many_tags_none_is_called_the_newest_until_a_person_says_which_one_is_in_use(sandbox: Sandbox) -> None:
    sandbox.write("policies.yaml", newest("pushed"))
    sandbox.registry.push(*(f"sha-{number:03}" for number in range(900)))
    sandbox.run("hold", "web", "--tag", "sha-007", "--reason", "start")
    assert sandbox.run("lock").status == 0
    sandbox.run("unhold", "web")
    assert sandbox.run("lock").status == 0
    assert locked(sandbox) == "sha-007"
    sandbox.registry.push("sha-aaa")
    sandbox.day("2026-03-02")
    assert sandbox.run("lock").status == 0
    assert locked(sandbox) == "sha-aaa"
    before = sandbox.text()
    sandbox.registry.push(*(f"sha-{number}" for number in range(1000, 1200)))
    ran = sandbox.run("lock")
    assert (ran.status, sandbox.text()) == (1, before)
    assert (
        "flux-system:web takes the newest of 1101 tags, and the lock records when it first saw a tag for at most 1000"
        in ran.err
    )
    assert "narrow filterTags or the range, or delete old tags from the registry" in ran.err


def test_what_a_wider_filter_lets_in_is_not_new(hashes: Sandbox) -> None:
    hashes.registry.push("v1")
    hashes.write("policies.yaml", newest("pushed").replace("'^sha-'", "'^(sha-|v)'"))
    hashes.day("2026-03-02")
    assert hashes.run("lock").status == 0
    assert locked(hashes) == "sha-9a"
    hashes.registry.push("v2")
    hashes.day("2026-03-03")
    hashes.run("lock")
    assert locked(hashes) == "v2"


def test_a_minimum_age_holds_back_the_newest(hashes: Sandbox) -> None:
    hashes.write("policies.yaml", newest("pushed", more=", imagesetter.dev/minimum-age: 3d"))
    hashes.day("2026-03-02")
    hashes.run("lock")
    hashes.registry.push("sha-1b")
    for day, tag in (("2026-03-03", "sha-9a"), ("2026-03-05", "sha-9a"), ("2026-03-06", "sha-1b")):
        hashes.day(day)
        assert hashes.run("lock").status == 0
        assert locked(hashes) == tag, day


@pytest.mark.parametrize("arguments", [("update",), ("update", "--from", "status")], ids=["registry", "status"])
def test_without_a_lock_there_is_no_order_and_no_field_changes(hashes: Sandbox, arguments: tuple[str, ...]) -> None:
    before = hashes.text("app.yaml")
    ran = hashes.run(*arguments)
    assert (ran.status, hashes.text("app.yaml")) == (1, before)
    assert "flux-system:web takes the newest tag, and " in ran.err


@pytest.mark.parametrize("by", ["upload", "'true'"])
def test_another_word_is_an_error(sandbox: Sandbox, by: str) -> None:
    sandbox.write("policies.yaml", newest(by))
    ran = sandbox.run("lock")
    assert ran.status == 1
    assert f"'{by.strip(chr(39))}' is neither pushed nor created" in ran.err


def test_an_inline_policy_has_it_as_a_field() -> None:
    policy = {"name": "web", "image": "registry.example.com/web", "alphabetical": {}}

    def read(newest: object) -> str | None:
        spec = {"policies": [{**policy, "newest": newest}]}
        body = {"apiVersion": "imagesetter.dev/v1alpha1", "kind": "ImageSetter", "spec": spec}
        config = parse_function_config(FunctionConfig("imagesetter.dev/v1alpha1", "ImageSetter", "images", "", body))
        catalog = Catalog()
        catalog.add(config.policies)
        return catalog.policy(WEB).newest

    assert [read({"by": "pushed"}), read({"by": "created"})] == ["pushed", "created"]
    with pytest.raises(UsageError, match=r"spec\.policies\[0\]\.newest\.by"):
        read({"by": "size"})


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    """Images that state when they were created, one that does not know, and one from the future."""
    with run_registry("v3", folder=tmp_path_factory.mktemp("registry")) as running:
        push_image(running, "web", ["sha-9a"], created="2026-01-01T12:00:00.123456789Z")
        push_image(running, "web", ["sha-1b"], created="2026-01-03T12:00:00+02:00")
        push_image(running, "web", ["sha-22"], created="2026-01-02T12:00:00Z", platforms=["linux/amd64", "linux/arm64"])
        push_image(running, "web", ["sha-e0"], created="1970-01-01T00:00:00Z")
        push_image(running, "web", ["sha-ff"], created="2999-01-01T00:00:00Z")
        push_image(running, "web", ["sha-xx"], created="yesterday")
        yield running


@pytest.fixture
def run(
    images: RunningRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("IMAGESETTER_ALLOW_LOOPBACK", "true")

    def ran(policies: str, *arguments: str) -> Ran:
        text = policies.replace("registry.example.com", images.host).replace("interval: 5m", "insecure: true")
        write_files(tmp_path, {"policies.yaml": text})
        return run_here(capsys, *arguments)

    return ran


def test_created_is_what_the_image_states_and_called_untrusted(run: Run, images: RunningRegistry) -> None:
    ran = run(newest("created"), "lock")
    assert ran.status == 0, ran.err
    entry = parse_lock(Path("images.lock.yaml").read_text(), "x").entries[WEB]
    assert (entry.tag, entry.newest) == ("sha-1b", "2026-01-03T10:00:00Z (created, untrusted)")
    note = "sha-1b was created on 2026-01-03T10:00:00Z according to its image (untrusted)"
    assert f"flux-system:web: {note}" in ran.err
    ran = run(newest("created"), "explain", "web", "--limit", "0")
    assert "/web  alphabetical asc, filterTags ^sha-, newest by what images state (untrusted)\n" in ran.out
    assert f"→ {images.host}/web:sha-1b\n" in ran.out
    assert f"note: {note}\n" in ran.out
    ran = run(newest("created"), "explain", "web", "--tag", "sha-ff")
    assert f"why not sha-ff? {note}\n" in ran.out


def test_what_came_between_two_runs_is_ordered_by_what_the_images_state(run: Run) -> None:
    ran = run(newest("pushed"), "lock")
    assert ran.status == 0, ran.err
    assert parse_lock(Path("images.lock.yaml").read_text(), "x").entries[WEB].tag == "sha-1b"
    assert (
        "flux-system:web: 6 tags were first seen at the same time; sha-1b is taken, since its image states "
        "2026-01-03T10:00:00Z (untrusted)" in ran.err
    )


def test_more_images_than_may_be_asked_are_refused_with_the_way_out(run: Run, images: RunningRegistry) -> None:
    push_image(images, "many/web", [f"sha-{number}" for number in range(101)])
    ran = run(newest("created").replace("example.com/web", "example.com/many/web"), "lock")
    assert ran.status == 1
    assert "created last, and 101 tags would have to be asked (at most 100)" in ran.err
    assert "narrow filterTags or the range, or take the tag that was pushed last: imagesetter.dev/newest: pushed" in (
        ran.err
    )


def test_a_time_of_a_wrong_clock_counts_as_now(hashes: Sandbox) -> None:
    for day, tag in (("2036-01-01", "sha-1c"), ("2026-03-05", "sha-1d"), ("2026-03-06", "sha-1a")):
        hashes.day(day)
        hashes.registry.push(tag)
        assert hashes.run("lock").status == 0
    entry = parse_lock(hashes.text(), "x").entries[WEB]
    assert (entry.tag, entry.newest) == ("sha-1a", "2026-03-06T12:00:00Z (first seen)")
