"""The JSON Schemas of our kinds: what they accept is what the program accepts, and what is published is what it prints.

Set IMAGESETTER_UPDATE_GOLDENS=1 to write `docs/schemas/` anew.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from imagesetter.cli.main import main
from imagesetter.cli.schemas.kinds import MODELS, schema_of
from imagesetter.config.image_setter import ImageSetter
from imagesetter.config.options import API_VERSION
from imagesetter.config.project_file import Project
from imagesetter.config.strict_model import StrictModel, validate_strictly
from imagesetter.policy_tests.model import PolicyTest
from krm_functions.errors import UsageError
from krm_functions.yaml.load import load_all
from support.registries import push_image, run_registry
from tools import CHECKOUT

PUBLISHED = CHECKOUT / "docs" / "schemas"
EXAMPLES = CHECKOUT / "kustomization-examples"
PARSERS: dict[str, type[StrictModel]] = {
    "ImageSetter": ImageSetter,
    "PolicyTest": PolicyTest,
    "Project": Project,
}


def resource(kind: str, spec: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": "x"}, "spec": spec, **more}


def setter(**spec: Any) -> dict[str, Any]:
    return resource("ImageSetter", spec)


def policy_test(**spec: Any) -> dict[str, Any]:
    return resource("PolicyTest", {"tags": ["1.0.0"], "cases": [{"pick": "1.0.0"}], **spec})


WEB = {"name": "web", "image": "registry.example.com/web", "semver": {"range": "1.x"}}
TARGET = {"select": {"kind": "Deployment"}, "fieldPaths": ["spec.x"], "policy": "web"}
SEMVER = {"semver": {"range": "1.x"}}
ACCEPTED = {
    "a setter without a spec": {"apiVersion": API_VERSION, "kind": "ImageSetter"},
    "a setter with everything": setter(
        **{"from": "lock", "onError": "keep", "strict": True, "bindByImage": True, "sourceScan": False},
        policies=[{**WEB, "filterTags": {"pattern": "^v"}, "digestReflectionPolicy": "Always", "interval": "1h"}],
        targets=[TARGET],
    ),
    "annotations of kustomize": resource("ImageSetter", {}, metadata={"name": "x", "annotations": {"a": "b"}}),
    "a project": {
        "apiVersion": API_VERSION,
        "kind": "Project",
        "spec": {"paths": ["a"], "exclude": ["b/"], "disable": ["unused-policy"], "defaults": {"onError": "keep"}},
    },
    "a test of a policy in the files": policy_test(policyRef="web"),
    "a test with everything": policy_test(
        policy=SEMVER,
        filterTags={"pattern": "^v", "extract": "$0"},
        exclusionList=["-rc"],
        tagsFile="tags.txt",
        generate=[{"format": "1.0.{:03}", "from": 1, "to": 9}],
        cases=[{"name": "a", "error": "no", "stage": "select"}, {"tags": [], "stage": "no_tags"}],
    ),
}
REFUSED = {
    "a slip of the pen": setter(form="lock"),
    "a slip in a project": resource("Project", {"excludes": ["b/"]}),
    "another word in a project": resource("Project", {"defaults": {"from": "cluster"}}),
    "another word": setter(**{"from": "cluster"}),
    "a text for a truth": setter(strict="true"),
    "a number for a range": setter(policies=[{**WEB, "semver": {"range": 1.0}}]),
    "a slip inside Flux's part": setter(policies=[{**WEB, "filterTags": {"patern": "^v"}}]),
    "a policy without an image": setter(policies=[{"name": "web", **SEMVER}]),
    "a target without fields": setter(targets=[{**TARGET, "fieldPaths": []}]),
    "a test without a policy": policy_test(),
    "a test of two policies": policy_test(policy=SEMVER, policyRef="web"),
    "a test without cases": policy_test(policyRef="web", cases=[]),
    "a case that expects nothing": policy_test(policyRef="web", cases=[{"tags": ["a"]}]),
    "a case that expects both": policy_test(policyRef="web", cases=[{"pick": "a", "error": "b"}]),
    "a tag that is a number": policy_test(policyRef="web", tags=[1.1]),
    "a stage that is none": policy_test(policyRef="web", cases=[{"stage": "selected"}]),
    "a format without a number": policy_test(policyRef="web", generate=[{"format": "a", "to": 1}]),
    "26 exclusions": policy_test(policy=SEMVER, exclusionList=["a"] * 26),
}


def accepts(document: dict[str, Any]) -> bool:
    return bool(Draft202012Validator(schema_of(document["kind"])).is_valid(document))


def parses(document: dict[str, Any]) -> bool:
    try:
        validate_strictly(PARSERS[document["kind"]], document, where="test")
    except UsageError:
        return False
    return True


@pytest.mark.parametrize("document", ACCEPTED.values(), ids=ACCEPTED)
def test_what_the_program_reads_the_schema_accepts(document: dict[str, Any]) -> None:
    assert (parses(document), accepts(document)) == (True, True)


def test_every_document_of_ours_holds_no_more_than_its_schema_names() -> None:
    """A schema that lets everything pass would make the tests below worthless."""
    for kind in MODELS:
        parts = [schema_of(kind), *schema_of(kind)["$defs"].values()]
        open_parts = [
            part for part in parts if part.get("type") == "object" and part["additionalProperties"] is not False
        ]
        assert [part.get("description", "")[:8] for part in open_parts] in ([], ["metadata"])


@pytest.mark.parametrize("document", REFUSED.values(), ids=REFUSED)
def test_what_the_program_refuses_the_schema_refuses(document: dict[str, Any]) -> None:
    assert (parses(document), accepts(document)) == (False, False)


def test_the_schema_tells_a_rule_too_many_which_the_program_finds_later() -> None:
    assert not accepts(setter(policies=[{**WEB, "numerical": {}}]))


@pytest.mark.parametrize("kind", MODELS)
def test_a_resource_of_another_kind_is_not_accepted(kind: str) -> None:
    validator = Draft202012Validator(schema_of(kind))
    assert not validator.is_valid({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}})
    assert not validator.is_valid({})


@pytest.mark.parametrize("kind", MODELS)
def test_a_published_schema_is_what_the_program_prints(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", kind.lower()]) == 0
    printed = capsys.readouterr().out
    path = PUBLISHED / f"{kind}.json"
    if os.environ.get("IMAGESETTER_UPDATE_GOLDENS") == "1":
        path.write_text(printed)
    published = json.loads(path.read_text())
    # pydantic before 2.9 puts a reference with words beside it into an allOf of its own, which means the same.
    wrapped = r'"allOf":\s*\[\s*\{\s*("\$ref":\s*"[^"]*")\s*\}\s*\]'
    assert json.loads(re.sub(wrapped, r"\1", printed)) == published
    Draft202012Validator.check_schema(published)


def test_without_a_kind_it_is_the_function_config(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "imagesetter.dev/v1alpha1 ImageSetter"


def test_an_unknown_kind_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "PolicyTests"]) == 2
    assert "(did you mean PolicyTest?)" in capsys.readouterr().err


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """The JSON document that a command prints, whatever its exit status."""
    main(arguments)
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


MADE_UP = ("explain", "--tags-file", "tags.txt", "--output", "json")
REPORTS = {
    "a choice": (*MADE_UP, "--semver", "1.x"),
    "a question": (*MADE_UP, "--semver", "1.x", "--tag", "1.1.0"),
    "no choice": (*MADE_UP, "--numerical", "desc", "--filter-pattern", "^1", "--extract", "$0"),
    "a rule that does not compile": (*MADE_UP, "--semver", ">>1"),
    "alphabetical": (*MADE_UP, "--alphabetical", "asc"),
    "a policy that is not there": ("explain", "web", "--output", "json"),
    "policy tests": ("test", "--output", "json"),
}


@pytest.mark.parametrize("arguments", REPORTS.values(), ids=REPORTS)
def test_a_printed_document_is_as_its_schema_says(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tags.txt").write_text("1.0.0\n1.1.0\nlatest\n")
    tests = [policy_test(policy=SEMVER), policy_test(policyRef="web"), policy_test()]
    tests.append(policy_test(policy=SEMVER, cases=[{"pick": "1.1.0"}, {"stage": "no_tags"}]))
    Path("a.policy-test.yaml").write_text("\n---\n".join(map(json.dumps, tests)))
    document = printed(capsys, *arguments)
    Draft202012Validator(schema_of(document["kind"])).validate(document)


def test_documents_about_a_registry_are_as_their_schemas_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with run_registry("2.8", folder=tmp_path / "registry") as registry:
        image = f"{registry.host}/app"
        push_image(registry, "app", ["1.0.0"])
        flux = {"apiVersion": "image.toolkit.fluxcd.io/v1", "metadata": {"name": "app"}}
        status = {"latestImage": f"{image}:0.9.0"}
        policy = {"imageRepositoryRef": {"name": "app"}, "policy": {"semver": {"range": "1.x"}}}
        resources = [
            {**flux, "kind": "ImageRepository", "spec": {"image": image}},
            {**flux, "kind": "ImagePolicy", "spec": policy, "status": status},
            {**flux, "kind": "ImagePolicy", "metadata": {"name": "other"}, "spec": policy},
        ]
        Path("policies.yaml").write_text("\n---\n".join(map(json.dumps, resources)))
        documents = [
            printed(capsys, "tags", image, "--output", "json"),
            printed(capsys, "tags", image, "--output", "json", "--digest", "--platform"),
            printed(capsys, "explain", "--compare-status", "--output", "json"),
            printed(capsys, "explain", "app", "--digest", "--output", "json"),
        ]
    assert [document["kind"] for document in documents] == ["TagList", "TagList", "ParityReport", "Explanation"]
    for document in documents:
        Draft202012Validator(schema_of(document["kind"])).validate(document)


def documents() -> list[tuple[str, dict[str, Any]]]:
    """Every resource of our kinds in the examples."""
    found = []
    for path in sorted(EXAMPLES.rglob("*.yaml")):
        for data, line in load_all(path.read_text(encoding="utf-8"), name=str(path)):
            if isinstance(data, dict) and data.get("apiVersion") == API_VERSION and data.get("kind") in MODELS:
                found.append((f"{path.relative_to(EXAMPLES)}:{line}", data))
    return found


@pytest.mark.parametrize(("place", "document"), documents(), ids=[place for place, _ in documents()])
def test_the_examples_are_accepted(place: str, document: dict[str, Any]) -> None:
    assert accepts(document), place


def test_the_examples_hold_both_kinds() -> None:
    assert {document["kind"] for _, document in documents()} >= {"ImageSetter", "PolicyTest"}


def test_every_published_schema_has_a_kind() -> None:
    assert {path.stem for path in PUBLISHED.glob("*.json")} == set(MODELS)


def test_a_test_file_may_name_its_schema_for_editors() -> None:
    text = (EXAMPLES / "policy-tests" / "web.policy-test.yaml").read_text(encoding="utf-8")
    [line] = [line for line in text.splitlines() if "$schema=" in line]
    named = Path(line.partition("$schema=")[2])
    assert (EXAMPLES / "policy-tests" / named).resolve() == PUBLISHED / "PolicyTest.json"
