"""Minimum age: a tag is taken once it is old enough by our own clock, and the next-best until then."""

from __future__ import annotations

import pytest

from imagesetter.config.function_config import parse_function_config as parse_config
from imagesetter.config.options import FunctionOptions
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.markers import PolicyName
from imagesetter.golang.duration import parse_age
from imagesetter.lock.document import parse_lock
from krm_functions.errors import UsageError
from krm_functions.function_config import FunctionConfig
from support.sandbox import APP, IMAGE, POLICIES, Sandbox, digest

AGED = POLICIES.replace("annotations: {}", "annotations: {imagesetter.dev/minimum-age: 3d}")


@pytest.fixture
def aged(sandbox: Sandbox) -> Sandbox:
    """A sandbox whose policy asks for tags that are three days old; it is locked at 1.4.0 on 1 March."""
    sandbox.write("policies.yaml", AGED)
    ran = sandbox.run("lock")
    assert ran.status == 0, str(ran)
    return sandbox


def tag(sandbox: Sandbox) -> str:
    (entry,) = parse_lock(sandbox.text(), "x").entries.values()
    return entry.tag


def sights(sandbox: Sandbox) -> list[tuple[str, str]]:
    return [(seen.tag, seen.since) for seen in parse_lock(sandbox.text(), "x").seen]


def locked(sandbox: Sandbox, *options: str) -> str:
    ran = sandbox.run("lock", *options)
    assert ran.status == 0, str(ran)
    return ran.err


def test_a_new_tag_is_noted_waited_for_and_taken(aged: Sandbox) -> None:
    aged.registry.push("1.5.0")
    aged.day("2026-03-02")
    said = locked(aged)
    assert (tag(aged), sights(aged)) == ("1.4.0", [("1.5.0", "2026-03-02T12:00:00Z")])
    assert (
        "info: flux-system:web: 1.5.0 is not 3d old until 2026-03-05T12:00:00Z (first seen on 2026-03-02T12:00:00Z)"
        in said
    )
    text = aged.text()
    aged.day("2026-03-04")
    locked(aged)
    assert aged.text() == text
    aged.day("2026-03-05")
    locked(aged)
    assert (tag(aged), sights(aged)) == ("1.5.0", [])


def test_each_tag_grows_old_by_itself_and_the_best_that_is_old_enough_is_taken(aged: Sandbox) -> None:
    aged.day("2026-03-02")
    aged.registry.push("1.4.1")
    locked(aged)
    aged.day("2026-03-04")
    aged.registry.push("1.4.2")
    locked(aged)
    aged.day("2026-03-06")
    locked(aged)
    assert (tag(aged), sights(aged)) == ("1.4.1", [("1.4.2", "2026-03-04T12:00:00Z")])


def test_a_tag_that_moves_begins_anew(aged: Sandbox) -> None:
    aged.day("2026-03-02")
    aged.registry.push("1.5.0")
    locked(aged)
    aged.registry.push("1.5.0", content="other")
    aged.day("2026-03-06")
    locked(aged)
    assert (tag(aged), sights(aged)) == ("1.4.0", [("1.5.0", "2026-03-06T12:00:00Z")])
    assert digest("other") in aged.text()


def test_what_is_below_the_locked_tag_is_never_noted(aged: Sandbox) -> None:
    aged.registry.push("1.3.9", "2.0.0", "latest")
    text = aged.text()
    aged.day("2026-03-02")
    locked(aged)
    assert aged.text() == text


def test_a_sight_goes_with_its_tag_its_policy_and_its_minimum_age(aged: Sandbox) -> None:
    aged.registry.push("1.5.0", "1.6.0")
    locked(aged)
    aged.registry.delete("1.6.0")
    locked(aged)
    assert sights(aged) == [("1.5.0", "2026-03-01T12:00:00Z")]
    aged.write("policies.yaml", POLICIES)
    locked(aged)
    assert (tag(aged), sights(aged)) == ("1.5.0", [])


