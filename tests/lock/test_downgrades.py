"""No field and no entry goes back to a lower tag unless somebody asks for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from imagesetter.config.function_config import parse_function_config
from imagesetter.config.options import FunctionOptions
from imagesetter.fields.field import Location, MarkedField
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.latest_ref import LatestRef
from imagesetter.flux.markers import Marker, PolicyName
from imagesetter.flux.resources import resource
from imagesetter.lock.holds import Hold, wants_downgrade
from imagesetter.selection.sources import Resolved
from imagesetter.update.downgrades import downgrade_guard
from imagesetter.update.files import FileUpdates, update_files
from imagesetter.update.read_tree import read_tree
from imagesetter.update.resource_list import ListUpdate, update_resource_list
from krm_functions.function_config import FunctionConfig
from krm_functions.resource_list import ResourceList
from krm_functions.result import Result
from krm_functions.yaml.load import load_all
from krm_functions.yaml.scan import scalars
from support.sandbox import APP, IMAGE, POLICIES, Sandbox

WEB = PolicyName("flux-system", "web")
DIGEST = "sha256:" + "a" * 64
MARK = '# {"$imagepolicy": "flux-system:web%s"}'
ALLOWED = POLICIES.replace("annotations: {}", 'annotations: {imagesetter.dev/allow-downgrade: "true"}')


class Answers:
    """A source that answers every policy with the same ref."""

    def __init__(self, tag: str) -> None:
        self.tag = tag

    def answers(self, names: Any) -> dict[PolicyName, Any]:
        return {name: Resolved(LatestRef(IMAGE, self.tag, DIGEST)) for name in names}


def catalog(text: str) -> Catalog:
    made = Catalog()
    made.add(found for data, line in load_all(text) if (found := resource(data, f"policies.yaml:{line}")))  # type: ignore[arg-type]
    return made


def run(
    root: Path, text: str, tag: str, *, policies: str = POLICIES, holds: tuple[Hold, ...] = (), strict: bool = False
) -> tuple[str, FileUpdates]:
    """The text after an update in which the policy's answer is *tag*."""
    (root / "app.yaml").write_text(text)
    known = catalog(policies)
    outcome = update_files(
        read_tree([root]),
        lambda fields: Answers(tag),
        guards_of=lambda fields: [
            downgrade_guard(
                known, fields, wanted=lambda policy, old, new: wants_downgrade(holds, old, new), strict=strict
            )
        ],
    )
    after = outcome.rewrites[0].versions()[1].decode() if outcome.rewrites else text
    return after, outcome


def messages(results: tuple[Result, ...]) -> list[str]:
    return [f"{result.severity}: {result.message}" for result in results]


def test_a_field_above_the_answer_stays_and_both_tags_are_named(tmp_path: Path) -> None:
    text = f"image: {IMAGE}:1.4.2 {MARK % ''}\n"
    after, outcome = run(tmp_path, text, "1.4.1")
    assert after == text
    assert messages(outcome.results) == [
        "warning: stays at 1.4.2, which flux-system:web ranks above the selected tag, 1.4.1: a tag was "
        "deleted, or the registry did not return all tags; allow it with --allow-downgrade, or with the annotation "
        'imagesetter.dev/allow-downgrade: "true" on the ImagePolicy'
    ]
    (result,) = outcome.results
    assert result.field is not None
    assert (result.field.current_value, result.field.proposed_value) == (
        f"{IMAGE}:1.4.2",
        f"{IMAGE}:1.4.1@{DIGEST}",
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (f"{IMAGE}:1.4.0", f"{IMAGE}:1.4.1@{DIGEST}"),
        (f"{IMAGE}:1.4.1", f"{IMAGE}:1.4.1@{DIGEST}"),
        ("other.example.com/web:1.9.0", f"{IMAGE}:1.4.1@{DIGEST}"),
        (IMAGE, f"{IMAGE}:1.4.1@{DIGEST}"),
    ],
    ids=["upwards", "the same tag", "another repository", "no tag yet"],
)
def test_a_change_that_is_no_step_back_is_made_without_a_word(old: str, new: str, tmp_path: Path) -> None:
    after, outcome = run(tmp_path, f"image: {old} {MARK % ''}\n", "1.4.1")
    assert after == f"image: {new} {MARK % ''}\n"
    assert outcome.results == ()


