"""Where text meets a terminal or a log: lines, coloured only on a terminal that wants it.

Names, values, paths and messages may be a stranger's. Everything that a command prints for people passes `line`: what
is not printable is shown as an escape, a line break inside of a line as well, and so is what a CI system would obey.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Mapping
from typing import TextIO

import click

from krm_functions.errors import ReportedError
from krm_functions.messages import log_line, one_line, without_log_commands
from krm_functions.result import Result, Severity

COLOR = "color"
COLOURS: Mapping[Severity, str] = {"error": "red", "warning": "yellow", "info": "cyan"}
_CHOICES = {"always": True, "never": False, "auto": None}


PEN = f"\x1b{os.urandom(8).hex()}"
"""What begins a style of ours until it is printed: no text from elsewhere holds it, so only ours is taken for one."""
_SHOWN_PEN = log_line(PEN)


def wants_colour(stream: TextIO) -> bool:
    """Whether a stream is a terminal whose user has not said NO_COLOR (https://no-color.org)."""
    context = click.get_current_context(silent=True)
    choice = context.color if context else _CHOICES.get(os.environ.get("IMAGESETTER_COLOR", "auto"))
    if choice is not None:
        return choice
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def color_option() -> click.Option:
    """``--color``, for every command and for the group; the last one that was given counts."""

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
    """The text in a style where the stream wants colours, else as it is; for a line that is printed by `echo`."""
    if not wants_colour(stream):
        return text
    return click.style(log_line(text), **style).replace("\x1b", PEN)  # type: ignore[arg-type]


def line(text: str) -> str:
    """One line as it may be shown, in the styles that `styled` gave it."""
    return log_line(text).replace(_SHOWN_PEN, "\x1b")


def echo(text: str = "", *, err: bool = False) -> None:
    """Print one line for people."""
    write(f"{line(text)}\n", err=err)


def write(text: str, *, err: bool = False) -> None:
    """Print lines that passed `line`, or a report that `json_text` or the Markdown writer made fit to be shown."""
    click.echo(text, nl=False, err=err, color=True)


def echo_data(text: str) -> None:
    """Print what another program may read byte for byte, such as a patch, to standard output.

    Into a file it goes as it is. Elsewhere somebody's log may be at the other end, so that what a CI system would obey
    is escaped there, and a warning says so.
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


def _is_file(stream: TextIO) -> bool:
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except (OSError, ValueError):  # a stream that is no file of the system
        return False


def print_error(error: ReportedError) -> None:
    """An error on stderr in three parts: what, where, what to do."""
    echo(f"{styled('error', sys.stderr, fg='red', bold=True)}: {error.what}", err=True)
    if error.where:
        echo(f"  where: {error.where}", err=True)
    if error.hint:
        first, *drawing = error.hint.split("\n")  # a drawing keeps its columns
        echo(f"  hint:  {first}", err=True)
        for below in drawing:
            echo(f"         {below}", err=True)


def print_notes(error: BaseException) -> None:
    """What else an exception says, such as which files were written before it, on stderr."""
    for note in getattr(error, "__notes__", ()):
        for each in note.split("\n"):
            echo(each, err=True)


def print_results(results: Iterable[Result]) -> None:
    """Warnings and errors on stderr, one line each, with file and line first so that an editor can jump there."""
    for result in results:
        label = styled(result.severity, sys.stderr, fg=COLOURS[result.severity], bold=True)
        echo(f"{location_prefix(result)}{label}: {one_line(result.message)}", err=True)


def location_prefix(result: Result) -> str:
    """``file:line: `` of a result, or what is known of it."""
    if result.file:
        line = result.tags.get("line")
        return f"{result.file.path}:{line}: " if line else f"{result.file.path}: "
    return f"{result.resource_ref}: " if result.resource_ref else ""
