"""Fields and latest refs make changes; nothing is emptied, nothing is said twice, every refusal has its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagesetter.errors import NothingSelected, ResolveError
from imagesetter.fields.field import FoundBy, ImagesEntry, Location, MarkedField
from imagesetter.fields.report import failure, report
from imagesetter.flux.latest_ref import LatestRef, Part
from imagesetter.flux.markers import Marker, PolicyName
from imagesetter.selection.sources import Failed, Resolution, Resolved
from imagesetter.update.plan import Change, plan_changes, summary
from krm_functions.result import ResourceRef, Result
from krm_functions.yaml.scan import scalars
from krm_functions.yaml.scan_result import Scalar
from support.flux_repositories import Run, policy, repository

APP = PolicyName("flux-system", "app")
WEB = PolicyName("flux-system", "web")
DIGEST = "sha256:" + "a" * 64
BARE = LatestRef("registry.example.com/app", "1.0.10")
FULL = LatestRef("registry.example.com/app", "1.0.10", DIGEST)
DEPLOYMENT = ResourceRef("apps/v1", "Deployment", "app", "prod")


KEYS = {"": "image", "tag": "tag", "name": "repository", "digest": "digest"}


def scalar(value: str, anchor: str = "", part: Part = "") -> Scalar:
    (found,) = scalars(f"{KEYS[part]}: {f'&{anchor} ' if anchor else ''}{value}\n")
    return found


def field(
    value: str = "registry.example.com/app:1.0.0",
    part: Part = "",
    *,
    policy: PolicyName = APP,
    line: int = 1,
    found_by: FoundBy = "marker",
    anchor: str = "",
) -> MarkedField:
    location = Location("app.yaml", line, 8, 1, DEPLOYMENT, "spec.image")
    return MarkedField(Marker(policy, part), scalar(value, anchor, part), location, found_by)


def answers(ref: LatestRef = BARE) -> dict[PolicyName, Resolution]:
    return {APP: Resolved(ref)}


PARTS: dict[str, tuple[Part, LatestRef, str]] = {
    "the whole reference": ("", BARE, "registry.example.com/app:1.0.10"),
    "the whole reference with a digest": ("", FULL, f"registry.example.com/app:1.0.10@{DIGEST}"),
    "the tag, digest or not": ("tag", FULL, "1.0.10"),
    "the name": ("name", FULL, "registry.example.com/app"),
    "the digest": ("digest", FULL, DIGEST),
}


@pytest.mark.parametrize(("part", "ref", "new"), PARTS.values(), ids=PARTS)
def test_a_field_becomes_the_part_that_its_marker_asks_for(part: Part, ref: LatestRef, new: str) -> None:
    marked = field("old", part)
    assert plan_changes([marked], answers(ref)).changes == (Change(marked, new, ref),)


def test_a_field_that_is_right_already_is_counted_and_left_alone() -> None:
    planned = plan_changes([field(str(BARE)), field("old")], answers())
    assert (planned.unchanged, [change.old for change in planned.changes], planned.results) == (1, ["old"], ())


BOUND = {
    "its own spelling of the name": ("app:1.0.0", "app:1.0.10"),
    "a port is no tag": ("localhost:5000/app", "localhost:5000/app:1.0.10"),
    "an old digest makes room for the new one": (f"app:1.0.0@sha256:{'b' * 64}", f"app:1.0.10@{DIGEST}"),
    "a digest alone": (f"app@sha256:{'b' * 64}", f"app:1.0.10@{DIGEST}"),
    "the digest of the same tag": (f"app:1.0.9@sha256:{'b' * 64}", f"app:1.0.10@{DIGEST}"),
}


@pytest.mark.parametrize(("old", "new"), BOUND.values(), ids=BOUND)
def test_an_image_that_is_bound_by_its_repository_keeps_its_own_name(old: str, new: str) -> None:
    resolved = Resolved(BARE, pin=DIGEST)
    assert [change.new for change in plan_changes([field(old, found_by="image")], {APP: resolved}).changes] == [new]


def test_a_digest_that_the_policy_does_not_reflect_is_an_error_and_no_empty_text() -> None:
    planned = plan_changes([field("old", "digest"), field("old")], answers())
    (result,) = planned.results
    assert (result.severity, result.tags["error"]) == ("error", "NoDigest")
    assert "spec.digestReflectionPolicy" in result.message
    assert [change.old for change in planned.changes] == ["old"]


# Policies without an answer


def test_a_failed_policy_is_reported_once_at_its_first_field_with_the_number_of_the_others() -> None:
    failed = Failed(NothingSelected("no tag", hint="look elsewhere"))
    fields = [field(line=3), field(line=5), field(policy=WEB, line=6), field(line=7)]
    planned = plan_changes(fields, {APP: failed, WEB: failed})
    assert [result.message for result in planned.results] == [
        "flux-system:app: no tag; look elsewhere (2 more fields follow it)",
        "flux-system:web: no tag; look elsewhere",
    ]
    assert [result.tags["line"] for result in planned.results] == ["3", "6"]
    assert {result.tags["error"] for result in planned.results} == {"NothingSelected"}
    assert planned.changes == ()


def test_one_more_field_is_told_in_the_singular() -> None:
    planned = plan_changes([field(), field()], {APP: Failed(ResolveError("unknown"))})
    assert planned.results[0].message.endswith("(1 more field follows it)")


@pytest.mark.parametrize(
    ("answer", "part"),
    [(Failed(ResolveError("unknown")), ""), (Resolved(BARE), "digest")],
    ids=["a failed policy", "a digest that is not there"],
)
def test_errors_that_are_kept_are_warnings(answer: Resolution, part: Part) -> None:
    planned = plan_changes([field("old", part)], {APP: answer}, keep_on_error=True)
    assert [result.severity for result in planned.results] == ["warning"]
    assert planned.changes == ()


# Fields that are left alone


HELD = report("warning", "left alone")


@pytest.mark.parametrize(
    ("value", "answer", "results", "unchanged"),
    [
        ("debug:7", Resolved(BARE), (HELD,), 0),
        (str(BARE), Resolved(BARE), (), 1),
        ("debug:7", Failed(ResolveError("unknown")), (HELD,), 0),
    ],
    ids=["another value", "the value that its policy selects", "a policy without an answer"],
)
def test_a_field_that_is_held_is_reported_unless_it_is_right(
    value: str, answer: Resolution, results: tuple[Result, ...], unchanged: int
) -> None:
    planned = plan_changes([field(value)._replace(held=HELD)], {APP: answer})
    assert (planned.changes, planned.results, planned.unchanged) == ((), results, unchanged)


ENTRIES = {
    "a mirror": (ImagesEntry("a.example/b", "m/b"), "a.example/b:1@sha256:0", "m/b:1@sha256:0"),
    "a tag takes the digest away": (ImagesEntry("b", new_tag="2"), "b:1@sha256:0", "b:2"),
    "a digest takes the tag away": (ImagesEntry("b", digest="sha256:1"), "b:1", "b@sha256:1"),
    "a tag and a digest": (ImagesEntry("b", new_tag="2", digest="sha256:1"), "b", "b:2@sha256:1"),
    "another image": (ImagesEntry("b", "m/b"), "a/b:1", "a/b:1"),
    "a port is no tag": (ImagesEntry("localhost:5000/b", "m/b"), "localhost:5000/b", "m/b"),
}


@pytest.mark.parametrize(("entry", "old", "new"), ENTRIES.values(), ids=ENTRIES)
def test_an_entry_of_images_does_to_a_text_what_kustomize_does(entry: ImagesEntry, old: str, new: str) -> None:
    assert entry.apply(old) == new


# Guards


def test_the_first_guard_that_objects_holds_the_field_and_later_ones_are_not_asked() -> None:
    asked: list[str] = []
    held = report("warning", "held")

    def silent(marked: MarkedField, ref: LatestRef, new: str) -> Result | None:
        asked.append(f"silent {new}")
        return None

    def strict(marked: MarkedField, ref: LatestRef, new: str) -> Result | None:
        asked.append("strict")
        return held

    planned = plan_changes([field()], answers(), guards=[silent, strict, silent])
    assert (planned.changes, planned.results, planned.unchanged) == ((), (held,), 0)
    assert asked == [f"silent {BARE}", "strict"]


def test_a_field_that_is_right_already_asks_no_guard() -> None:
    def never(marked: MarkedField, ref: LatestRef, new: str) -> Result | None:
        raise AssertionError("asked")

    assert plan_changes([field(str(BARE))], answers(), guards=[never]).unchanged == 1


# Words


def test_a_change_tells_old_and_new_with_its_place_and_policy() -> None:
    (change,) = plan_changes([field("old")], answers()).changes
    wire = change.result.to_dict()
    assert wire["message"] == f"set old → {BARE}"
    assert wire["field"] == {"path": "spec.image", "currentValue": "old", "proposedValue": str(BARE)}
    assert wire["file"] == {"path": "app.yaml", "index": 1}
    assert wire["tags"] == {"policy": "flux-system:app", "foundBy": "marker", "line": "1"}
    assert change.result.resource_ref == DEPLOYMENT


def test_a_change_of_an_anchored_field_says_that_its_aliases_follow() -> None:
    (change,) = plan_changes([field("old", anchor="image")], answers()).changes
    assert change.result.message == f"set old → {BARE} (aliases of &image follow)"
    assert change.result.tags["anchor"] == "image"


def test_a_failure_tells_what_where_and_what_to_do() -> None:
    result = failure(ResolveError("what", where="where", hint="what to do"), Location("app.yaml", 3), policy="a:b")
    assert result.message == "what (where); what to do"
    assert result.tags == {"error": "ResolveError", "policy": "a:b", "line": "3"}


PLACES = {
    "file, line and column": (Location("app.yaml", 3, 7, 0, DEPLOYMENT, "spec"), "app.yaml:3:7"),
    "a file": (Location("app.yaml"), "app.yaml"),
    "a resource": (Location(resource=DEPLOYMENT, field="spec.image"), str(DEPLOYMENT)),
    "a field": (Location(field="spec.image"), "spec.image"),
}


@pytest.mark.parametrize(("location", "text"), PLACES.values(), ids=PLACES)
def test_a_location_is_written_as_exactly_as_it_is_known(location: Location, text: str) -> None:
    assert str(location) == text


@pytest.mark.parametrize(
    ("changed", "unchanged", "would", "text"),
    [
        (1, 0, False, "1 field changed, 0 up to date"),
        (2, 3, False, "2 fields changed, 3 up to date"),
        (2, 3, True, "2 fields would change, 3 up to date"),
    ],
    ids=["one", "several", "a check"],
)
def test_the_closing_line_counts(changed: int, unchanged: int, would: bool, text: str) -> None:
    assert summary(changed, unchanged, would=would).message == text


@pytest.mark.parametrize("tag", ["1.2.3_build.5", "rel_7", "11..00"])
def test_a_second_run_finds_the_tag_that_the_first_one_wrote_among_other_text(run: Run, tag: str) -> None:
    """A cluster's status may name a tag that no reading of the policy takes for a version."""
    found = f"{repository()}---\n{policy(tag)}"
    text = 'a: --tag=1.0.0 # {"$imagepolicy": "flux-system:web:tag"}\n'
    run({"policies.yaml": found, "a.yaml": text}, "update", "--from", "status")
    assert Path("a.yaml").read_text(encoding="utf-8") == text.replace("1.0.0", tag)
    assert run({}, "update", "--from", "status") == "0 fields changed, 1 up to date (2 files read)\n"