def test_a_registry_that_fails_costs_no_sight(aged: Sandbox) -> None:
    aged.registry.push("1.5.0")
    locked(aged)
    text = aged.text()
    aged.registry.delete("1.4.0", "1.5.0")
    assert aged.run("lock").status == 1
    assert aged.text() == text


def test_the_first_run_takes_what_is_there_unless_it_shall_wait(sandbox: Sandbox) -> None:
    sandbox.write("policies.yaml", AGED)
    ran = sandbox.run("lock", "--unseen", "wait")
    assert ran.status == 1
    assert "no tag of flux-system:web is 3d old yet" in ran.err
    assert sights(sandbox) == [("1.4.0", "2026-03-01T12:00:00Z")]
    sandbox.day("2026-03-03")
    sandbox.registry.push("1.5.0")
    assert sandbox.run("lock").status == 1  # it has begun to wait: the default takes nothing that is new since
    sandbox.day("2026-03-04")
    locked(sandbox)
    assert (tag(sandbox), sights(sandbox)) == ("1.4.0", [("1.5.0", "2026-03-03T12:00:00Z")])


def test_the_upload_time_of_a_registry_counts_and_is_named(aged: Sandbox) -> None:
    aged.registry.push("1.5.0")
    aged.registry.uploaded["1.5.0"] = aged.time - 2 * 86400
    said = locked(aged)
    assert tag(aged) == "1.4.0"
    assert (
        "1.5.0 is not 3d old until 2026-03-02T12:00:00Z (uploaded on 2026-02-27T12:00:00Z according to the registry)"
        in said
    )
    assert sights(aged) == []
    aged.day("2026-03-02")
    locked(aged)
    assert tag(aged) == "1.5.0"


def test_what_is_old_enough_after_the_year_9999_alone_is_said_with_its_last_second(aged: Sandbox) -> None:
    aged.registry.push("1.5.0")
    aged.registry.uploaded["1.5.0"] = 999_999_999_999
    assert "1.5.0 is not 3d old until 9999-12-31T23:59:59Z (uploaded on 9999-12-31T23:59:59Z" in locked(aged)
    aged.registry.uploaded.clear()
    aged.write("policies.yaml", AGED.replace("3d", "99999999d"))
    assert "1.5.0 is not 99999999d old until 9999-12-31T23:59:59Z" in locked(aged)


def test_an_upload_time_counts_on_the_first_run_too(sandbox: Sandbox) -> None:
    sandbox.write("policies.yaml", AGED)
    sandbox.registry.push("1.5.0")
    sandbox.registry.uploaded.update({"1.4.0": sandbox.time - 4 * 86400, "1.5.0": sandbox.time - 3600})
    locked(sandbox)
    assert tag(sandbox) == "1.4.0"


def test_a_digest_that_is_meant_to_move_has_to_grow_old_as_well(sandbox: Sandbox) -> None:
    sandbox.write("policies.yaml", AGED + "  digestReflectionPolicy: Always\n  interval: 10m\n")
    locked(sandbox)
    sandbox.registry.push("1.4.0", content="rebuilt")
    sandbox.day("2026-03-02")
    locked(sandbox)
    assert f"digest: {digest('1.4.0')}\n" in sandbox.text()
    assert sights(sandbox) == [("1.4.0", "2026-03-02T12:00:00Z")]
    sandbox.day("2026-03-05")
    locked(sandbox)
    assert f"digest: {digest('rebuilt')}\n" in sandbox.text()
    assert sights(sandbox) == []


def test_a_run_without_a_lock_cannot_tell_ages_and_says_what_can(sandbox: Sandbox) -> None:
    sandbox.write("policies.yaml", AGED)
    ran = sandbox.run("update")
    assert ran.status == 1
    assert "only a lock records when a tag was first seen" in ran.err
    assert "run `imagesetter lock`, and apply it with --from lock" in ran.err


def test_a_run_beside_a_lock_takes_nothing_that_is_too_young(aged: Sandbox) -> None:
    aged.registry.push("1.5.0")
    aged.write("app.yaml", APP.replace("1.4.0", "1.3.0"))
    assert aged.run("update").status == 0
    assert f"{IMAGE}:1.4.0 " in aged.text("app.yaml")


