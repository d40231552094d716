"""Where google-re2 is missing: plain patterns are read all the same, others are an error that says what to install."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from support.fakes import Reply, Seen, run_fake
from support.hiding import run, run_each, without
from support.runs import run_in

NO_RE2 = without(["re2"])
TAGS = ["1.0.0-alpine", "main-0a1b-1700", "main-9f8e-1800", "v1.2.3", "v1.10.0", "1.3.0", "1.4.0-rc.1", "Release-7"]
FROM_TAGS = ("--tags-file", "tags.txt")
ODD = r"^(a+b|c)+$"
INSTALL = "install it: pip install 'imagesetter[re2]'"

PLAIN = {
    "a version": (r"^v?(?P<ver>\d+\.\d+\.\d+)$", "$ver", "--semver=*", "v1.10.0"),
    "a version with what may follow": (r"^v?(?P<ver>\d+\.\d+\.\d+)(?:-rc\.\d+)?$", "$ver", "--semver=*", "v1.10.0"),
    "a branch and a time": ("^main-[a-f0-9]+-(?P<ts>[0-9]+)", "$ts", "--numerical=asc", "main-9f8e-1800"),
    "an end": (".*-alpine$", "", "--alphabetical=asc", "1.0.0-alpine"),
    "a flag": ("^(?i)release-(?P<n>[0-9]+)$", "$n", "--numerical=asc", "Release-7"),
    "alternatives": ("^(?:main|dev)-[0-9a-f]+-(?P<ts>[0-9]+)$", "$ts", "--numerical=desc", "main-0a1b-1700"),
}


def test_plain_patterns_give_the_same_with_and_without_it(tmp_path: Path) -> None:
    (tmp_path / "tags.txt").write_text("\n".join(TAGS))
    runs = {
        name: ["explain", "example.com/org/app", rule, "--filter-pattern", pattern, "--extract", extract, *FROM_TAGS]
        for name, (pattern, extract, rule, _) in PLAIN.items()
    }
    hidden = dict(zip(runs, run_each(NO_RE2, [*runs.values()], tmp_path), strict=True))
    assert hidden == {name: run_in(tmp_path, *runs[name], environment=os.environ) for name in runs}
    for name, (*_, pick) in PLAIN.items():
        assert (hidden[name].status, f"→ example.com/org/app:{pick}\n" in hidden[name].out) == (0, True), hidden[name]


def policy(pattern: str, exclusions: str = "[]", host: str = "registry.example.com") -> str:
    return f"""\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {{name: web, namespace: apps}}
