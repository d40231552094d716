"""Policies that can select nothing, or by chance, and what lacks a safeguard: what is found, and what is left alone."""

from __future__ import annotations

import pytest

from lint.conftest import FIELD, POLICIES, REPOSITORY, Lint


def policy(rule: str, *more: str, name: str = "web") -> str:
    spec = "\n  ".join(["imageRepositoryRef: {name: web}", f"policy: {{{rule}}}", *more])
    return (
        "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\n"
        f"metadata: {{name: {name}, namespace: flux-system}}\nspec:\n  {spec}\n"
    )


def filtered(rule: str, pattern: str, extract: str = "") -> str:
    lines = [f"  pattern: '{pattern}'"] if pattern else []
    return policy(rule, "filterTags:", *[f"  {line.strip()}" for line in [*lines, f"extract: '{extract}'"]])


ONE = "semver: {range: 1.x}"
ANY = "semver: {range: '>=0.0.1'}"
PRE = "semver: {range: '>=0.0.1-0'}"
NUMBER = "numerical: {order: asc}"
TEXT = "alphabetical: {order: asc}"

# rule, policy, whether that rule finds something
CASES = {
    "a misspelled group": ("invalid-extract", filtered(NUMBER, r"^main-(?P<ts>\d+)", "$tss"), True),
    "a group with a text behind it": (
        "invalid-extract",
        filtered(ANY, r"^(?P<v>v1\.2\.[0-9]+)-(?P<run>\d+)$", "$v_$run"),
        True,
    ),
    "braces around the groups": (
        "invalid-extract",
        filtered(ANY, r"^(?P<v>v1\.2\.[0-9]+)-(?P<run>\d+)$", "${v}_${run}"),
        False,
    ),
    "an extract without a pattern": ("invalid-extract", filtered(ANY, "", "$1"), True),
    "a number of a group": ("invalid-extract", filtered(NUMBER, r"^main-(\d+)$", "$1"), False),
    "a number beyond the groups": ("invalid-extract", filtered(NUMBER, r"^main-(\d+)$", "$2"), True),
    "a number with a text behind it": ("invalid-extract", filtered(NUMBER, r"^main-(\d+)$", "$1x"), True),
    "the whole match": ("invalid-extract", filtered(ONE, r"^1\..*$", "$0"), False),
    "a dollar sign": ("invalid-extract", filtered(TEXT, r"^1\..*$", "$$x"), False),
    "Go's newer spelling of groups": ("invalid-extract", filtered(NUMBER, r"^main-(?<ts>\d+)$", "$ts"), False),
    "two numbers where three are needed": (
        "selects-nothing",
        filtered(ONE, r"^(?P<v>\d+\.\d+)-alpine$", "$v"),
        True,
    ),
    "three numbers": ("selects-nothing", filtered(ONE, r"^(?P<v>\d+\.\d+\.\d+)-alpine$", "$v"), False),
    "three numbers by a count": ("selects-nothing", filtered(ONE, r"^(?P<v>\d+(?:\.\d+){2})-alpine$", "$v"), False),
    "any count of numbers": ("selects-nothing", filtered(ONE, r"^v?(?P<v>\d+(\.\d+)*)$", "$v"), False),
    "any text": ("selects-nothing", filtered(ONE, r"^(?P<v>.*)-alpine$", "$v"), False),
    "a suffix that semver takes for a prerelease": ("selects-nothing", filtered(ONE, r"^\d+\.\d+\.\d+-alpine$"), True),
    "the same anywhere": ("selects-nothing", filtered(ANY, ".*-rc.*"), True),
    "the same with a range for prereleases": ("selects-nothing", filtered(PRE, ".*-rc.*"), False),
    "an optional suffix": ("selects-nothing", filtered(ONE, r"^\d+\.\d+\.\d+(-alpine)?$"), False),
    "another major version": ("selects-nothing", filtered("semver: {range: '>=2.0.0'}", r"^v1\.\d+\.\d+$"), True),
    "one of two major versions": (
        "selects-nothing",
        filtered("semver: {range: '>=2.0.0'}", r"^v[12]\.\d+\.\d+$"),
        False,
    ),
    "the same major version": ("selects-nothing", filtered("semver: {range: ~1.40}", r"^v1\.\d+\.\d+$"), False),
    "a branch and a number": ("selects-nothing", filtered(ONE, "^main-[0-9]+$"), True),
    "no pattern": ("selects-nothing", policy(ONE), False),
    "a pattern that Python cannot read": ("selects-nothing", filtered(ONE, r"^\pN+$"), False),
    "build metadata": ("build-metadata", filtered(ONE, r"^([0-9.]+)_(\d+)$", "$1+$2"), True),
    "a prerelease instead": ("build-metadata", filtered(PRE, r"^([0-9.]+)_(\d+)$", "$1-$2"), False),
    "a sum for an alphabetical policy": ("build-metadata", filtered(TEXT, r"^([0-9.]+)_(\d+)$", "$1+$2"), False),
    "hashes behind a word": ("alphabetical-hashes", filtered(TEXT, "^sandbox-[0-9a-f]+$"), True),
    "hashes of a length": ("alphabetical-hashes", filtered(TEXT, "^[a-f0-9]{7}$"), True),
    "hashes that are extracted": ("alphabetical-hashes", filtered(TEXT, r"^\d+-(?P<sha>[0-9a-f]+)$", "$sha"), True),
    "times before hashes": ("alphabetical-hashes", filtered(TEXT, r"^main-\d{10}-[0-9a-f]+$"), False),
    "times that are extracted": ("alphabetical-hashes", filtered(TEXT, r"^[0-9a-f]+-(?P<ts>\d+)$", "$ts"), False),
    "hashes with a numerical policy": ("alphabetical-hashes", filtered(NUMBER, "^[0-9a-f]+$"), False),
    "rc9 and rc10": ("prerelease-order", filtered(PRE, r"^\d+\.\d+\.\d+-rc[0-9]+$"), True),
    "rc9 and rc10 at the end": ("prerelease-order", filtered(PRE, "-rc[0-9]+$"), True),
    "beta9 and beta10 in digits": ("prerelease-order", filtered(PRE, r"^v\d+\.\d+\.\d+-beta\d+$"), True),
    "anything behind rc": ("prerelease-order", filtered(PRE, ".*-rc.*"), False),
    "rc.9 and rc.10": ("prerelease-order", filtered(PRE, r"^\d+\.\d+\.\d+-rc\.[0-9]+$"), False),
    "a number alone": ("prerelease-order", filtered(PRE, r"^\d+\.\d+\.\d+-[0-9]+$"), False),
    "rc9 and rc10 that the range refuses": ("prerelease-order", filtered(ANY, r"^\d+\.\d+\.\d+-rc[0-9]+$"), False),
    "signatures": ("signature-tag", policy(TEXT), True),
    "signatures, from the other end": ("signature-tag", policy("alphabetical: {order: desc}"), False),
    "signatures beside a pattern": ("signature-tag", filtered(TEXT, "^[0-9]{8}$"), False),
    "signatures beside a range": ("signature-tag", policy(ONE), False),
}


