"""A tree of files follows its policies: what is read, what is changed, what is said, and when nothing is written."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from imagesetter.errors import ResolveError
from imagesetter.fields.digests import FieldDigests
from imagesetter.flux.latest_ref import LatestRef
from imagesetter.flux.markers import PolicyName
from imagesetter.selection.sources import Failed, Resolution, Resolved
from imagesetter.update.files import FileUpdates, update_files, write_files
from imagesetter.update.read_tree import read_tree
from imagesetter.update.tree_catalog import catalog_from_tree
from krm_functions.errors import TextError

DIGEST = "sha256:" + "a" * 64
APP = PolicyName("flux-system", "app")


@dataclass(frozen=True)
class Known:
    """A source that knows its answers beforehand."""

    refs: dict[PolicyName, LatestRef]

    def answers(self, names: Iterable[PolicyName]) -> dict[PolicyName, Resolution]:
        return {
            name: Resolved(self.refs[name])
            if name in self.refs
            else Failed(ResolveError(f"ImagePolicy {name} was not found"))
            for name in names
        }


def run(root: Path, *, digest: str = "", **options: object) -> FileUpdates:
    source = Known({APP: LatestRef("r.example.com/app", "1.0.10", digest)})
    return update_files(read_tree([root]), lambda fields: source, **options)  # type: ignore[arg-type]


def test_every_part_is_written_and_no_other_byte_changes(tmp_path: Path) -> None:
    text = (
        "\ufeff# values\r\n"
        'image:   "r.example.com/app:1.0.0"   # {"$imagepolicy": "flux-system:app"}\r\n'
        'repository: old #{"$imagepolicy": "flux-system:app:name"}\r\n'
        'tag: 1.0   # {"$imagepolicy": "flux-system:app:tag"}\r\n'
        'digest: sha256:0 # {"$imagepolicy": "flux-system:app:digest"}\r\n'
        "other:    {a:   b}"
    )
    path = tmp_path / "values.yaml"
    path.write_bytes(text.encode())
    outcome = run(tmp_path, digest=DIGEST)
    assert write_files(outcome.rewrites) == []
    assert path.read_bytes().decode() == (
        text.replace("r.example.com/app:1.0.0", f"r.example.com/app:1.0.10@{DIGEST}")
        .replace("old #", "r.example.com/app #")
        .replace("1.0   #", "1.0.10   #")
        .replace("sha256:0 ", f"{DIGEST} ")
    )
    assert [(change.field.location.line, change.field.location.field) for change in outcome.changes] == [
        (2, "image"),
        (3, "repository"),
        (4, "tag"),
        (5, "digest"),
    ]


def test_a_second_run_plans_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text('a: r.example.com/app:1 # {"$imagepolicy": "flux-system:app"}\n')
    write_files(run(tmp_path).rewrites)
    outcome = run(tmp_path)
    assert (outcome.changes, outcome.rewrites, outcome.results, outcome.unchanged) == ((), (), (), 1)


@pytest.mark.parametrize("bom", ["", "\ufeff"], ids=["plain", "with a byte order mark"])
def test_a_plan_holds_what_changes_and_not_the_file(bom: str, tmp_path: Path) -> None:
    marker = '# {"$imagepolicy": "flux-system:app"}'
    text = f"{bom}# é 😀\r\na: r.example.com/app:1 {marker}\r\n" + "x: ü\r\n" * 20_000 + f"b: 'é:1' {marker}\r\n"
    (tmp_path / "a.yaml").write_bytes(text.encode())
    (planned,) = run(tmp_path).rewrites
    assert [(edit.old.decode(), edit.new.decode()) for edit in planned.edits] == [
        ("r.example.com/app:1", "r.example.com/app:1.0.10"),
        ("'é:1'", "'r.example.com/app:1.0.10'"),
    ]
    after = text.replace("r.example.com/app:1 ", "r.example.com/app:1.0.10 ").replace("é:1", "r.example.com/app:1.0.10")
    assert planned.versions() == (text.encode(), after.encode())


def test_a_file_that_changes_between_scan_and_plan_is_an_error_and_the_others_change(tmp_path: Path) -> None:
    text = 'a: r.example.com/app:1 # {"$imagepolicy": "flux-system:app"}\n'
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.yaml").write_text(text)
    tree = read_tree([tmp_path])
    (tmp_path / "b.yaml").write_text(f"# mine\n{text}")
    source = Known({APP: LatestRef("r.example.com/app", "1.0.10")})
    outcome = update_files(tree, lambda fields: source)
    (result,) = outcome.results
    assert (result.severity, result.message, result.file and result.file.path) == (
        "error",
        f"changed on disk while imagesetter was running; it was not written ({tmp_path}/b.yaml); run it again",
        f"{tmp_path}/b.yaml",
    )
    assert [Path(change.field.location.file).name for change in outcome.changes] == ["a.yaml", "c.yaml"]
    assert write_files(outcome.rewrites) == []
    assert (tmp_path / "b.yaml").read_text() == f"# mine\n{text}"
    assert (tmp_path / "c.yaml").read_text() == text.replace("app:1 ", "app:1.0.10 ")


def test_a_pipe_that_was_named_is_planned_from_what_it_held(tmp_path: Path) -> None:
    text = 'a: r.example.com/app:1 # {"$imagepolicy": "flux-system:app"}\n'
    reader, writer = os.pipe()
    os.write(writer, text.encode())
    os.close(writer)
    try:
        (planned,) = run(Path(f"/dev/fd/{reader}")).rewrites
    finally:
        os.close(reader)
    assert planned.versions() == (text.encode(), text.replace("app:1 ", "app:1.0.10 ").encode())


def test_a_digest_marker_without_a_digest_is_an_error_and_the_field_stays(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text('digest: sha256:0 # {"$imagepolicy": "flux-system:app:digest"}\n')
    outcome = run(tmp_path)
    (result,) = outcome.results
    assert result.severity == "error"
    assert "digestReflectionPolicy" in result.message
    assert outcome.rewrites == ()


def test_an_unknown_policy_is_one_error_with_the_number_of_fields_it_holds_up(tmp_path: Path) -> None:
    marker = '# {"$imagepolicy": "flux-system:ap"}'
    (tmp_path / "a.yaml").write_text(f"a: x {marker}\nb: y {marker}\nc: z {marker}\n")
    (result,) = run(tmp_path).results
    assert result.message == "flux-system:ap: ImagePolicy flux-system:ap was not found (2 more fields follow it)"
    assert (result.file and result.file.path, result.tags["line"]) == (str(tmp_path / "a.yaml"), "1")


def test_kept_errors_are_warnings_and_the_other_fields_change(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        'a: x # {"$imagepolicy": "flux-system:ap"}\nb: y # {"$imagepolicy": "flux-system:app"}\n'
    )
    outcome = run(tmp_path, keep_on_error=True)
    assert [result.severity for result in outcome.results] == ["warning"]
    assert [change.new for change in outcome.changes] == ["r.example.com/app:1.0.10"]
    assert not outcome.failed


def test_a_document_with_markers_that_is_not_yaml_is_an_error_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        'a: 1\n---\nb: {{ .Values.x }}\nc: x # {"$imagepolicy": "flux-system:app"}\n d: [\n'
    )
    outcome = run(tmp_path)
    assert [result.severity for result in outcome.results] == ["error"]
    assert "is not YAML" in outcome.results[0].message
    assert outcome.rewrites == ()


def test_bytes_that_are_not_utf_8_are_an_error_only_in_a_file_with_markers(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"a: \xff\n")
    assert run(tmp_path).results == ()
    (tmp_path / "b.yaml").write_bytes(b'a: \xff # {"$imagepolicy": "flux-system:app"}\n')
    (result,) = run(tmp_path).results
    assert result.severity == "error"
    assert "UTF-8" in result.message


MISPLACED = {
    "above a key": '# {"$imagepolicy": "flux-system:app"}\nimage: x\n',
    "behind the key of a mapping": 'image: # {"$imagepolicy": "flux-system:app"}\n  tag: x\n',
    "behind a flow collection": 'image: [x] # {"$imagepolicy": "flux-system:app"}\n',
    "text behind the object": 'image: x # {"$imagepolicy": "flux-system:app"} keep\n',
    "no namespace": 'image: x # {"$imagepolicy": "app"}\n',
}


@pytest.mark.parametrize("text", MISPLACED.values(), ids=MISPLACED)
def test_a_marker_that_flux_ignores_silently_is_a_warning(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(text)
    outcome = run(tmp_path)
    assert [result.severity for result in outcome.results] == ["warning"]
    assert outcome.changes == ()


def test_a_marker_in_a_commented_out_line_or_in_a_text_is_no_marker(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        '# image: x # {"$imagepolicy": "flux-system:app"}\nt: |\n  # {"$imagepolicy": "flux-system:app"}\n'
    )
    outcome = run(tmp_path)
    assert outcome.changes == ()
    assert [(result.severity, result.tags["error"]) for result in outcome.results] == [("warning", "NestedMarker")]


POLICY = """\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: app}
spec: {imageRepositoryRef: {name: app}, policy: {semver: {range: 1.x}}}
"""


def test_policies_elsewhere_in_the_repository_are_found_for_files_named_alone(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "clusters").mkdir()
    (tmp_path / "clusters/policies.yaml").write_text(POLICY)
    (tmp_path / "clusters/chart.yaml").write_text("{{ if image.toolkit.fluxcd.io }}\n")
    deployment = tmp_path / "app.yaml"
    deployment.write_text('a: x # {"$imagepolicy": "flux-system:app"}\n')
    tree = read_tree([deployment])
    catalog = catalog_from_tree(tree, paths=[deployment], policies=[], namespace="flux-system", stdin=lambda: b"")
    assert catalog.has_policy(APP)


def test_a_rendered_stream_gives_the_policies(tmp_path: Path) -> None:
    tree = read_tree([tmp_path])
    catalog = catalog_from_tree(tree, paths=[tmp_path], policies=["-"], namespace="apps", stdin=POLICY.encode)
    assert catalog.policy_names == [PolicyName("apps", "app")]


def test_a_document_beside_a_broken_one_still_gives_its_policy(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(f"{{{{ template }}}}\n---\n{POLICY}")
    tree = read_tree([tmp_path])
    assert [resource.kind for resource in tree.resources] == ["ImagePolicy"]


@pytest.mark.parametrize("policies", [[], ["."]], ids=["policies of the tree", "a directory of policies"])
def test_a_policy_in_a_document_that_does_not_parse_is_looked_for_there_by_the_error(
    policies: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text('a: r.example.com/app:1.0.0 # {"$imagepolicy": "flux-system:app"}\n')
    (tmp_path / "policies.yaml").write_text(POLICY.replace("semver: {range: 1.x}", "semver:}"))
    tree = read_tree(["a.yaml"])
    catalog = catalog_from_tree(tree, paths=["a.yaml"], policies=policies, namespace="flux-system", stdin=lambda: b"")
    assert "does not parse: policies.yaml:4:" in catalog.unknown(APP).hint


def test_bytes_that_are_not_utf_8_elsewhere_in_the_repository_stop_nothing(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "a.yaml").write_text('a: r.example.com/app:1.0.0 # {"$imagepolicy": "flux-system:app"}\n')
    (tmp_path / "latin.yaml").write_bytes(POLICY.encode() + b"# \xe9\n")
    tree = read_tree([tmp_path / "a.yaml"])
    catalog = catalog_from_tree(
        tree, paths=[tmp_path / "a.yaml"], policies=[], namespace="flux-system", stdin=lambda: b""
    )
    assert "is not UTF-8" in catalog.unknown(APP).hint


def test_the_digest_in_a_field_is_known_for_its_tag_only(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(f'a: r.example.com/app:1.0.0@{DIGEST} # {{"$imagepolicy": "flux-system:app"}}\n')
    seen: list[str] = []

    def source_of(fields: object) -> Known:
        known = FieldDigests(fields).known
        seen.extend(known(APP, LatestRef("r.example.com/app", tag)) for tag in ("1.0.0", "1.0.1"))
        return Known({})

    update_files(read_tree([tmp_path]), source_of)
    assert seen == [DIGEST, ""]


def test_a_policies_file_that_was_named_has_to_parse_as_a_whole(tmp_path: Path) -> None:
    broken = tmp_path / "policies.yaml"
    broken.write_text(f"{POLICY}---\n{{{{ template }}}}: [\n")
    tree = read_tree([])
    with pytest.raises(TextError) as refused:
        catalog_from_tree(tree, paths=[], policies=[broken], namespace="flux-system", stdin=lambda: b"")
    assert refused.value.where.startswith(f"{broken}:")
    catalog = catalog_from_tree(tree, paths=[], policies=[tmp_path], namespace="flux-system", stdin=lambda: b"")
    assert catalog.policy_names == [APP]
