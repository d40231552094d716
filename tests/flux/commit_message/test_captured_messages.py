"""Every captured commit message: what Flux made of a template, or how it refused it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from imagesetter.errors import TemplateError
from imagesetter.flux.commit_message.data import ChangeRecord, Dialect, TemplateData
from imagesetter.flux.commit_message.names import ObjectIdentifier
from imagesetter.flux.commit_message.render import render_message
from imagesetter.flux.latest_ref import LatestRef
from imagesetter.flux.markers import PolicyName
from support.tables import each_row

CAPTURED = json.loads((Path(__file__).parents[2] / "oracle" / "templates.json").read_text(encoding="utf-8"))
ROWS: list[tuple[dict[str, Any], Dialect]] = [
    (case, dialect) for case in CAPTURED["cases"] for dialect in ("modern", "legacy")
]


def data_of(fixture: str) -> TemplateData:
    policies = {
        f"{policy['namespace']}:{policy['name']}": LatestRef(
            policy["latestRef"]["name"], policy["latestRef"]["tag"], policy["latestRef"].get("digest", "")
        )
        for policy in CAPTURED["fixtures"][fixture]["policies"]
    }
    records = []
    for file, objects in CAPTURED["fixtures"][fixture]["changed"].items():
        for entry in objects:
            object_ = entry["object"]
            identifier = ObjectIdentifier(object_["apiVersion"], object_["kind"], object_["name"], object_["namespace"])
            for change in entry["changes"]:
                namespace, name = change["Setter"].split(":")[:2]
                records.append(
                    ChangeRecord(
                        file,
                        identifier,
                        change["OldValue"],
                        change["NewValue"],
                        change["Setter"],
                        policies[f"{namespace}:{name}"],
                        PolicyName(namespace, name),
                    )
                )
    namespace, name = CAPTURED["automation"].split("/")
    return TemplateData(namespace, name, tuple(records), CAPTURED["values"])


def outcome(template: str, fixture: str, dialect: Dialect) -> tuple[str, str]:
    try:
        return "message", render_message(template, data_of(fixture), dialect=dialect)
    except TemplateError as err:
        return "error", str(err)


def expected(row: dict[str, Any]) -> tuple[str, str]:
    if "error" in row:
        return "error", row["error"]
    return "message", row.get("canonical", row["message"])


@each_row(ROWS, lambda row: f"{row[0]['id']}, {row[1]}")
def test_message_or_error_is_as_captured(row: tuple[dict[str, Any], Dialect]) -> None:
    case, dialect = row
    assert outcome(case["template"], case["fixture"], dialect) == expected(case[dialect])
