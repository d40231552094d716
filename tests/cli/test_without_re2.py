"""Where google-re2 is missing: plain patterns are read all the same, others are an error that says what to install."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support.fakes import Reply, Seen, run_fake
from support.hiding import run, without

NO_RE2 = without(["re2"])
TAGS = ["1.0.0-alpine", "main-0a1b-1700", "main-9f8e-1800", "v1.2.3", "v1.10.0", "1.3.0", "1.4.0-rc.1", "Release-7"]
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


@pytest.mark.parametrize(("pattern", "extract", "rule", "pick"), PLAIN.values(), ids=PLAIN)
def test_plain_patterns_give_the_same_with_and_without_it(
    pattern: str, extract: str, rule: str, pick: str, tmp_path: Path
) -> None:
    (tmp_path / "tags.txt").write_text("\n".join(TAGS))
    arguments = ["explain", "example.com/org/app", rule, "--filter-pattern", pattern, "--tags-file", "tags.txt"]
    arguments += ["--extract", extract] if extract else []
    hidden, there = run(NO_RE2, arguments, tmp_path), run("", arguments, tmp_path)
    assert (hidden.returncode, hidden.stdout, hidden.stderr) == (there.returncode, there.stdout, there.stderr)
    assert f"→ example.com/org/app:{pick}\n" in hidden.stdout
    assert hidden.returncode == 0


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
@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        pytest.param(["test", "."], 1, id="test"),
        pytest.param(["lint"], 1, id="lint"),
        pytest.param(["explain", "apps:web", "--tags-file", "tags.txt"], 1, id="explain"),
        pytest.param(["update", "."], 1, id="update"),
    ],
)
def test_an_odd_pattern_is_an_error_that_says_what_to_install(
    arguments: list[str], status: int, text: str, where: str, tmp_path: Path
) -> None:
    (tmp_path / "policies.yaml").write_text(text)
    (tmp_path / "case.yaml").write_text(CASE)
    (tmp_path / "field.yaml").write_text(FIELD.replace("HOST", "registry.example.com"))
    (tmp_path / "tags.txt").write_text("v1.0.0\n")
    done = run(NO_RE2, arguments, tmp_path)
    said = done.stdout + done.stderr
    assert done.returncode == status, said
    assert f"{where}: the pattern `{ODD}` needs google-re2; it is not installed" in said
    assert INSTALL in said
    assert "apps:web" in said or "policies.yaml:" in said
    assert "Traceback" not in said
    assert "invalid regular expression" not in said  # nobody knows


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


TEMPLATE = """\
{NO_RE2}
from imagesetter.errors import TemplateError
from imagesetter.flux.commit_message.data import TemplateData
from imagesetter.flux.commit_message.render import render_message
try:
    print(render_message({template!r}, TemplateData("apps", "web")))
except TemplateError as error:
    print(error.what, error.hint, sep="\\n")
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


def rendered(prelude: str, template: str, folder: Path) -> str:
    code = TEMPLATE.replace("{NO_RE2}", prelude).replace("{template!r}", repr(template))
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.stdout.rstrip("\n")


@pytest.mark.parametrize(("template", "text"), CALLS.values(), ids=CALLS)
def test_templates_read_plain_patterns(template: str, text: str, tmp_path: Path) -> None:
    assert rendered(NO_RE2, template, tmp_path) == text
    assert rendered("", template, tmp_path) == text


@pytest.mark.parametrize(
    "template",
    [
        pytest.param('{{ regexMatch "^(a+b|c)+$" "c" }}', id="a function that hides what is wrong with a pattern"),
        pytest.param('{{ mustRegexFind "^(a+b|c)+$" "c" }}', id="a function that reports it"),
        pytest.param('{{ regexMatch "a" "é" }}', id="a text beyond ASCII"),
        pytest.param('{{ regexMatch "a" "b\\na" }}', id="a text of two lines"),
    ],
)
def test_templates_say_what_to_install(template: str, tmp_path: Path) -> None:
    said = rendered(NO_RE2, template, tmp_path)
    assert "needs google-re2" in said
    assert INSTALL in said


def test_doctor_and_version_say_that_it_is_missing(tmp_path: Path) -> None:
    doctor = run(NO_RE2, ["doctor", "--offline"], tmp_path)
    (line,) = [line for line in doctor.stdout.splitlines() if "google-re2" in line]
    assert "not installed: only plain patterns work" in line
    assert "google-re2 not installed" in run(NO_RE2, ["--version"], tmp_path).stdout
    there = run("", ["--version"], tmp_path).stdout
    assert "not installed" not in there
