"""The log of images: each change of a field and of a lock entry, when, by whom, and why."""

from __future__ import annotations

import json
import re

from jsonschema import Draft202012Validator

from git.conftest import Checkout
from imagesetter.cli.schemas.kinds import schema_of
from support.sandbox import IMAGE, POLICIES, digest


def log(checkout: Checkout, *arguments: str) -> list[str]:
    ran = checkout.sandbox.run("log", *arguments)
    assert ran.status == 0, str(ran)
    return [re.sub(r"^[0-9TZ:-]{20} [0-9a-f]{7} ", "", line) for line in ran.out.splitlines()]


JANE, BOT = "Jane <jane@example.com>", "fluxbot <fluxbot@example.com>"


def test_each_change_of_field_and_entry_has_its_commit_and_what_the_lock_says(checkout: Checkout) -> None:
    checkout.bump("1.4.1")
    checkout.bump("1.4.2")
    assert checkout.sandbox.run("rollback", "web", "--reason", "crashes").status == 0
    checkout.commit()
    checkout.git("mv", "app.yaml", "shop.yaml")
    checkout.commit()
    back = (
        f"flux-system:web 1.4.2 → 1.4.1 FILE ({JANE}: change; held at 1.4.1 (crashes); went back from 1.4.2 on purpose)"
    )
    assert sorted(log(checkout, "web")) == sorted(
        [
            back.replace("FILE", "shop.yaml"),
            back.replace("FILE", "images.lock.yaml"),
            f"flux-system:web 1.4.1 → 1.4.2 shop.yaml ({BOT}: change)",
            f"flux-system:web 1.4.1 → 1.4.2 images.lock.yaml ({BOT}: change)",
            f"flux-system:web 1.4.0 → 1.4.1 shop.yaml ({BOT}: change)",
        ]
    )
    assert len(log(checkout, "--limit", "2")) == 2


def test_a_changed_policy_and_an_age_are_reasons(checkout: Checkout) -> None:
    sandbox = checkout.sandbox
    aged = POLICIES.replace("annotations: {}", "annotations: {imagesetter.dev/minimum-age: 3d}")
    sandbox.write("policies.yaml", aged)
    assert sandbox.run("lock").status == 0
    checkout.commit()
    sandbox.registry.push("1.5.0")
    assert sandbox.run("lock").status == 0
    checkout.commit()
    sandbox.day("2026-03-08")
    sandbox.write("policies.yaml", aged.replace("1.x", "1.5.x"))
    assert sandbox.run("lock").status == 0
    checkout.commit()
    assert log(checkout) == [
        f"flux-system:web 1.4.0 → 1.5.0 images.lock.yaml ({JANE}: change; the policy changed; first seen on "
        "2026-03-01T12:00:00Z)"
    ]


def test_the_json_is_as_its_schema_says(checkout: Checkout) -> None:
    checkout.bump("1.4.1")
    checkout.bump("1.4.2")
    report = json.loads(checkout.sandbox.run("log", "--output", "json").out)
    Draft202012Validator(schema_of("ImageLog")).validate(report)
    entries = [change for change in report["changes"] if change["field"] == "spec.entries"]
    assert [(change["policy"], change["old"], change["new"], change["author"]) for change in entries] == [
        ("flux-system:web", f"{IMAGE}:1.4.1@{digest('1.4.1')}", f"{IMAGE}:1.4.2@{digest('1.4.2')}", BOT)
    ]


def test_a_policy_that_nothing_follows_is_an_error_with_the_nearest(checkout: Checkout) -> None:
    ran = checkout.sandbox.run("log", "wep")
    assert (ran.status, "(did you mean flux-system:web?)" in ran.err) == (2, True), str(ran)
