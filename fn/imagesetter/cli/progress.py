"""Progress of long runs on a terminal: how much is done, and which host the run waits for.

A pipe gets none of it. rich and click are imported only if something is shown: the function runs without them.
"""

from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Self

from imagesetter.registry.events import Event, Finished, Listed, Note, Planned, Waiting
from krm_functions.messages import one_line

if TYPE_CHECKING:
    from rich.status import Status

FEW = 3
"""With fewer repositories, no progress is shown, unless the run has to wait."""


class Progress:
    """A listener of the registry client; may be called from any thread."""

    def __init__(self, *, verbose: bool = False, quiet: bool = False) -> None:
        self._shows = not quiet and sys.stderr is not None and sys.stderr.isatty()
        self._verbose = verbose
        self._lock = threading.Lock()
        self._status: Status | None = None
        self._done = 0
        self._total = 0
        self._tags: dict[str, int] = {}
        self._seen = 0
        self._waiting = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            if self._status is not None:
                self._status.stop()
                self._status = None
            self._shows = False

    def __call__(self, event: Event) -> None:
        """Handle one event."""
        with self._lock:
            match event:
                case Planned(count):
                    self._total += count
                case Listed(repository, tags):
                    self._count(repository, tags)
                case Finished(repository, tags):
                    self._count(repository, tags)
                    self._done += 1
                    self._waiting = ""
                case Waiting(host, seconds, status):
                    self._waiting = f"waiting {seconds:.0f} s for {host} ({status})"
                case Note(text):
                    if self._verbose and sys.stderr is not None:
                        from imagesetter.cli.terminal import echo

                        echo(text, err=True)
            if self._shows and (self._waiting or max(len(self._tags), self._total) > FEW):
                self._show()

    def _count(self, repository: str, tags: int) -> None:
        self._seen += tags - self._tags.get(repository, 0)
        self._tags[repository] = tags

    def _show(self) -> None:
        waiting = f" · {self._waiting}" if self._waiting else ""
        # A digest or a scan that nobody planned has no part in the total.
        done = f"{self._done} of {self._total}" if self._total >= self._done else str(self._done)
        text = one_line(f"{done} repositories, {self._seen:,} tags{waiting}")
        if self._status is None:
            from rich.console import Console
            from rich.status import Status

            from imagesetter.cli.terminal import wants_colour

            coloured = wants_colour(sys.stderr)
            status = Status(text, console=Console(stderr=True, no_color=not coloured, highlight=coloured))
            try:
                status.start()
            except RuntimeError:  # no thread can be started
                self._shows = False
            else:
                self._status = status
        else:
            self._status.update(text)
