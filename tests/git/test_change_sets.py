"""One commit for each image, policy or group, on one branch or on branches of their own."""

from __future__ import annotations

import pytest

from git.conftest import AUTOMATION, Bench, image, policy
from git.test_run import error
from imagesetter.errors import TemplateError
from imagesetter.flux.commit_message.data import TemplateData
from imagesetter.flux.markers import PolicyName
from imagesetter.git.change_sets import Per, branch_name, check_branches
from imagesetter.git.run import AutomationOptions

TAGS = {"web": "1.0.1", "api": "1.0.2", "db": "1.0.3"}
MESSAGE = AUTOMATION.replace(
    "    commit:\n",
    "    commit:\n      messageTemplate: '{{ range .Changed.Changes }}{{ .Setter }} {{ end }}'\n",
)
POLICIES = (
    policy("web", labels="imagesetter.dev/group: shop")
    + policy("api", labels="imagesetter.dev/group: shop")
    + policy("db")
)


@pytest.fixture
def shop(bench: Bench) -> Bench:
    bench.remote.commit(
        {
            "deploy/api.yaml": image("api"),
            "deploy/more.yaml": image("api") + "b: 1\n" + image("db")[:5] + "2" + image("db")[5:],
        }
    )
    return bench


def options(per: Per, *, branch: str = "", dry_run: bool = False) -> AutomationOptions:
    return AutomationOptions(per=per, branch=branch, dry_run=dry_run, sleep=lambda seconds: None)


@pytest.mark.parametrize(
    ("per", "subjects"),
    [
        ("all", ["apps:api apps:db apps:web"]),
        ("group", ["apps:db", "apps:api apps:web"]),
        ("policy", ["apps:api", "apps:db", "apps:web"]),
        ("image", ["apps:api", "apps:db", "apps:web"]),
    ],
)
def test_each_change_set_is_a_commit_and_all_are_pushed_at_once(shop: Bench, per: Per, subjects: list[str]) -> None:
    run = shop.run(MESSAGE, TAGS, policies=POLICIES, options=options(per))
    assert [commit.message.strip() for commit in run.commits] == subjects
    log = shop.remote.git("log", "--reverse", "--format=%H %s", "-n", str(len(subjects)), "main").splitlines()
    assert log == [f"{commit.hash} {commit.message.strip()}" for commit in run.commits]
    assert shop.remote.file("deploy/web.yaml") == image("web", "1.0.1")
    assert shop.run(MESSAGE, TAGS, policies=POLICIES, options=options(per)).status == "up to date"


RELEASE = """\
---
apiVersion: imagesetter.dev/v1alpha1
kind: ImageRelease
metadata: {name: shop, namespace: apps}
spec: {policies: [web, db], same: version}
"""


@pytest.mark.parametrize("per", ["release", "policy", "image", "group"])
def test_the_policies_of_a_release_are_one_commit(shop: Bench, per: Per) -> None:
    run = shop.run(MESSAGE, TAGS, policies=POLICIES + RELEASE, options=options(per))
    assert sorted(commit.message.strip() for commit in run.commits) == ["apps:api", "apps:db apps:web"]


def test_the_branch_of_a_release_has_its_name(shop: Bench) -> None:
    run = shop.run(
        MESSAGE, TAGS, policies=POLICIES + RELEASE, options=options("release", branch="images/{{ .Values.set }}")
    )
    assert [commit.branch for commit in run.commits] == ["images/apps-api", "images/apps-shop"]


def test_one_policy_of_a_release_brings_the_others_along(shop: Bench) -> None:
    only = AutomationOptions(only=frozenset({PolicyName("apps", "web")}), sleep=lambda seconds: None)
    run = shop.run(MESSAGE, TAGS, policies=POLICIES + RELEASE, options=only)
    assert [commit.message.strip() for commit in run.commits] == ["apps:db apps:web"]


def test_a_dry_run_shows_each_commit_with_its_own_diff(shop: Bench) -> None:
    run = shop.run(MESSAGE, TAGS, policies=POLICIES, options=options("policy", dry_run=True))
    changed = [
        sorted(line.split(":")[2].split(" ")[0] for line in commit.diff.splitlines() if line.startswith("+image"))
        for commit in run.commits
    ]
    assert changed == [["1.0.2", "1.0.2"], ["1.0.3"], ["1.0.1"]]
    assert len(shop.remote.subjects()) == 2


