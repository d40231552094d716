"""``--output FORMAT[=FILE]``: several reports of one run, each to its own file or to standard output."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import click

from imagesetter.cli.completion import formats as complete_formats
from imagesetter.cli.option_names import parameter_name
from imagesetter.files.atomic_write import put
from krm_functions.errors import InputError, UsageError
from krm_functions.messages import os_error_hint
from krm_functions.suggestions import did_you_mean

Format = Literal["text", "json", "markdown", "sarif"]
FORMATS: tuple[Format, ...] = get_args(Format)

_DEVICES = (("/", "dev"), ("/", "proc"))


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where a run's reports go.

    ``stdout`` is text unless another report goes there; a report to a file does not change that.
    """

    stdout: Format = "text"
    files: tuple[tuple[Format, Path], ...] = ()

    @property
    def formats(self) -> frozenset[Format]:
        """Every format that is requested."""
        return frozenset((self.stdout, *(form for form, _ in self.files)))

    def write(self, render: Callable[[Format], str]) -> None:
        """Write the reports that go to files, each atomically.

        Raises:
            InputError: a file cannot be written.
        """
        for form, path in self.files:
            write_file(path, click.unstyle(render(form)))


def outputs_option(*formats: Format) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The option, for a command with these formats; the command gets one `Outputs`."""

    def parse(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> Outputs:
        return parse_outputs(given, formats, where=parameter_name(context, parameter))

    return click.option(
        "--output",
        "outputs",
        multiple=True,
        metavar="FORMAT[=FILE]",
        shell_complete=complete_formats(formats),
        envvar="IMAGESETTER_OUTPUT",
        callback=parse,
        help=f"Report as {', '.join(formats[:-1])} or {formats[-1]}, to FILE or standard output. Repeatable.",
    )


def shared_output(value: str, formats: tuple[Format, ...], *, where: str) -> Format | None:
    """The format that a variable for all commands has for a command with one report, or None.

    Raises:
        UsageError: no command has this format.
    """
    formats_here = [_form(text, FORMATS, where)[0] for text in value.split() if text.partition("=")[2] in ("", "-")]
    return next((form for form in formats_here if form in formats), None)


def _form(text: str, formats: tuple[Format, ...], where: str) -> tuple[Format, str, str]:
    """Split ``FORMAT[=FILE]``."""
    name, equals, file = text.partition("=")
    for form in formats:
        if form == name:
            return form, equals, file
    hint = f"formats: {', '.join(formats)}; write FORMAT or FORMAT=FILE"
    raise UsageError(f"unknown report format {name!r}{did_you_mean(name, formats)}", where=where, hint=hint)


def parse_outputs(given: tuple[str, ...], formats: tuple[Format, ...], *, where: str = "--output") -> Outputs:
    """The values of ``--output``, validated before the run does anything.

    Args:
        given: each ``FORMAT`` or ``FORMAT=FILE``.
        formats: the command's formats.
        where: the option or the variable.

    Raises:
        UsageError: the format is unknown, two reports have one target, or a file's directory does not exist.
    """
    stdout: list[Format] = []
    files: dict[Path, Format] = {}
    for text in given:
        form, equals, file = _form(text, formats, where)
        if equals and not file:
            raise UsageError(f"{text!r} has no file name", where=where, hint=f"write {form} or {form}=FILE")
        if not equals or file == "-":
            stdout.append(form)
            continue
        path = Path(file)
        if path in files:
            raise UsageError(
                f"two reports have the same file {file}", where=where, hint="use a different file for each report"
            )
        if path.is_dir() or not path.parent.is_dir():
            reason = "is a directory" if path.is_dir() else "is in a directory that does not exist"
            raise UsageError(f"{file} {reason}", where=where, hint="choose a file in an existing directory")
        files[path] = form
    if len(stdout) > 1:
        raise UsageError(
            f"only one report can go to standard output, not {len(stdout)}: {', '.join(stdout)}",
            where=where,
            hint=f"write the others to files: --output {stdout[-1]}=FILE",
        )
    return Outputs(stdout[0] if stdout else "text", tuple((form, path) for path, form in files.items()))


def write_file(path: Path, text: str, *, mode: int | None = None) -> None:
    """Replace a file's text atomically; a pipe or a device (``/dev/stderr``) is written to directly.

    Args:
        path: the file; a link is followed.
        text: what it holds then.
        mode: its permissions; None for those that it has, or that the umask gives.

    Raises:
        InputError: the file cannot be written.
    """
    data = text.encode("utf-8", "surrogateescape")  # keeps file names that are not UTF-8
    try:
        if path.parts[:2] in _DEVICES or (path.exists() and not path.is_file()):
            path.write_bytes(data)
            return
        target = Path(os.path.realpath(path))  # Path.resolve raises RuntimeError for links in a circle
        if mode is None and target.exists():
            mode = target.stat().st_mode & 0o777
        put(target, data, mode=mode)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=str(path), hint=os_error_hint(error)) from error
