"""The CloudEvents of an automation's run: one for each change, each field that is held back, and each error.

CloudEvents 1.0, structured as JSON. ``data.action`` is the name that Flux gives a stage of its reconciliation
(image-automation-controller api/v1 v1.3.0, action.go).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from krm_functions.result import Result

if TYPE_CHECKING:
    from imagesetter.git.run_result import AutomationRunResult

_TYPE = "dev.imagesetter.automation."
_RECONCILE, _APPLY, _PUSH = "Reconcile", "ApplyPolicies", "CommitAndPush"


def automation_events(run: AutomationRunResult, now: float) -> list[dict[str, object]]:
    """The events of one run, in its order.

    Args:
        run: one that pushed, or failed; a dry run has no events.
        now: the time, in seconds since the epoch.
    """
    time = f"{datetime.fromtimestamp(now, UTC):%Y-%m-%dT%H:%M:%SZ}"
    return [
        {
            "specversion": "1.0",
            "id": str(uuid.uuid4()),
            "source": f"/namespaces/{run.name.namespace}/imageupdateautomations/{run.name.name}",
            "type": _TYPE + kind,
            "time": time,
            **({"subject": subject} if subject else {}),
            "datacontenttype": "application/json",
            "data": {"automation": str(run.name), **data},
        }
        for kind, subject, data in _events(run)
    ]


def _events(run: AutomationRunResult) -> Iterator[tuple[str, str, dict[str, object]]]:
    """The kind, the policy and the data of each event."""
    for commit in run.commits if run.status == "pushed" else ():
        for change in commit.changes:
            location = change.field.location
            policy = str(change.field.marker.policy)
            data = {"policy": policy, "file": location.file, "field": location.field}
            pushed = {"old": change.old, "new": change.new, "commit": commit.hash, "branch": commit.branch}
            yield "change", policy, {"action": _PUSH, **data, **pushed}
    for result in run.results:
        if result.severity != "info":
            policy = result.tags.get("policy", "")
            kind = "error" if result.severity == "error" else "hold"
            yield kind, policy, {"action": _APPLY if policy else _RECONCILE, **_about(result)}


def _about(result: Result) -> dict[str, object]:
    tags = {name: result.tags[name] for name in ("policy", "error", "line") if name in result.tags}
    return {"message": result.message, **({"file": result.file.path} if result.file else {}), **tags}
