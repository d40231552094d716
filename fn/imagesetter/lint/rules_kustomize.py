"""Rules about what kustomizations and Flux Kustomizations make of policies: variables that are left, patches."""

from __future__ import annotations

from collections.abc import Iterator

from imagesetter.flux.resources import FLUX_KINDS
from imagesetter.flux.variables import unresolved, variable_name, variables_of
from imagesetter.lint.finding import Problem
from imagesetter.lint.linted_tree import LintedTree
from imagesetter.lint.scanned_file import SourcePosition

_GIVE = "give it with --substitute or --substitute-from, or in postBuild.substitute of the Flux Kustomization"


def unresolved_variable(tree: LintedTree) -> Iterator[Problem]:
    """A ``${variable}`` in a policy, a repository, an automation or a marker, for which no value is known."""
    for kind in FLUX_KINDS:
        for _, located in tree.located(kind):
            said: set[str] = set()
            for _, form in tree.forms(located):
                for left in unresolved(form.data):
                    if left.variable not in said:
                        said.add(left.variable)
                        message = f"{left.variable} has no value among the files, so this {kind} is not complete"
                        hint = _GIVE if variable_name(left.variable) else "imagesetter cannot evaluate it"
                        yield Problem(located.position(*left.path), message, hint)
    for mark in tree.marker_comments:
        left_over = variables_of(mark.comment.text)
        if mark.error and mark.comment.scalar and left_over:
            message = f"the marker contains {left_over[0]}, and Flux reads markers before it replaces variables"
            yield Problem(mark.position, message, "write the name itself, or give --substitute")


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