@pytest.mark.parametrize("old", ["latest", "main-3f2a1b"])
def test_a_tag_that_the_policy_cannot_rank_is_replaced_with_a_notice(old: str, tmp_path: Path) -> None:
    after, outcome = run(tmp_path, f"tag: {old} {MARK % ':tag'}\n", "1.4.1")
    assert after == f"tag: 1.4.1 {MARK % ':tag'}\n"
    assert messages(outcome.results) == [
        f"info: flux-system:web cannot rank {old}, so nothing prevents a downgrade to 1.4.1"
    ]


def test_a_placeholder_that_can_be_no_tag_is_replaced(tmp_path: Path) -> None:
    policies = POLICIES.replace("semver: {range: 1.x}", "alphabetical: {}")
    assert policies != POLICIES
    after, outcome = run(tmp_path, f'tag: "~" {MARK % ":tag"}\n', "1.4.1", policies=policies)
    assert after == f'tag: "1.4.1" {MARK % ":tag"}\n'
    assert outcome.results == ()


SEMVER = "semver: {range: 1.x}"
NARROWED: dict[str, tuple[str, str, str, str]] = {
    "the range": ("semver: {range: 1.4.x}", "1.5.0", "1.4.1", "1.5.0 is not 1.4.x"),
    "a range without prereleases": ("semver: {range: '>=1.0.0'}", "1.5.0-rc.1", "1.4.1", ""),
    "an exact version": ("semver: {range: 1.4.1}", "1.5.0", "1.4.1", ""),
    "another major": (SEMVER, "2.0.0", "1.4.1", ""),
    "the filter": (
        "alphabetical: {order: asc}}\n  filterTags: {pattern: '^main-'",
        "release-1",
        "main-9",
        "it does not match filterTags.pattern ^main-",
    ),
    "the filter of a range": (
        SEMVER + "}\n  filterTags: {pattern: '^1[.]4'",
        "1.5.0",
        "1.4.1",
        "it does not match filterTags.pattern",
    ),
}


@pytest.mark.parametrize(("rule", "old", "new", "why"), NARROWED.values(), ids=NARROWED)
def test_a_tag_that_the_policy_does_not_allow_any_more_gives_way(
    rule: str, old: str, new: str, why: str, tmp_path: Path
) -> None:
    policies = POLICIES.replace(SEMVER, rule)
    after, outcome = run(tmp_path, f"tag: {old} {MARK % ':tag'}\n", new, policies=policies)
    assert after == f"tag: {new} {MARK % ':tag'}\n"
    (told,) = messages(outcome.results)
    assert told.startswith(f"info: flux-system:web no longer allows {old} (")
    assert told.endswith(f"), so {new} takes its place")
    assert why in told


def test_a_tag_that_the_exclusion_list_drops_gives_way(tmp_path: Path) -> None:
    policies = POLICIES.replace("interval: 5m", "interval: 5m, exclusionList: ['^1[.]5']")
    after, outcome = run(tmp_path, f"image: {IMAGE}:1.5.0 {MARK % ''}\n", "1.4.1", policies=policies)
    assert after == f"image: {IMAGE}:1.4.1@{DIGEST} {MARK % ''}\n"
    assert "the exclusion list excludes it: it matches ^1[.]5" in messages(outcome.results)[0]