def test_each_change_set_goes_to_the_branch_that_the_template_gives(shop: Bench) -> None:
    branch = "images/{{ .Values.set }}"
    run = shop.run(MESSAGE, TAGS, policies=POLICIES, options=options("image", branch=branch))
    names = [f"images/registry.example.com-{name}" for name in ("api", "db", "web")]
    assert [commit.branch for commit in run.commits] == names
    assert shop.remote.branches() == [*names, "main"]
    for name in names:
        assert len(shop.remote.subjects(name)) == 3
    assert shop.remote.git("diff", "--name-only", "main", names[2]) == "deploy/web.yaml"
    assert shop.remote.subjects("main") == ["by hand", "begin"]
    again = shop.run(MESSAGE, TAGS, policies=POLICIES, options=options("image", branch=branch))
    assert again.status == "up to date"
    newer = shop.run(MESSAGE, {**TAGS, "web": "1.0.9"}, policies=POLICIES, options=options("image", branch=branch))
    assert [commit.branch for commit in newer.commits] == names[2:]
    assert shop.remote.subjects(names[2])[1:] == ["by hand", "begin"]


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("images/{{ .Values.set }}", "images/apps-web"),
        ("{{ .AutomationObject.Name }}/{{ .Values.tag }}", "auto"),
        ("a b~c^d:e?f*g[h\\i", "a-b-c-d-e-f-g-h-i"),
        ("--upload-pack=x", "upload-pack=x"),
        ("//a//b/../c.lock/", "a/b/c"),
        ("x{{ .Values.team }}", "xshop"),
    ],
)
def test_a_branch_template_gives_a_name_that_git_takes(bench: Bench, template: str, name: str) -> None:
    data = TemplateData("apps", "auto", (), {"team": "shop"})
    assert branch_name(template, "apps:web", data) == name
    bench.remote.git("check-ref-format", "--branch", name)


def test_a_branch_template_that_gives_nothing_or_does_not_run_is_an_error(shop: Bench) -> None:
    with pytest.raises(TemplateError, match="does not give a branch name"):
        branch_name("{{ .Values.tag }}", "x", TemplateData("apps", "auto"))
    with pytest.raises(TemplateError, match="names a value that there is not"):
        branch_name("images/{{ .Values.sett }}", "x", TemplateData("apps", "auto"))
    said = error(shop.run(MESSAGE, TAGS, policies=POLICIES, options=options("image", branch="{{ nope }}")))
    assert 'function "nope" not defined (--branch:1)' in said


@pytest.mark.parametrize("image", ["ghcr.io/team/web", "ghcr.io/team/web/debug"])
def test_an_image_is_one_segment_of_a_branch(image: str) -> None:
    name = branch_name("images/{{ .Values.set }}", image, TemplateData("apps", "auto"))
    assert name == "images/" + image.replace("/", "-")


@pytest.mark.parametrize(
    "names",
    [["a", "a/b"], ["x/y/z", "x"], ["a/b", "a-b", "a/b/c"]],
    ids=["one below the other", "two levels", "beside one that only looks alike"],
)
def test_branches_that_cannot_exist_beside_each_other_are_refused(names: list[str]) -> None:
    with pytest.raises(TemplateError, match="cannot exist beside each other"):
        check_branches(names)


def test_branches_that_only_look_alike_are_fine() -> None:
    check_branches(["a", "a-b", "ab/c", "b/a"])


def test_nothing_is_pushed_when_two_branches_collide(shop: Bench) -> None:
    branch = 'images{{ if ne .Values.set "apps-api" }}/{{ .Values.set }}{{ end }}'
    branch = branch.replace("apps-api", "apps:api")
    said = error(shop.run(MESSAGE, TAGS, policies=POLICIES, options=options("policy", branch=branch)))
    assert "the branches images and images/apps-db cannot exist beside each other" in said
    assert shop.remote.branches() == ["main"]
