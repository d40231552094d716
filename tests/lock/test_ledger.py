"""The ledger: when tags were first seen, shared by locks of several clusters and repositories."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesetter.cli.ledger_file import add_to_ledger
from imagesetter.errors import LockError
from imagesetter.lock.document import parse_lock
from imagesetter.lock.ledger import FirstSight, Ledger, merged, parse_ledger, render_ledger, sights_of
from support.sandbox import POLICIES, Sandbox, digest
from tools import require_tool

AGED = POLICIES.replace("annotations: {}", "annotations: {imagesetter.dev/minimum-age: 3d}")
NEWEST = POLICIES.replace("annotations: {}", "annotations: {imagesetter.dev/newest: pushed}").replace(
    "semver: {range: 1.x}", "alphabetical: {}"
)
IMAGES = st.sampled_from(["registry.example.com/web", "registry.example.com/worker", 'a"b', "#"])
TAGS = st.sampled_from(["1.5.0", "1.10", "0x1", "null", "{", "sha-3f2c1a"])
TIMES = st.integers(1, 28).map(lambda day: f"2026-02-{day:02}T12:00:00Z")
SIGHTS = st.lists(st.builds(FirstSight, IMAGES, TAGS, st.sampled_from(["", digest("a"), digest("b")]), TIMES))


@settings(max_examples=40)
@given(SIGHTS, SIGHTS, SIGHTS)
def test_merging_is_commutative_associative_and_idempotent(
    one: list[FirstSight], two: list[FirstSight], three: list[FirstSight]
) -> None:
    def text(*parts: list[FirstSight]) -> str:
        ledger: Ledger = {}
        for part in parts:
            ledger = parse_ledger(render_ledger("", merged(ledger, part)), "ledger.yaml")
        return render_ledger("", ledger)

    everything = text([*one, *two, *three])
    assert everything == text(one, two, three) == text(three, one, two) == text(one, two, one, three, two)
    right = sights_of(merged(merged({}, two), three))
    assert text(one, right) == everything


@settings(max_examples=40)
@given(SIGHTS, SIGHTS)
def test_the_lines_of_both_sides_of_a_merge_are_as_good_as_their_merge(
    one: list[FirstSight], two: list[FirstSight]
) -> None:
    ours, theirs = (render_ledger("", merged({}, side)) for side in (one, two))
    assert "[]" in ours + theirs or sights_of(
        parse_ledger(ours + "\n".join(theirs.splitlines()[9:]), "ledger.yaml")
    ) == sights_of(merged(merged({}, one), two))


@pytest.fixture
def clusters(sandbox: Sandbox) -> Sandbox:
    """Two clusters whose policy asks for tags that are three days old; both are locked at 1.4.0 on 1 March."""
    (sandbox.root / "policies.yaml").unlink()
    for cluster in ("east", "west"):
        sandbox.write(f"{cluster}/policies.yaml", AGED)
        assert sandbox.run("lock", cluster, "--ledger", "ledger.yaml").status == 0
    return sandbox


def tag(sandbox: Sandbox, cluster: str) -> str:
    (entry,) = parse_lock(sandbox.text(f"{cluster}/images.lock.yaml"), "x").entries.values()
    return entry.tag


def test_a_lock_takes_what_another_has_seen_for_long_enough(clusters: Sandbox) -> None:
    clusters.registry.push("1.5.0")
    clusters.day("2026-03-02")
    clusters.run("lock", "east", "--ledger", "ledger.yaml")
    assert (
        clusters.text("ledger.yaml")
        == f"""\
# When each tag was first seen. `imagesetter lock --ledger` adds to it; in a merge, keep the lines of both sides.
apiVersion: imagesetter.dev/v1alpha1
kind: ImageLedger
metadata:
  name: first-seen
  annotations:
    config.kubernetes.io/local-config: "true"
spec:
  seen:
    - {{image: "registry.example.com/web", tag: "1.5.0", digest: "{digest("1.5.0")}", since: "2026-03-02T12:00:00Z"}}
