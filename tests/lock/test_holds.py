"""Holds: a person keeps a policy at a tag or leaves one out, with a reason, and perhaps until a day."""

from __future__ import annotations

import pytest

from imagesetter.errors import LockError
from imagesetter.lock.document import parse_lock
from support.sandbox import APP, IMAGE, POLICIES, Sandbox

HEAD = "apiVersion: imagesetter.dev/v1alpha1\nkind: ImageLock\nspec:\n  entries: []\n  holds:\n"


def tags(sandbox: Sandbox) -> list[str]:
    return [entry.tag for entry in parse_lock(sandbox.text(), "x").entries.values()]


def hold(sandbox: Sandbox, *options: str) -> None:
    ran = sandbox.run("hold", "web", "--reason", "crashes on start", *options)
    assert ran.status == 0, str(ran)


def test_an_excluded_tag_gives_way_to_the_next_best_and_lock_and_field_go_back(sandbox: Sandbox) -> None:
    sandbox.registry.push("1.4.1", "1.4.2")
    sandbox.run("lock")
    sandbox.run("update", "--from", "lock")
    hold(sandbox, "--exclude", "1.4.2")
    ran = sandbox.run("lock")
    assert ran.status == 0, str(ran)
    assert tags(sandbox) == ["1.4.1"]
    assert "info: flux-system:web: without 1.4.2 (crashes on start); otherwise it would be 1.4.2" in ran.err
    ran = sandbox.run("update", "--from", "lock")
    assert (ran.status, sandbox.text("app.yaml")) == (0, APP.replace("1.4.0", "1.4.1"))
    assert "info: flux-system:web: without 1.4.2 (crashes on start)" in ran.err


def test_a_policy_stays_at_its_tag_however_many_come(sandbox: Sandbox) -> None:
    sandbox.run("lock")
    hold(sandbox, "--tag", "1.4.0", "--until", "2026-04-01")
    sandbox.registry.push("1.5.0")
    ran = sandbox.run("lock")
    assert (ran.status, tags(sandbox)) == (0, ["1.4.0"])
    assert "held at 1.4.0 until 2026-04-01 (crashes on start); otherwise it would be 1.5.0" in ran.err
    sandbox.day("2026-03-31")
    assert sandbox.run("lock", "--check").status == 0
    sandbox.day("2026-04-01")
    ran = sandbox.run("lock")
    assert (ran.status, tags(sandbox)) == (0, ["1.5.0"])
    assert (
        "warning: flux-system:web: held at 1.4.0 until 2026-04-01 (crashes on start), which has expired; "
        "remove it: imagesetter unhold flux-system:web" in ran.err
    )


@pytest.mark.parametrize("source", ["registry", "lock"])
def test_a_hold_that_is_over_is_a_warning_wherever_its_policy_is_followed(sandbox: Sandbox, source: str) -> None:
    sandbox.run("lock")
    hold(sandbox, "--exclude", "1.4.2", "--until", "2026-03-02")
    sandbox.day("2026-03-02")
    ran = sandbox.run("update", "--check", "--from", source)
    said = "flux-system:web: without 1.4.2 until 2026-03-02 (crashes on start), which has expired; remove it: "
    assert ran.err == f"app.yaml:1: warning: {said}imagesetter unhold flux-system:web\n"
    assert ran.status == 0


def test_a_hold_of_a_policy_that_is_not_there_is_said_at_once_and_by_every_lock(sandbox: Sandbox) -> None:
    sandbox.run("lock")
    ran = sandbox.run("hold", "wbe", "--exclude-tag", "1.4.2", "--reason", "a slip")
    assert (ran.status, "hint:  did you mean flux-system:web?" in ran.err) == (2, True)
    for name in ("policies.yaml", "images.lock.yaml"):  # where there is no policy at all, any name is taken
        (sandbox.root / name).unlink()
    assert sandbox.run("hold", "wbe", "--exclude-tag", "1.4.2", "--reason", "a slip").status == 0
    sandbox.write("policies.yaml", POLICIES)
    sandbox.run("lock")
    ran = sandbox.run("lock")
    assert (ran.status, ran.out) == (0, "images.lock.yaml: 0 of 1 entry changed\n")
    assert ran.err == (
        "warning: there is a hold of flux-system:wbe; ImagePolicy flux-system:wbe was not found; "
        "did you mean flux-system:web?; remove it: imagesetter unhold flux-system:wbe\n"
    )
    assert sandbox.run("lock", "--only", "web").err == "", "the others were not looked at"