@pytest.mark.parametrize(("rule", "text", "found"), CASES.values(), ids=CASES)
def test_a_policy_is_tried_and_not_guessed_about(rule: str, text: str, found: bool, lint: Lint) -> None:
    ran = lint({"p.yaml": f"{REPOSITORY}---\n{text}", "a.yaml": FIELD.replace("1.2.0", "x")})
    assert bool(ran.about(rule)) == found, ran.out


@pytest.mark.parametrize(("tag", "found"), [("a1b2c3d", True), ("20260101-a1b2c3d", False), ("1234567", False)])
def test_a_hash_in_a_field_is_evidence(tag: str, found: bool, lint: Lint) -> None:
    ran = lint({"p.yaml": f"{REPOSITORY}---\n{policy(TEXT)}", "a.yaml": FIELD.replace("1.2.0", tag)})
    assert bool(ran.about("alphabetical-hashes")) == found


@pytest.mark.parametrize(
    ("version", "release"), [("v1", ""), ("v1beta2", "Flux 2.9"), ("v1beta1", "Flux 2.7"), ("v1alpha1", "Flux 2.0")]
)
def test_a_version_that_is_gone_is_named_with_the_release(version: str, release: str, lint: Lint) -> None:
    text = policy(ONE).replace("/v1\n", f"/{version}\n")
    found = lint({"p.yaml": f"{REPOSITORY}---\n{text}", "a.yaml": FIELD}).about("removed-version")
    assert [f"was removed in {release}," in line for line in found] == [True] * bool(release)


