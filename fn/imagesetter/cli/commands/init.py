"""``imagesetter init``: policies and markers for the images that have none."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click

from imagesetter.cli.commands.mark import known_policies
from imagesetter.cli.completion import paths_argument
from imagesetter.cli.exit_status import FAILED, OK
from imagesetter.cli.help_page import GroupedCommand
from imagesetter.cli.options import policy_name, reading_options, report_options
from imagesetter.cli.reports.diff import unified_diff
from imagesetter.cli.reports.json_text import json_text
from imagesetter.cli.reports.table import aligned
from imagesetter.cli.terminal import echo, echo_diff, print_hint, print_results, styled, write
from imagesetter.config.options import API_VERSION
from imagesetter.fields.field import Location
from imagesetter.fields.images import find_images
from imagesetter.fields.mark import MarkOutcome, Owner, find_owners, insert_markers
from imagesetter.fields.proposals import FILE_NAME, Suggestion, as_json, policies_text, rule_words, suggest
from imagesetter.fields.report import failure
from imagesetter.files.atomic_write import create, noted
from imagesetter.files.atomic_write import write as replace_file
from imagesetter.files.find import start_directory
from imagesetter.files.read import read_named
from imagesetter.files.rewrite import Rewrite
from imagesetter.flux.kustomization_file import FILE_NAMES
from imagesetter.flux.resources import FLUX_KINDS
from imagesetter.update.files import write_files
from imagesetter.update.read_tree import ScannedTree, read_tree
from krm_functions.errors import ReportedError, UsageError
from krm_functions.result import Result, failed
from krm_functions.yaml.encoding import decode_text


@dataclass(slots=True)
class InitPlan:
    """What would be written: the policy file, then the markers."""

    suggestions: list[Suggestion]
    policies: Rewrite | None
    outcome: MarkOutcome
    problems: list[Result] = field(default_factory=list)

    @property
    def rewrites(self) -> list[Rewrite]:
        """Every file that would change."""
        return [*([self.policies] if self.policies else []), *self.outcome.rewrites]


@click.command("init", cls=GroupedCommand)
@paths_argument
@click.option("--write", "writes", is_flag=True, help="Write the policies and the markers, instead of showing them.")
@click.option(
    "--file",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help=f"File for the policies; more are appended.  [default: {FILE_NAME} in PATH]",
)
@click.option(
    "--style",
    type=click.Choice(["inline", "flux"]),
    help="Write inline policies of an ImageSetter, or Flux's resources.  [default: flux where Flux's resources are]",
)
@reading_options
@report_options
def command(
    paths: tuple[str, ...],
    writes: bool,
    target: Path | None,
    style: str | None,
    policies: tuple[str, ...],
    namespace: str,
    exclude: tuple[str, ...],
    values: Mapping[str, str] | None,
    output: str,
    quiet: bool,
) -> int:
    """Propose policies and markers for images that have none.

    PATH is a file or a directory, the working directory by default. Finds images in manifests, kustomizations, Helm
    values and Argo CD applications, and proposes a policy from the tag that each has now: a version stays within its
    major, a date or a timestamp ranks by itself; for any other tag it says why not. Contacts no registry, and writes
    nothing without --write.

    \b
    Examples:
      imagesetter init                          show the policies and markers
      imagesetter init --write                  write them
      imagesetter init apps --file policies.yaml --style inline
    """
    policy_name("x", namespace)
    tree = read_tree(paths or (".",), exclude=exclude, needed=True)
    catalog = known_policies(tree, paths, policies, namespace, values, frozenset())
    owners, problems = find_owners(catalog)
    images = find_images(paths or (".",), exclude=exclude)
    problems += (failure(error, severity="warning") for error in images.unread)
    suggestions = suggest(images.uses, owned=owners, names=catalog.policy_names, namespace=namespace)
    new = [each for each in suggestions if each.proposal]
    flux = style == "flux" if style else _uses_flux(tree)
    target = target or _default_target(paths)
    rewrite = _policy_file(target, new, flux=flux) if new else None
    proposed = {each.repository.canonical: [Owner(each.name, False)] for each in new if each.name}
    # The markers of images whose policy exists already are proposed as well, as `mark` does it.
    outcome = insert_markers(paths or (".",), {**owners, **proposed}, exclude=exclude, wide=True)
    plan = InitPlan(suggestions, rewrite, outcome, [*problems, *outcome.results])
    written = writes and not failed(plan.problems)
    if written:
        plan.problems += _written(plan)
    _report(plan, len(images.uses), written=written, output=output, quiet=quiet)
    return FAILED if failed(plan.problems) else OK


def _uses_flux(tree: ScannedTree) -> bool:
    """Whether Flux's resources are among the files: its policies, or its Kustomizations."""
    return bool(tree.deployments) or any(each.file and each.kind in FLUX_KINDS for each in tree.resources)


