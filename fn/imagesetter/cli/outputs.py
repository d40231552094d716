"""``--output FORMAT[=FILE]``: several reports of one run, each to a file of its own or to standard output."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import click

from imagesetter.errors import InputError, UsageError, did_you_mean

Format = Literal["text", "json", "markdown", "sarif"]

_DEVICES = (("/", "dev"), ("/", "proc"))


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where a run's reports go.

    ``stdout`` is text unless another report was sent there: a file beside it does not silence the terminal.
    """

    stdout: Format = "text"
    files: tuple[tuple[Format, Path], ...] = ()

    @property
    def formats(self) -> frozenset[Format]:
        """Every form that is wanted."""
        return frozenset((self.stdout, *(form for form, _ in self.files)))

    def write(self, render: Callable[[Format], str]) -> None:
        """Write the reports that go to files; each at once, so that a reader never sees half of one.

        Raises:
            InputError: a file cannot be written.
        """
        for form, path in self.files:
            write_file(path, click.unstyle(render(form)))


def outputs_option(*formats: Format) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The option, for a command that knows these forms; the command gets one `Outputs`."""

    def parse(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> Outputs:
        return parse_outputs(given, formats)

    return click.option(
        "--output",
        "outputs",
        multiple=True,
        metavar="FORMAT[=FILE]",
        envvar="IMAGESETTER_OUTPUT",
        callback=parse,
        help=f"Report as {', '.join(formats[:-1])} or {formats[-1]}; to FILE, else to standard output. Repeatable.",
    )


def parse_outputs(given: tuple[str, ...], formats: tuple[Format, ...]) -> Outputs:
    """What ``--output`` asks for, checked before the run does anything.

    Raises:
        UsageError: an unknown form, two reports for one place, or a file whose directory is not there.
    """
    known = {str(form): form for form in formats}
    stdout: list[Format] = []
    files: dict[Path, Format] = {}
    for text in given:
        name, equals, file = text.partition("=")
        form = known.get(name)
        if form is None:
            hint = f"the forms are {', '.join(known)}; write FORMAT or FORMAT=FILE"
            raise UsageError(f"there is no report as {name!r}{did_you_mean(name, known)}", where="--output", hint=hint)
        if equals and not file:
            raise UsageError(f"{text!r} names no file", where="--output", hint=f"write {name}, or {name}=FILE")
        if not equals or file == "-":
            stdout.append(form)
            continue
        path = Path(file)
        if path in files:
            raise UsageError(f"two reports are to go to {file}", where="--output", hint="give each a file of its own")
        if path.is_dir() or not path.parent.is_dir():
            reason = "is a directory" if path.is_dir() else "is in a directory that is not there"
            raise UsageError(f"{file} {reason}", where="--output", hint="name a file in a directory that exists")
        files[path] = form
    if len(stdout) > 1:
        raise UsageError(
            f"{len(stdout)} reports are to go to standard output: {', '.join(stdout)}",
            where="--output",
            hint=f"send all but one to a file: --output {stdout[-1]}=FILE",
        )
    return Outputs(stdout[0] if stdout else "text", tuple((form, path) for path, form in files.items()))


def write_file(path: Path, text: str) -> None:
    """Replace a file's text at once; a pipe or a device (``/dev/stderr``) is written to as it stands.

    Raises:
        InputError: it cannot be written.
    """
    data = text.encode("utf-8", "surrogateescape")  # a file's name that is not UTF-8 stays what it is
    try:
        if path.parts[:2] in _DEVICES or (path.exists() and not path.is_file()):
            path.write_bytes(data)
            return
        target = path.resolve()
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".imagesetter")
        try:
            with os.fdopen(handle, "wb") as temporary:
                temporary.write(data)
                os.fchmod(temporary.fileno(), _mode(target))
            Path(name).replace(target)
        finally:
            with contextlib.suppress(FileNotFoundError):
                Path(name).unlink()
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=str(path)) from error


def _mode(path: Path) -> int:
    """The mode of the file that is replaced, or a new file's."""
    with contextlib.suppress(OSError):
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
