"""Runs a Python program and says which part of imagesetter the processors worked for.

``python sampled.py ANSWER PROGRAM ARGUMENT...``

A timer of processor time looks at every thread a few hundred times a second, and adds the time that a thread has used
since the last look to the function of ours that it is in. The timer costs about a hundredth, where a tracing profiler
would make short functions look dear. What a library in C does counts for the function that called it; importing counts
as importing, whoever asked for it. ANSWER is a JSON object, function → seconds.
"""

import importlib.util
import json
import runpy
import signal
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from types import FrameType

EVERY = 0.002  # the kernel makes it as much as its clock tick, often 4 ms
IMPORTS = "imports"
OTHER = "other"


class Sampler:
    """Seconds of processor time by function."""

    def __init__(self, package: str) -> None:
        self.package = package + "/"
        self.seconds: dict[str, float] = defaultdict(float)
        self._clocks: dict[int, float] = {}
        self._main = threading.main_thread().ident or 0

    def start(self) -> None:
        """Look from now on."""
        self._clocks[self._main] = 0.0
        signal.signal(signal.SIGPROF, lambda number, frame: self.look(frame))
        signal.setitimer(signal.ITIMER_PROF, EVERY, EVERY)

    def stop(self) -> None:
        """Look no more."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        self.look(sys._getframe())

    def look(self, here: FrameType | None) -> None:
        """Add what each thread has used since the last time."""
        for thread, frame in sys._current_frames().items():
            try:
                now = time.clock_gettime(time.pthread_getcpuclockid(thread))
            except OSError:  # it is ending
                continue
            used = now - self._clocks.get(thread, 0.0)
            self._clocks[thread] = now
            if used > 0:
                self.seconds[self._name(here if thread == self._main else frame)] += used

    def _name(self, frame: FrameType | None) -> str:
        """The innermost function of ours, or that something was being imported."""
        ours = ""
        while frame is not None:
            code = frame.f_code
            if code.co_filename.startswith("<frozen importlib"):
                return IMPORTS
            if not ours and code.co_filename.startswith(self.package):
                ours = f"{code.co_filename.removeprefix(self.package)}:{code.co_qualname}"
            frame = frame.f_back
        return ours or OTHER


def main() -> None:
    """Run it, and write the answer whatever becomes of it."""
    answer, sys.argv = Path(sys.argv[1]), sys.argv[2:]
    found = importlib.util.find_spec("imagesetter")
    sampler = Sampler(str(Path(found.origin).parent.parent) if found and found.origin else "")
    sampler.start()
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    finally:
        sampler.stop()
        answer.write_text(json.dumps(sampler.seconds))


if __name__ == "__main__":
    main()