def _default_target(paths: Sequence[str]) -> Path:
    return start_directory(paths) / FILE_NAME


def _policy_file(target: Path, suggestions: Sequence[Suggestion], *, flux: bool) -> Rewrite:
    """The file with the policies, as it is and as it would be.

    Raises:
        UsageError: the file's directory does not exist, or its name is one that kustomize reads in another way.
        InputError: the file cannot be read, or nothing can be added to it.
    """
    if not target.parent.is_dir() or target.name in FILE_NAMES:
        reason = "is a kustomization" if target.name in FILE_NAMES else "is in a directory that does not exist"
        raise UsageError(f"{target} {reason}", where="--file", hint="choose another file in an existing directory")
    before = read_named(target) if target.exists() else b""
    try:
        text = policies_text(
            suggestions, before=decode_text(before, name=str(target)).text, flux=flux, name=str(target)
        )
    except ReportedError as error:
        raise error.located(str(target)) from error
    bom = before[:3] if before.startswith(b"\xef\xbb\xbf") else b""
    return Rewrite.whole(target, before, bom + text.encode())


def _written(plan: InitPlan) -> list[Result]:
    """Write the policy file, then the markers; a marker never is without its policy."""
    if plan.policies:
        try:
            path, (before, after) = plan.policies.path, plan.policies.versions()
            if before or path.exists():
                replace_file(path, before, after)
            else:
                create(path, after)
        except ReportedError as error:
            return [failure(error, Location(file=str(plan.policies.path)))]
    with noted([str(plan.policies.path)] if plan.policies else []):
        return write_files(plan.outcome.rewrites)


def _report(plan: InitPlan, images: int, *, written: bool, output: str, quiet: bool) -> None:
    if output == "json":
        document = {
            "apiVersion": API_VERSION,
            "kind": "InitReport",
            "written": written,
            "policyFile": str(plan.policies.path) if plan.policies else None,
            "suggestions": [as_json(each) for each in plan.suggestions],
            "files": [str(each.path) for each in plan.rewrites],
            "results": [result.to_dict() for result in plan.problems],
        }
        write(f"{json_text(document)}\n")
    else:
        if not written:
            echo_diff("".join(unified_diff(each) for each in plan.rewrites))
        if not quiet:
            for line in aligned(_row(each) for each in plan.suggestions):
                echo(line)
            echo(_closing(plan, images, written=written))
    print_results(result for result in _merged(plan.problems) if not quiet or result.severity != "info")
    if plan.rewrites and not written and output != "json" and not quiet and not failed(plan.problems):
        print_hint("nothing was written; `imagesetter init --write` writes this")


def _merged(results: Sequence[Result]) -> Iterator[Result]:
    """The results, of notes that say the same about several files only the first, with the number of the others."""
    counts = Counter(_gist(each) for each in results if each.severity == "info")
    for each in results:
        count = counts.pop(_gist(each), 0) if each.severity == "info" else 1
        if count:
            more = f" (and {count - 1} more)" if count > 1 else ""
            yield each._replace(message=f"{each.message}{more}")


def _gist(result: Result) -> str:
    return result.message.partition(" (")[0]


def _row(suggestion: Suggestion) -> tuple[str, str, str]:
    tags = ", ".join(suggestion.tags[:3]) + (" …" if len(suggestion.tags) > 3 else "")
    if suggestion.proposal and suggestion.name:
        rule = styled(rule_words(suggestion.proposal.policy), sys.stdout, fg="green")
        return suggestion.repository.written, tags or "-", f"{suggestion.name.name}: {rule}"
    return suggestion.repository.written, tags or "-", f"no policy: {suggestion.reason}"


def _closing(plan: InitPlan, images: int, *, written: bool) -> str:
    new = sum(each.proposal is not None for each in plan.suggestions)
    fields = len(plan.outcome.insertions)
    policies = f"{new} polic{'y' if new == 1 else 'ies'}"
    where = f" in {plan.policies.path}" if plan.policies else ""
    verb = "written" if written else "proposed"
    none = len(plan.suggestions) - new
    rest = f"; {none} image{'' if none == 1 else 's'} without a proposal" if none else ""
    return (
        f"{policies}{where} and {fields} marker{'' if fields == 1 else 's'} {verb}{rest} "
        f"({images} field{'' if images == 1 else 's'} with images in {plan.outcome.files} "
        f"file{'' if plan.outcome.files == 1 else 's'})"
    )