"""
    )
    clusters.day("2026-03-04")
    ran = clusters.run("lock", "west", "--ledger", "ledger.yaml")
    assert "1.5.0 is not 3d old until 2026-03-05T12:00:00Z (first seen on 2026-03-02T12:00:00Z)" in ran.err
    before = clusters.text("ledger.yaml")
    clusters.day("2026-03-05")
    for cluster in ("east", "west"):
        clusters.run("lock", cluster, "--ledger", "ledger.yaml")
    assert (tag(clusters, "east"), tag(clusters, "west"), clusters.text("ledger.yaml")) == ("1.5.0", "1.5.0", before)


def test_a_lock_without_the_ledger_starts_from_its_own_first_sight(clusters: Sandbox) -> None:
    clusters.registry.push("1.5.0")
    clusters.day("2026-03-02")
    clusters.run("lock", "east", "--ledger", "ledger.yaml")
    clusters.day("2026-03-05")
    assert "until 2026-03-08T12:00:00Z" in clusters.run("lock", "west").err
    assert tag(clusters, "west") == "1.4.0"
    assert clusters.run("lock", "west", "--ledger", "ledger.yaml").status == 0
    assert tag(clusters, "west") == "1.5.0"


def test_a_tag_that_was_pushed_again_is_as_old_as_its_digest(clusters: Sandbox) -> None:
    clusters.registry.push("1.5.0")
    clusters.day("2026-03-02")
    clusters.run("lock", "east", "--ledger", "ledger.yaml")
    clusters.registry.push("1.5.0", content="other")
    clusters.day("2026-03-05")
    ran = clusters.run("lock", "west", "--ledger", "ledger.yaml")
    assert "until 2026-03-08T12:00:00Z (first seen on 2026-03-05T12:00:00Z)" in ran.err
    clusters.registry.push("1.5.0")
    clusters.day("2026-03-06")
    clusters.run("lock", "east", "--ledger", "ledger.yaml")
    assert (tag(clusters, "east"), tag(clusters, "west")) == ("1.5.0", "1.4.0")


def test_the_first_lock_of_a_policy_waits_for_what_another_lock_has_just_seen(clusters: Sandbox) -> None:
    clusters.registry.push("1.5.0")
    clusters.day("2026-03-02")
    clusters.run("lock", "east", "--ledger", "ledger.yaml")
    (clusters.root / "west/images.lock.yaml").unlink()
    clusters.run("lock", "west", "--ledger", "ledger.yaml")
    assert tag(clusters, "west") == "1.4.0"
    (clusters.root / "west/images.lock.yaml").unlink()
    clusters.run("lock", "west")
    assert tag(clusters, "west") == "1.5.0"


def test_a_time_of_a_wrong_clock_counts_as_now(clusters: Sandbox) -> None:
    clusters.registry.push("1.5.0")
    clusters.day("2036-01-01")
    clusters.run("lock", "east", "--ledger", "ledger.yaml")
    clusters.day("2026-03-02")
    assert "until 2026-03-05T12:00:00Z" in clusters.run("lock", "east", "--ledger", "ledger.yaml").err
    clusters.day("2026-03-05")
    clusters.run("lock", "east", "--ledger", "ledger.yaml")
    assert tag(clusters, "east") == "1.5.0"


def test_runs_that_ask_registries_read_the_ledger_and_write_nothing_to_it(clusters: Sandbox) -> None:
    clusters.registry.push("1.5.0")
    clusters.day("2026-03-02")
    clusters.run("lock", "east", "--ledger", "ledger.yaml")
    before = clusters.text("ledger.yaml")
    clusters.write("west/app.yaml", 'image: registry.example.com/web:1.4.0 # {"$imagepolicy": "flux-system:web"}\n')
    clusters.day("2026-03-05")
    assert "1.4.0 → 1.5.0" in clusters.run("update", "west", "--ledger", "ledger.yaml").out
    assert (
        "→ registry.example.com/web:1.5.0"
        in clusters.run("explain", "web", "--policies", "west", "--ledger", "ledger.yaml").out
    )
    assert "1.5.0" in clusters.run("report", "west", "--ledger", "ledger.yaml").out
    assert clusters.run("lock", "west", "--check", "--ledger", "ledger.yaml").status == 1
    assert clusters.text("ledger.yaml") == before


def test_a_ledger_that_cannot_be_written_says_that_the_lock_was(clusters: Sandbox) -> None:
    clusters.registry.push("1.5.0")
    clusters.day("2026-03-02")
    ran = clusters.run("lock", "east", "--ledger", "nowhere/ledger.yaml")
    assert (ran.status, "nowhere/ledger.yaml" in ran.err, "east/images.lock.yaml" in ran.err) == (1, True, True)
    assert "1.5.0" in clusters.text("east/images.lock.yaml")


def test_runs_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.yaml"
    sights = [FirstSight("a", f"1.{n}", "", "2026-03-01T12:00:00Z") for n in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda sight: add_to_ledger(ledger, [sight]), sights))
    assert sights_of(parse_ledger(ledger.read_text(), "x")) == sorted(sights)


def test_the_newest_tag_is_the_one_that_no_lock_had_seen_before(sandbox: Sandbox) -> None:
    (sandbox.root / "policies.yaml").unlink()
    sandbox.registry.delete("1.4.0")
    sandbox.write("east/policies.yaml", NEWEST)
    sandbox.write("west/policies.yaml", NEWEST)
    for day, new in (("2026-03-01", "sha-b"), ("2026-03-02", "sha-c"), ("2026-03-03", "sha-a")):
        sandbox.day(day)
        sandbox.registry.push(new)
        assert sandbox.run("lock", "east", "--ledger", "ledger.yaml").status == 0
    assert sandbox.run("lock", "west", "--ledger", "ledger.yaml").status == 0
    assert (tag(sandbox, "east"), tag(sandbox, "west")) == ("sha-a", "sha-a")
    assert "2026-03-03T12:00:00Z (first seen)" in sandbox.text("west/images.lock.yaml")


BROKEN = [
    pytest.param("a: [", "unclosed", id="not YAML"),
    pytest.param("kind: Deployment\n", "is not an ImageLedger of imagesetter.dev/v1alpha1", id="another kind"),
    pytest.param("[1]", "is not an ImageLedger", id="a list"),
    pytest.param("<<<<<<< ours\n", "the ledger is in a merge conflict", id="a conflict"),
    pytest.param("  seen: 3\n", "spec.seen: must be a list", id="no list"),
    pytest.param("  seen: [3]\n", "image, tag and since are required, as strings", id="no mapping"),
    pytest.param("  seen: [{image: a, tag: 1.5, since: '2026-03-01T12:00:00Z'}]\n", "as strings", id="a number"),
    pytest.param(
        "  seen: [{image: a, tag: '1', since: '2026-03-01'}]\n",
        "'2026-03-01' is not a time such as",
        id="a date",
    ),
    pytest.param("  seen: [{image: a, tag: '1', digest: 3, since: '2026-03-01T12:00:00Z'}]\n", "as", id="a digest"),
]
HEAD = "apiVersion: imagesetter.dev/v1alpha1\nkind: ImageLedger\nspec:\n"


@pytest.mark.parametrize(("text", "reason"), BROKEN)
def test_a_broken_ledger_is_an_error_and_nothing_is_written(sandbox: Sandbox, text: str, reason: str) -> None:
    sandbox.write("policies.yaml", AGED)
    text = f"{HEAD}{text}" if text.startswith("  seen") else text
    sandbox.write("ledger.yaml", text)
    ran = sandbox.run("lock", "--ledger", "ledger.yaml")
    assert ran.status in (1, 2)
    assert reason in ran.err or reason == "unclosed"
    assert "ledger.yaml" in ran.err
    assert (sandbox.text("ledger.yaml"), (sandbox.root / "images.lock.yaml").exists()) == (text, False)


def test_a_ledger_that_does_not_exist_is_an_error_where_it_is_only_read(sandbox: Sandbox) -> None:
    sandbox.write("policies.yaml", AGED)
    ran = sandbox.run("update", "--ledger", "ledger.yaml")
    assert (ran.status, "cannot be read: No such file or directory" in ran.err) == (2, True)


def test_comments_above_the_lines_stay_and_crlf_becomes_lf() -> None:
    text = f"# ours\r\n{HEAD}".replace("\n", "\r\n").replace("\r\r", "\r") + "  seen: []\r\n"
    ledger = merged(parse_ledger(text, "x"), [FirstSight("a", "1", "", "2026-03-01T12:00:00Z")])
    assert render_ledger(text, ledger) == (
        f'# ours\n{HEAD}  seen:\n    - {{image: "a", tag: "1", since: "2026-03-01T12:00:00Z"}}\n'
    )


def test_git_merges_two_branches_without_a_conflict(tmp_path: Path) -> None:
    git = require_tool("git")

    def run(*arguments: str) -> None:
        subprocess.run([git, *arguments], cwd=tmp_path, check=True, capture_output=True)

    def add(*sights: FirstSight) -> None:
        file = tmp_path / "ledger.yaml"
        text = file.read_text() if file.exists() else ""
        file.write_text(render_ledger(text, merged(parse_ledger(text, "ledger.yaml"), sights)))
        run("add", ".")
        run("commit", "-m", "ledger")

    sights = [FirstSight("a", f"1.{n}", "", f"2026-03-0{n}T12:00:00Z") for n in range(1, 8)]
    (tmp_path / ".gitattributes").write_text("ledger.yaml merge=union\n")
    run("init", "-b", "main")
    add(sights[1], sights[4])
    run("checkout", "-b", "other")
    add(sights[2], sights[5]._replace(since="2026-03-01T12:00:00Z"), sights[6])
    run("checkout", "main")
    add(sights[0], sights[3], sights[5])
    run("merge", "other")
    assert sights_of(parse_ledger((tmp_path / "ledger.yaml").read_text(), "ledger.yaml")) == sorted(
        [*sights[:5], sights[5]._replace(since="2026-03-01T12:00:00Z"), sights[6]]
    )


def test_a_conflict_says_where_it_is() -> None:
    with pytest.raises(LockError) as caught:
        parse_ledger(f"{HEAD}<<<<<<< ours\n", "ledger.yaml")
    assert (caught.value.where, caught.value.hint) == (
        "ledger.yaml:4",
        "keep the lines of both sides, and delete the lines that git added",
    )
