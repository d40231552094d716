"""The output of ``imagesetter test``: each case, and for a failed case the expected result, the actual one, and why."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from imagesetter.cli.options import Output
from imagesetter.cli.reports.explain import funnel_as_json, funnel_lines
from imagesetter.cli.reports.json_text import json_text
from imagesetter.cli.reports.table import aligned
from imagesetter.cli.terminal import echo, print_error, styled, write
from imagesetter.config.options import API_VERSION
from imagesetter.policy.explain import Selection
from imagesetter.policy_tests.run import BrokenTest, CaseOutcome, Expected, Suite, SuiteOutcome
from krm_functions.messages import shown


def print_report(
    outcomes: Sequence[SuiteOutcome], broken: Sequence[BrokenTest], *, output: Output, quiet: bool
) -> None:
    """Print the report to stdout, and tests that cannot be read to stderr."""
    if output == "json":
        write(f"{json_text(_as_json(outcomes, broken))}\n")
    else:
        for outcome in outcomes:
            for line in _suite_lines(outcome, quiet=quiet):
                echo(line)
        echo(_summary(outcomes, broken))
    for problem in broken:
        print_error(problem.error.located(problem.place))


def _suite_lines(outcome: SuiteOutcome, *, quiet: bool) -> Iterable[str]:
    if quiet and outcome.passed:
        return
    suite = outcome.suite
    yield styled(f"{suite.place}  {_title(suite)}".rstrip(), sys.stdout, bold=True)
    if outcome.error:
        yield f"  {_verdict(False)}  {outcome.error}"
        if outcome.error.hint:
            yield from (f"        {line}" for line in outcome.error.hint.split("\n"))
    for case in outcome.cases:
        if not (quiet and case.passed):
            yield from _case_lines(case)


def _title(suite: Suite) -> str:
    return f"{suite.name} ({suite.policy})" if isinstance(suite.policy, str) and suite.name else suite.name


def _case_lines(outcome: CaseOutcome) -> Iterable[str]:
    yield f"  {_verdict(outcome.passed)}  {outcome.case.name}"
    if outcome.passed:
        return
    explanation = outcome.explanation
    rows = [
        ("", "expected", expected_text(outcome.case.expected)),
        ("", "got", got_text(explanation)),
    ]
    if outcome.why_not:
        rows.append(("", "why", str(outcome.why_not)))
    if explanation.error and explanation.error.hint:
        rows += [("", "" if number else "hint", line) for number, line in enumerate(explanation.error.hint.split("\n"))]
    yield from (f"      {line}" for line in aligned(rows))
    yield from (f"        {line}" for line in funnel_lines(explanation))


def _verdict(passed: bool) -> str:
    return styled("ok    ", sys.stdout, fg="green") if passed else styled("FAILED", sys.stdout, fg="red", bold=True)


def expected_text(expected: Expected) -> str:
    """The expected result as text."""
    if expected.pick is not None:
        return f"tag {shown(expected.pick)}"
    parts = [f"with {shown(expected.error)!r}"] if expected.error is not None else []
    parts += [f"from stage {expected.stage}"] if expected.stage is not None else []
    return f"an error {' '.join(parts)}"


def got_text(explanation: Selection) -> str:
    """The actual result as text."""
    error = explanation.error
    return f"an error from stage {error.stage}: {error}" if error else f"tag {shown(explanation.chosen or '')}"


def _summary(outcomes: Sequence[SuiteOutcome], broken: Sequence[BrokenTest]) -> str:
    cases = [case for outcome in outcomes for case in outcome.cases]
    failed = sum(not case.passed for case in cases)
    not_run = sum(len(outcome.suite.cases) for outcome in outcomes if outcome.error)
    text = f"{len(cases) - failed} passed, {failed} failed"
    if not_run:
        text += f", {not_run} not run"
    if broken:
        text += f", {len(broken)} test{'s' if len(broken) > 1 else ''} not readable"
    return text


def _as_json(outcomes: Sequence[SuiteOutcome], broken: Sequence[BrokenTest]) -> dict[str, object]:
    return {
        "apiVersion": API_VERSION,
        "kind": "PolicyTestReport",
        "passed": not broken and all(outcome.passed for outcome in outcomes),
        "tests": [
            {
                "place": outcome.suite.place,
                "name": outcome.suite.name,
                "policy": outcome.suite.policy if isinstance(outcome.suite.policy, str) else None,
                "passed": outcome.passed,
                "error": str(outcome.error) if outcome.error else None,
                "cases": [_case_as_json(case) for case in outcome.cases],
            }
            for outcome in outcomes
        ],
        "notReadable": [
            {"place": problem.error.where or problem.place, "error": problem.error.what, "hint": problem.error.hint}
            for problem in broken
        ],
    }


def _case_as_json(outcome: CaseOutcome) -> dict[str, object]:
    explanation = outcome.explanation
    error = explanation.error
    return {
        "name": outcome.case.name,
        "passed": outcome.passed,
        "expected": {key: value for key, value in asdict(outcome.case.expected).items() if value is not None},
        "got": {"error": str(error), "stage": error.stage} if error else {"pick": explanation.chosen},
        "funnel": funnel_as_json(explanation.funnel),
        "whyNot": asdict(outcome.why_not) if outcome.why_not else None,
    }
