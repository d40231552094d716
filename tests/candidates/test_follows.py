"""Follow and soak: production takes what staging has been locked to for long enough, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from imagesetter.config.function_config import parse_function_config
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.markers import PolicyName
from imagesetter.lock.document import parse_lock
from krm_functions.function_config import FunctionConfig
from support.runs import Ran
from support.sandbox import POLICY, REPOSITORY, Sandbox

STAGING = POLICY.replace("name: web\n  namespace", "name: staging\n  namespace")
OURS = "{imagesetter.dev/follows: staging, imagesetter.dev/soak: 48h}"
FOLLOWING = f"{REPOSITORY}---\n{STAGING}---\n{POLICY.replace('{}', OURS)}"


@pytest.fixture
def pair(sandbox: Sandbox) -> Sandbox:
    """Staging takes the newest at once, and web follows it 48 hours later; both have been locked at 1.4.0 for long."""
    sandbox.day("2026-02-01")
    sandbox.write("policies.yaml", FOLLOWING)
    assert sandbox.run("lock").status == 1
    sandbox.day("2026-02-10")
    assert sandbox.run("lock").status == 0
    return sandbox


def tags(sandbox: Sandbox) -> dict[str, str]:
    return {name.name: entry.tag for name, entry in parse_lock(sandbox.text(), "x").entries.items()}


def test_on_the_first_run_only_the_policy_that_is_followed_is_locked(sandbox: Sandbox) -> None:
    sandbox.write("policies.yaml", FOLLOWING)
    ran = sandbox.run("lock")
    assert (ran.status, tags(sandbox)) == (1, {"staging": "1.4.0"})
    assert "follows flux-system:staging, which is not in the lock" in ran.err
    sandbox.day("2026-03-02")
    ran = sandbox.run("lock")
    assert (ran.status, tags(sandbox)) == (1, {"staging": "1.4.0"})
    assert (
        "no tag of flux-system:web has been held by flux-system:staging for long enough; flux-system:staging has not "
        "held 1.4.0 for 2d until 2026-03-03T12:00:00Z (since 2026-03-01T12:00:00Z)"
    ) in ran.err
    sandbox.day("2026-03-03")
    assert (sandbox.run("lock").status, tags(sandbox)) == (0, {"staging": "1.4.0", "web": "1.4.0"})


def test_a_tag_is_taken_when_it_has_soaked(pair: Sandbox) -> None:
    pair.registry.push("1.5.0")
    pair.day("2026-03-01")
    ran = pair.run("lock")
    assert (ran.status, tags(pair)) == (0, {"staging": "1.5.0", "web": "1.4.0"})
    assert "flux-system:web: 1.5.0 is not what flux-system:staging holds, which is 1.4.0" in ran.err
    pair.day("2026-03-02")
    ran = pair.run("lock")
    assert tags(pair) == {"staging": "1.5.0", "web": "1.4.0"}
    assert "flux-system:staging has not held 1.5.0 for 2d until 2026-03-03T12:00:00Z" in ran.err
    pair.day("2026-03-03")
    pair.run("lock")
    assert tags(pair) == {"staging": "1.5.0", "web": "1.5.0"}


def test_a_tag_that_staging_leaves_in_the_same_run_has_still_soaked(pair: Sandbox) -> None:
    pair.registry.push("1.5.0")
    pair.day("2026-03-01")
    pair.run("lock")
    pair.registry.push("1.6.0")
    pair.day("2026-03-05")
    pair.run("lock")
    assert tags(pair) == {"staging": "1.6.0", "web": "1.5.0"}


def test_what_staging_held_too_briefly_is_never_taken(pair: Sandbox) -> None:
    for day, tag in (("2026-03-01", "1.5.0"), ("2026-03-02", "1.6.0"), ("2026-03-03", "1.7.0")):
        pair.registry.push(tag)
        pair.day(day)
        pair.run("lock")
        assert tags(pair) == {"staging": tag, "web": "1.4.0"}
    pair.day("2026-03-05")
    pair.run("lock")
    assert tags(pair) == {"staging": "1.7.0", "web": "1.7.0"}


def test_a_rollback_of_staging_does_not_take_production_back(pair: Sandbox) -> None:
    pair.registry.push("1.5.0")
    for day in ("2026-03-01", "2026-03-04"):
        pair.day(day)
        pair.run("lock")
    pair.run("hold", "staging", "--tag", "1.4.0", "--reason", "leaks")
    for day in ("2026-03-05", "2026-03-09"):
        pair.day(day)
        assert pair.run("lock").status == 0
        assert tags(pair) == {"staging": "1.4.0", "web": "1.5.0"}


def test_however_many_tags_are_above_it_the_tag_of_staging_is_found(pair: Sandbox) -> None:
    pair.run("hold", "staging", "--tag", "1.5.0", "--reason", "calm")
    pair.registry.push("1.5.0", *(f"1.6.{number}" for number in range(200)))
    pair.day("2026-03-01")
    assert pair.run("lock").status == 0
    pair.day("2026-03-03")
    ran = pair.run("lock")
    assert tags(pair) == {"staging": "1.5.0", "web": "1.5.0"}
    assert ran.err.count("is not what flux-system:staging holds") == 10


def test_a_tag_that_moved_since_it_was_tested_is_not_taken(pair: Sandbox) -> None:
    pair.registry.push("1.5.0")
    pair.day("2026-03-01")
    pair.run("lock")
    pair.registry.push("1.5.0", content="other")
    pair.day("2026-03-04")
    ran = pair.run("lock")
    assert tags(pair)["web"] == "1.4.0"
    assert "1.5.0 points to sha256:" in ran.err
    assert "and flux-system:staging holds sha256:" in ran.err


def test_an_explanation_names_the_rule(pair: Sandbox) -> None:
    pair.registry.push("1.5.0")
    pair.day("2026-03-01")
    pair.run("lock")
    ran = pair.run("explain", "web", "--limit", "0")
    assert "  follows       -1   1\n  chosen             1\n\n→ registry.example.com/web:1.4.0\n" in ran.out
    ran = pair.run("explain", "web", "--tag", "1.5.0")
    assert "why not 1.5.0? flux-system:staging has not held 1.5.0 for 2d until 2026-03-03T12:00:00Z" in ran.out


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        ("{imagesetter.dev/follows: a:b:c}", "'a:b:c' is not the name of a policy: write NAMESPACE:NAME"),
        ("{imagesetter.dev/follows: web}", "a policy cannot follow itself"),
        ("{imagesetter.dev/follows: flux-system:web}", "a policy cannot follow itself"),
        ("{imagesetter.dev/follows: staging, imagesetter.dev/soak: soon}", "'soon' is not an age such as 3d"),
        ("{imagesetter.dev/soak: 48h}", "there is no imagesetter.dev/follows: name the policy whose tag has to soak"),
    ],
    ids=["three parts", "itself", "itself by its whole name", "no duration", "nothing to follow"],
)
def test_what_cannot_be_meant_is_named(sandbox: Sandbox, annotations: str, expected: str) -> None:
    sandbox.write("policies.yaml", f"{REPOSITORY}---\n{STAGING}---\n{POLICY.replace('{}', annotations)}")
    ran = sandbox.run("lock")
    assert ran.status == 1
    assert expected in ran.err


def test_a_policy_that_begins_to_follow_makes_its_entry_stale(sandbox: Sandbox) -> None:
    sandbox.write("policies.yaml", f"{REPOSITORY}---\n{STAGING}---\n{POLICY}")
    sandbox.run("lock")
    sandbox.write("policies.yaml", FOLLOWING)
    run: Callable[..., Ran] = sandbox.run
    assert "policy flux-system:web has changed since it was locked" in run("update", "--from", "lock").err


def test_an_inline_policy_follows_too() -> None:
    policy = {"name": "web", "image": "r.example.com/web", "semver": {"range": "1.x"}, "follows": "staging:web"}
    body = {"apiVersion": "imagesetter.dev/v1alpha1", "kind": "ImageSetter", "spec": {"policies": [policy]}}
    policy["soak"] = "48h"
    catalog = Catalog()
    config = FunctionConfig("imagesetter.dev/v1alpha1", "ImageSetter", "images", "", body)
    catalog.add(parse_function_config(config).policies)
    found = catalog.policy(PolicyName("flux-system", "web"))
    assert (found.follows, found.soak) == (PolicyName("staging", "web"), 172800.0)


def test_lint_finds_policies_that_follow_each_other(sandbox: Sandbox) -> None:
    def policy(name: str, leader: str) -> str:
        return POLICY.replace("name: web\n  namespace", f"name: {name}\n  namespace").replace(
            "{}", f"{{imagesetter.dev/follows: {leader}}}"
        )

    sandbox.write("policies.yaml", "---\n".join([REPOSITORY, policy("a", "b"), policy("b", "c"), policy("c", "b")]))
    (sandbox.root / "app.yaml").unlink()
    found = [line for line in sandbox.run("lint").out.splitlines() if "incomplete-policy" in line]
    ending = "so none of them is ever locked; let one of them follow no other"
    assert found == [
        "policies.yaml:21:42: error incomplete-policy: flux-system:b follows flux-system:c, which follows "
        f"flux-system:b, {ending}",
        "policies.yaml:31:42: error incomplete-policy: flux-system:c follows flux-system:b, which follows "
        f"flux-system:c, {ending}",
    ]
