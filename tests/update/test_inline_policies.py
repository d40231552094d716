"""Inline policies of an ImageSetter in a file: every command reads them, as the function does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.sandbox import APP, IMAGE, Sandbox, open_sandbox

SETTER = f"""\
apiVersion: imagesetter.dev/v1alpha1
kind: ImageSetter
metadata: {{name: images}}
spec:
  policies:
    - {{name: web, image: {IMAGE}, semver: {{range: 1.x}}}}
"""
BROKEN = f"""\
    - name: db
      image: {IMAGE}
      semvr: {{range: 1.x}}
"""
SAYS = "spec.policies[1].semvr: unknown field (did you mean semver?)"
SEE = "`imagesetter schema` prints the JSON Schema of imagesetter.dev/v1alpha1 ImageSetter"


@pytest.fixture
def sandbox(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with open_sandbox(tmp_path, capsys, monkeypatch) as opened:
        (tmp_path / "policies.yaml").unlink()
        opened.write("setter.yaml", SETTER)
        opened.registry.push("1.5.0")
        yield opened


def test_update_writes_what_an_inline_policy_selects(sandbox: Sandbox) -> None:
    assert sandbox.run("update").status == 0
    assert sandbox.text("app.yaml") == APP.replace("1.4.0", "1.5.0")


def test_an_inline_policy_in_a_file_that_policies_names_counts_as_well(sandbox: Sandbox) -> None:
    (sandbox.root / "elsewhere").mkdir()
    (sandbox.root / "setter.yaml").rename(sandbox.root / "elsewhere" / "setter.yaml")
    assert sandbox.run("update", "--policies", "elsewhere/setter.yaml", "app.yaml").status == 0
    assert sandbox.text("app.yaml") == APP.replace("1.4.0", "1.5.0")


def test_an_inline_policy_elsewhere_in_the_repository_is_found_from_a_changed_file_alone(sandbox: Sandbox) -> None:
    (sandbox.root / ".git").mkdir()
    assert sandbox.run("update", "app.yaml").status == 0
    assert sandbox.text("app.yaml") == APP.replace("1.4.0", "1.5.0")


def test_lock_records_an_inline_policy_and_the_lock_applies_it(sandbox: Sandbox) -> None:
    assert (
        sandbox.run("lock").out
        == "flux-system:web: locked to registry.example.com/web:1.5.0\nimages.lock.yaml: 1 of 1 entry changed\n"
    )
    assert sandbox.run("update", "--from", "lock").status == 0
    assert sandbox.text("app.yaml") == APP.replace("1.4.0", "1.5.0")


def test_explain_doctor_and_mark_know_an_inline_policy(sandbox: Sandbox) -> None:
    explained = sandbox.run("explain", "web")
    assert explained.out.splitlines()[0] == "flux-system:web  (setter.yaml:1 spec.policies[0])"
    assert "1 found  2 files read" in sandbox.run("doctor", "--offline").out
    pod = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec:\n  containers:\n    - image: {IMAGE}:1.4.0"
    sandbox.write("pod.yaml", f"{pod}\n")
    assert sandbox.run("mark", "pod.yaml").status == 0
    assert sandbox.text("pod.yaml") == f'{pod} # {{"$imagepolicy": "flux-system:web"}}\n'


def test_a_policy_test_names_an_inline_policy(sandbox: Sandbox) -> None:
    test = (
        "apiVersion: imagesetter.dev/v1alpha1\nkind: PolicyTest\nmetadata: {name: web}\n"
        "spec:\n  policyRef: web\n  cases:\n    - {tags: [1.0.0, 1.2.0, 2.0.0], pick: 1.2.0}\n"
    )
    sandbox.write("web.policy-test.yaml", test)
    assert sandbox.run("test").status == 0


def test_the_namespace_of_the_resource_or_of_the_run_is_that_of_its_policies(sandbox: Sandbox) -> None:
    sandbox.write("app.yaml", APP.replace("flux-system", "apps"))
    assert sandbox.run("update", "--check").status == 1
    assert sandbox.run("update", "--namespace", "apps").status == 0
    sandbox.write("app.yaml", APP.replace("flux-system", "apps"))
    sandbox.write("setter.yaml", SETTER.replace("{name: images}", "{name: images, namespace: apps}"))
    assert sandbox.run("update").status == 0
    assert sandbox.text("app.yaml") == APP.replace("flux-system", "apps").replace("1.4.0", "1.5.0")


def test_a_kustomization_leaves_an_inline_policy_as_it_is(sandbox: Sandbox) -> None:
    sandbox.write("kustomization.yaml", "namePrefix: dev-\nnamespace: dev\nresources: [setter.yaml]\n")
    assert sandbox.run("update").status == 0
    assert sandbox.text("app.yaml") == APP.replace("1.4.0", "1.5.0")


def test_a_wrong_inline_policy_holds_up_its_own_fields_only(sandbox: Sandbox) -> None:
    sandbox.write("setter.yaml", SETTER + BROKEN)
    sandbox.write("db.yaml", APP.replace(":web", ":db"))
    ran = sandbox.run("update")
    assert ran.status == 1
    assert ran.err == (
        f"setter.yaml: error: {SAYS} (setter.yaml:1); {SEE}\n"
        "db.yaml:1: error: flux-system:db: ImagePolicy flux-system:db was not found; "
        f"it may be in a document that does not parse: setter.yaml:1: {SAYS}\n"
    )
    assert sandbox.text("app.yaml") == APP.replace("1.4.0", "1.5.0")


def test_lint_finds_a_wrong_inline_policy_at_its_place(sandbox: Sandbox) -> None:
    invalid = f'    - {{name: old, image: {IMAGE}, semver: {{range: "1.x.y"}}, filterTags: {{pattern: "("}}}}\n'
    sandbox.write("setter.yaml", SETTER + BROKEN + invalid)
    found = sandbox.run("lint").findings
    assert [line.partition(";")[0] for line in found] == [
        f"setter.yaml:7:13: error unreadable-document: {SAYS}",
        "setter.yaml:10:14: warning unused-policy: no field follows ImagePolicy flux-system:old",
        'setter.yaml:10:68: error invalid-range: invalid policy: improper constraint: "1.x.y"',
        "setter.yaml:10:100: error invalid-pattern: failed to filter tags: invalid regular expression pattern '(': "
        "error parsing regexp: missing closing ): `(`",
    ]


def test_lock_keeps_the_entry_of_an_inline_policy_that_became_wrong(sandbox: Sandbox) -> None:
    sandbox.write("setter.yaml", SETTER + BROKEN.replace("semvr", "semver"))
    assert sandbox.run("lock").status == 0
    before = sandbox.text()
    sandbox.write("setter.yaml", SETTER + BROKEN)
    ran = sandbox.run("lock")
    assert (ran.status, ran.err) == (1, f"setter.yaml: error: {SAYS} (setter.yaml:1); {SEE}\n")
    assert sandbox.text() == before


@pytest.mark.parametrize(
    ("policies", "says"),
    [
        ("7", "spec.policies: must be a list"),
        ("[7]", "spec.policies[0]: must be a mapping, not the number 7"),
        ("[{name: a, image: b}]", "spec.policies[0] does not have exactly one of semver, alphabetical and numerical"),
        ("[{name: a, semver: {range: 1.x}}]", "spec.policies[0].image: is required"),
        ("[{name: a, image: b, semver: {rnge: 1.x}}]", "spec.policies[0].semver.range: is required"),
    ],
)
def test_what_is_wrong_with_an_inline_policy_is_named(sandbox: Sandbox, policies: str, says: str) -> None:
    sandbox.write("setter.yaml", SETTER.partition("  policies:")[0] + f"  policies: {policies}\n")
    ran = sandbox.run("mark", "--check")
    assert ran.status == 1
    assert ran.err.startswith(f"setter.yaml: error: {says} (setter.yaml:1)"), ran.err
