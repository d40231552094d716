"""The lock: what it holds, in which bytes, and each of its refusals in the very words."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagesetter.errors import LockError
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.markers import PolicyName
from imagesetter.flux.resources import resource
from imagesetter.lock.document import Lock, LockEntry, from_data, merge_locks, parse_lock
from imagesetter.lock.holds import Hold
from imagesetter.lock.render import render_lock
from imagesetter.selection.lock_source import LockSource
from imagesetter.selection.sources import Failed, Resolved
from krm_functions.errors import ReportedError
from krm_functions.yaml.load import load_all
from support.sandbox import IMAGE, POLICIES, POLICY, Sandbox, digest

WEB = PolicyName("flux-system", "web")
HEAD = "apiVersion: imagesetter.dev/v1alpha1\nkind: ImageLock\n"
ENTRY = LockEntry(WEB, IMAGE, "1.4.0", digest("1.4.0"), "Never", digest("inputs"), 1, "2026-03-01T12:00:00Z")
NAMES = st.text("abc-", min_size=1, max_size=3)
ENTRIES = st.lists(
    st.builds(
        LockEntry,
        policy=st.builds(PolicyName, NAMES, NAMES, st.sampled_from(["", "clusters/eu", "us"])),
        image=st.sampled_from([IMAGE, "localhost:5000/web"]),
        tag=st.sampled_from(["1.4.0", "1.10", "latest", "2026-01-01", "1e3"]),
        digest=st.sampled_from([digest("a"), digest("b")]),
        reflection=st.sampled_from(["Never", "IfNotPresent", "Always"]),
        inputs=st.just(digest("inputs")),
        candidates=st.integers(0, 10_000),
        changed=st.just("2026-03-01T12:00:00Z"),
        replaces=st.sampled_from(["", "1.3.0", "1.10"]),
        rules=st.sampled_from(["", "platforms", "platforms, verified"]),
        passed_over=st.sampled_from(["", "1.10 (hold)", "2026-01-01 (platforms)"]),
        signed_by=st.sampled_from(["", "key cosign.pub", "https://example.com/ci@main"]),
        newest=st.sampled_from(["", "2026-03-01T12:00:00Z (first seen)", "2026-03-01T12:00:00Z (created, untrusted)"]),
    ),
    unique_by=lambda entry: str(entry.policy),
    max_size=5,
)


def catalog(text: str = POLICIES) -> Catalog:
    made = Catalog()
    made.add(found for data, line in load_all(text) if (found := resource(data, f"policies.yaml:{line}")))  # type: ignore[arg-type]
    return made


def lock_text(*rows: str) -> str:
    return HEAD + "spec:\n  entries:\n" + "".join(f"  - {row}\n" for row in rows)


@given(ENTRIES, st.randoms())
def test_a_lock_of_any_order_of_entries_is_the_same_bytes_and_reads_back(
    entries: list[LockEntry], order: random.Random
) -> None:
    text = render_lock("", {entry.policy: entry for entry in entries})
    order.shuffle(entries)
    assert render_lock("", {entry.policy: entry for entry in entries}) == text
    assert parse_lock(text, "x").entries == {entry.policy: entry for entry in entries}
    assert render_lock(text, parse_lock(text, "x").entries) == text


@given(ENTRIES, ENTRIES, st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=20))
def test_a_comment_in_the_lock_stays_whatever_changes(
    before: list[LockEntry], after: list[LockEntry], words: str
) -> None:
    text = render_lock("", {entry.policy: entry for entry in before})
    comment = f"# a person's: {words}".replace("\u2028", "").replace("\u2029", "").replace("\ufeff", "").rstrip()
    lines = text.splitlines(keepends=True)
    commented = "".join(line for each in lines for line in (f"{comment}\n", each))
    changed = render_lock(commented, {entry.policy: entry for entry in after})
    assert changed.count(comment) == len(lines)
    assert parse_lock(changed, "x").entries == {entry.policy: entry for entry in after}


def test_an_unchanged_answer_keeps_every_byte_its_time_included(sandbox: Sandbox) -> None:
    sandbox.run("lock")
    text = sandbox.text()
    sandbox.day("2026-04-01")
    sandbox.registry.push("0.9.0")
    assert sandbox.run("lock").status == 0
    assert sandbox.text() == text
    assert sandbox.run("lock", "--check").status == 0


def test_applying_a_lock_twice_changes_nothing(sandbox: Sandbox) -> None:
    sandbox.registry.push("1.4.1")
    sandbox.run("lock")
    assert sandbox.run("update", "--from", "lock").status == 0
    text = sandbox.text("app.yaml")
    assert f"{IMAGE}:1.4.1 #" in text
    assert "0 fields changed, 1 up to date" in sandbox.run("update", "--from", "lock").out
    assert sandbox.text("app.yaml") == text


def test_check_writes_nothing_and_fails_where_the_lock_would_change(sandbox: Sandbox) -> None:
    assert sandbox.run("lock", "--check").status == 1
    assert not (sandbox.root / "images.lock.yaml").exists()


def test_only_locks_the_named_policy_and_leaves_the_others(sandbox: Sandbox) -> None:
    other = POLICY.replace("name: web\n", "name: old\n")
    sandbox.write("policies.yaml", f"{POLICIES}---\n{other}")
    sandbox.run("lock")
    sandbox.registry.push("1.5.0")
    assert sandbox.run("lock", "--only", "old").status == 0
    locked = parse_lock(sandbox.text(), "x").entries
    assert {str(name): entry.tag for name, entry in locked.items()} == {
        "flux-system:old": "1.5.0",
        "flux-system:web": "1.4.0",
    }


def refusal(error: ReportedError) -> str:
    return f"{error.what} | {error.where} | {error.hint}"


AGAIN = "run `imagesetter lock`, and commit the lock"
ANEW = f"delete the file, {AGAIN}"
MEND = "fix it, or remove it from the lock and run `imagesetter lock`"
REFUSED = {
    "a merge conflict": (
        HEAD + "spec:\n<<<<<<< HEAD\n  entries: []\n=======\n  entries: []\n>>>>>>> other\n",
        "the lock is in a merge conflict | x:4 | take either side (`git checkout --theirs` or `--ours`), "
        "then run `imagesetter lock`",
    ),
    "another version": (
        "apiVersion: imagesetter.dev/v1\nkind: ImageLock\nspec: {entries: []}\n",
        "the lock is imagesetter.dev/v1, and this imagesetter reads imagesetter.dev/v1alpha1 | x:1 | "
        f"use the imagesetter that wrote it; or {ANEW}",
    ),
    "no lock at all": ("kind: ConfigMap\n", f"does not contain an ImageLock | x | {ANEW}"),
    "an entry without a tag": (
        lock_text(f"{{policy: a:b, image: {IMAGE}, digest: d, inputs: i}}"),
        f"tag: is required, as a string | x:1: spec.entries[0] | {MEND}",
    ),
    "a tag that YAML reads as a number": (
        lock_text(f"{{policy: a:b, image: {IMAGE}, tag: 1.10, digest: d, inputs: i}}"),
        f"tag: is required, as a string | x:1: spec.entries[0] | {MEND}",
    ),
    "a policy without a namespace": (
        lock_text(f"{{policy: web, image: {IMAGE}, tag: a, digest: d, inputs: i}}"),
        f"policy: is required, as a string | x:1: spec.entries[0] | {MEND}",
    ),
    "an entry that is a text": (lock_text("web"), f"expected a mapping, not 'web' | x:1: spec.entries[0] | {MEND}"),
    "a tag that no registry has": (
        lock_text(f"{{policy: a:b, image: {IMAGE}, tag: '1.0 # x', digest: d, inputs: i}}"),
        f"tag: '1.0 # x' is not a valid tag | x:1: spec.entries[0] | {MEND}",
    ),
    "an image with a tag": (
        lock_text("{policy: a:b, image: 'web@sha256:a', tag: a, digest: d, inputs: i}"),
        f"image: 'web@sha256:a' is not a valid name | x:1: spec.entries[0] | {MEND}",
    ),
    "a policy twice": (
        lock_text(*[f"{{policy: a:b, image: {IMAGE}, tag: a, digest: d, inputs: i}}"] * 2),
        "policy a:b is locked twice | x:1 | keep one of its entries",
    ),
    "entries that are no list": (
        HEAD + "spec: {entries: {a: b}}\n",
        f"spec.entries: expected a list, not {{'a': 'b'}} | x:1 | {MEND}",
    ),
    "a lock without a spec": (HEAD, f"spec: expected a mapping, not None | x:1 | {ANEW}"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_lock_that_cannot_be_used_says_why_and_what_mends_it(case: str) -> None:
    text, expected = REFUSED[case]
    with pytest.raises(LockError) as caught:
        parse_lock(text, "x")
    assert refusal(caught.value) == expected


def test_an_empty_lock_is_filled(sandbox: Sandbox) -> None:
    sandbox.write("images.lock.yaml", "")
    assert sandbox.run("hold", "web", "--exclude-tag", "1.4.2", "--reason", "leaks").status == 0
    sandbox.write("images.lock.yaml", "\n")
    assert sandbox.run("lock").status == 0
    assert list(parse_lock(sandbox.text(), "x").entries) == [WEB]


def test_two_locks_that_disagree_are_refused_and_name_each_other() -> None:
    other = ENTRY._replace(tag="1.5.0")
    with pytest.raises(LockError) as caught:
        merge_locks([Lock({WEB: ENTRY}, "a.yaml"), Lock({WEB: other}, "b.yaml")])
    assert refusal(caught.value) == (
        f"policy flux-system:web is locked to {IMAGE}:1.4.0 and to {IMAGE}:1.5.0 | a.yaml and b.yaml | "
        "keep one lock for the policy"
    )


def test_two_locks_that_agree_are_one() -> None:
    assert merge_locks([Lock({WEB: ENTRY}, "a"), Lock({WEB: ENTRY}, "b")]) == Lock({WEB: ENTRY}, "a, b")


def test_a_missing_and_a_stale_entry_are_refused_and_an_unknown_policy_is_taken_from_the_lock() -> None:
    missing = LockSource(catalog(), Lock({})).answers([WEB])[WEB]
    stale = LockSource(catalog(), Lock({WEB: ENTRY})).answers([WEB])[WEB]
    alone = LockSource(Catalog(), Lock({WEB: ENTRY})).answers([WEB])[WEB]
    assert isinstance(missing, Failed)
    assert refusal(missing.error) == f"policy flux-system:web is not in the lock | images.lock.yaml | {AGAIN}"
    assert isinstance(stale, Failed)
    assert refusal(stale.error) == (
        f"policy flux-system:web has changed since it was locked to {IMAGE}:1.4.0 | images.lock.yaml | {AGAIN}"
    )
    assert isinstance(alone, Resolved)
    assert str(alone.ref) == f"{IMAGE}:1.4.0"


def test_a_policy_that_a_kustomization_renames_has_its_entry_and_its_holds_under_either_name() -> None:
    data: dict[str, object] = {"apiVersion": "image.toolkit.fluxcd.io/v1", "kind": "ImagePolicy"}
    data |= {
        "metadata": {"name": "eu-web", "namespace": "flux-system"},
        "spec": {"imageRepositoryRef": {"name": "web"}},
    }
    known = Catalog()
    for text, _ in load_all(POLICIES):
        if text["kind"] == "ImageRepository":  # type: ignore[index]
            known.add(filter(None, [resource(text, "repository.yaml:1")]))  # type: ignore[arg-type]
    known.add(filter(None, [resource(data, "policies.yaml:1", [("flux-system", "web")])]))
    renamed = PolicyName("flux-system", "eu-web")
    for locked in (WEB, renamed):
        entry = ENTRY._replace(policy=locked, inputs=known.inputs(WEB))
        hold = Hold(locked, exclude="1.4.0", reason="crashes")
        for name in (WEB, renamed):
            found = LockSource(known, Lock({locked: entry})).answers([name])[name]
            assert isinstance(found, Resolved), (locked, name)
            assert str(found.ref) == f"{IMAGE}:1.4.0"
            held = LockSource(known, Lock({locked: entry}, holds=(hold,))).answers([name])[name]
            assert isinstance(held, Failed), (locked, name)
            assert "is without 1.4.0 (crashes)" in str(held.error)


def test_a_lock_in_flow_style_is_kept_up_to_date_in_it(sandbox: Sandbox) -> None:
    sandbox.write("images.lock.yaml", HEAD + "spec: {entries: []}\n")
    assert sandbox.run("lock").status == 0
    assert sandbox.text().startswith(HEAD + "spec: {entries: [{policy: flux-system:web, ")
    held = HEAD + "spec:\n  entries: []\n  holds:\n    - {policy: 'a:b', tag: x, reason: y}\n"
    sandbox.write("images.lock.yaml", held)
    assert sandbox.run("unhold", "a:b").status == 0
    assert sandbox.text() == HEAD + "spec:\n  entries: []\n  holds: []\n"


def test_a_layout_that_cannot_be_kept_is_refused_and_the_file_stays(sandbox: Sandbox) -> None:
    text = HEAD + "spec:\n  entries: [a]\n"
    sandbox.write("images.lock.yaml", text)
    ran = sandbox.run("lock")
    assert ran.status == 1
    assert sandbox.text() == text


def test_no_lock_is_said_with_the_command_that_makes_one(sandbox: Sandbox) -> None:
    ran = sandbox.run("update", "--from", "lock")
    assert ran.status == 1
    assert "there is no images.lock.yaml" in ran.err
    assert AGAIN in ran.err


def test_a_policy_that_is_gone_leaves_the_lock(sandbox: Sandbox) -> None:
    other = POLICY.replace("name: web\n", "name: old\n")
    sandbox.write("policies.yaml", f"{POLICIES}---\n{other}")
    sandbox.run("lock")
    sandbox.write("policies.yaml", POLICIES)
    assert f"flux-system:old: no longer locked (was {IMAGE}:1.4.0)" in sandbox.run("lock").out
    assert list(parse_lock(sandbox.text(), "x").entries) == [WEB]


def test_a_policy_without_an_answer_keeps_its_entry_and_is_an_error(sandbox: Sandbox) -> None:
    sandbox.run("lock")
    text = sandbox.text()
    sandbox.registry.delete("1.4.0")
    sandbox.registry.push("2.0.0")
    ran = sandbox.run("lock")
    assert ran.status == 1
    assert sandbox.text() == text
    assert "unable to determine latest version" in ran.err


def test_no_lock_is_made_of_nothing_but_errors(sandbox: Sandbox) -> None:
    sandbox.registry.delete("1.4.0")
    sandbox.registry.push("2.0.0")
    assert sandbox.run("lock").status == 1
    assert not (sandbox.root / "images.lock.yaml").exists()


def test_a_lock_of_a_list_of_resources_is_read_from_its_data() -> None:
    (data, _), *_ = load_all(render_lock("", {WEB: ENTRY}))
    assert from_data(data, "item").entries == {WEB: ENTRY}  # type: ignore[arg-type]
