"""A rollback: hold, lock entry and fields in one change, from the history; and what ends it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from git.conftest import Checkout
from imagesetter.lock.document import parse_lock
from support.sandbox import APP, IMAGE, POLICIES, Sandbox, digest, open_sandbox

AUTOMATION = """\
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageUpdateAutomation
metadata: {name: auto, namespace: flux-system}
spec:
  interval: 5m
  sourceRef: {kind: GitRepository, name: fleet}
  git: {commit: {author: {name: fluxbot, email: fluxbot@example.com}}}
"""


def rolled(checkout: Checkout, *options: str) -> str:
    ran = checkout.sandbox.run("rollback", "web", "--reason", "crashes", *options)
    assert ran.status == 0, str(ran)
    return ran.out


def refusal(checkout: Checkout, *options: str) -> str:
    before = checkout.git("status", "--porcelain")
    ran = checkout.sandbox.run("rollback", "web", "--reason", "crashes", *options)
    assert (ran.status, checkout.git("status", "--porcelain")) == (2, before), str(ran)
    return ran.err


def locked(sandbox: Sandbox) -> list[tuple[str, str, str]]:
    return [(entry.tag, entry.digest, entry.replaces) for entry in parse_lock(sandbox.text(), "x").entries.values()]


def test_hold_entry_and_fields_go_back_to_the_tag_before_without_a_registry(checkout: Checkout) -> None:
    sandbox = checkout.sandbox
    checkout.bump("1.4.1")
    checkout.bump("1.4.2")
    asked = len(sandbox.registry.asked)
    assert rolled(checkout, "--until", "2026-04-01") == (
        f"app.yaml:1: {IMAGE}:1.4.2 → {IMAGE}:1.4.1\n"
        f"images.lock.yaml: {IMAGE}:1.4.2 → {IMAGE}:1.4.1\n"
        "images.lock.yaml: flux-system:web is held at 1.4.1 until 2026-04-01 (crashes)\n"
        "commit it all together; to end the rollback: imagesetter unhold flux-system:web\n"
    )
    assert len(sandbox.registry.asked) == asked
    assert locked(sandbox) == [("1.4.1", digest("1.4.1"), "1.4.2")]
    assert sandbox.text("app.yaml") == APP.replace("1.4.0", "1.4.1")
    sandbox.registry.push("1.5.0")
    for arguments in (("lock", "--check"), ("update", "--check"), ("update", "--check", "--from", "lock")):
        assert sandbox.run(*arguments).status == 0, arguments


def test_a_second_rollback_goes_back_further_not_to_the_tag_that_was_rolled_back(checkout: Checkout) -> None:
    checkout.bump("1.4.1")
    checkout.bump("1.4.2")
    rolled(checkout)
    checkout.commit()
    rolled(checkout)
    assert locked(checkout.sandbox) == [("1.4.0", digest("1.4.0"), "1.4.1")]
    assert checkout.sandbox.text("app.yaml") == APP


def test_without_an_entry_in_the_lock_the_fields_say_it_and_a_lock_is_made_for_the_hold(checkout: Checkout) -> None:
    checkout.bump("1.4.1", lock=False)
    rolled(checkout)
    assert checkout.sandbox.text("app.yaml") == APP
    lock = parse_lock(checkout.sandbox.text(), "x")
    assert (dict(lock.entries), [str(hold) for hold in lock.holds]) == ({}, ["held at 1.4.0 (crashes)"])


def test_a_tag_that_the_history_does_not_have_gets_its_digest_from_the_registry(checkout: Checkout) -> None:
    checkout.sandbox.registry.push("1.3.0")
    checkout.bump("1.4.1")
    rolled(checkout, "--to", "1.3.0")
    assert locked(checkout.sandbox) == [("1.3.0", digest("1.3.0"), "1.4.1")]
    assert "was not found" in checkout.sandbox.run("rollback", "web", "--reason", "x", "--to", "0.9.9").err


def test_what_cannot_be_meant_is_refused_and_nothing_is_written(checkout: Checkout) -> None:
    assert (
        "the history has no earlier tag of flux-system:web\n  where: imagesetter rollback\n  hint:  name one: --to"
        in refusal(checkout)
    )
    assert "flux-system:web is at 1.4.0 already" in refusal(checkout, "--to", "1.4.0")
    assert "2026-01-01 is in the past\n  where: --until" in refusal(checkout, "--until", "2026-01-01")
    assert "'a b' is not a valid tag\n  where: --to" in refusal(checkout, "--to", "a b")
    checkout.sandbox.run("hold", "web", "--exclude-tag", "1.3.0", "--reason", "slow")
    assert "flux-system:web is without 1.3.0 (slow)" in refusal(checkout, "--to", "1.3.0")
    ran = checkout.sandbox.run("rollback", "wep", "--reason", "x")
    assert (ran.status, "did you mean flux-system:web" in ran.err) == (1, True), str(ran)


def test_fields_that_had_different_tags_before_need_a_choice(checkout: Checkout) -> None:
    checkout.sandbox.write("b.yaml", APP.replace("1.4.0", "1.3.0"))
    checkout.commit()
    checkout.bump("1.4.1", lock=False)
    assert "the fields of flux-system:web had different tags before: 1.3.0 (b.yaml:1:8), 1.4.0 (app.yaml:1:8)" in (
        refusal(checkout)
    )


def test_a_field_that_cannot_be_written_puts_everything_back(checkout: Checkout) -> None:
    checkout.sandbox.write("b.yaml", APP)
    checkout.bump("1.4.1")
    # There is no room for the name of the temporary file beside it.
    name = f"{'z' * 245}.yaml"
    checkout.sandbox.write(name, checkout.sandbox.text("app.yaml"))
    checkout.commit()
    for lock in ("there", "new"):
        ran = checkout.sandbox.run("rollback", "web", "--reason", "crashes")
        assert (ran.status, checkout.git("status", "--porcelain")) == (1, ""), f"{lock}: {ran}"
        assert f"error: cannot be written: File name too long\n  where: {name}\n" in ran.err
        checkout.git("rm", "-q", "images.lock.yaml", "--ignore-unmatch")
        checkout.commit()


def test_unhold_after_a_rollback_lets_the_policy_go_on(checkout: Checkout) -> None:
    checkout.bump("1.4.1")
    rolled(checkout)
    checkout.commit()
    ran = checkout.sandbox.run("unhold", "web")
    assert ran.status == 0, str(ran)
    assert ran.out == "images.lock.yaml: flux-system:web is no longer held at 1.4.0 (crashes)\n"
    assert "released" not in checkout.sandbox.text()
    assert checkout.sandbox.run("lock").status == 0
    assert locked(checkout.sandbox)[0][0] == "1.4.1"


def test_unhold_releases_a_field_that_somebody_set_back(checkout: Checkout) -> None:
    checkout.sandbox.write("policies.yaml", POLICIES + AUTOMATION)
    checkout.bump("1.4.1", lock=False)
    checkout.git("revert", "--no-edit", "HEAD")
    ran = checkout.sandbox.run("unhold", "web")
    shown = re.sub(r"on [0-9-]+ \([0-9a-f]{7}\)", "on DAY (COMMIT)", ran.out)
    assert (ran.status, shown) == (
        0,
        "app.yaml:1: no longer stays at 1.4.0 (Jane <jane@example.com> set it back from 1.4.1 on DAY (COMMIT))\n"
        "commit images.lock.yaml, so that the next run goes on\n",
    )
    released = '  released:\n    - policy: flux-system:web\n      since: "2026-03-01T12:00:00Z"\n'
    assert released in checkout.sandbox.text()
    checkout.commit()
    ran = checkout.sandbox.run("unhold", "web")
    assert (ran.status, "the lock has no hold of flux-system:web" in ran.err) == (2, True), str(ran)


def test_a_lock_outside_the_checkout_has_no_history(
    checkout: Checkout, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "lock.yaml"
    checkout.bump("1.4.1", lock=False)
    rolled(checkout, "--lock-file", str(outside))
    assert (checkout.sandbox.text("app.yaml"), outside.exists()) == (APP, True)
    assert checkout.sandbox.run("unhold", "web", "--lock-file", str(outside)).status == 0


def test_without_a_checkout_the_tag_has_to_be_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with open_sandbox(tmp_path, capsys, monkeypatch) as sandbox:
        sandbox.registry.push("1.3.0")
        ran = sandbox.run("rollback", "web", "--reason", "x")
        assert (ran.status, "there is no Git checkout to find the tag before in" in ran.err) == (2, True), str(ran)
        assert sandbox.run("rollback", "web", "--reason", "x", "--to", "1.3.0").status == 0
        assert sandbox.text("app.yaml") == APP.replace("1.4.0", "1.3.0")