def test_the_fields_beside_a_tag_that_gives_way_go_with_it(tmp_path: Path) -> None:
    policies = POLICIES.replace(SEMVER, "semver: {range: 1.4.x}")
    text = f"name: x {MARK % ':name'}\ntag: 1.5.0 {MARK % ':tag'}\ndigest: sha256:00 {MARK % ':digest'}\n"
    after, outcome = run(tmp_path, text, "1.4.1", policies=policies)
    assert after == f"name: {IMAGE} {MARK % ':name'}\ntag: 1.4.1 {MARK % ':tag'}\ndigest: {DIGEST} {MARK % ':digest'}\n"
    assert len(outcome.results) == 1


STILL_ALLOWED: dict[str, tuple[str, str]] = {
    "a tag of the range that is missing": ("semver: {range: 1.x}", "1.5.0"),
    "a tag of the range's end": ("semver: {range: <=1.5.0}", "1.5.0"),
    "a prerelease that the range admits": ("semver: {range: '>=1.0.0-0'}", "1.5.0-rc.1"),
    "a tag of the filter": (SEMVER + "}\n  filterTags: {pattern: '^1[.]'", "1.5.0"),
    "a word of the alphabet": ("alphabetical: {order: asc}", "1.5.0"),
}


@pytest.mark.parametrize(("rule", "old"), STILL_ALLOWED.values(), ids=STILL_ALLOWED)
def test_a_tag_that_the_policy_still_allows_stays(rule: str, old: str, tmp_path: Path) -> None:
    text = f"tag: {old} {MARK % ':tag'}\n"
    after, outcome = run(tmp_path, text, "1.4.1", policies=POLICIES.replace(SEMVER, rule))
    assert after == text
    assert f"stays at {old}, which flux-system:web ranks above the selected tag" in messages(outcome.results)[0]


def test_name_and_digest_fields_do_what_the_tag_beside_them_does(tmp_path: Path) -> None:
    def mapping(key: str, name: str, tag: str, digest: str = "old") -> str:
        fields = {"name": name, "tag": tag, "digest": digest}
        return f"{key}:\n" + "".join(f"  {part}: {text} {MARK % f':{part}'}\n" for part, text in fields.items())

    text = mapping("a", "x", "1.4.2") + mapping("b", "y", "1.4.0")
    after, outcome = run(tmp_path, text, "1.4.1")
    assert after == mapping("a", "x", "1.4.2") + mapping("b", IMAGE, "1.4.1", DIGEST)
    beside = "warning: stays as it is, since the tag beside it stays at 1.4.2"
    assert messages(outcome.results)[::2] == [beside, beside]
    assert [change.field.scalar.line for change in outcome.changes] == [6, 7, 8]


def test_strict_makes_a_step_back_an_error(tmp_path: Path) -> None:
    _, outcome = run(tmp_path, f"tag: 1.4.2 {MARK % ':tag'}\n", "1.4.1", strict=True)
    assert [result.severity for result in outcome.results] == ["error"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"policies": ALLOWED}, "1.4.1"),
        ({"policies": ""}, "1.4.1"),
        ({"holds": (Hold(WEB, tag="1.4.1"),)}, "1.4.1"),
        ({"holds": (Hold(WEB, exclude="1.4.2"),)}, "1.4.1"),
        ({"holds": (Hold(WEB, exclude="1.3.0"), Hold(WEB, tag="1.2.0"))}, "1.4.2"),
        (
            {"policies": POLICIES.replace("annotations: {}", "annotations: {imagesetter.dev/allow-downgrade: yes}")},
            "1.4.2",
        ),
    ],
    ids=[
        "the annotation",
        "a policy that is not known",
        "a hold at the lower tag",
        "a hold without the higher one",
        "holds about other tags",
        "an annotation that is not true",
    ],
)
def test_who_may_ask_for_a_step_back(options: dict[str, Any], expected: str, tmp_path: Path) -> None:
    after, _ = run(tmp_path, f"tag: 1.4.2 {MARK % ':tag'}\n", "1.4.1", **options)
    assert after == f"tag: {expected} {MARK % ':tag'}\n"