@pytest.mark.parametrize("source", ["lock", "registry"])
def test_a_hold_of_a_renamed_policy_is_said_by_update_and_the_linter(sandbox: Sandbox, source: str) -> None:
    sandbox.run("lock")
    hold(sandbox, "--tag", "1.4.0")
    for name in ("policies.yaml", "app.yaml"):
        sandbox.write(name, sandbox.text(name).replace("name: web", "name: shop").replace("system:web", "system:shop"))
    sandbox.run("lock", "-q")
    ran = sandbox.run("update", "--check", "--from", source)
    said = "ImagePolicy flux-system:web was not found; known policies: flux-system:shop"
    remove = "remove it: imagesetter unhold flux-system:web"
    assert ran.err == f"images.lock.yaml: warning: there is a hold of flux-system:web; {said}; {remove}\n"
    only = sandbox.run("update", "--check", "--from", source, "--only", "shop")
    assert only.err == "", "the others were not looked at"
    ran = sandbox.run("lint")
    lines = sandbox.text("images.lock.yaml").splitlines()
    (line,) = (number for number, text in enumerate(lines, 1) if ":web" in text)
    what = f"there is a hold of flux-system:web, and nothing is held: {said}"
    assert ran.out.splitlines()[0] == f"images.lock.yaml:{line}:15: warning stray-hold: {what}; {remove}"


def test_a_hold_of_a_policy_elsewhere_in_the_repository_is_not_stray(sandbox: Sandbox) -> None:
    sandbox.run("lock")
    hold(sandbox, "--tag", "1.4.0")
    other = POLICIES.replace("name: web", "name: shop")
    sandbox.write("apps/policies.yaml", other)
    sandbox.write("apps/app.yaml", sandbox.text("app.yaml").replace("system:web", "system:shop"))
    (sandbox.root / ".git").mkdir()
    sandbox.run("lock", "-q")
    for command in ("update", "--check", "--from", "lock", "apps"), ("lint", "apps"), ("lint", "images.lock.yaml"):
        ran = sandbox.run(*command)
        assert "hold" not in ran.err + ran.out, command


def test_a_hold_ends_at_the_first_moment_of_its_day(sandbox: Sandbox) -> None:
    sandbox.run("lock")
    hold(sandbox, "--tag", "1.4.0", "--until", "2026-03-02")
    sandbox.registry.push("1.5.0")
    sandbox.time += 12 * 3600 - 1
    assert sandbox.run("lock", "--check").status == 0
    sandbox.time += 1
    assert sandbox.run("lock", "--check").status == 1


def test_a_lock_from_before_the_hold_is_refused_until_it_is_made_again(sandbox: Sandbox) -> None:
    sandbox.registry.push("1.4.2")
    sandbox.run("lock")
    hold(sandbox, "--exclude", "1.4.2")
    ran = sandbox.run("update", "--from", "lock")
    assert (ran.status, sandbox.text("app.yaml")) == (1, APP)
    assert f"locked to {IMAGE}:1.4.2, but it is without 1.4.2 (crashes on start)" in ran.err
    assert "run `imagesetter lock`" in ran.err
    sandbox.run("lock")
    assert sandbox.run("update", "--from", "lock").status == 0


def test_a_run_that_asks_the_registry_heeds_the_holds_of_the_lock(sandbox: Sandbox) -> None:
    sandbox.registry.push("1.4.1", "1.4.2")
    hold(sandbox, "--exclude", "1.4.2")
    assert sandbox.run("update").status == 0
    assert sandbox.text("app.yaml") == APP.replace("1.4.0", "1.4.1")


def test_a_hold_at_a_tag_that_is_gone_is_an_error_that_says_how_to_end_it(sandbox: Sandbox) -> None:
    sandbox.run("lock")
    hold(sandbox, "--tag", "1.3.9")
    ran = sandbox.run("lock")
    assert ran.status == 1
    assert "held at 1.3.9 (crashes on start), and the registry has no such tag" in ran.err
    assert "imagesetter unhold flux-system:web" in ran.err


@pytest.mark.parametrize(
    ("second", "shown"),
    [
        ("tag: 1.5.0", "held at 1.5.0 (calm)"),
        ("exclude: 1.4.0", "without 1.4.0 (calm)"),
    ],
)
def test_holds_that_contradict_each_other_are_an_error(sandbox: Sandbox, second: str, shown: str) -> None:
    sandbox.registry.push("1.5.0")
    hold(sandbox, "--tag", "1.4.0", "--reason", "leaks")
    sandbox.write(
        "images.lock.yaml",
        f"{sandbox.text().rstrip()}\n    - policy: flux-system:web\n      {second}\n      reason: calm\n",
    )
    for command in (("lock",), ("update",), ("explain", "web")):
        ran = sandbox.run(*command)
        assert ran.status == 1
        assert f"flux-system:web is held at 1.4.0 (leaks) and {shown}, which contradict each other" in ran.err + ran.out


