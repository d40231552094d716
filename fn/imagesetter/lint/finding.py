"""What the linter says, as values: a spot, a problem at that spot, and the rule that found it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from imagesetter.lint.linted_tree import Subject
from imagesetter.lint.scanned_file import SourcePosition
from krm_functions.messages import one_line
from krm_functions.redaction import without_logins
from krm_functions.result import Severity


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it should be: where, what, and what to do about it."""

    spot: SourcePosition
    message: str
    hint: str = ""

    def __post_init__(self) -> None:
        """Values are quoted in messages, and somebody may have written a login into one."""
        object.__setattr__(self, "message", without_logins(self.message))
        object.__setattr__(self, "hint", without_logins(self.hint))


Check = Callable[[Subject], Iterable[Problem]]
"""A rule's own part: reads the subject, changes nothing, yields what is wrong."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule by its name, which never changes: people switch rules off by it, and documentation is found by it."""

    name: str
    severity: Severity
    summary: str
    """One sentence: what is wrong where this rule finds something."""
    check: Check


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem with the rule that found it."""

    rule: Rule
    problem: Problem

    @property
    def severity(self) -> Severity:
        """The rule's severity."""
        return self.rule.severity

    def __str__(self) -> str:
        """``file:line:column: severity rule-name: message; hint``, on one line."""
        return one_line(f"{self.problem.spot}: {self.severity} {self.rule.name}: {self.text}")

    @property
    def text(self) -> str:
        """``message; hint``; of a hint that draws a pointer under a text only the words."""
        words = self.problem.hint.partition("\n")[0].rstrip(":")
        return f"{self.problem.message}; {words}" if words else self.problem.message
