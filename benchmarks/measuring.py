"""Whole processes, measured one beside the other: wall clock, processor time and peak memory.

Runs are interleaved (each round runs every program once), so that a machine that slows down slows all of them down, and
what counts is the median of the ratios round by round.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median


@dataclass(frozen=True, slots=True)
class Program:
    """A command to measure.

    Attributes:
        command: the arguments.
        stdin: the file that it reads.
        cwd: where it runs.
        env: variables in addition to ours; None takes a variable away.
        before: what restores its input before each run; not measured.
        statuses: the exit statuses that count as done.
    """

    command: Sequence[str]
    stdin: Path | None = None
    cwd: Path | None = None
    env: Mapping[str, str | None] = field(default_factory=dict)
    before: Callable[[], object] | None = None
    statuses: Sequence[int] = (0,)


@dataclass(frozen=True, slots=True)
class Sample:
    """One run: seconds on the clock, seconds of the processors, MiB at most."""

    wall: float
    cpu: float
    peak: float


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
    with open(program.stdin or os.devnull, "rb") as stdin, open(os.devnull, "wb") as out:
        began = time.perf_counter()
        process = subprocess.Popen(
            program.command, stdin=stdin, stdout=out, stderr=subprocess.DEVNULL, cwd=program.cwd, env=env
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in program.statuses:
        said = subprocess.run(
            program.command,
            input=program.stdin.read_bytes() if program.stdin else b"",
            cwd=program.cwd,
            env=env,
            capture_output=True,
            check=False,
        ).stderr.decode(errors="replace")
        raise RuntimeError(f"{program.command[:3]} ended with {process.returncode}: {said[-2000:]}")
    return Sample(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def interleaved(programs: Mapping[str, Program], runs: int, warm: int = 1) -> dict[str, Series]:
    """Run all programs in turn, ``runs`` rounds after ``warm`` that do not count."""
    samples: dict[str, list[Sample]] = {name: [] for name in programs}
    for number in range(warm + runs):
        for name, program in programs.items():
            sample = run_once(program)
            if number >= warm:
                samples[name].append(sample)
    return {name: Series(tuple(each)) for name, each in samples.items()}
