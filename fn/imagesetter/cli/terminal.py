"""Print text to a terminal or a log; coloured only on a terminal that allows it.

Names, values, paths and messages may be untrusted. Everything that a command prints for people passes through `line`,
which escapes unprintable characters, line breaks inside a line, and text that a CI system would execute.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TextIO

import click

from krm_functions.errors import ReportedError
from krm_functions.messages import log_line, one_line, without_log_commands
from krm_functions.result import Result, Severity

COLOR = "color"
COLOURS: Mapping[Severity, str] = {"error": "red", "warning": "yellow", "info": "cyan"}
_FEW = 4
"""Policies with the same failure that get a line each, beside the first one."""
_DIFF_STYLES: tuple[tuple[str, Mapping[str, str | bool]], ...] = (
    ("--- ", {"bold": True}),
    ("+++ ", {"bold": True}),
    ("@@ ", {"fg": "cyan"}),
    ("-", {"fg": "red"}),
    ("+", {"fg": "green"}),
)
"""How the rows of a diff look, by what they begin with; as Git shows them."""
_CHOICES = {"always": True, "never": False, "auto": None}


PEN = f"\x1b{os.urandom(8).hex()}"
"""Stands for ESC in our own styles until they are printed. It is random, so no untrusted text can contain it."""
_SHOWN_PEN = log_line(PEN)


def wants_colour(stream: TextIO) -> bool:
    """Whether a stream is a terminal, and NO_COLOR is not set (https://no-color.org)."""
    context = click.get_current_context(silent=True)
    choice = context.color if context else _CHOICES.get(os.environ.get("IMAGESETTER_COLOR", "auto"))
    if choice is not None:
        return choice
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def color_option() -> click.Option:
    """``--color``, for every command and for the group; the last one is used."""

    def choose(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
        if value is not None and (
            context.parent is None or context.get_parameter_source(COLOR) is click.core.ParameterSource.COMMANDLINE
        ):
            context.color = context.find_root().color = _CHOICES[value]

    return click.Option(
        ["--color"],
        type=click.Choice(list(_CHOICES)),
        is_eager=True,
        expose_value=False,
        envvar="IMAGESETTER_COLOR",
        callback=choose,
        help="Use colours: auto means on a terminal, unless NO_COLOR is set.",
    )


def styled(text: str, stream: TextIO, **style: str | bool) -> str:
    """The text in a style if the stream is coloured, else unchanged; for a line that is printed by `echo`."""
    if not wants_colour(stream):
        return text
    return click.style(log_line(text), **style).replace("\x1b", PEN)  # type: ignore[arg-type]


def line(text: str) -> str:
    """One line, escaped, with the styles of `styled`."""
    return log_line(text).replace(_SHOWN_PEN, "\x1b")


def echo(text: str = "", *, err: bool = False) -> None:
    """Print one line for people."""
    write(f"{line(text)}\n", err=err)


def write(text: str, *, err: bool = False) -> None:
    """Print text that is escaped already, by `line`, `json_text` or the Markdown report."""
    click.echo(text, nl=False, err=err, color=True)


def write_stream(data: bytes) -> None:
    """Write a stream of resources to standard output, byte for byte: a program reads it."""
    click.echo(data, nl=False)


def echo_data(text: str) -> None:
    """Print data that another program may read byte for byte, such as a patch, to standard output.

    A file gets it unchanged. Anything else may end in a log, so text that a CI system would execute is escaped, with a
    warning.
    """
    shown = text if _is_file(sys.stdout) else without_log_commands(text)
    write(shown)
    if shown != text:
        label = styled("warning", sys.stderr, fg="yellow", bold=True)
        echo(
            f"{label}: the output contains text that a CI system would run as a command; it is escaped here, so the "
            "patch does not apply; redirect the output to a file to get it unchanged",
            err=True,
        )


def echo_diff(text: str) -> None:
    """Print a unified diff to standard output: coloured, and escaped, for people; else as `echo_data`."""
    if not wants_colour(sys.stdout):
        echo_data(text)
        return
    for row in text.removesuffix("\n").split("\n") if text else ():
        shown = row.removesuffix("\r")
        style = next((style for start, style in _DIFF_STYLES if shown.startswith(start)), None)
        echo(styled(shown, sys.stdout, **style) if style else shown)


def _is_file(stream: TextIO) -> bool:
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except (OSError, ValueError):  # the stream has no file descriptor
        return False


def print_error(error: ReportedError) -> None:
    """An error on stderr in three parts: what, where, what to do."""
    echo(f"{styled('error', sys.stderr, fg='red', bold=True)}: {error.what}", err=True)
    if error.where:
        echo(f"  where: {error.where}", err=True)
    if error.hint:
        first, *drawing = error.hint.split("\n")  # keep the columns of the drawing
        echo(f"  hint:  {first}", err=True)
        for below in drawing:
            echo(f"         {below}", err=True)


def print_notes(error: BaseException) -> None:
    """Print the notes of an exception, such as which files were written before it, to stderr."""
    for note in getattr(error, "__notes__", ()):
        for each in note.split("\n"):
            echo(each, err=True)


def print_results(results: Iterable[Result]) -> None:
    """Print results to stderr, one line each, with file and line first, so that an editor can jump there."""
    for result, others in _grouped(results):
        label = styled(result.severity, sys.stderr, fg=COLOURS[result.severity], bold=True)
        echo(f"{location_prefix(result)}{label}: {one_line(result.message)}{others}", err=True)


def _grouped(results: Iterable[Result]) -> Iterator[tuple[Result, str]]:
    """Each result, and which other policies have the same failure or warning, such as of a host that does not respond.

    Several results of one policy are about several fields, and stay apart.
    """
    groups: dict[object, list[Result]] = {}
    keys: list[object] = []
    seen: set[tuple[object, str]] = set()
    for number, result in enumerate(results):
        policy = result.tags.get("policy", "")
        shared = policy and ("error" in result.tags or result.severity == "warning")
        key: object = (result.severity, result.message.removeprefix(f"{policy}: ")) if shared else number
        if (key, policy) in seen:
            key = number
        seen.add((key, policy))
        keys.append(key)
        groups.setdefault(key, []).append(result)
    for key in keys:
        group = groups[key]
        if 0 < len(group) <= _FEW:
            yield group.pop(0), ""
        elif group:
            names = [other.tags["policy"] for other in group[1:]]
            more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
            yield group[0], f" (the same for {one_line(', '.join(names[:_FEW]))}{more})"
            groups[key] = []


def location_prefix(result: Result) -> str:
    """``file:line: `` of a result, or the part that is known."""
    if result.file:
        line = result.tags.get("line")
        return f"{result.file.path}:{line}: " if line else f"{result.file.path}: "
    return f"{result.resource_ref}: " if result.resource_ref else ""


def print_hint(text: str) -> None:
    """Print a hint to stderr."""
    echo(f"{styled('hint', sys.stderr, fg='cyan')}: {text}", err=True)


def print_notice(text: str) -> None:
    """Print a notice about the command line itself to stderr."""
    echo(f"{styled('notice', sys.stderr, fg='cyan')}: {text}", err=True)


def why_nothing(paths: Sequence[str], *, files: int, policies: int) -> str:
    """What to do if no field follows a policy.

    Args:
        paths: as the user gave them.
        files: the number of files read.
        policies: the number of known policies.
    """
    where = " and ".join(paths) if paths else "this directory"
    if not files:
        return f"no YAML file, Kustomization or Kptfile in {where}; specify the directory of your configuration"
    if policies:
        which = "1 policy is known" if policies == 1 else f"{policies} policies are known"
        return (
            f"{which}, and no field in {where} follows {'it' if policies == 1 else 'any'}; "
            "`imagesetter mark --check --diff` shows where markers could be added"
        )
    return (
        f"{where} contains neither markers nor policies; "
        'a marker is a comment such as # {"$imagepolicy": "flux-system:web"}, and `imagesetter demo` shows one at work'
    )