@pytest.mark.parametrize(
    ("interval", "found"), [("10s", True), ("29s", True), ("30s", False), ("1m", False), ("x", False), ("500ms", True)]
)
def test_a_scan_more_often_than_every_thirty_seconds(interval: str, found: bool, lint: Lint) -> None:
    files = {"p.yaml": POLICIES.replace("5m", interval), "a.yaml": FIELD}
    assert bool(lint(files).about("short-interval")) == found


PRODUCTION = {
    "all versions to come": ("clusters/production/p.yaml", "'>=1.0.0'", "every major version"),
    "prereleases": ("prod/p.yaml", "1.x-0", "prereleases"),
    "both": ("eu-prod/p.yaml", "'>=1.0.0-0'", "prereleases and every major version"),
    "any": ("live/p.yaml", "'*'", "every major version"),
    "one major version": ("prod/p.yaml", "1.x", ""),
    "up to a version": ("prod/p.yaml", "'>=1.0.0 <3.0.0'", ""),
    "not production": ("staging/p.yaml", "'>=1.0.0-0'", ""),
    "a word that contains prod": ("products/p.yaml", "'>=1.0.0'", ""),
}


@pytest.mark.parametrize(("name", "value", "what"), PRODUCTION.values(), ids=PRODUCTION)
def test_an_open_range_in_production(name: str, value: str, what: str, lint: Lint) -> None:
    ran = lint({name: f"{REPOSITORY}---\n{policy(f'semver: {{range: {value}}}')}", "a.yaml": FIELD})
    found = ran.about("open-range-in-production")
    assert [f" admits {what};" in line for line in found] == [True] * bool(what)


def test_a_filter_that_admits_releases_alone_makes_an_open_range_narrower(lint: Lint) -> None:
    text = filtered("semver: {range: '>=1.0.0-0'}", r"^1\.\d+\.\d+$")
    assert lint({"prod/p.yaml": f"{REPOSITORY}---\n{text}", "a.yaml": FIELD}).about("open-range-in-production") == []


def automation(checkout: str, push: str) -> str:
    ref = f"checkout: {{ref: {{branch: {checkout}}}}}, " if checkout else ""
    return (
        "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageUpdateAutomation\n"
        "metadata: {name: auto, namespace: flux-system}\nspec:\n  interval: 5m\n"
        "  sourceRef: {kind: GitRepository, name: flux-system}\n"
        f"  git: {{{ref}commit: {{author: {{email: a@example.com}}}}{push}}}\n"
    )


SOURCE = (
    "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {name: flux-system, "
    "namespace: flux-system}\nspec: {url: 'https://git.example.com/x', ref: {branch: main}}\n"
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (automation("main", ", push: {branch: main}"), True),
        (automation("main", ""), True),
        (automation("main", ", push: {branch: images}"), False),
        (automation("main", ", push: {refspec: 'refs/heads/main:refs/heads/x'}"), False),
        (f"{automation('', ', push: {branch: main}')}---\n{SOURCE}", True),
        (f"{automation('', ', push: {branch: images}')}---\n{SOURCE}", False),
    ],
    ids=["the same branch", "no push", "another branch", "a refspec", "the source's branch", "not the source's branch"],
)
def test_an_automation_that_nobody_reviews(text: str, found: bool, lint: Lint) -> None:
    assert bool(lint({"auto.yaml": text}).about("push-without-review")) == found


