"""``imagesetter build``: what kustomize builds of updated sources."""

import difflib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import click

from imagesetter.cli.completion import files
from imagesetter.cli.exit_status import FAILED, OK
from imagesetter.cli.help_page import GroupedCommand
from imagesetter.cli.network_options import NetworkOptions
from imagesetter.cli.options import (
    RunOptions,
    allow_downgrade_option,
    allow_unpin_option,
    ledger_option,
    nested_option,
    network_options,
    stream_run_options,
    with_quiet,
)
from imagesetter.cli.planned_update import plan_update
from imagesetter.cli.terminal import echo, echo_diff, print_error, print_results, write_stream
from imagesetter.config.options import INPUTS_VARIABLE
from imagesetter.errors import BuildError
from imagesetter.files.find import display_path
from imagesetter.kustomize.copy import SourceCopy, SourceTree, copy_of, find_tree, temporary_folder
from imagesetter.kustomize.overlays import find_overlays
from imagesetter.kustomize.program import Built, Program, build, find_program, parse_arguments
from imagesetter.kustomize.update import marked_files, not_updated
from imagesetter.update.files import FileUpdates
from imagesetter.update.plan import summary
from krm_functions.errors import UsageError
from krm_functions.result import failed

_MOST = 8
"""Builds at a time, at most; there are no more than processors."""


class _Rendered(NamedTuple):
    """One directory: its stream from updated sources, and, where that was asked for, from the sources as they are."""

    directory: Path
    new: Built
    old: Built | None


@click.command("build", cls=GroupedCommand)
@click.argument("arguments", nargs=-1, metavar="[DIR] [-- OPTION...]", shell_complete=files)
@click.option("--all", "every", is_flag=True, help="Build every kustomization below DIR that is no part of another.")
@click.option(
    "--check",
    is_flag=True,
    envvar="IMAGESETTER_CHECK",
    help="Print no stream; exit with 1 if it differs from the one of the sources as they are.",
)
@click.option("--diff", is_flag=True, envvar="IMAGESETTER_DIFF", help="Print the difference in place of the stream.")
@click.option(
    "--kustomize",
    "program",
    default="",
    metavar="COMMAND",
    envvar="IMAGESETTER_KUSTOMIZE",
    help="What builds, such as `kubectl kustomize`.  [default: kustomize, else kubectl]",
)
@allow_downgrade_option
@allow_unpin_option
@nested_option
@click.option(
    "--strict",
    is_flag=True,
    envvar="IMAGESETTER_STRICT",
    help="Report a field that stays at a higher tag, or at its digest, as an error.",
)
@stream_run_options
@network_options
@ledger_option
def command(
    arguments: tuple[str, ...],
    every: bool,
    check: bool,
    diff: bool,
    program: str,
    allow_downgrade: bool,
    allow_unpin: bool,
    nested: bool,
    strict: bool,
    options: RunOptions,
    network: NetworkOptions,
) -> int:
    """Print what kustomize builds of updated sources.

    DIR holds a kustomization, the working directory by default. The marked fields are updated in a copy of the sources,
    and your own kustomize builds the copy; nothing in the tree changes. The options behind -- are kustomize's.

    \b
    Examples:
      imagesetter build overlays/prod | kubectl apply -f -
      imagesetter build overlays/prod -- --enable-helm
      imagesetter build --diff overlays/prod   what would change in the cluster
      imagesetter build --all --check          in CI: are all overlays up to date?
      imagesetter build --kustomize "kubectl kustomize" overlays/prod
    """
    directory, rest = _arguments(arguments)
    directories = find_overlays(directory) if every else [directory.resolve()]
    if not directories:
        hint = "name a directory above your overlays"
        raise UsageError(f"there is no kustomization to build in {directory}", where="--all", hint=hint)
    builds = find_program(program, rest, Path.cwd(), os.environ)
    tree = find_tree(directories)
    for each, sources in zip(directories, tree.found, strict=True):
        if not sources.files:
            hint = "name the directory of an overlay, or use --all"
            raise UsageError(f"there is no kustomization in {display_path(each)}", hint=hint)
    updated = plan_update(
        marked_files(tree, options.exclude, nested=nested),
        (str(directory),),
        options,
        with_quiet(network, options),
        allow_downgrade=allow_downgrade,
        allow_unpin=allow_unpin,
        strict=strict,
    ).updates
    results = [*updated.results, *not_updated(tree)]
    print_results(result for result in results if result.severity != "info" or not options.quiet)
    if failed(results):
        return FAILED
    compared = check or diff
    with _prepared(tree, updated) as (copy, inputs):
        render = partial(_render, builds, copy, {INPUTS_VARIABLE: str(inputs)}, compared)
        one_at_a_time = "--enable-helm" in rest  # helm unpacks charts beside the files that they are for
        workers = 1 if one_at_a_time else min(_MOST, os.cpu_count() or 1, len(directories))
        with ThreadPoolExecutor(workers) as pool:
            rendered = list(pool.map(render, directories))
    if not options.quiet:
        echo(summary(len(updated.changes), updated.unchanged).message, err=True)
    return _print(rendered, check=check, diff=diff, every=every)


