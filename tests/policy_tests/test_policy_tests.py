"""`imagesetter test`: policies tested against lists of tags, with a report that says why a case failed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from imagesetter.cli.main import main
from tools import CHECKOUT

Run = Callable[..., tuple[int, str, str]]

HEAD = "apiVersion: imagesetter.dev/v1alpha1\nkind: PolicyTest\n"
PASSING = """\
metadata: {name: patches}
spec:
  policy: {semver: {range: 1.0.x}}
  tags: [1.0.0, 1.0.10, 1.0.9]
  cases:
  - name: ten is more than nine
    pick: 1.0.10
"""
POLICIES = """\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: web, namespace: apps}
spec: {imageRepositoryRef: {name: web}, policy: {alphabetical: {}}, filterTags: {pattern: "^main-"}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {name: web, namespace: apps}
spec: {image: registry.example.com/web, exclusionList: ["-broken$"]}
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `imagesetter test` in a directory of its own: exit status, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(("test", *arguments))
        return status, *capsys.readouterr()

    return run


def write(path: str, *documents: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text("---\n".join(HEAD + document for document in documents))


def spec(policy: str, case: str) -> str:
    return f"spec:\n  {policy}\n  cases:\n  - {case}\n"


# What passes and what fails

SEMVER = "policy: {semver: {range: 1.0.x}}"
PASSES = {
    "a pick": (SEMVER, "{tags: [1.0.0, 1.0.1], pick: 1.0.1}"),
    "a pick among counted tags": (SEMVER, '{generate: [{format: "1.0.{}", to: 20}], pick: 1.0.20}'),
    "a pick among padded numbers": (
        "policy: {alphabetical: {}}",
        '{generate: [{format: "b{:03}", from: 9, to: 10}], pick: b010}',
    ),
    "lists together": (SEMVER, '{tags: [1.0.99], generate: [{format: "1.0.{}", to: 20}], pick: 1.0.99}'),
    "the smallest number of what is extracted": (
        "policy: {numerical: {order: desc}}\n  filterTags: {pattern: '^b-(\\d+)$', extract: $1}",
        "{tags: [b-10, b-9, latest], pick: b-9}",
    ),
    "an exclusion list": (f"{SEMVER}\n  exclusionList: ['9$']", "{tags: [1.0.0, 1.0.9], pick: 1.0.0}"),
    "the default exclusion list": ("policy: {alphabetical: {}}", "{tags: [a, b.sig], pick: a}"),
    "an error by a part of its text": (SEMVER, "{tags: [latest], error: determine latest version}"),
    "an error by its stage": (SEMVER, "{tags: [], stage: no_tags}"),
    "an error by both": (
        "policy: {semver: {range: '>>1'}}",
        "{tags: [1.0.0], error: improper constraint, stage: invalid_policy}",
    ),
    "a pattern that does not compile": (
        f"{SEMVER}\n  filterTags: {{pattern: '('}}",
        "{tags: [a], stage: invalid_filter}",
    ),
}
FAILS = {
    "another tag": (SEMVER, "{tags: [1.0.0, 1.0.1], pick: 1.0.0}"),
    "an error in place of a tag": (SEMVER, "{tags: [latest], pick: latest}"),
    "a tag in place of an error": (SEMVER, "{tags: [1.0.0], stage: select}"),
    "an error with another text": (SEMVER, "{tags: [latest], error: no tags in database}"),
    "an error from another stage": (SEMVER, "{tags: [latest], stage: no_tags}"),
    "the right text from another stage": (SEMVER, "{tags: [latest], error: determine, stage: no_tags}"),
}


@pytest.mark.parametrize(("policy", "case"), PASSES.values(), ids=PASSES)
def test_a_case_passes_when_what_comes_is_what_is_expected(policy: str, case: str, run: Run) -> None:
    write("web.policy-test.yaml", spec(policy, case))
    assert run() == (0, "web.policy-test.yaml:1\n  ok      case 1\n1 passed, 0 failed\n", "")


@pytest.mark.parametrize(("policy", "case"), FAILS.values(), ids=FAILS)
def test_a_case_fails_when_it_is_not(policy: str, case: str, run: Run) -> None:
    write("web.policy-test.yaml", spec(policy, case))
    status, out, _ = run()
    assert status == 1
    assert "  FAILED  case 1\n" in out
    assert out.endswith("0 passed, 1 failed\n")


REPORT = """\
web.policy-test.yaml:1
  FAILED  case 1
        expected  tag 1.0.0
        got       tag 1.0.1
        why       1.0.0: it is a candidate, but 1.0.1 ranks higher
          listed           2
          excluded      0  2
          filtered      0  2
          unparsed      0  2
          out of range  0  2
          chosen           1
0 passed, 1 failed
"""


def test_a_failed_case_shows_what_was_expected_what_came_and_why(run: Run) -> None:
    write("web.policy-test.yaml", spec(*FAILS["another tag"]))
    assert run() == (1, REPORT, "")


def test_a_failed_error_shows_both_errors_with_their_stages(run: Run) -> None:
    write("web.policy-test.yaml", spec(SEMVER, "{tags: [latest], error: 'no tags', stage: no_tags}"))
    _, out, _ = run()
    assert "expected  an error with 'no tags' from stage no_tags\n" in out
    assert "got       an error from stage select: unable to determine latest version from provided list\n" in out
    assert "hint      no tag is a version with two dots" in out


def test_json_tells_every_case(run: Run) -> None:
    write("web.policy-test.yaml", PASSING, spec(*FAILS["another tag"]))
    status, out, _ = run("--output", "json")
    document = json.loads(out)
    assert status == 1
    assert (document["kind"], document["passed"], document["notReadable"]) == ("PolicyTestReport", False, [])
    first, second = document["tests"]
    assert (first["place"], first["name"], first["passed"]) == ("web.policy-test.yaml:1", "patches", True)
    [case] = second["cases"]
    assert case["expected"] == {"pick": "1.0.0"}
    assert case["got"] == {"pick": "1.0.1"}
    assert case["whyNot"]["step"] == "candidate"
    assert case["funnel"]["candidates"] == 2


def test_quiet_tells_only_what_failed(run: Run) -> None:
    write("web.policy-test.yaml", PASSING, spec(*FAILS["another tag"]))
    _, out, _ = run("--quiet")
    assert "ok" not in out
    assert "FAILED  case 1" in out


# Where tags and policies come from


def test_a_file_of_tags_is_found_beside_the_test(run: Run) -> None:
    write("tests/web.policy-test.yaml", spec(SEMVER, "{tagsFile: tags.txt, pick: 1.0.2}"))
    Path("tests/tags.txt").write_text("1.0.1\n1.0.2\n")
    assert run()[0] == 0


def test_a_file_of_tags_that_is_not_there_makes_the_test_unreadable(run: Run) -> None:
    write("web.policy-test.yaml", spec(SEMVER, "{tagsFile: tags.txt, pick: 1.0.2}"))
    status, out, err = run()
    assert (status, out) == (2, "0 passed, 0 failed, 1 test not readable\n")
    assert "tags.txt" in err


def test_a_case_with_tags_of_its_own_does_not_take_the_shared_ones(run: Run) -> None:
    write("web.policy-test.yaml", f"{PASSING}  - {{tags: [1.0.3], pick: 1.0.3}}\n  - {{tags: [], stage: no_tags}}\n")
    assert run()[0] == 0


REFERENCE = spec("policyRef: apps:web", "{tags: [main-1, main-2-broken, v9], pick: main-1}")


def test_a_policy_in_the_files_is_tested_with_its_repository(run: Run) -> None:
    Path("policies.yaml").write_text(POLICIES)
    write("web.policy-test.yaml", REFERENCE)
    assert run()[0] == 0


def test_a_policy_elsewhere_is_named_with_an_option(run: Run, tmp_path_factory: pytest.TempPathFactory) -> None:
    rendered = tmp_path_factory.mktemp("rendered") / "policies.yaml"
    rendered.write_text(POLICIES)
    write("web.policy-test.yaml", REFERENCE)
    assert run("--policies", str(rendered))[0] == 0


def test_a_name_without_a_namespace_is_in_the_namespace_of_the_run(run: Run) -> None:
    Path("policies.yaml").write_text(POLICIES)
    write("web.policy-test.yaml", REFERENCE.replace("apps:web", "web"))
    assert run("--namespace", "apps")[0] == 0


def test_a_policy_that_is_not_there_fails_its_test_and_no_other(run: Run) -> None:
    write("web.policy-test.yaml", REFERENCE, PASSING)
    status, out, _ = run()
    assert status == 1
    assert "  FAILED  ImagePolicy apps:web was not found\n" in out
    assert out.endswith("1 passed, 0 failed, 1 not run\n")


# Which files are tests


def test_tests_are_found_by_their_kind_in_any_file_and_in_hidden_directories(run: Run) -> None:
    write("clusters/.ci/all.yml", PASSING)
    Path("policies.yaml").write_text(POLICIES)
    status, out, _ = run()
    assert (status, out.splitlines()[0]) == (0, "clusters/.ci/all.yml:1  patches")


def test_only_the_files_that_are_named_are_run(run: Run) -> None:
    write("a.yaml", PASSING)
    write("b.yaml", PASSING)
    _, out, _ = run("b.yaml")
    assert out.splitlines()[0] == "b.yaml:1  patches"
    assert out.splitlines()[-1] == "1 passed, 0 failed"


def test_other_kinds_in_the_same_file_are_left_alone(run: Run) -> None:
    Path("all.yaml").write_text(f"{POLICIES}---\n{HEAD}{REFERENCE}---\n# nothing\n")
    status, out, _ = run()
    assert (status, out.splitlines()[0]) == (0, "all.yaml:11")


def test_files_that_only_speak_of_policy_tests_are_no_tests(run: Run) -> None:
    Path("notes.yaml").write_text("{{ imagesetter.dev/v1alpha1 }} # kind: PolicyTest\n")
    Path("latin.yaml").write_bytes(b"# imagesetter.dev/v1alpha1 PolicyTest \xff\n")
    write("a.yaml", PASSING)
    Path("other.yaml").write_text("apiVersion: example.com/v1\nkind: PolicyTest\nnote: imagesetter.dev\n")
    assert run()[:2] == (0, "a.yaml:1  patches\n  ok      ten is more than nine\n1 passed, 0 failed\n")


def test_a_test_among_others_that_is_no_yaml_is_told(run: Run) -> None:
    write("all.yaml", "spec: {\n")
    status, _, err = run()
    assert status == 2
    assert "where: all.yaml:" in err


@pytest.mark.parametrize("name", ["web.policy-test.yaml", "notes.yaml"], ids=["by its name", "named itself"])
def test_a_file_that_should_hold_tests_and_holds_none_is_told(name: str, run: Run) -> None:
    Path(name).write_text(POLICIES)
    status, _, err = run(name) if name == "notes.yaml" else run()
    assert status == 2
    assert f"contains no imagesetter.dev/v1alpha1 PolicyTest\n  where: {name}\n" in err


def test_a_directory_without_tests_is_an_error_and_says_what_to_do(run: Run) -> None:
    status, out, err = run()
    assert (status, out) == (2, "")
    assert err.startswith("error: no policy tests found here")
    assert "web.policy-test.yaml" in err


# What may not stand in a test

REFUSED = {
    "a slip of the pen": (spec(SEMVER, "{tags: [a], pik: a}"), "spec.cases[0].pik: unknown field (did you mean pick?)"),
    "a slip inside Flux's part": (
        spec("policy: {semver: {range: 1.x, rang: 2}}", "{tags: [a], pick: a}"),
        "spec.policy.semver.rang: unknown field (did you mean range?)",
    ),
    "a field in Python spelling": (
        spec("policy_ref: web", "{tags: [a], pick: a}"),
        "spec.policy_ref: unknown field (did you mean policyRef?)",
    ),
    "a tag that YAML reads as a number": (
        spec(SEMVER, "{tags: [1.10], pick: a}"),
        "spec.cases[0].tags[0]: must be a string, not the number 1.1: put it in quotes",
    ),
    "no policy": (spec("tags: [a]", "{pick: a}"), "spec: set either policyRef, or policy"),
    "two policies": (spec(f"{SEMVER}\n  policyRef: web", "{tags: [a], pick: a}"), "spec: set either policyRef"),
    "a filter beside a reference": (
        spec("policyRef: web\n  filterTags: {pattern: a}", "{tags: [a], pick: a}"),
        "filterTags cannot be combined with policyRef",
    ),
    "a policy without a rule": (spec("policy: {}", "{tags: [a], pick: a}"), "write semver, alphabetical or numerical"),
    "no cases": ("spec: {policyRef: web, cases: []}\n", "spec.cases: "),
    "a case without tags": (spec(SEMVER, "{pick: a}"), "cases[0] has no tags"),
    "a case that expects nothing": (spec(SEMVER, "{tags: [a]}"), "spec.cases[0]: set either pick, or error"),
    "a case that expects both": (spec(SEMVER, "{tags: [a], pick: a, stage: select}"), "set either pick, or error"),
    "an unknown stage": (spec(SEMVER, "{tags: [a], stage: sel}"), "'sel' is not accepted: write 'invalid_policy'"),
    "counting without end": (
        spec(SEMVER, '{generate: [{format: "{}", to: 99999999}], pick: a}'),
        "from 0 to 99999999 is not a range of 1 to 1000000 tags",
    ),
    "counting without a number": (
        spec(SEMVER, "{generate: [{format: a, to: 9}], pick: a}"),
        "spec.cases[0].generate[0].format: ",
    ),
    "reaching into the program": (
        spec(SEMVER, '{generate: [{format: "{0.__class__}", to: 9}], pick: a}'),
        "spec.cases[0].generate[0].format: ",
    ),
    "another version": ("spec: {policyRef: web, cases: [{tags: [a], pick: a}]}\n", "apiVersion"),
    "text that is no YAML": ("spec: {\n", "web.policy-test.yaml:"),
}


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED)
def test_a_mistake_in_a_test_is_told_with_its_field_and_the_others_run(text: str, message: str, run: Run) -> None:
    write("a.yaml", PASSING)
    write("web.policy-test.yaml", text)
    if message == "apiVersion":
        path = Path("web.policy-test.yaml")
        path.write_text(path.read_text().replace("v1alpha1", "v1alpha2"))
    status, out, err = run()
    assert status == 2
    assert "  ok      ten is more than nine\n" in out
    assert message in err
    assert "where: web.policy-test.yaml:" in err


def test_the_example_gives_its_output(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(CHECKOUT / "kustomization-examples" / "policy-tests")
    assert main(["test"]) == 0
    assert capsys.readouterr().out == Path(".expected/output.txt").read_text(encoding="utf-8")