spec: {{image: {host}/web, interval: 5m, insecure: true, exclusionList: {exclusions}}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {{name: web, namespace: apps}}
spec:
  imageRepositoryRef: {{name: web}}
  filterTags: {{pattern: '{pattern}'}}
  policy: {{alphabetical: {{}}}}
"""


CASE = """\
apiVersion: imagesetter.dev/v1alpha1
kind: PolicyTest
metadata: {name: test}
spec:
  policyRef: apps:web
  tags: [v1.0.0, v1.1.0]
  cases: [{name: newest, pick: v1.1.0}]
"""
FIELD = 'image: HOST/web:v1.0.0 # {"$imagepolicy": "apps:web"}\n'


@pytest.mark.parametrize(
    ("text", "where"),
    [
        pytest.param(policy(ODD), "filterTags.pattern", id="a filter"),
        pytest.param(policy("^v", f"['{ODD}']"), "exclusionList", id="an exclusion"),
    ],
)
def test_an_odd_pattern_is_an_error_that_says_what_to_install(text: str, where: str, tmp_path: Path) -> None:
    (tmp_path / "policies.yaml").write_text(text)
    (tmp_path / "case.yaml").write_text(CASE)
    (tmp_path / "field.yaml").write_text(FIELD.replace("HOST", "registry.example.com"))
    (tmp_path / "tags.txt").write_text("v1.0.0\n")
    for ran in run_each(
        NO_RE2, [["test", "."], ["lint"], ["explain", "apps:web", *FROM_TAGS], ["update", "."]], tmp_path
    ):
        assert ran.status == 1, str(ran)
        assert f"{where}: the pattern `{ODD}` needs google-re2; it is not installed" in str(ran)
        assert INSTALL in str(ran)
        assert "apps:web" in str(ran) or "policies.yaml:" in str(ran)
        assert "Traceback" not in str(ran)
        assert "invalid regular expression" not in str(ran)  # nobody knows


def test_an_update_names_the_field_and_does_the_others(tmp_path: Path) -> None:
    def respond(seen: Seen) -> Reply:
        return Reply(body={"name": "web", "tags": ["v1.0.0", "v1.1.0"]} if seen.path.endswith("/list") else {})

    with run_fake(respond) as registry:
        odd = policy(ODD, host=registry.host).replace("name: web,", "name: odd,").replace("{name: web}", "{name: odd}")
        (tmp_path / "policies.yaml").write_text(f"{policy('^v', '[-rc]', registry.host)}---\n{odd}")
        field = FIELD.replace("HOST", registry.host)
        (tmp_path / "field.yaml").write_text(f"{field}---\n{field.replace('apps:web', 'apps:odd')}")
        options = ["--no-cache", "--allow-registry", registry.host, "."]
        both = run(NO_RE2, ["update", *options], tmp_path)
        other = run(NO_RE2, ["update", "--only", "apps:web", *options], tmp_path)
    assert both.returncode == 1, both.stderr
    assert "Traceback" not in both.stderr
    assert "field.yaml:3: error: apps:odd: filterTags.pattern: the pattern " in both.stderr
    assert f"`{ODD}` needs google-re2" in both.stderr
    assert "1 field changed, 0 up to date (2 files read); 1 error, see above" in both.stdout
    assert other.returncode == 0
    assert "0 fields changed, 1 up to date" in other.stdout
    new = field.replace("v1.0.0", "v1.1.0")
    assert (tmp_path / "field.yaml").read_text() == f"{new}---\n{field.replace('apps:web', 'apps:odd')}"


def test_a_tag_that_only_re2_may_read_is_an_error_too(tmp_path: Path) -> None:
    (tmp_path / "policies.yaml").write_text(policy("^v"))
    (tmp_path / "case.yaml").write_text(CASE.replace("v1.0.0,", "vé,"))
    done = run(NO_RE2, ["test", "."], tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "the pattern `^v` needs google-re2 for a text that is not ASCII" in done.stdout + done.stderr


RENDER = """\
import json, sys
from imagesetter.errors import TemplateError
from imagesetter.flux.commit_message.data import TemplateData
from imagesetter.flux.commit_message.render import render_message

def rendered(template):
    try:
        return render_message(template, TemplateData("apps", "web"))
    except TemplateError as error:
        return f"{error.what}\\n{error.hint}"

print(json.dumps([rendered(template) for template in json.load(sys.stdin)]))
"""
CALLS = {
    "a match": ('{{ regexMatch "^v[0-9]+$" "v12" }}', "true"),
    "the beginning from a place within": ('{{ regexFindAll "^a" "aaa" -1 }}', "[a]"),
    "all matches": ('{{ regexFindAll "[ab]" "ab-ba" -1 }}', "[a b b a]"),
    "empty matches": ('{{ regexReplaceAll "a*" "baac" "-" }}', "-b-c-"),
    "groups": ('{{ regexReplaceAll "(?P<x>a)(b)?" "abac" "$x$2." }}', "ab.a.c"),
    "parts": ('{{ regexSplit "-+" "a--b-c" -1 }}', "[a b c]"),
    "an end": ('{{ regexFind "[a-z]+$" "a-b" }}', "b"),
}


def rendered(prelude: str, templates: Iterable[str]) -> list[str]:
    """What each template gives, or the error and its hint."""
    command = [sys.executable, "-c", f"{prelude}\n{RENDER}"]
    done = subprocess.run(command, input=json.dumps([*templates]), capture_output=True, text=True, check=False)
    assert done.stderr == ""
    texts: list[str] = json.loads(done.stdout)
    return texts


def test_templates_read_plain_patterns() -> None:
    templates, texts = zip(*CALLS.values(), strict=True)
    assert dict(zip(CALLS, rendered(NO_RE2, templates), strict=True)) == dict(zip(CALLS, texts, strict=True))
    assert rendered("", templates) == [*texts]


NEED_RE2 = {
    "a function that hides what is wrong with a pattern": '{{ regexMatch "^(a+b|c)+$" "c" }}',
    "a function that reports it": '{{ mustRegexFind "^(a+b|c)+$" "c" }}',
    "a text beyond ASCII": '{{ regexMatch "a" "é" }}',
    "a text of two lines": '{{ regexMatch "a" "b\\na" }}',
}


def test_templates_say_what_to_install() -> None:
    for name, text in zip(NEED_RE2, rendered(NO_RE2, NEED_RE2.values()), strict=True):
        assert "needs google-re2" in text, name
        assert INSTALL in text, name


def test_doctor_and_version_say_that_it_is_missing(tmp_path: Path) -> None:
    doctor = run(NO_RE2, ["doctor", "--offline"], tmp_path)
    (line,) = [line for line in doctor.stdout.splitlines() if "google-re2" in line]
    assert "not installed: only plain patterns work" in line
    assert "google-re2 not installed" in run(NO_RE2, ["--version"], tmp_path).stdout
    there = run("", ["--version"], tmp_path).stdout
    assert "not installed" not in there
