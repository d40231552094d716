"""`lock` and `update` do not go forward over what somebody set back, as `automate` does not."""

from __future__ import annotations

import re

import pytest

from git.conftest import Checkout
from support.runs import Ran
from support.sandbox import APP, IMAGE

FROM_LOCK = ("update", "--from", "lock")


def plain(ran: Ran) -> str:
    """What a command wrote, without dates and hashes."""
    return re.sub(r"on [0-9-]+ \([0-9a-f]{7}\)", "on DAY (COMMIT)", ran.out + ran.err)


def entry(checkout: Checkout) -> str:
    found = re.search(r"^ +tag: (.*)$", checkout.sandbox.text(), re.MULTILINE)
    assert found
    return found[1]


WHO = "Jane <jane@example.com> set it back from 1.4.1 on DAY (COMMIT); to go on: imagesetter unhold flux-system:web\n"


def test_update_keeps_a_field_that_somebody_set_back_and_says_so(checkout: Checkout) -> None:
    sandbox = checkout.sandbox
    checkout.bump("1.4.1", lock=False)
    checkout.git("revert", "--no-edit", "HEAD")
    sandbox.registry.push("1.5.0")
    for arguments in (("update",), ("update", "--check"), ("update", "--allow-downgrade")):
        ran = sandbox.run(*arguments)
        assert (ran.status, sandbox.text("app.yaml")) == (0, APP), str(ran)
        assert f"app.yaml:1: warning: stays at 1.4.0: {WHO}" in plain(ran)
    # a release counts before it is committed, and so does an edit
    assert sandbox.run("unhold", "web").status == 0
    assert sandbox.run("update").status == 0
    assert sandbox.text("app.yaml") == APP.replace("1.4.0", "1.5.0")


def test_update_goes_on_from_an_edit_that_is_not_committed_yet(checkout: Checkout) -> None:
    checkout.bump("1.4.1", lock=False)
    checkout.git("revert", "--no-edit", "HEAD")
    checkout.sandbox.registry.push("1.5.0")
    checkout.sandbox.write("app.yaml", APP.replace("1.4.0", "1.4.1"))
    assert checkout.sandbox.run("update").status == 0
    assert checkout.sandbox.text("app.yaml") == APP.replace("1.4.0", "1.5.0")


def test_a_revert_of_lock_and_fields_is_respected_by_lock_and_update_until_unhold(checkout: Checkout) -> None:
    sandbox = checkout.sandbox
    assert sandbox.run("lock").status == 0
    checkout.commit()
    checkout.bump("1.4.1")
    checkout.git("revert", "--no-edit", "HEAD")
    for _ in range(2):
        ran = sandbox.run("lock")
        assert (ran.status, entry(checkout)) == (0, "1.4.0"), str(ran)
        assert plain(ran) == (
            f"images.lock.yaml: 0 of 1 entry changed\nwarning: flux-system:web stays locked at 1.4.0, not 1.4.1: {WHO}"
        )
        assert (sandbox.run(*FROM_LOCK).status, sandbox.text("app.yaml")) == (0, APP)
    ran = sandbox.run("unhold", "web")
    told = "no longer stays at 1.4.0 (Jane <jane@example.com> set it back from 1.4.1 on DAY (COMMIT))\n"
    assert plain(ran) == (
        f"app.yaml:1: {told}images.lock.yaml: {told}commit images.lock.yaml, so that the next run goes on\n"
    )
    assert (sandbox.run("lock").status, sandbox.run(*FROM_LOCK).status, entry(checkout)) == (0, 0, "1.4.1")
    assert sandbox.text("app.yaml") == APP.replace("1.4.0", "1.4.1")


def test_a_revert_of_the_lock_alone_keeps_the_entry(checkout: Checkout) -> None:
    sandbox = checkout.sandbox
    assert sandbox.run("lock").status == 0
    checkout.commit()
    sandbox.registry.push("1.4.1")
    assert sandbox.run("lock").status == 0
    checkout.commit(by="fluxbot")
    checkout.git("revert", "--no-edit", "HEAD")
    assert (sandbox.run("lock", "--check").status, entry(checkout)) == (0, "1.4.0")


@pytest.mark.parametrize("by", ["fluxbot", "Jane"])
def test_what_a_hold_set_back_goes_on_when_the_hold_expires(checkout: Checkout, by: str) -> None:
    sandbox = checkout.sandbox
    checkout.bump("1.4.1")
    assert sandbox.run("hold", "web", "--tag", "1.4.0", "--reason", "crashes", "--until", "2100-01-01").status == 0
    checkout.commit()
    assert (sandbox.run("lock").status, sandbox.run(*FROM_LOCK).status, entry(checkout)) == (0, 0, "1.4.0")
    assert sandbox.text("app.yaml") == APP
    checkout.commit(by=by)
    sandbox.day("2100-01-02")
    assert (sandbox.run("lock").status, sandbox.run(*FROM_LOCK).status, entry(checkout)) == (0, 0, "1.4.1")
    assert sandbox.text("app.yaml") == APP.replace("1.4.0", "1.4.1")


def test_an_entry_that_went_back_by_a_command_goes_on(checkout: Checkout) -> None:
    sandbox = checkout.sandbox
    checkout.bump("1.4.1")
    sandbox.registry.delete("1.4.1")
    assert sandbox.run("lock", "--allow-downgrade").status == 0
    checkout.commit()
    sandbox.registry.push("1.5.0")
    assert (sandbox.run("lock").status, entry(checkout)) == (0, "1.5.0")


def test_many_files_are_looked_at_together_also_where_one_was_renamed(checkout: Checkout) -> None:
    sandbox = checkout.sandbox
    names = [f"apps/{number} ä.yaml" for number in range(4)]
    for name in names:
        sandbox.write(name, APP)
    checkout.commit()
    checkout.bump("1.4.1", lock=False)
    sandbox.write(names[0], APP)
    sandbox.write(names[1], APP)
    checkout.commit()
    checkout.git("mv", names[1], "apps/renamed.yaml")
    checkout.commit()
    sandbox.registry.push("1.5.0")
    ran = sandbox.run("update")
    assert sorted(re.findall(r"^(.*):1: warning: stays at 1.4.0", ran.err, re.MULTILINE)) == [
        names[0], "apps/renamed.yaml",
    ]  # fmt: skip
    assert [f"{IMAGE}:1.5.0" in sandbox.text(name) for name in (names[2], names[3], "app.yaml")] == [True] * 3
