"""The published schema of the lock accepts what is written and read, and refuses what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from imagesetter.cli.schemas.kinds import schema_of
from imagesetter.errors import LockError
from imagesetter.lock.document import ENTRY_FIELDS, HOLD_FIELDS, SEEN_FIELDS, LockField, from_data
from krm_functions.yaml.load import load
from support.sandbox import IMAGE, POLICIES, Sandbox

ENTRY = {"policy": "a:b", "image": IMAGE, "tag": "1.0", "digest": "sha256:0", "inputs": "sha256:1"}
HOLD = {"policy": "a:b", "exclude": "1.4.2", "reason": "crashes"}
SEEN = {"policy": "a:b", "tag": "1.5.0", "digest": "sha256:0", "since": "2026-03-01T12:00:00Z"}


def lock(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "imagesetter.dev/v1alpha1", "kind": "ImageLock", "metadata": {"name": "x"}, "spec": spec}


def accepts(document: object) -> bool:
    return bool(Draft202012Validator(schema_of("ImageLock")).is_valid(document))


def reads(document: dict[str, Any]) -> bool:
    try:
        from_data(document, "x")
    except LockError:
        return False
    return True


@pytest.mark.parametrize(
    ("document", "fine"),
    [
        (lock(), True),
        (lock(entries=[ENTRY], holds=[HOLD, {**HOLD, "until": "2026-12-01"}], seen=[SEEN]), True),
        (lock(entries={}), False),
        (lock(entries=[{**ENTRY, "tag": 1.1}]), False),
        (lock(entries=[{key: value for key, value in ENTRY.items() if key != "inputs"}]), False),
        (lock(holds=[{**HOLD, "tag": "1.4.1"}]), False),
        (lock(holds=[{**HOLD, "until": "soon"}]), False),
        (lock(holds=[{**HOLD, "reasn": "x"}]), False),
        (lock(seen=[{**SEEN, "since": "yesterday"}]), False),
        ({key: value for key, value in lock().items() if key != "spec"}, False),
    ],
    ids=[
        "empty",
        "everything",
        "no list",
        "a number for a tag",
        "no inputs",
        "two kinds of hold",
        "no date",
        "a slip of the pen",
        "no time",
        "no spec",
    ],
)
def test_the_schema_says_what_the_program_says(document: dict[str, Any], fine: bool) -> None:
    assert (reads(document), accepts(document)) == (fine, fine)


def test_a_lock_that_was_written_is_as_its_schema_says_and_so_is_the_report(sandbox: Sandbox) -> None:
    sandbox.write(
        "policies.yaml", POLICIES.replace("annotations: {}", "annotations: {imagesetter.dev/minimum-age: 3d}")
    )
    sandbox.run("lock")
    sandbox.registry.push("1.5.0")
    sandbox.run("hold", "web", "--exclude-tag", "1.6.0", "--reason", "no", "--until", "2027-01-01")
    report = json.loads(sandbox.run("lock", "--output", "json").out)
    Draft202012Validator(schema_of("LockReport")).validate(report)
    assert (report["written"], report["changes"], len(report["results"])) == (True, [], 2)
    written = load(sandbox.text())
    assert isinstance(written, dict)
    assert len(written["spec"]["seen"]) == len(written["spec"]["holds"]) == 1
    assert accepts(written)


@pytest.mark.parametrize(
    ("definition", "fields"),
    [("LockedPolicy", ENTRY_FIELDS), ("HeldPolicy", HOLD_FIELDS), ("SeenTag", SEEN_FIELDS)],
    ids=["entries", "holds", "first sights"],
)
def test_the_schema_has_the_fields_of_the_document_in_their_order(
    definition: str, fields: tuple[LockField, ...]
) -> None:
    found = schema_of("ImageLock")["$defs"][definition]
    assert list(found["properties"]) == [field.name for field in fields]
    assert found["required"] == [field.name for field in fields if field.required]