LIST = f"""\
apiVersion: config.kubernetes.io/v1
kind: ResourceList
items:
- apiVersion: apps/v1
  kind: Deployment
  metadata: {{name: web}}
  spec: {{template: {{spec: {{containers: [{{name: web, image: "{IMAGE}:1.4.2"}}]}}}}}}
"""
TARGET = {"select": {"kind": "Deployment"}, "fieldPaths": ["spec.template.spec.containers[name=web].image"]}


def rendered(**spec: Any) -> ListUpdate:
    body = {
        "apiVersion": "imagesetter.dev/v1alpha1",
        "kind": "ImageSetter",
        "metadata": {"name": "images", "namespace": "flux-system"},
        "spec": {
            "policies": [{"name": "web", "image": IMAGE, "semver": {"range": "1.x"}, **spec.pop("policy", {})}],
            "targets": [{**TARGET, "policy": "web"}],
            **spec,
        },
    }
    config = parse_function_config(
        FunctionConfig("imagesetter.dev/v1alpha1", "ImageSetter", "images", "flux-system", body)
    )
    return update_resource_list(ResourceList.parse(LIST.encode()), config, lambda catalog, known: Answers("1.4.1"))


def images_field(value: str, parts: frozenset[str]) -> MarkedField:
    """An image of a build, as an entry of ``images:`` with markers made it."""
    (scalar,) = scalars(f"image: {value}\n")
    return MarkedField(Marker(PolicyName("flux-system", "web")), scalar, Location("stdin"), "source", parts)


MIRRORED: dict[str, tuple[str, frozenset[str], bool]] = {
    "the newTag of a mirror": ("mirror.example.com/web:1.5.0", frozenset({"tag"}), True),
    "the newTag of a mirror, with its digest": (
        f"mirror.example.com/web:1.5.0@{DIGEST}",
        frozenset({"tag", "digest"}),
        True,
    ),
    "the newTag of the policy's own name": (f"{IMAGE}:1.5.0", frozenset({"tag"}), True),
    "a later newTag": ("mirror.example.com/web:1.4.0", frozenset({"tag"}), False),
    "a newName that the policy sets": ("mirror.example.com/web:1.5.0", frozenset({"name", "tag"}), False),
}


@pytest.mark.parametrize(("value", "parts", "held"), MIRRORED.values(), ids=MIRRORED)
def test_a_new_tag_under_a_mirrors_name_does_not_go_back(value: str, parts: frozenset[str], held: bool) -> None:
    marked = images_field(value, parts)
    ref = LatestRef(IMAGE, "1.4.1", DIGEST)
    found = downgrade_guard(catalog(POLICIES), [marked])(marked, ref, marked.text_for(ref))
    assert (found is not None and "stays at 1.5.0" in found.message) == held


def test_the_function_keeps_a_target_at_the_higher_tag() -> None:
    answer = rendered()
    assert answer.edits == ()
    assert [result.severity for result in answer.results] == ["warning", "info"]
    assert "stays at 1.4.2" in answer.results[0].message


def test_a_bound_image_stays_at_the_higher_tag() -> None:
    answer = rendered(targets=[], bindByImage=True)
    assert answer.edits == ()
    assert "stays at 1.4.2" in answer.results[0].message


@pytest.mark.parametrize(
    "spec", [{"allowDowngrade": True}, {"policy": {"allowDowngrade": True}}], ids=["run", "policy"]
)
def test_the_function_goes_back_where_its_configuration_allows_it(spec: dict[str, Any]) -> None:
    assert [edit.replacement for edit in rendered(**spec).edits] == [f'"{IMAGE}:1.4.1@{DIGEST}"']


def test_a_strict_function_fails_rather_than_stay_behind() -> None:
    assert [result.severity for result in rendered(strict=True).results] == ["error"]


def test_a_config_map_may_allow_it() -> None:
    assert parse_function_config(FunctionConfig("v1", "ConfigMap", "", "", {"allowDowngrade": "true"})).allow_downgrade
    assert (
        parse_function_config(FunctionConfig("v1", "ConfigMap", "", "", {"allowDowngrade": "false"})).allow_downgrade
        is False
    )
    assert not FunctionOptions().allow_downgrade


