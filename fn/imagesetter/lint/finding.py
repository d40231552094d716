"""What the linter finds: a problem at a position, and the rule that found it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from imagesetter.lint.linted_tree import LintedTree
from imagesetter.lint.scanned_file import SourcePosition
from krm_functions.messages import one_line
from krm_functions.redaction import without_logins
from krm_functions.result import Severity


class Fix(NamedTuple):
    """How a problem is fixed: *old*, which is at its position, becomes *new*."""

    old: str
    new: str
    above: str = ""
    """A comment for a line of its own above, indented as that line."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong: where, what, and what to do about it."""

    position: SourcePosition
    message: str
    hint: str = ""
    fix: Fix | None = None
    """What ``lint --fix`` writes; None where a person has to decide."""

    def __post_init__(self) -> None:
        """Remove logins: messages quote values, and a value may contain one."""
        object.__setattr__(self, "message", without_logins(self.message))
        object.__setattr__(self, "hint", without_logins(self.hint))


Check = Callable[[LintedTree], Iterable[Problem]]
"""A rule's own part: reads the tree, changes nothing, yields what is wrong."""


@dataclass(frozen=True, slots=True)
class LintRule:
    """A rule. Its name never changes: users disable rules by it, and it links to the documentation."""

    name: str
    severity: Severity
    summary: str
    """One sentence: what is wrong where this rule finds something."""
    check: Check


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem with the rule that found it."""

    rule: LintRule
    problem: Problem

    @property
    def severity(self) -> Severity:
        """The rule's severity."""
        return self.rule.severity

    def __str__(self) -> str:
        """``file:line:column: severity rule-name: message; hint``, on one line."""
        return one_line(f"{self.problem.position}: {self.severity} {self.rule.name}: {self.text}")

    @property
    def text(self) -> str:
        """``message; hint``; of a hint with a drawing only the first line."""
        words = self.problem.hint.partition("\n")[0].rstrip(":")
        return f"{self.problem.message}; {words}" if words else self.problem.message
