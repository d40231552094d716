"""The result of an automation's run: its commits, the branches that they are on, and what went wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from imagesetter.flux.markers import PolicyName
from imagesetter.git.forge import RequestOutcome
from imagesetter.update.plan import Change
from krm_functions.result import Result, failed

Status = Literal["pushed", "would push", "up to date", "suspended", "failed"]


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit that was pushed, or, in a dry run, would be: then it has a ``diff`` and no ``hash``."""

    hash: str
    branch: str
    message: str
    changes: tuple[Change, ...]
    diff: str


@dataclass(frozen=True, slots=True)
class PushBranch:
    """A branch to be merged into another one, and the commits that this run made for it, pushed now or before.

    Without commits it has all values already, or it is not needed any more: what it is made from has them.
    ``is_whole`` says that the branch has nothing else, such as commits of somebody else.
    """

    name: str
    base: str
    commits: tuple[Commit, ...]
    is_needed: bool = True
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class AutomationRunResult:
    """The result of one automation; a failure is a value, so that the others run."""

    name: PolicyName
    status: Status
    commits: tuple[Commit, ...] = ()
    results: tuple[Result, ...] = ()
    notes: tuple[str, ...] = ()
    branches: tuple[PushBranch, ...] = ()
    remote: str = ""
    """The remote's URL, without credentials."""
    requests: tuple[RequestOutcome, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether it did not run, or something held up a part of it."""
        return self.status == "failed" or failed(self.results)
