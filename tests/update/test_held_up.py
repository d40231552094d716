"""One bad thing holds up only itself: the rest is written, what is wrong is said last, and the exit status is 1."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from krm_functions.yaml.load import load
from support.sandbox import IMAGE, POLICIES, POLICY, REPOSITORY, Sandbox, open_sandbox

GOOD = f'image: {IMAGE}:1.4.0 # {{"$imagepolicy": "flux-system:web"}}\n'
DONE = GOOD.replace("1.4.0", "1.4.2")
DEAD = POLICY.replace("name: web\n", "name: dead\n").replace("{name: web}", "{name: gone}")
EMPTY = POLICY.replace("name: web\n", "name: empty\n").replace("1.x", "9.x")


def mark(policy: str, part: str = "") -> str:
    return f'# {{"$imagepolicy": "flux-system:{policy}{part}"}}'


@pytest.fixture
def sandbox(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with open_sandbox(tmp_path, capsys, monkeypatch) as found:
        found.registry.push("1.4.2")
        found.write("policies.yaml", "---\n".join([POLICIES, DEAD, EMPTY]))
        found.write("app.yaml", GOOD)
        yield found


# What stands in the other file, and a word of the error; the file stays as it is.
BAD: dict[str, tuple[str, str]] = {
    "a marker of an unknown policy": (f"a: x:1 {mark('wbe')}\n", "did you mean flux-system:web?"),
    "a policy without its repository": (f"a: x:1 {mark('dead')}\n", "which was not found"),
    "a policy that selects nothing": (f"a: x:1 {mark('empty')}\n", "flux-system:empty:"),
    "a marker of another part": (f"newTag: 1.0.0 {mark('web')}\n", 'write {"$imagepolicy": "flux-system:web:tag"}'),
    "text that nobody understands": (f"a: ${{IMAGE}} {mark('web')}\n", "no part of"),
    "an empty digest": (f"digest: '' {mark('web', ':digest')}\n", "reflects no digest"),
    "a document that is not YAML": (f"a: [\nb: x:1 {mark('web')}\n", "is not YAML"),
    "a file that is not UTF-8": (f"a: \xff x:1 {mark('web')}\n", "is not UTF-8"),
    "a Helm template": (f"{{{{- if .x }}}}\na: x:1 {mark('web')}\n{{{{- end }}}}\n", "is not YAML"),
}


@pytest.mark.parametrize(("text", "error"), BAD.values(), ids=BAD)
def test_the_good_fields_follow_and_the_bad_one_stays(text: str, error: str, sandbox: Sandbox) -> None:
    data = text.encode("latin-1")
    (sandbox.root / "bad.yaml").write_bytes(data)
    ran = sandbox.run("update")
    assert ran.status == 1
    assert sandbox.text("app.yaml") == DONE
    assert (sandbox.root / "bad.yaml").read_bytes() == data
    assert error in ran.err.splitlines()[-1]
    assert ran.out.endswith("1 field changed, 0 up to date (3 files read); 1 error, see above\n")


@pytest.mark.parametrize(("text", "error"), BAD.values(), ids=BAD)
def test_all_or_nothing_where_that_is_wanted(text: str, error: str, sandbox: Sandbox) -> None:
    (sandbox.root / "bad.yaml").write_bytes(text.encode("latin-1"))
    ran = sandbox.run("update", "--on-error", "fail")
    assert (ran.status, sandbox.text("app.yaml")) == (1, GOOD)
    assert "1 field would change, 0 up to date (3 files read); nothing was written; 1 error, see above" in ran.out


KEPT = {name for name in BAD if "YAML" not in BAD[name][1] and "UTF" not in BAD[name][1]}


@pytest.mark.parametrize("name", sorted(KEPT))
def test_errors_that_are_kept_are_warnings(name: str, sandbox: Sandbox) -> None:
    sandbox.write("bad.yaml", BAD[name][0])
    ran = sandbox.run("update", "--on-error", "keep")
    assert (ran.status, sandbox.text("app.yaml"), sandbox.text("bad.yaml")) == (0, DONE, BAD[name][0])
    assert "warning: " in ran.err
    assert "error" not in ran.err


def test_in_one_file_the_good_fields_follow_too(sandbox: Sandbox) -> None:
    web = mark("web")
    text = f"a: {IMAGE}:1.4.0 {web}\nb: x:1 {mark('wbe')}\nnewTag: 1.4.0 {web}\nc: {IMAGE} {web}\n"
    sandbox.write("app.yaml", text)
    ran = sandbox.run("update")
    after = text.replace(f"a: {IMAGE}:1.4.0", f"a: {IMAGE}:1.4.2").replace(f"c: {IMAGE}", f"c: {IMAGE}:1.4.2")
    assert (ran.status, sandbox.text("app.yaml")) == (1, after)
    assert [line.split(": ")[:2] for line in ran.err.splitlines()] == [
        ["app.yaml:2", "error"],
        ["app.yaml:3", "error"],
    ]
    assert "2 fields changed, 0 up to date (2 files read); 2 errors, see above" in ran.out


def test_errors_come_last(sandbox: Sandbox) -> None:
    sandbox.write("a.yaml", f"a: x:1 {mark('wbe')}\n")
    sandbox.write("b.yaml", f"a: {IMAGE}:1.5.0 {mark('web')}\n")
    ran = sandbox.run("update")
    assert [line.split(": ")[:2] for line in ran.err.splitlines()] == [["b.yaml:1", "warning"], ["a.yaml:1", "error"]]


def test_a_check_looks_at_the_good_fields_and_writes_nothing(sandbox: Sandbox) -> None:
    sandbox.write("bad.yaml", BAD["a marker of an unknown policy"][0])
    ran = sandbox.run("update", "--check")
    assert (ran.status, sandbox.text("app.yaml")) == (1, GOOD)
    assert "1 field would change, 0 up to date (3 files read); 1 error, see above" in ran.out


def test_the_document_says_that_the_good_fields_are_written(sandbox: Sandbox) -> None:
    sandbox.write("bad.yaml", BAD["a marker of an unknown policy"][0])
    report = json.loads(sandbox.run("update", "--output", "json").out)
    assert (report["written"], len(report["changes"])) == (True, 1)
    assert [each["severity"] for each in report["results"]] == ["error", "info"]


# The lock


def test_a_lock_of_the_good_policies_is_written_and_each_failure_names_its_policy(sandbox: Sandbox) -> None:
    ran = sandbox.run("lock")
    assert ran.status == 1
    assert [line.split(": ")[:2] for line in ran.err.splitlines()] == [
        ["error", "flux-system:dead"],
        ["error", "flux-system:empty"],
    ]
    assert "policy: flux-system:web" in sandbox.text()
    assert "flux-system:dead" not in sandbox.text()


def test_a_lock_is_all_or_nothing_where_that_is_wanted(sandbox: Sandbox) -> None:
    assert sandbox.run("lock", "--on-error", "fail").status == 1
    assert not (sandbox.root / "images.lock.yaml").exists()
    sandbox.write("policies.yaml", POLICIES)
    assert sandbox.run("lock", "--on-error", "fail").status == 0
    before = sandbox.text()
    sandbox.registry.push("1.4.3")
    sandbox.write("policies.yaml", "---\n".join([POLICIES, EMPTY]))
    ran = sandbox.run("lock", "--on-error", "fail")
    assert (ran.status, sandbox.text()) == (1, before)
    assert "1 of 1 entry would change" in ran.out


def test_a_lock_keeps_going_where_that_is_wanted(sandbox: Sandbox) -> None:
    ran = sandbox.run("lock", "--on-error", "keep")
    assert ran.status == 0
    assert [line.split(": ")[:2] for line in ran.err.splitlines()] == [
        ["warning", "flux-system:dead"],
        ["warning", "flux-system:empty"],
    ]
    assert "policy: flux-system:web" in sandbox.text()


# The function


def listing(**options: str) -> str:
    text = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n"
    if options:
        data = json.dumps(options)
        text += f"functionConfig: {{apiVersion: v1, kind: ConfigMap, metadata: {{name: c}}, data: {data}}}\n"
    text += "items:\n"
    for resource in (REPOSITORY, POLICY):
        text += f"- {resource.strip()}\n".replace("\n", "\n  ").rstrip(" ")
    return text + (
        "- apiVersion: v1\n  kind: Pod\n  metadata: {name: p}\n  spec:\n"
        f"    a: {IMAGE}:1.4.0 {mark('web')}\n    b: {IMAGE}:1.4.0 {mark('web')}\n    c: x:1 {mark('wbe')}\n"
        f"    newTag: 1.4.0 {mark('web')}\n"
    )


def results_of(out: str) -> list[str]:
    answer = load(out)
    assert isinstance(answer, dict)
    return [f"{each['severity']}: {each['message']}" for each in answer["results"]]


def test_a_function_that_fails_says_how_many_changes_that_stops(sandbox: Sandbox) -> None:
    sandbox.write("list.yaml", listing())
    ran = sandbox.run("fn", "list.yaml")
    assert ran.status == 1
    assert results_of(ran.out)[2:] == [
        "info: 2 fields would change, and nothing is changed because of the errors; onError: keep changes them, and "
        "makes policy errors warnings"
    ]
    assert ran.out.count("1.4.2") == 0


def test_a_function_that_keeps_going_changes_them(sandbox: Sandbox) -> None:
    sandbox.write("list.yaml", listing(onError="keep"))
    ran = sandbox.run("fn", "list.yaml")
    assert ran.status == 0
    assert [each.split(":")[0] for each in results_of(ran.out)] == ["warning", "warning", "info", "info", "info"]
    assert f"a: {IMAGE}:1.4.2" in ran.out
    assert "newTag: 1.4.0" in ran.out


# The function as a check


@pytest.mark.parametrize("way", ["functionConfig", "environment"])
def test_a_check_reports_what_is_not_up_to_date_and_leaves_the_list(
    way: str, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = listing(check="true", onError="keep") if way == "functionConfig" else listing(onError="keep")
    if way == "environment":
        monkeypatch.setenv("IMAGESETTER_CHECK", "1")
    sandbox.write("list.yaml", text)
    ran = sandbox.run("fn", "list.yaml")
    assert ran.status == 1
    errors = [each for each in results_of(ran.out) if each.startswith("error")]
    told = f"error: not up to date: flux-system:web selects {IMAGE}:1.4.2, and the field has {IMAGE}:1.4.0"
    assert errors == [told, told]
    assert results_of(ran.out)[-1] == "info: 2 fields would change, 0 up to date"
    before, after = load(text), load(ran.out)
    assert isinstance(before, dict)
    assert isinstance(after, dict)
    assert after["items"] == before["items"]


def test_a_check_passes_where_everything_is_up_to_date(sandbox: Sandbox) -> None:
    text = "".join(line for line in listing(check="true").splitlines(True) if "c: x" not in line)
    sandbox.write("list.yaml", text.replace(":1.4.0", ":1.4.2").replace(f"    newTag: 1.4.0 {mark('web')}\n", ""))
    ran = sandbox.run("fn", "list.yaml")
    assert ran.status == 0
    assert results_of(ran.out) == ["info: 0 fields would change, 2 up to date"]


def test_a_check_strips_no_annotation(sandbox: Sandbox) -> None:
    text = listing(check="true", stripAnnotations="true").replace(
        "metadata: {name: p}", 'metadata: {name: p, annotations: {imagesetter.dev/fields: "spec.d: web"}}'
    )
    sandbox.write("list.yaml", text + f"    d: {IMAGE}:1.4.2\n")
    assert "imagesetter.dev/fields" in sandbox.run("fn", "list.yaml").out


def test_an_image_setter_can_check(sandbox: Sandbox) -> None:
    config = {"apiVersion": "imagesetter.dev/v1alpha1", "kind": "ImageSetter", "spec": {"check": True}}
    text = listing().replace("items:\n", f"functionConfig: {json.dumps(config)}\nitems:\n", 1)
    sandbox.write("list.yaml", text)
    ran = sandbox.run("fn", "list.yaml")
    assert ran.status == 1
    assert "not up to date: flux-system:web" in ran.out


# Scans from the cache


def test_a_cached_scan_is_told_once_a_run(sandbox: Sandbox) -> None:
    sandbox.registry.cached = True
    sandbox.write("b.yaml", GOOD)
    for command in (["update"], ["update", "--check"], ["lock"]):
        told = [line for line in sandbox.run(*command).err.splitlines() if "asks again" in line]
        assert told == ["info: scan of 2026-03-01 11:55; --refresh asks again"]
    assert "asks again" not in sandbox.run("update", "--quiet").err
    sandbox.registry.cached = False
    assert "asks again" not in sandbox.run("update").err


def test_a_function_tells_of_a_cached_scan(sandbox: Sandbox) -> None:
    sandbox.registry.cached = True
    sandbox.write("list.yaml", listing(onError="keep"))
    told = [each for each in results_of(sandbox.run("fn", "list.yaml").out) if "asks again" in each]
    assert told == ["info: scan of 2026-03-01 11:55; --refresh asks again"]
