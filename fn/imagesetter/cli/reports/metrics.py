"""The state of automations as OpenMetrics text, for a node exporter or whatever else reads files of metrics.

It is valid as Prometheus' older text format, too, which is what the node exporter's textfile collector reads: all are
gauges, since that format has no type ``info``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imagesetter.git.run_result import AutomationRunResult


@dataclass(frozen=True, slots=True)
class LastRun:
    """The last run of an automation, and when it ended, in seconds since the epoch."""

    run: AutomationRunResult
    ended: float


def _count(severity: str) -> Callable[[LastRun], float]:
    return lambda last: sum(result.severity == severity for result in last.run.results)


_GAUGES: dict[str, tuple[str, str, Callable[[LastRun], float]]] = {
    "imagesetter_automation_last_run_timestamp_seconds": ("seconds", "End of the last run.", lambda last: last.ended),
    "imagesetter_automation_success": ("", "Whether the last run had no error.", lambda last: not last.run.failed),
    "imagesetter_automation_suspended": (
        "", "Whether the automation is suspended.", lambda last: last.run.status == "suspended",
    ),
    "imagesetter_automation_changed_fields": (
        "", "Fields that the last run changed.", lambda last: sum(len(commit.changes) for commit in last.run.commits),
    ),
    "imagesetter_automation_warnings": ("", "Fields that the last run held back.", _count("warning")),
    "imagesetter_automation_errors": ("", "Errors of the last run.", _count("error")),
}  # fmt: skip


def render_metrics(runs: Iterable[LastRun], version: str) -> str:
    """The text of some automations' last runs."""
    last = sorted(runs, key=lambda each: each.run.name.order)
    lines = ["# TYPE imagesetter_build_info gauge", "# HELP imagesetter_build_info Version of imagesetter."]
    lines.append(f'imagesetter_build_info{{version="{_escaped(version)}"}} 1')
    for name, (unit, text, value) in _GAUGES.items():
        lines.append(f"# TYPE {name} gauge")
        lines += [f"# UNIT {name} {unit}"] if unit else []
        lines.append(f"# HELP {name} {text}")
        lines += [f"{name}{{{_labels(each)}}} {float(value(each)):.15g}" for each in last]
    return "\n".join((*lines, "# EOF", ""))


def _labels(each: LastRun) -> str:
    name = each.run.name
    labels = {"namespace": name.namespace, "name": name.name, "folder": name.folder}
    return ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