def test_an_excluded_tag_gives_way_to_one_that_is_old_enough(aged: Sandbox) -> None:
    aged.registry.push("1.5.0", "1.6.0")
    locked(aged)
    aged.run("hold", "web", "--exclude-tag", "1.6.0", "--reason", "no")
    aged.day("2026-03-04")
    locked(aged)
    assert tag(aged) == "1.5.0"


def test_questions_for_digests_are_few(aged: Sandbox) -> None:
    """A tag that is known and still too young is not asked for again."""
    aged.registry.push(*(f"1.5.{number}" for number in range(100)))
    locked(aged)
    assert len(sights(aged)) == 50
    aged.registry.asked.clear()
    locked(aged)
    assert aged.registry.asked == ["1.4.0"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("3d", 259200.0), ("1d12h", 129600.0), ("36h", 129600.0), ("1.5d", 129600.0), ("90m", 5400.0), ("0s", 0.0)],
)
def test_an_age_is_a_duration_with_days(text: str, expected: float) -> None:
    assert parse_age(text) == expected


@pytest.mark.parametrize("text", ["", "3", "d", "12h1d", "3 d", "-1d", "3days", "1d1"])
def test_what_is_no_age_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an age such as 3d, 36h or 1d12h"):
        parse_age(text)


def test_a_minimum_age_that_is_none_is_said_with_its_annotation(sandbox: Sandbox) -> None:
    sandbox.write("policies.yaml", AGED.replace("3d", "soon"))
    ran = sandbox.run("lock")
    assert ran.status == 1
    assert "metadata.annotations[\"imagesetter.dev/minimum-age\"]: 'soon' is not an age" in ran.err


def inline(**fields: object) -> FunctionOptions:
    policy = {"name": "web", "image": IMAGE, "semver": {"range": "1.x"}, **fields}
    body = {"apiVersion": "imagesetter.dev/v1alpha1", "kind": "ImageSetter", "spec": {"policies": [policy]}}
    return parse_config(FunctionConfig("imagesetter.dev/v1alpha1", "ImageSetter", "images", "", body))


def test_an_inline_policy_has_a_minimum_age_of_its_own() -> None:
    catalog = Catalog()
    catalog.add(inline(minimumAge="1d12h").policies)
    assert catalog.policy(PolicyName("flux-system", "web")).minimum_age == 129600.0


@pytest.mark.parametrize("age", ["soon", 3])
def test_an_inline_minimum_age_that_is_none_is_refused_with_its_field(age: object) -> None:
    with pytest.raises(UsageError, match=r"spec\.policies\[0\]\.minimumAge: "):
        inline(minimumAge=age)


def test_an_explanation_of_a_list_heeds_holds_and_what_the_lock_has_seen(aged: Sandbox) -> None:
    aged.registry.push("1.5.0")
    aged.run("lock")
    aged.write("tags.txt", "1.4.0\n1.4.1\n1.5.0\n1.6.0\n")
    ran = aged.run("explain", "web", "--tags-file", "tags.txt")
    assert (ran.status, "→ registry.example.com/web:1.4.1" in ran.out) == (0, False), str(ran)
    assert "→ registry.example.com/web:1.4.0" in ran.out
    assert "note: 1.6.0 is not 3d old until" in ran.err + ran.out
    aged.day("2026-03-20")
    aged.run("hold", "web", "--exclude-tag", "1.5.0", "--reason", "leaks")
    aged.write("tags.txt", "1.4.0\n1.5.0\n")
    ran = aged.run("explain", "web", "--tags-file", "tags.txt", "--tag", "1.5.0")
    assert "why not 1.5.0? without 1.5.0 (leaks); otherwise it would be 1.5.0" in ran.out, str(ran)


def test_an_explanation_without_a_lock_says_that_ages_do_not_count(aged: Sandbox) -> None:
    (aged.root / "images.lock.yaml").unlink()
    ran = aged.run("explain", "web")
    said = "note: the policy requires tags that are at least 3d old; no lock here records ages, so this is ignored"
    assert said in ran.out + ran.err