def test_every_tag_excluded_is_an_error_and_the_entry_stays(sandbox: Sandbox) -> None:
    sandbox.run("lock")
    text = sandbox.text()
    hold(sandbox, "--exclude", "1.4.0")
    assert sandbox.run("lock").status == 1
    assert tags(sandbox) == ["1.4.0"]
    assert text in sandbox.text()


def test_hold_and_unhold_edit_the_lock_and_keep_its_comments(sandbox: Sandbox) -> None:
    sandbox.run("lock")
    text = sandbox.text().replace("spec:\n", "spec: # reviewed by the platform team\n")
    sandbox.write("images.lock.yaml", text)
    hold(sandbox, "--exclude", "1.4.2", "--until", "2026-12-01")
    assert sandbox.text() == text + (
        "  holds:\n"
        "    - policy: flux-system:web\n"
        "      exclude: 1.4.2\n"
        "      reason: crashes on start\n"
        '      until: "2026-12-01"\n'
    )
    sandbox.write("images.lock.yaml", sandbox.text().replace("exclude: 1.4.2\n", "exclude: 1.4.2 # see issue 7\n"))
    assert sandbox.run("hold", "web", "--exclude-tag", "1.4.2", "--reason", "leaks").status == 0
    assert "exclude: 1.4.2 # see issue 7\n      reason: leaks\n" in sandbox.text()
    assert "until" not in sandbox.text()
    hold(sandbox, "--tag", "1.4.0")
    ran = sandbox.run("unhold", "web", "--tag", "1.4.2")
    assert ran.out == "images.lock.yaml: flux-system:web is no longer without 1.4.2 (leaks)\n"
    assert [str(each) for each in parse_lock(sandbox.text(), "x").holds] == ["held at 1.4.0 (crashes on start)"]
    assert sandbox.run("unhold", "web").status == 0
    assert sandbox.text() == text + "  holds: []\n"


def test_a_hold_may_come_before_the_first_lock(sandbox: Sandbox) -> None:
    sandbox.registry.push("1.5.0")
    hold(sandbox, "--tag", "1.4.0")
    sandbox.run("lock")
    assert tags(sandbox) == ["1.4.0"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "use either --tag or --exclude"),
        (("--tag", "1.4.0", "--exclude", "1.4.1"), "use either --tag or --exclude"),
        (("--tag", "a b"), "'a b' is not a valid tag"),
        (("--tag", "1.4.0", "--until", "tomorrow"), "'tomorrow' is not a date such as 2026-12-01"),
        (("--tag", "1.4.0", "--until", "2026-02-30"), "day is out of range"),
        (("--tag", "1.4.0", "--until", "2026-03-01"), "2026-03-01 is in the past"),
        (("--tag", "1.4.0", "--reason", " "), "the reason is empty"),
    ],
)
def test_a_hold_that_makes_no_sense_is_refused(arguments: tuple[str, ...], problem: str, sandbox: Sandbox) -> None:
    ran = sandbox.run("hold", "web", "--reason", "why", *arguments)
    assert ran.status == 2
    assert problem in ran.err
    assert not (sandbox.root / "images.lock.yaml").exists()


def test_unhold_says_which_holds_there_are(sandbox: Sandbox) -> None:
    hold(sandbox, "--tag", "1.4.0")
    ran = sandbox.run("unhold", "wbe")
    assert ran.status == 2
    assert "the lock has no hold of flux-system:wbe" in ran.err
    assert "it has holds of flux-system:web" in ran.err


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("{policy: a:b, tag: x}", "reason: is required"),
        ("{policy: web, tag: x, reason: y}", "policy: is required"),
        ("{policy: a:b, reason: y}", "write exactly one of tag and exclude"),
        ("{policy: a:b, tag: x, exclude: z, reason: y}", "write exactly one of tag and exclude"),
        ("{policy: a:b, tag: 1.10, reason: y}", "tag: must be a text, not 1.1: put it in quotes"),
        ("{policy: a:b, tag: x, reasn: y}", "reasn: unknown field (did you mean reason?)"),
        ("{policy: a:b, tag: x, reason: y, until: soon}", "until: 'soon' is not a date such as 2026-12-01"),
        ("web", "expected a mapping, not 'web'"),
    ],
)
def test_a_hold_written_by_hand_is_checked(row: str, problem: str) -> None:
    with pytest.raises(LockError) as caught:
        parse_lock(f"{HEAD}  - {row}\n", "x")
    assert (caught.value.what, caught.value.where) == (problem, "x:1: spec.holds[0]")
    assert "imagesetter hold" in caught.value.hint


def test_a_date_without_quotes_is_a_date_all_the_same() -> None:
    (found,) = parse_lock(f"{HEAD}  - {{policy: a:b, tag: x, reason: y, until: 2026-12-01}}\n", "x").holds
    assert found.until == "2026-12-01"