def _arguments(arguments: Sequence[str]) -> tuple[Path, tuple[str, ...]]:
    """The directory, and kustomize's options.

    Raises:
        UsageError: they cannot be told apart, or ask for an output file.
    """
    first = arguments[:1] if arguments and not arguments[0].startswith("-") else ()
    found = parse_arguments(arguments[len(first) :])
    if found is None or found.directory:
        shown = " ".join(arguments)
        raise UsageError(f"one directory is built at a time: {shown}", hint="write imagesetter build DIR -- OPTION...")
    if found.output:
        raise UsageError("-o is not passed on", hint="write the stream to a file with >")
    directory = Path(first[0]) if first else Path()
    if not directory.is_dir():
        raise UsageError(f"{directory} is not a directory", hint="name the directory of a kustomization")
    return directory, found.options


@contextmanager
def _prepared(tree: SourceTree, updated: FileUpdates) -> Iterator[tuple[SourceCopy | None, Path]]:
    """The updated copy, or None where nothing would change, and a folder for inputs of the function."""
    if updated.rewrites:
        with copy_of(tree) as copy:
            copy.write(updated.rewrites)
            (copy.folder / "inputs").mkdir()
            yield copy, copy.folder / "inputs"
    else:
        with temporary_folder() as folder:
            yield None, folder


def _render(
    program: Program, copy: SourceCopy | None, more: dict[str, str], compared: bool, directory: Path
) -> _Rendered:
    if copy is None:
        built = build(program, directory, more)
        return _Rendered(directory, built, built if compared else None)
    new = build(program, copy.path(directory), more)
    new = new._replace(messages=copy.original(new.messages))
    return _Rendered(directory, new, build(program, directory, more) if compared else None)


def _print(rendered: Sequence[_Rendered], *, check: bool, diff: bool, every: bool) -> int:
    """Print streams or differences, and give the exit status."""
    status, first = OK, True
    for each in rendered:
        shown = display_path(each.directory)
        broken = next((built for built in (each.old, each.new) if built and built.status), None)
        if broken:
            print_error(_refused(shown, broken))
            status = FAILED
            continue
        for line in each.new.messages.splitlines():
            echo(line, err=True)
        if each.old is None:
            _write_stream(each.new.stream, f"# {shown}\n" if every else "", first=first)
            first = False
        elif each.old.stream != each.new.stream:
            status = FAILED if check else status
            if diff:
                echo_diff(_difference(shown, each.old.stream, each.new.stream))
            else:
                echo(f"{shown}: the build of the updated sources differs", err=True)
    return status


def _refused(shown: str, built: Built) -> BuildError:
    """The error of a build, with what kustomize says."""
    hint = ""
    if "external plugins disabled" in built.messages:
        hint = "the kustomization runs a function: add -- --enable-alpha-plugins --enable-exec"
    elif "--enable-helm" in built.messages or "enable-helm" in built.messages:
        hint = "the kustomization has Helm charts: add -- --enable-helm"
    return BuildError(f"kustomize cannot build {shown}: {built.messages.strip()}", hint=hint)


def _write_stream(stream: bytes, heading: str, *, first: bool) -> None:
    """Write a stream byte for byte; behind another one, and with a heading, where there are several."""
    separator = b"" if first or stream.startswith(b"---") else b"---\n"
    write_stream(separator + heading.encode("utf-8", "surrogateescape") + stream)


def _difference(shown: str, old: bytes, new: bytes) -> str:
    before, after = (stream.decode("utf-8", "replace").splitlines(keepends=True) for stream in (old, new))
    return "".join(difflib.unified_diff(before, after, f"a/{shown}", f"b/{shown}"))