def deployment(image: str, kind: str = "Deployment") -> str:
    return (
        f"apiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: web}}\nspec:\n  template:\n    spec:\n"
        f"      containers:\n      - name: web\n        image: {image}\n"
    )


IMAGES = {
    "latest": ({"d.yaml": deployment("nginx:latest")}, True),
    "no tag": ({"d.yaml": deployment("ghcr.io/org/web")}, True),
    "no tag, with a port": ({"d.yaml": deployment("localhost:5000/web")}, True),
    "in quotes": ({"d.yaml": deployment("'nginx:latest'")}, True),
    "a tag": ({"d.yaml": deployment("nginx:1.27")}, False),
    "a digest": ({"d.yaml": deployment("nginx@sha256:" + "0" * 64)}, False),
    "a marker": ({"d.yaml": deployment('registry.example.com/web # {"$imagepolicy": "flux-system:web"}')}, False),
    "a template": ({"d.yaml": deployment("'{{ .Values.image }}'")}, False),
    "a variable": ({"d.yaml": deployment("${IMAGE}")}, False),
    "set by a kustomization": (
        {"d.yaml": deployment("web"), "kustomization.yaml": "images:\n- {name: web, newTag: 1.2.0}\n"},
        False,
    ),
    "renamed by a kustomization": (
        {"d.yaml": deployment("web"), "kustomization.yaml": "images:\n- {name: web, newName: api}\n"},
        True,
    ),
    "a Helm value": ({"values.yaml": "web:\n  image: nginx\n  tag: 1.27\n"}, False),
    "a text": ({"c.yaml": "a: |\n  containers:\n  - name: web\n    image: nginx\n"}, False),
}


@pytest.mark.parametrize(("files", "found"), IMAGES.values(), ids=IMAGES)
def test_an_image_without_a_tag(files: dict[str, str], found: bool, lint: Lint) -> None:
    assert bool(lint({**files, "p.yaml": POLICIES}).about("untagged-image")) == found


@pytest.mark.parametrize(
    ("field", "found"),
    [
        ("policyChangeDelay: 5m", ""),
        ("policyChangeDelays: 5m", "has no such field (did you mean policyChangeDelay?); remove it: the API server"),
        ("somethingNew: 5m", "has no such field; remove it, unless your Flux is newer: the API server"),
    ],
)
def test_a_field_of_a_newer_flux_is_not_called_wrong(field: str, found: str, lint: Lint) -> None:
    lines = lint({"auto.yaml": f"{automation('main', '')}  {field}\n"}).about("unknown-field")
    assert len(lines) == bool(found)
    assert all(f"ImageUpdateAutomation of image-automation-controller v1.3.0 {found}" in line for line in lines)


def test_a_policy_that_extracts_is_shown_where_the_dot_goes(lint: Lint) -> None:
    text = filtered(PRE, r"^(?P<v>\d+\.\d+\.\d+)-rc(?P<n>[0-9]+)$", "$v-rc$n")
    ran = lint({"p.yaml": f"{REPOSITORY}---\n{text}", "a.yaml": FIELD.replace("1.2.0", "x")})
    assert [line.partition("; ")[2] for line in ran.about("prerelease-order")] == [
        "put a dot before the number in extract, such as ${version}-rc.${number}, with a group for each"
    ]
    dotted = text.replace("$v-rc$n", "$v-rc.$n")
    assert lint({"p.yaml": f"{REPOSITORY}---\n{dotted}", "a.yaml": FIELD}).about("prerelease-order") == []
