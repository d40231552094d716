"""Find the project file, and apply it: its defaults are those of the options, its paths narrow what is read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import click

from imagesetter.cli.terminal import echo
from imagesetter.files.find import ScopedPattern, display_path
from imagesetter.files.read import read_inside, repository_of
from krm_functions.errors import TextError, UsageError
from krm_functions.yaml.encoding import decode_text

FILE_NAME = ".imagesetter.yaml"
_LARGEST = 1 << 20
_LOCK = "images.lock.yaml"


@dataclass(frozen=True, slots=True)
class ProjectSettings:
    """What a project file says, as values of options.

    ``values`` are by the environment variable of the option, which is the same for every command that has it.
    """

    path: str
    values: Mapping[str, Any] = field(default_factory=dict)
    scope: tuple[ScopedPattern, ...] = ()
    exclude: tuple[ScopedPattern, ...] = ()


def find_project(folder: str) -> Path | None:
    """The project file of a folder: there, or above it in the same Git repository."""
    top = repository_of(folder) or folder
    while True:
        path = Path(folder, FILE_NAME)
        if path.is_file():
            return path
        if folder == top or folder == os.path.dirname(folder):  # noqa: PTH120
            return None
        folder = os.path.dirname(folder)  # noqa: PTH120


def read_project(path: Path) -> ProjectSettings:
    """Read a project file.

    Raises:
        UsageError: it is not YAML or not a Project, has an unknown field or a wrong value, or names a path that does
            not exist.
        InputError: it cannot be read.
    """
    from imagesetter.config.project_file import parse_project
    from krm_functions.yaml.load import load

    name, folder = display_path(path), str(path.parent.absolute())
    raw = read_inside(path, repository_of(folder) or folder, limit=_LARGEST)
    try:
        data = load(decode_text(raw, name=name).text, name=name)
    except TextError as error:
        raise UsageError(error.what, where=error.where, hint=error.hint or "fix the project file") from error
    if not isinstance(data, Mapping):
        hint = "begin it with apiVersion: imagesetter.dev/v1alpha1 and kind: Project"
        raise UsageError("the project file is not a mapping", where=name, hint=hint)
    spec = parse_project(data, where=name)
    for number, each in enumerate(spec.paths):
        if not (path.parent / each).exists():
            what = f"spec.paths[{number}]: {each} does not exist"
            raise UsageError(what, where=name, hint=f"paths are relative to the folder of {FILE_NAME}")
    defaults = spec.defaults
    values = {
        "IMAGESETTER_NAMESPACE": defaults.namespace,
        "IMAGESETTER_FROM": defaults.from_,
        "IMAGESETTER_ON_ERROR": defaults.on_error,
        "IMAGESETTER_STRICT": defaults.strict,
        "IMAGESETTER_ALLOW_DOWNGRADE": defaults.allow_downgrade,
        "IMAGESETTER_ALLOW_UNPIN": defaults.allow_unpin,
        "IMAGESETTER_DISABLE": tuple(spec.disable) or None,
    }
    return ProjectSettings(
        name,
        {variable: value for variable, value in values.items() if value is not None},
        tuple(ScopedPattern(line, folder) for line in _only(spec.paths)),
        tuple(ScopedPattern(line, folder) for line in spec.exclude),
    )


def _only(paths: Sequence[str]) -> Iterator[str]:
    """Patterns in the language of ``.gitignore`` that leave out everything but some paths and the lock."""
    parts = [PurePosixPath(path).parts for path in paths]
    if not parts or () in parts:
        return
    yield "/*"
    yield f"!/{_LOCK}"
    opened: set[tuple[str, ...]] = set()
    for path in parts:
        for end in range(1, len(path)):
            if path[:end] not in opened and not any(path[: len(other)] == other for other in opened & set(parts)):
                opened.add(path[:end])
                folder = "/".join(map(_literal, path[:end]))
                yield f"!/{folder}/"
                yield f"/{folder}/*"
        yield f"!/{'/'.join(map(_literal, path))}"


def _literal(name: str) -> str:
    """A name without its special signs."""
    return "".join(f"\\{sign}" if sign in "*?[]\\!# " else sign for sign in name)


def apply_project(context: click.Context, command: click.Command) -> None:
    """Let the project file give the defaults of a command that is about to run.

    Raises:
        UsageError, InputError: as `read_project`.
    """
    variables = {str(each.envvar): str(each.name) for each in command.params if each.envvar}
    if not reads_project(command):
        return
    path = find_project(os.getcwd())  # noqa: PTH109
    if path is None:
        return
    settings = read_project(path)
    context.obj = settings
    defaults = {variables[variable]: value for variable, value in settings.values.items() if variable in variables}
    context.default_map = {str(command.name): defaults}


def note_project(context: click.Context, _: click.Parameter, verbose: bool) -> bool:
    """The callback of ``--verbose``: say which project file was read."""
    project = project_of(context)
    if verbose and project:
        echo(f"settings from {project.path}", err=True)
    return verbose


def verbose_option() -> click.Option:
    """``--verbose`` for a command that has nothing else to say with it."""
    return click.Option(
        ["-v", "--verbose"],
        is_flag=True,
        expose_value=False,
        envvar="IMAGESETTER_VERBOSE",
        callback=note_project,
        help="Print which project file is read.",
    )


def reads_project(command: click.Command) -> bool:
    """Whether a command reads a tree of files, and with it the project file."""
    return any(each.envvar == "IMAGESETTER_EXCLUDE" for each in command.params)


def project_of(context: click.Context) -> ProjectSettings | None:
    """The project file of a run, or None."""
    found = context.find_root().obj
    return found if isinstance(found, ProjectSettings) else None
