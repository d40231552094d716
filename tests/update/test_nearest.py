"""Of several policies of one name the nearest to the marked file counts; a patch of one is no second policy."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from imagesetter.flux.markers import PolicyName
from imagesetter.flux.nearest import nearest
from imagesetter.lock.document import LockEntry
from imagesetter.lock.render import render_lock
from imagesetter.update.read_tree import read_tree
from imagesetter.update.tree_catalog import catalog_from_tree
from support.flux_repositories import Run, automation, deployed, field, kustomization, policies, policy, repository


def tags(run: Run, files: Mapping[str, str], *paths: str) -> dict[str, str]:
    """The tag that each marked file gets; a word of the error where it gets none."""
    out = run(files, "update", "--from", "status", "--on-error", "keep", *paths)
    found = {}
    for name, text in files.items():
        if "$imagepolicy" in text:
            tag = Path(name).read_text(encoding="utf-8").split(" ")[1].rpartition(":")[2]
            found[name] = tag if tag != "1.0.0" else "more than once" if "more than once" in out else out
    return found


DEV_AND_PROD = {"clusters/dev/p.yaml": policies("1.1.0"), "clusters/prod/p.yaml": policies("1.2.0")}
NEAREST = {
    "the same folder": (
        {**DEV_AND_PROD, "clusters/dev/a.yaml": field(), "clusters/prod/a.yaml": field()},
        {"clusters/dev/a.yaml": "1.1.0", "clusters/prod/a.yaml": "1.2.0"},
    ),
    "a folder below, and policies in another one beside it": (
        {
            "clusters/dev/policies/p.yaml": policies("1.1.0"),
            "clusters/prod/flux/images/p.yaml": policies("1.2.0"),
            "clusters/dev/apps/web/a.yaml": field(),
            "clusters/prod/apps/web/a.yaml": field(),
        },
        {"clusters/dev/apps/web/a.yaml": "1.1.0", "clusters/prod/apps/web/a.yaml": "1.2.0"},
    ),
    "a folder name that begins like another one": (
        {"prod/p.yaml": policies("1.1.0"), "prod-eu/p.yaml": policies("1.2.0"), "prod-eu/a.yaml": field()},
        {"prod-eu/a.yaml": "1.2.0"},
    ),
    "the one above counts before one in a folder beside": (
        {"p.yaml": policies("1.1.0"), "examples/p.yaml": policies("1.2.0"), "apps/a.yaml": field()},
        {"apps/a.yaml": "1.1.0"},
    ),
    "the one below is as far as another one below": (
        {"dev/p.yaml": policies("1.1.0"), "prod/deep/down/p.yaml": policies("1.2.0"), "a.yaml": field()},
        {"a.yaml": "more than once"},
    ),
    "beside both": ({**DEV_AND_PROD, "apps/a.yaml": field()}, {"apps/a.yaml": "more than once"}),
    "two in one folder": (
        {"p.yaml": policies("1.1.0"), "q.yaml": policies("1.2.0"), "a.yaml": field()},
        {"a.yaml": "more than once"},
    ),
    "equal ones are one policy": (
        {"dev/p.yaml": policies("1.1.0"), "prod/p.yaml": policies("1.1.0"), "apps/a.yaml": field()},
        {"apps/a.yaml": "1.1.0"},
    ),
    "a nested repository does not count": (
        {"vendor/.git/HEAD": "", "vendor/p.yaml": policies("1.1.0"), "infra/p.yaml": policies("1.2.0"),
         "apps/a.yaml": field()},
        {"apps/a.yaml": "1.2.0"},
    ),
    "the cluster that deploys the file's folder": (
        {
            **DEV_AND_PROD,
            "clusters/dev/apps.yaml": deployed("./apps/dev"),
            "clusters/prod/apps.yaml": deployed("./apps/prod"),
            "apps/dev/a.yaml": field(),
            "apps/prod/web/a.yaml": field(),
            "apps/base/a.yaml": field(),
        },
        {"apps/dev/a.yaml": "1.1.0", "apps/prod/web/a.yaml": "1.2.0", "apps/base/a.yaml": "more than once"},
    ),
    "two clusters that deploy one folder": (
        {
            **DEV_AND_PROD,
            "clusters/dev/apps.yaml": deployed("./apps"),
            "clusters/prod/apps.yaml": deployed("./apps"),
            "apps/a.yaml": field(),
        },
        {"apps/a.yaml": "more than once"},
    ),
    "the automation that updates the file's folder": (
        {
            **DEV_AND_PROD,
            "clusters/dev/auto.yaml": automation("./apps/dev"),
            "clusters/prod/auto.yaml": automation("./apps/prod"),
            "apps/dev/a.yaml": field(),
            "apps/prod/web/a.yaml": field(),
            "apps/base/a.yaml": field(),
        },
        {"apps/dev/a.yaml": "1.1.0", "apps/prod/web/a.yaml": "1.2.0", "apps/base/a.yaml": "more than once"},
    ),
    "the automation, where two clusters deploy the folder": (
        {
            **DEV_AND_PROD,
            "clusters/dev/apps.yaml": deployed("./apps"),
            "clusters/prod/apps.yaml": deployed("./apps"),
            "clusters/prod/auto.yaml": automation("./apps/web"),
            "clusters/dev/auto.yaml": automation("./"),
            "apps/web/a.yaml": field(),
            "apps/a.yaml": field(),
        },
        {"apps/web/a.yaml": "1.2.0", "apps/a.yaml": "1.1.0"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("files", "expected"), NEAREST.values(), ids=NEAREST)
def test_the_nearest_policy_counts(files: dict[str, str], expected: dict[str, str], run: Run) -> None:
    assert tags(run, files) == expected


@pytest.mark.parametrize(("files", "expected"), NEAREST.values(), ids=NEAREST)
def test_a_hook_that_is_given_single_files_follows_the_same_policies(
    files: dict[str, str], expected: dict[str, str], run: Run
) -> None:
    given = [name for name, text in files.items() if "$imagepolicy" in text]
    other = next(name for name in files if name.endswith("p.yaml"))
    run(files, "schema")
    if "more than once" not in expected.values():
        assert tags(run, files, *given, other) == expected
    assert tags(run, files, *given) == expected


def test_a_definition_under_the_paths_counts_where_none_is_nearer(run: Run) -> None:
    files = {**DEV_AND_PROD, "apps/a.yaml": field()}
    assert tags(run, files, "apps", "clusters/prod") == {"apps/a.yaml": "1.2.0"}


def test_a_tie_names_both_and_says_what_to_do(run: Run) -> None:
    files = {**DEV_AND_PROD, "apps/a.yaml": field()}
    assert run(files, "update", "--from", "status", "--check").endswith(
        "apps/a.yaml:1: error: flux-system:web: ImagePolicy flux-system:web is defined more than once, with different "
        "specs (clusters/dev/p.yaml:6 and clusters/prod/p.yaml:6); name the folder of one of them as PATH, or one of "
        "them with --policies\n"
    )


def test_a_repository_of_the_same_folder_belongs_to_a_policy(run: Run) -> None:
    files = {
        "dev/p.yaml": policies("1.1.0"),
        "prod/p.yaml": policies("1.1.0").replace("com/web, interval", "com/team/web, interval"),
        "prod/a.yaml": field().replace("com/web", "com/team/web"),
    }
    assert run(files, "lint", "--disable", "unused-policy") == "nothing found (3 files read)\n"


PATCHED = {
    "a patch with a target completes every policy": (
        {
            "base/p.yaml": f"{repository()}---\n{policy('1.3.0', rule='')}",
            "prod/kustomization.yaml": kustomization(
                "resources: [../base/p.yaml]",
                "patches:",
                "- target: {kind: ImagePolicy}",
                "  patch: |",
                "    - op: add",
                "      path: /spec/policy",
                "      value: {semver: {range: 1.3.x}}",
            ),
            "apps/a.yaml": field(),
        },
        "1.3.x",
    ),
    "a strategic merge patch in a file": (
        {
            "base/p.yaml": policies("1.3.0"),
            "base/kustomization.yaml": kustomization("resources: [p.yaml]"),
            "prod/kustomization.yaml": kustomization("resources: [../base]", "patches: [{path: range.yaml}]"),
            "prod/range.yaml": (
                "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata: {name: web}\n"
                "spec: {policy: {semver: {range: 1.3.x}}}\n"
            ),
            "apps/a.yaml": field(),
        },
        "1.3.x",
    ),
    "another kind of policy in place of the first": (
        {
            "base/p.yaml": policies("1.3.0"),
            "prod/kustomization.yaml": kustomization(
                "resources: [../base/p.yaml]",
                "patchesStrategicMerge:",
                "- |-",
                "  apiVersion: image.toolkit.fluxcd.io/v1",
                "  kind: ImagePolicy",
                "  metadata: {name: web, namespace: flux-system}",
                "  spec: {policy: {$patch: replace, alphabetical: {order: asc}}}",
            ),
            "apps/a.yaml": field(),
        },
        "asc",
    ),
    "a component patches its host": (
        {
            "base/p.yaml": policies("1.3.0"),
            "narrow/kustomization.yaml": kustomization(
                "patches:",
                "- target: {kind: ImagePolicy, name: w.*}",
                "  patch: '[{op: replace, path: /spec/policy/semver/range, value: 1.3.x}]'",
            ).replace("kind: Kustomization", "kind: Component"),
            "prod/kustomization.yaml": kustomization("resources: [../base/p.yaml]", "components: [../narrow]"),
            "apps/a.yaml": field(),
        },
        "1.3.x",
    ),
    "a Flux Kustomization patches what it deploys": (
        {
            "infra/p.yaml": policies("1.3.0"),
            "clusters/prod/infra.yaml": deployed(
                "./infra",
                "patches:",
                "- target: {kind: ImagePolicy, name: web}",
                "  patch: '[{op: replace, path: /spec/policy/semver/range, value: 1.3.x}]'",
            ),
            "apps/a.yaml": field(),
        },
        "1.3.x",
    ),
    "a target that selects nothing": (
        {
            "base/p.yaml": policies("1.3.0"),
            "prod/kustomization.yaml": kustomization(
                "resources: [../base/p.yaml]",
                "patches:",
                "- target: {kind: ImagePolicy, labelSelector: app=web}",
                "  patch: '[{op: remove, path: /spec/policy}]'",
            ),
            "apps/a.yaml": field(),
        },
        "1.3.0",
    ),
}


@pytest.mark.parametrize(("files", "rule"), PATCHED.values(), ids=PATCHED)
def test_a_policy_is_read_as_its_kustomization_completes_it(files: dict[str, str], rule: str, run: Run) -> None:
    assert f" {rule}\n" in run(files, "explain", "web", "--tags-file", os.devnull)
    others = ("--disable", "mutable-tag,alphabetical-unpadded-numbers,signature-tag")
    assert run({}, "lint", *others) == f"nothing found ({len(files)} files read)\n"
    assert tags(run, files) == {"apps/a.yaml": "1.3.0"}


def test_two_overlays_of_one_base_are_two_policies(run: Run) -> None:
    def overlay(value: str) -> str:
        return kustomization(
            "resources: [../../base]",
            "patches:",
            "- target: {kind: ImagePolicy}",
            "  patch: |",
            f"    - {{op: add, path: /status, value: {{latestRef: {{name: registry.example.com/web, tag: {value}}}}}}}",
            f"    - {{op: add, path: /spec/policy, value: {{semver: {{range: {value}}}}}}}",
        )

    files = {
        "base/p.yaml": f"{repository()}---\n{policy('1.0.1', rule='')}",
        "base/kustomization.yaml": kustomization("resources: [p.yaml]"),
        "overlays/dev/kustomization.yaml": overlay("1.1.1"),
        "overlays/prod/kustomization.yaml": overlay("1.2.2"),
        "overlays/dev/a.yaml": field(),
        "overlays/prod/a.yaml": field(),
        "base/a.yaml": field(),
    }
    assert tags(run, files) == {
        "overlays/dev/a.yaml": "1.1.1",
        "overlays/prod/a.yaml": "1.2.2",
        "base/a.yaml": "more than once",
    }


def test_a_namespace_from_a_kustomization_is_the_policys(run: Run) -> None:
    files = {
        "base/p.yaml": repository().replace(", namespace: flux-system", "") + "---\n" + policy("1.3.0", namespace=""),
        "base/kustomization.yaml": kustomization("resources: [p.yaml]", "namespace: apps"),
        "a.yaml": field("apps:web"),
    }
    assert run(files, "lint") == "nothing found (3 files read)\n"
    assert tags(run, files) == {"a.yaml": "1.3.0"}


def test_a_patch_of_a_git_repository_is_no_second_definition(run: Run) -> None:
    source = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {name: flux-system, namespace: "
    automation = (
        "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageUpdateAutomation\n"
        "metadata: {name: auto, namespace: flux-system}\n"
        "spec: {interval: 5m, sourceRef: {kind: GitRepository, name: flux-system}, "
        "git: {commit: {author: {email: a@example.com}}}}\n"
    )
    files = {
        "flux/sync.yaml": source + "flux-system}\nspec: {url: 'https://git.example.com/x', ref: {branch: main}}\n",
        "flux/patch.yaml": source + "flux-system}\nspec: {ref: {branch: prod}}\n",
        "flux/auto.yaml": automation,
    }
    out = run(files, "automate", "--dry-run", "--from", "status")
    assert out.endswith("flux-system:auto: follows no policy: it selects none in namespace flux-system\n")


FOLDERS = ["/r/a", "/r/a/b", "/r/c", "/r/ab"]


@pytest.mark.parametrize(
    ("folder", "found"),
    [("/r/a/b/x", ["/r/a/b"]), ("/r/a/x", ["/r/a"]), ("/r/c", ["/r/c"]), ("/r/abc", FOLDERS), ("/r", FOLDERS)],
)
def test_the_nearest_folder_shares_most_of_the_path(folder: str, found: list[str]) -> None:
    assert nearest(folder, [((each,), each) for each in FOLDERS]) == found
    assert nearest(folder, [((each,), each) for each in reversed(FOLDERS)]) == found[::-1]


def test_a_lock_above_several_given_folders_counts_for_each_of_them(run: Run) -> None:
    names = ("web", "api")
    fields = {f"apps/{name}/a.yaml": field(f"flux-system:{name}") for name in names}
    made = [policy("1.1.0", rule="semver: {range: '*'}", name=name) for name in names]
    run({".git/HEAD": "", "p.yaml": "---\n".join([repository(), *made]), **fields}, "schema")
    tree = read_tree(["."])
    catalog = catalog_from_tree(tree, policies=[], stdin=bytes, namespace="", paths=["."])
    entries = {
        each: LockEntry(
            each, "registry.example.com/web", "1.5.0", f"sha256:{'1' * 64}", "Never", catalog.inputs(each), 3,
            "2026-01-01T00:00:00Z",
        )
        for each in (PolicyName("flux-system", name) for name in names)
    }  # fmt: skip
    run({"images.lock.yaml": render_lock("", entries)}, "update", "--from", "lock", "apps/web", "apps/api")
    assert [Path(file).read_text(encoding="utf-8").split(" ")[1].rpartition(":")[2] for file in fields] == ["1.5.0"] * 2