def test_a_locked_run_that_changes_nothing_imports_neither_validation_nor_regular_expressions(tmp_path: Path) -> None:
    """Checked in a process of its own, over a lock, policies and a field that is right already."""
    code = """
import io, sys
from imagesetter.lock.document import LockEntry
from imagesetter.lock.render import render_lock
from imagesetter.fields.field import Location, MarkedField
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.markers import Marker, PolicyName
from imagesetter.update.read_tree import flux_resources
policies = open("policies.yaml", "rb").read()
catalog = Catalog()
catalog.add(flux_resources(policies, "policies.yaml"))
web = PolicyName("flux-system", "web")
entry = LockEntry(web, IMAGE, "1.4.0", "sha256:0", "Never", catalog.inputs(web), 1, "2026-03-01T12:00:00Z")
text = "apiVersion: config.kubernetes.io/v1\\nkind: ResourceList\\nitems:\\n"
documents = [*policies.decode().split("---\\n"), render_lock("", {web: entry}),
  "kind: X\\napiVersion: v1\\nmetadata: {name: x}\\n"
  f'image: {IMAGE}:{TAG} # {{"$imagepolicy": "flux-system:web"}}\\n']
for document in documents:
    lines = [line for line in document.splitlines() if not line.startswith("#")]
    text += "- " + "\\n  ".join(lines) + "\\n"
text += "functionConfig: {apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {from: lock}}\\n"
sys.stdin = io.TextIOWrapper(io.BytesIO(text.encode()))
from imagesetter.cli.function import main
status = main()
print(status, *sorted({"pydantic", "httpx", "httpcore", "re2", "ssl", "click"} & set(sys.modules)), file=sys.stderr)
"""
    (tmp_path / "policies.yaml").write_text(POLICIES)
    seen = {}
    for tag in ("1.4.0", "1.4.2"):
        run = subprocess.run(
            [sys.executable, "-c", f"IMAGE, TAG = {IMAGE!r}, {tag!r}\n{code}"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        seen[tag] = [*run.stdout.splitlines(), *run.stderr.splitlines()]
    assert seen["1.4.0"][-1] == "0"
    assert seen["1.4.2"][-1].split()[0] == "0"
    assert "stays at 1.4.2" in "".join(seen["1.4.2"])
    assert "pydantic" not in seen["1.4.2"][-1]


def test_update_leaves_the_file_and_says_so_unless_it_is_told_otherwise(sandbox: Sandbox) -> None:
    sandbox.write("app.yaml", APP.replace("1.4.0", "1.4.2"))
    ran = sandbox.run("update")
    assert (ran.status, sandbox.text("app.yaml")) == (0, APP.replace("1.4.0", "1.4.2"))
    assert "app.yaml:1: warning: stays at 1.4.2" in ran.err
    assert sandbox.run("update", "--strict").status == 1
    assert sandbox.run("update", "--check").status == 0
    assert sandbox.run("update", "--allow-downgrade").status == 0
    assert sandbox.text("app.yaml") == APP


def test_update_tells_that_a_tag_could_not_be_ranked_unless_it_shall_be_quiet(sandbox: Sandbox) -> None:
    sandbox.write("app.yaml", APP.replace("1.4.0", "latest"))
    assert "info: flux-system:web cannot rank latest" in sandbox.run("update", "--check").err
    assert sandbox.run("update", "--check", "--quiet").err == ""
    assert sandbox.run("update").status == 0
    assert sandbox.text("app.yaml") == APP


@pytest.mark.parametrize("source", ["lock", "status"])
def test_a_lock_and_a_cluster_cannot_take_a_field_back_either(source: str, sandbox: Sandbox) -> None:
    sandbox.run("lock")
    status = f"status: {{latestRef: {{name: {IMAGE}, tag: 1.4.0}}}}\n"
    sandbox.write("policies.yaml", POLICIES + status)
    sandbox.write("app.yaml", APP.replace("1.4.0", "1.4.2"))
    ran = sandbox.run("update", "--from", source)
    assert (ran.status, sandbox.text("app.yaml")) == (0, APP.replace("1.4.0", "1.4.2"))
    assert "stays at 1.4.2" in ran.err


def test_an_entry_stays_at_the_higher_tag_and_the_lock_keeps_its_bytes(sandbox: Sandbox) -> None:
    sandbox.registry.push("1.5.0")
    sandbox.run("lock")
    text = sandbox.text()
    sandbox.registry.delete("1.5.0")
    ran = sandbox.run("lock")
    assert (ran.status, sandbox.text()) == (0, text)
    assert "warning: flux-system:web stays locked at 1.5.0, which it ranks above the selected tag, 1.4.0" in ran.err
    assert sandbox.run("lock", "--check").status == 0
    assert sandbox.run("lock", "--strict").status == 1
    sandbox.run("update", "--from", "lock")
    assert sandbox.run("lock", "--allow-downgrade").status == 0
    assert "tag: 1.4.0\n" in sandbox.text()
    assert "replaces: 1.5.0\n" in sandbox.text()
    assert sandbox.run("update", "--from", "lock").err == ""
    assert sandbox.text("app.yaml") == APP
    sandbox.write("app.yaml", APP.replace("1.4.0", "1.6.0"))
    assert "stays at 1.6.0" in sandbox.run("update", "--from", "lock").err


def test_an_entry_goes_back_where_the_policy_allows_it(sandbox: Sandbox) -> None:
    sandbox.registry.push("1.5.0")
    sandbox.write("policies.yaml", ALLOWED)
    sandbox.run("lock")
    sandbox.registry.delete("1.5.0")
    assert sandbox.run("lock").status == 0
    assert "tag: 1.4.0\n" in sandbox.text()


def test_a_narrower_range_is_followed_by_the_lock_and_by_the_registry_alike(sandbox: Sandbox) -> None:
    sandbox.registry.push("1.5.0")
    sandbox.run("lock")
    sandbox.run("update", "--from", "lock")
    assert sandbox.text("app.yaml") == APP.replace("1.4.0", "1.5.0")
    sandbox.write("policies.yaml", POLICIES.replace("range: 1.x", "range: 1.4.x"))
    check = sandbox.run("update", "--check")
    why = "flux-system:web no longer allows 1.5.0 (1.5.0 is not 1.4.x)"
    assert check.status == 1
    assert f"{why}, so 1.4.0 takes its place" in check.err, check
    locked = sandbox.run("lock")
    assert locked.status == 0
    assert locked.err == f"info: {why}, so 1.4.0 takes its place\n"
    assert "tag: 1.4.0\n" in sandbox.text()
    assert "replaces" not in sandbox.text()
    applied = sandbox.run("update", "--from", "lock")
    assert (applied.status, sandbox.text("app.yaml")) == (0, APP)
    assert why in applied.err


def test_a_changed_policy_that_still_allows_a_missing_tag_is_no_permission_to_go_back(sandbox: Sandbox) -> None:
    sandbox.registry.push("1.5.0")
    sandbox.run("lock")
    sandbox.registry.delete("1.5.0")
    sandbox.write("policies.yaml", POLICIES.replace("range: 1.x", "range: '>=1.0.0 <2.0.0'"))
    ran = sandbox.run("lock")
    assert ran.status == 1
    assert "stays locked at 1.5.0, which it ranks above the selected tag, 1.4.0: the policy has changed" in ran.err
    assert sandbox.run("lock", "--allow-downgrade").status == 0
    assert "tag: 1.4.0\n" in sandbox.text()


def test_a_lock_is_not_made_from_a_lock(sandbox: Sandbox) -> None:
    ran = sandbox.run("lock", "--from", "lock")
    assert ran.status == 2
    assert "`lock` always resolves from registries" in ran.err
