"""Rules about what kustomizations and Flux Kustomizations make of policies: variables that are left, patches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from imagesetter.flux.resources import FLUX_KINDS
from imagesetter.flux.variables import unresolved, variable_name, variables_of
from imagesetter.lint.finding import Problem
from imagesetter.lint.linted_tree import LintedTree
from imagesetter.lint.scanned_file import SourcePosition

_GIVE = "give it with --substitute or --substitute-from, or in postBuild.substitute of the Flux Kustomization"


def unresolved_variable(tree: LintedTree) -> Iterator[Problem]:
    """A ``${variable}`` in a policy, a repository, an automation or a marker, for which no value is known.

    Once for a file and variable: whoever gives it a value has done so for all places.
    """
    found: dict[tuple[str, str], list[Problem]] = {}
    for kind in FLUX_KINDS:
        for _, located in tree.located(kind):
            left_over = {left.variable: left for _, form in tree.forms(located) for left in unresolved(form.data)}
            for variable, left in left_over.items():
                message = f"{variable} has no value among the files, so this {kind} is not complete"
                hint = _GIVE if variable_name(variable) else "imagesetter cannot evaluate it"
                problem = Problem(located.position(*left.path), message, hint)
                found.setdefault((problem.position.file, variable), []).append(problem)
    yield from _once(found)
    marked: dict[tuple[str, str], list[Problem]] = {}
    for mark in tree.marker_comments:
        variables = variables_of(mark.comment.text)
        if mark.error and mark.comment.scalar and variables:
            message = f"the marker contains {variables[0]}, and Flux reads markers before it replaces variables"
            problem = Problem(mark.position, message, "write the name itself, or give --substitute")
            marked.setdefault((mark.file, variables[0]), []).append(problem)
    yield from _once(marked)


def _once(found: Mapping[tuple[str, str], list[Problem]]) -> Iterator[Problem]:
    """The first problem of each variable in each file, with how many more there are."""
    for problems in found.values():
        first, more = min(problems, key=lambda problem: problem.position), len(problems) - 1
        places = f" ({more} more place{'s' if more > 1 else ''} in this file)" if more else ""
        yield replace(first, message=f"{first.message}{places}")


def unfollowed_patch(tree: LintedTree) -> Iterator[Problem]:
    """A patch of a policy that cannot be read, or is for a policy that is not among the files."""
    for completed in tree.completed:
        for problem in completed.problems:
            file, _, line = problem.file.partition(":")
            if file in tree.given_names:
                yield Problem(
                    SourcePosition(file, int(line or 1), 1),
                    problem.message,
                    "lint what the cluster gets: kustomize build … | imagesetter lint --policies - .",
                )
