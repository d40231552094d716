"""Flux's variables: values come from the command line and from the Flux Kustomization that deploys the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagesetter.flux.variables import Values, substitute, unresolved, variables_of
from support.flux_repositories import Run, deployed, field, kustomization, policies, policy, repository

SETTINGS = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: flux-system}\ndata: {range: 1.3.x}\n"
RANGE = policies("1.3.0", rule="semver: {range: '${range}'}")
DEFAULT = policies("1.3.0", rule="semver: {range: '${range:=1.2.x}'}")
SUBSTITUTE = ("postBuild: {substitute: {range: 1.3.x}}",)


@pytest.mark.parametrize(
    ("text", "known", "complete", "expected"),
    [
        ("${a}", {"a": "1"}, False, "1"),
        ("x${a}y${b}", {"a": "1"}, False, "x1y${b}"),
        ("${a:=1}", {}, True, "1"),
        ("${a:-1}", {}, True, "1"),
        ("${a:=1}", {}, False, "${a:=1}"),
        ("${a:=1}", {"a": ""}, True, "1"),
        ("${a:=}", {}, True, ""),
        ("${a}", {"a": ""}, True, ""),
        ("${a}", {}, True, "${a}"),
        ("$a", {"a": "1"}, True, "$a"),
        ("$${a}", {"a": "1"}, True, "${a}"),
        ("${a:0:2}", {"a": "123"}, True, "${a:0:2}"),
        ("${1}", {"1": "x"}, True, "${1}"),
        ("{{ .Values }} ${", {}, True, "{{ .Values }} ${"),
        ("${a:=${b:-1}}", {}, True, "1"),
        ("${a:=${b:-1}}", {"b": "2"}, True, "2"),
        ("${a:=${b:-1}}", {"a": "3", "b": "2"}, True, "3"),
        ("${a:=x${b}y}z", {}, True, "x${b}yz"),
        ("${a:=${b:-1}}", {"b": "2"}, False, "${a:=${b:-1}}"),
        ("${a:=$${b}}", {"b": "2"}, True, "${b}"),
        ("${a}${b}", {"a": "${b}", "b": "2"}, True, "${b}2"),
        ("${a:={1}}", {}, True, "${a:={1}}"),
        ("${a:=1\n}", {}, True, "${a:=1\n}"),
    ],
)
def test_a_variable_is_replaced_by_its_value_or_stays(
    text: str, known: dict[str, str], complete: bool, expected: str
) -> None:
    assert substitute(text, Values(known, complete)) == expected


def test_defaults_in_defaults_end_somewhere_and_what_is_left_is_unresolved() -> None:
    deep = "${a:=" * 5000 + "x" + "}" * 5000
    left = substitute(deep, Values({}, complete=True))
    assert variables_of(left) == [left]
    assert len(left) < len(deep)


def test_many_variables_that_do_not_end_are_looked_at_once() -> None:
    """Looking for the end of each through the whole text takes hours."""
    assert variables_of("${" * 500_000 + "a}") == ["${a}"]


def test_only_variables_are_taken_for_variables() -> None:
    assert variables_of("a ${b} $${c} $d ${b} ${e:=f}") == ["${b}", "${e:=f}"]
    assert variables_of("${a:=${b}} ${c") == ["${a:=${b}}"]
    spec = {"filterTags": {"pattern": "^(?P<ts>[0-9]+)$", "extract": "${ts}"}, "policy": {"semver": {"range": "${r}"}}}
    found = list(unresolved({"metadata": {"name": "${n}", "labels": {"a": "${l}"}}, "spec": spec}))
    assert [(each.path, each.variable) for each in found] == [
        (("metadata", "name"), "${n}"),
        (("spec", "policy", "semver", "range"), "${r}"),
    ]


ERROR = "error: flux-system:web: unresolved variable "
RESOLVED = {
    "no value": ({"p.yaml": RANGE}, (), "${range}"),
    "a default alone, since a value may be elsewhere": ({"p.yaml": DEFAULT}, (), "${range:=1.2.x}"),
    "a value from the command line": ({"p.yaml": RANGE}, ("--substitute", "range=1.3.x"), "1.3.x"),
    "another value from the command line": ({"p.yaml": RANGE}, ("--substitute", "ranges=1.3.x"), "${range}"),
    "a default, with other values from the command line": ({"p.yaml": DEFAULT}, ("--substitute", "a=b"), "1.2.x"),
    "an expression that is not read": (
        {"p.yaml": policies("1.3.0", rule="semver: {range: '${range/a/b}'}")},
        ("--substitute", "range=1"),
        "${range/a/b}",
    ),
    "a file of lines": (
        {"p.yaml": RANGE, "values.env": "# of prod\nexport range='1.3.x'\n"},
        ("--substitute-from", "values.env"),
        "1.3.x",
    ),
    "a ConfigMap": ({"p.yaml": RANGE, "settings.yaml": SETTINGS}, ("--substitute-from", "settings.yaml"), "1.3.x"),
    "a mapping": ({"p.yaml": RANGE, "values": "range: 1.3.x\n"}, ("--substitute-from", "values"), "1.3.x"),
    "postBuild of what deploys the folder": (
        {"infra/p.yaml": RANGE, "clusters/prod/infra.yaml": deployed("./infra", *SUBSTITUTE)},
        (),
        "1.3.x",
    ),
    "postBuild of a Flux Kustomization whose file is called as its documentation does": (
        {"infra/p.yaml": RANGE, "clusters/prod/infra-kustomization.yaml": deployed("./infra", *SUBSTITUTE)},
        (),
        "1.3.x",
    ),
    "postBuild of a Flux Kustomization in the file of a kustomization": (
        {"infra/p.yaml": RANGE, "clusters/prod/kustomization.yaml": deployed("./infra", *SUBSTITUTE)},
        (),
        "1.3.x",
    ),
    "postBuild, beside a patch of another Flux Kustomization, which has no path": (
        {
            "infra/p.yaml": RANGE,
            "clusters/prod/infra.yaml": deployed("./infra", *SUBSTITUTE),
            "clusters/prod/checks.yaml": "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n"
            "metadata: {name: flux-system, namespace: flux-system}\nspec: {timeout: 2m, healthChecks: []}\n",
        },
        (),
        "1.3.x",
    ),
    "postBuild of what deploys another folder": (
        {"infra/p.yaml": RANGE, "clusters/prod/infra.yaml": deployed("./apps", *SUBSTITUTE)},
        (),
        "${range}",
    ),
    "postBuild through a kustomization": (
        {
            "base/p.yaml": RANGE,
            "infra/kustomization.yaml": kustomization("resources: [../base/p.yaml]"),
            "clusters/prod/infra.yaml": deployed("infra", *SUBSTITUTE),
        },
        (),
        "1.3.x",
    ),
    "substituteFrom a ConfigMap among the files": (
        {
            "infra/p.yaml": RANGE,
            "settings.yaml": SETTINGS,
            "clusters/prod/infra.yaml": deployed(
                "./infra", "postBuild: {substituteFrom: [{kind: ConfigMap, name: settings}]}"
            ),
        },
        (),
        "1.3.x",
    ),
    "substituteFrom a ConfigMap in quotes, as Helm's charts write them": (
        {
            "infra/p.yaml": RANGE,
            "settings.yaml": SETTINGS.replace("kind: ConfigMap", 'kind:  "ConfigMap"'),
            "clusters/prod/infra.yaml": deployed(
                "./infra", "postBuild: {substituteFrom: [{kind: ConfigMap, name: settings}]}"
            ),
        },
        (),
        "1.3.x",
    ),
    "substituteFrom something that is not among the files": (
        {
            "infra/p.yaml": DEFAULT,
            "clusters/prod/infra.yaml": deployed("./infra", "postBuild: {substituteFrom: [{kind: Secret, name: s}]}"),
        },
        (),
        "${range:=1.2.x}",
    ),
    "a default where postBuild has no value": (
        {"infra/p.yaml": DEFAULT, "clusters/prod/infra.yaml": deployed("./infra", "postBuild: {substitute: {a: b}}")},
        (),
        "1.2.x",
    ),
    "the command line before postBuild": (
        {"infra/p.yaml": RANGE, "clusters/prod/infra.yaml": deployed("./infra", *SUBSTITUTE)},
        ("--substitute", "range=1.4.x"),
        "1.4.x",
    ),
    "substitution switched off for the resource": (
        {
            "infra/p.yaml": RANGE.replace(
                "metadata: {name: web,",
                "metadata: {annotations: {kustomize.toolkit.fluxcd.io/substitute: disabled}, name: web,",
            ),
            "clusters/prod/infra.yaml": deployed("./infra", *SUBSTITUTE),
        },
        (),
        "${range}",
    ),
}


@pytest.mark.parametrize(("files", "options", "found"), RESOLVED.values(), ids=RESOLVED)
def test_a_policy_has_its_values_or_is_an_error(
    files: dict[str, str], options: tuple[str, ...], found: str, run: Run
) -> None:
    out = run({**files, "apps/a.yaml": field()}, "explain", "web", "--tags-file", "/dev/null", *options)
    if found.startswith("${"):
        assert f"error: unresolved variable {found} in spec.policy.semver.range\n" in out
        linted = run({}, "lint", *options)
        assert f"warning unresolved-variable: {found} has no value among the files" in linted
        assert len(linted.splitlines()) == 2
    else:
        assert f" semver {found}\n" in out
        assert run({}, "lint", *options) == f"nothing found ({out_of(files)} files read)\n"


def out_of(files: dict[str, str]) -> int:
    return 1 + sum(name.endswith(".yaml") for name in files)


def test_two_clusters_with_other_values_are_two_policies(run: Run) -> None:
    files = {
        "infra/p.yaml": policies("1.3.0", rule="semver: {range: '${range}'}"),
        "clusters/dev/infra.yaml": deployed("./infra", "postBuild: {substitute: {range: 1.x}}"),
        "clusters/prod/infra.yaml": deployed("./infra", *SUBSTITUTE),
        "clusters/dev/a.yaml": field(),
        "clusters/prod/a.yaml": field(),
    }
    run(files, "schema")
    assert run({}, "lint") == "nothing found (5 files read)\n"
    for cluster, found in {"dev": "1.x", "prod": "1.3.x"}.items():
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(f"clusters/{cluster}")
            assert f" semver {found}\n" in run({}, "explain", "web", "--tags-file", "/dev/null")


def test_a_variable_never_reaches_a_field(run: Run) -> None:
    files = {
        "p.yaml": f"{repository('registry.example.com/${team}/web')}---\n{policy('1.3.0')}",
        "a.yaml": field(),
        "b.yaml": field("${ns}:web"),
    }
    out = run(files, "update")
    assert "${" not in Path("a.yaml").read_text(encoding="utf-8")
    assert Path("b.yaml").read_text(encoding="utf-8") == files["b.yaml"]
    assert "unresolved variable ${ns} in the marker '${ns}:web'; Flux reads markers before it replaces variables" in out


def test_a_marker_gets_its_values_too(run: Run) -> None:
    files = {"p.yaml": policies("1.3.0"), "a.yaml": field("${ns}:${app}"), "b.yaml": field()}
    run(files, "update", "--from", "status", "--substitute", "ns=flux-system", "--substitute", "app=web")
    assert Path("a.yaml").read_text(encoding="utf-8") == files["a.yaml"].replace("1.0.0", "1.3.0")
    assert run({}, "lint", "--substitute", "ns=flux-system", "--substitute", "app=web") == (
        "nothing found (3 files read)\n"
    )
    assert (
        run({}, "lint")
        .splitlines()[0]
        .startswith(
            "a.yaml:1:39: warning unresolved-variable: the marker contains ${ns}, and Flux reads markers before"
        )
    )


@pytest.mark.parametrize("field_name", ["branch", "message", "path"])
def test_an_automation_with_a_variable_is_not_run(field_name: str, run: Run) -> None:
    extra = {"branch": "push: {branch: '${b}'}", "message": "commit: {messageTemplate: '${b}'}", "path": ""}[field_name]
    path = "'${b}'" if field_name == "path" else "./"
    author = "commit: {author: {email: a@example.com}}" if field_name != "message" else ""
    extra = extra.replace("messageTemplate", "author: {email: a@example.com}, messageTemplate")
    git = ", ".join(filter(None, (author, extra)))
    files = {
        "auto.yaml": (
            "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageUpdateAutomation\n"
            "metadata: {name: auto, namespace: flux-system}\n"
            f"spec: {{interval: 5m, sourceRef: {{name: flux-system}}, git: {{{git}}}, update: {{path: {path}}}}}\n"
        )
    }
    out = run(files, "automate", "--dry-run", "--from", "status")
    assert "error: unresolved variable ${b} in spec." in out
    assert "give its value with --substitute b=VALUE or --substitute-from FILE" in out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--substitute", "range"), "'range' is not a value of a variable"),
        (("--substitute", "1=2"), "'1=2' is not a value of a variable"),
        (("--substitute-from", "numbers.yaml"), "the value of range is not a text"),
        (("--substitute-from", "list.yaml"), "holds no values"),
        (("--substitute-from", "missing.yaml"), "cannot be read"),
    ],
)
def test_a_value_that_cannot_be_read_is_an_error(options: tuple[str, ...], message: str, run: Run) -> None:
    files = {"p.yaml": RANGE, "numbers.yaml": "range: 1.3\n", "list.yaml": "- a\n"}
    assert message in run(files, "lint", *options)


def test_a_variable_without_a_value_is_a_finding_once_in_a_file(run: Run) -> None:
    spec = repository("'registry.example.com/${team}/web'")
    files = {
        "p.yaml": "---\n".join((spec, policy("1.3.0"), spec.replace("name: web", "name: api"))),
        "q.yaml": spec.replace("name: web", "name: other"),
        "a.yaml": field("${ns}:web") + field("${ns}:api").replace("image", "other"),
    }
    found = [line.partition(",")[0] for line in run(files, "lint").splitlines() if "unresolved-variable" in line]
    assert found == [
        "a.yaml:1:39: warning unresolved-variable: the marker contains ${ns}",
        "p.yaml:4:15: warning unresolved-variable: ${team} has no value among the files",
        "q.yaml:4:15: warning unresolved-variable: ${team} has no value among the files",
    ]
    assert "so this ImageRepository is not complete (1 more place in this file); give it" in run({}, "lint")


def test_a_cluster_whose_variable_has_no_value_does_not_follow_the_policy_of_another_one(run: Run) -> None:
    files = {
        "base/p.yaml": RANGE,
        "base/kustomization.yaml": kustomization("resources: [p.yaml]"),
        "clusters/dev/base.yaml": deployed("./base", *SUBSTITUTE),
        "clusters/prod/base.yaml": deployed("./base", "postBuild: {substitute: {other: a}}"),
        "clusters/dev/a.yaml": field(),
        "clusters/prod/a.yaml": field(),
    }
    run(files, "schema")
    found = {}
    for cluster in ("dev", "prod"):
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(f"clusters/{cluster}")
            found[cluster] = run({}, "explain", "web", "--tags-file", "/dev/null")
    assert " semver 1.3.x\n" in found["dev"]
    assert "unresolved variable ${range} in spec.policy.semver.range" in found["prod"]


def test_what_was_made_of_a_base_counts_before_the_base_where_neither_is_nearer(run: Run) -> None:
    files = {"base/p.yaml": RANGE, "rendered/p.yaml": policies("1.3.0"), "apps/a.yaml": field()}
    run(files, "update", "--from", "status")
    assert Path("apps/a.yaml").read_text(encoding="utf-8") == files["apps/a.yaml"].replace("1.0.0", "1.3.0")
