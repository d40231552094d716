"""The page: what was measured, on what, and which aims are met."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "benchmarks.md"
FOLDER = ROOT / "docs" / "benchmarks"
RECORD = FOLDER / "measurements.json"


@dataclass(frozen=True, slots=True)
class Aim:
    """What was hoped for: ``value`` shall be at most ``limit``; ``unit`` is written behind both."""

    what: str
    limit: float
    value: float | None
    unit: str = "×"
    reason: str = ""

    @property
    def row(self) -> list[str]:
        """A row of the table of aims; the reason is shown where the aim is missed."""
        limit = f"≤ {self.limit:g} {self.unit}"
        if self.value is None:
            return [self.what, limit, "not measured", "—", ""]
        met = self.value <= self.limit
        return [
            self.what,
            limit,
            f"{self.value:.3g} {self.unit}",
            "met" if met else "**missed**",
            "" if met else self.reason,
        ]


@dataclass(frozen=True, slots=True)
class Section:
    """One measurement.

    Attributes:
        title: its heading.
        text: how it was measured, and what the limits are.
        tables: Markdown; none: it could not be measured.
        aims: what it was to show.
        plots: file names of charts in `FOLDER`, with their descriptions.
        findings: what dominates and how the cost grows, in sentences that the harness makes from what it measured.
        missing: programs that were to be compared with and were not there.
        when: where and when it ran, filled in by the harness.
        skipped: why the last run did not measure it; the figures, if any, are older.
    """

    title: str
    text: str
    tables: list[str]
    aims: list[Aim] = field(default_factory=list)
    plots: dict[str, str] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    when: str = ""
    skipped: str = ""


def kept(section: Section, older: Section | None) -> Section:
    """What stays of a section that could not be measured, and so has no table: the older figures, and why."""
    why = section.skipped or f"{', '.join(section.missing)} not there"
    return replace(older or section, skipped=why, missing=[])


def table(head: Iterable[str], rows: Iterable[Iterable[object]], words: int = 0) -> str:
    """A table in Markdown; all but the first column, and as many of the last as are *words*, are figures."""
    names = list(head)
    figures = len(names) - 1 - words
    lines = [f"| {' | '.join(names)} |", "|---|" + "---:|" * figures + "---|" * words]
    lines += [f"| {' | '.join(map(str, row))} |" for row in rows]
    return "\n".join(lines)


def seconds(value: float) -> str:
    """A time, with three digits that count."""
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


def machine() -> str:
    """What it ran on, without a name."""
    model = ""
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} processors ({model or platform.machine()}), {memory:.0f} GiB, {platform.system()}; "
        f"load when it ended {load}"
    )


def versions() -> list[str]:
    """The programs that were compared, as they name themselves; those that are not there are said to be so."""
    asked = {
        "go": ["go", "version"],
        "curl": ["curl", "--version"],
        "crane": ["crane", "version"],
        "skopeo": ["skopeo", "--version"],
        "kpt": ["kpt", "version"],
        "node": ["node", "--version"],
        "grep": ["grep", "--version"],
        "buildah": ["buildah", "--version"],
    }
    lines = [f"Python {platform.python_version()}"]
    path = f"{ROOT / '.tools' / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    for name, command in asked.items():
        program = shutil.which(name, path=path)
        if program is None:
            lines.append(f"{name}: not there")
            continue
        run = subprocess.run([program, *command[1:]], capture_output=True, text=True, check=False)
        said = (run.stdout or run.stderr).strip().splitlines()
        lines.append(said[0] if name in said[0] else f"{name} {said[0]}")
    for package in ("ruamel.yaml", "PyYAML", "pydantic", "httpx", "httpcore"):
        lines.append(f"{package} {_version(package)}")
    return lines


def _version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return "not there"


def record(sections: dict[str, Section]) -> dict[str, Section]:
    """Add sections to those of earlier runs, and give all."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    known = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    known.update({name: asdict(section) for name, section in sections.items()})
    RECORD.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n")
    return {
        name: Section(**{**section, "aims": [Aim(**aim) for aim in section["aims"]]}) for name, section in known.items()
    }


def write(sections: dict[str, Section], order: Iterable[str]) -> None:
    """Write the page."""
    order = list(order)
    shown = [sections[name] for name in order if name in sections]
    parts = [
        "# Benchmarks",
        "`make bench` measures all of this anew and writes this page; `make bench QUICK=1` takes smaller sizes, "
        f"`make bench ARGS=NAME` one section: {', '.join(order)}. "
        '`make bench ARGS="lists --input FILE"` measures a ResourceList, another file or a tree of yours, and says '
        "what imagesetter did with it. "
        "Whole processes are measured, start-up included. The programs of a comparison run in turn, and a ratio is the "
        "median of the ratios run by run: below 1 means that imagesetter needs less. Ratios of processor time are the "
        "steadier ones where other work runs beside; times on the clock say little on a busy machine. What no program "
        "could do without (getting the lists, reading the bytes) is measured beside, as the limit. What dominates is "
        "sampled from runs of the same session. Peaks below 7 MiB are those of the process that starts a run.",
        "## The aims",
        table(["aim", "limit", "measured", "", "why not"], [aim.row for section in shown for aim in section.aims], 2),
    ]
    for section in shown:
        parts += [f"## {section.title}", section.text]
        if section.skipped:
            older = "The figures are older." if section.when else "There are no older figures."
            parts.append(f"**Not measured** in the last run: {section.skipped}. {older}")
        parts += section.tables
        parts += section.findings
        parts += [f"![{text}](benchmarks/{name})" for name, text in section.plots.items()]
        if section.missing:
            parts.append(f"Not compared, because it is not there: {', '.join(section.missing)}.")
        parts += [f"<small>{section.when}</small>"] if section.when else []
    parts += ["## Versions", "\n".join(f"- {line}" for line in versions())]
    PAGE.write_text("\n\n".join(parts) + "\n")
    print(f"{PAGE.relative_to(ROOT)}: {len(shown)} sections", file=sys.stderr)
