"""Whole processes, measured one beside the other: wall clock, processor time and peak memory.

Runs are interleaved (each round runs every program once), so that a machine that slows down slows all of them down, and
what counts is the median of the ratios round by round.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

LAUNCHER = Path(__file__).resolve().with_name("launcher.py")


@dataclass(frozen=True, slots=True)
class Program:
    """A command to measure.

    Attributes:
        command: the arguments.
        stdin: the file that it reads.
        stdout: the file that it writes; thrown away otherwise.
        cwd: where it runs.
        env: variables in addition to ours; None takes a variable away.
        before: what restores its input before each run; not measured.
        statuses: the exit statuses that count as done.
    """

    command: Sequence[str]
    stdin: Path | None = None
    stdout: Path | None = None
    cwd: Path | None = None
    env: Mapping[str, str | None] = field(default_factory=dict)
    before: Callable[[], object] | None = None
    statuses: Sequence[int] = (0,)


@dataclass(frozen=True, slots=True)
class Sample:
    """One run: seconds on the clock, seconds of the processors, MiB at most, and what it said on standard error."""

    wall: float
    cpu: float
    peak: float
    said: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Series:
    """The runs of one program; its figures are medians."""

    samples: tuple[Sample, ...]

    @property
    def wall(self) -> float:
        """Seconds on the clock."""
        return median(sample.wall for sample in self.samples)

    @property
    def cpu(self) -> float:
        """Seconds of all processors."""
        return median(sample.cpu for sample in self.samples)

    @property
    def peak(self) -> float:
        """The most memory that was resident, MiB."""
        return median(sample.peak for sample in self.samples)

    def over(self, other: Series, what: str = "wall") -> float:
        """How many times the other one: the median of the ratios round by round, of ``wall``, ``cpu`` or ``peak``."""
        pairs = zip(self.samples, other.samples, strict=True)
        ratio: float = median(getattr(ours, what) / (getattr(theirs, what) or 1e-6) for ours, theirs in pairs)
        return ratio


def run_once(program: Program) -> Sample:
    """Run a program, its output thrown away.

    Raises:
        RuntimeError: it failed; with the end of what it said on standard error.
    """
    if program.before:
        program.before()
    env = {**os.environ, **{name: value for name, value in program.env.items() if value is not None}}
    for name, value in program.env.items():
        if value is None:
            env.pop(name, None)
    env.pop(
        "PYTHONDONTWRITEBYTECODE", None
    )  # or modules that changed are compiled in every run, at half the start's cost
    reader, writer = os.pipe()
    launcher = [sys.executable, "-I", "-S", str(LAUNCHER), str(writer), *program.command]
    with (
        open(program.stdin or os.devnull, "rb") as stdin,
        open(program.stdout or os.devnull, "wb") as out,
        tempfile.TemporaryFile() as said,
        open(reader, "rb") as answer,
    ):
        try:
            process = subprocess.Popen(
                launcher, stdin=stdin, stdout=out, stderr=said, cwd=program.cwd, env=env, pass_fds=[writer]
            )
        finally:
            os.close(writer)
        process.wait()
        told = answer.read().split()
        said.seek(0)
        words = said.read().decode(errors="replace")
    status = os.waitstatus_to_exitcode(int(told[3])) if told else process.returncode
    if status not in program.statuses:
        raise RuntimeError(f"{program.command[:3]} ended with {status}: {words[-2000:]}")
    return Sample(float(told[0]), float(told[1]), int(told[2]) / 1024, words)


def interleaved(programs: Mapping[str, Program], runs: int, warm: int = 1) -> dict[str, Series]:
    """Run all programs in turn, ``runs`` rounds after ``warm`` that do not count."""
    samples: dict[str, list[Sample]] = {name: [] for name in programs}
    for number in range(warm + runs):
        for name, program in programs.items():
            sample = run_once(program)
            if number >= warm:
                samples[name].append(sample)
    return {name: Series(tuple(each)) for name, each in samples.items()}
