"""A function as a command that runs by hand on files and folders."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from krm_functions.errors import ReportedError, UsageError
from krm_functions.files import FileChange, Folder, write
from krm_functions.function import DONE, FAILED, MISUSED, Configured, Process, Response, answer_list, respond
from krm_functions.messages import log_line
from krm_functions.result import Result
from krm_functions.suggestions import did_you_mean
from krm_functions.yaml.load import load

_DESCRIPTION = """\
With a PATH, change the resources in files and folders in place: only what the function changes is written, and each
file at once. Without one, read a ResourceList from standard input and write it to standard output, as kpt and
kustomize have it."""


class _Parser(argparse.ArgumentParser):
    """Raises instead of printing."""

    def error(self, message: str) -> NoReturn:
        known = [option for action in self._actions for option in action.option_strings]
        name = message.rpartition(" ")[2].partition("=")[0] if "unrecognized" in message else ""
        raise UsageError(f"{message}{did_you_mean(name, known) if name else ''}", hint="--help shows what there is")


def answer_arguments(
    process: Process | Configured,
    config: type[Any] | None,
    arguments: Sequence[str],
    *,
    needle: str = "",
    report_to: str = "",
) -> Response:
    """What a function answers to arguments; see `krm_functions.main.run`."""
    parser = _parser(process)
    try:
        given = parser.parse_args(arguments)
        if given.help:
            return Response((parser.format_help() + _fields(config)).encode(), "", DONE)
        function_config = _function_config(given.set, given.config)
        if given.paths:
            return _on_files(process, config, function_config, given, needle=needle, report_to=report_to)
        if given.dry_run or given.diff:
            raise UsageError("--dry-run and --diff need a PATH")
        if sys.stdin is None or sys.stdin.isatty():
            return Response(b"", parser.format_usage() + "Give it a PATH, or --help.\n", MISUSED)
        data = sys.stdin.buffer.read()
        return respond(
            process, data, config=config, function_config=function_config, needle=needle, report_to=report_to
        )
    except ReportedError as err:
        return Response(b"", f"{Result.from_error(err)}\n", MISUSED if isinstance(err, UsageError) else FAILED)


def _parser(process: Process | Configured) -> _Parser:
    about = (getattr(process, "__doc__", None) or "").strip().partition("\n\n")[0]
    parser = _Parser(
        description=f"{about}\n\n{_DESCRIPTION}".strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
        allow_abbrev=False,
    )
    parser.add_argument(
        "paths", nargs="*", type=Path, metavar="PATH", help="a file, or a folder with YAML and JSON files"
    )
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="configure the function")
    parser.add_argument("--config", type=Path, metavar="FILE", help="configure it with the resource in a file")
    parser.add_argument("--dry-run", action="store_true", help="name the files that would change; write nothing")
    parser.add_argument("--diff", action="store_true", help="print what would change; write nothing")
    parser.add_argument("--help", "-h", action="store_true", help="show this text")
    return parser


def _fields(config: type[Any] | None) -> str:
    """The fields of a model, for the help."""
    if config is None:
        return ""
    schema = config.model_json_schema()
    lines = []
    for name, field in schema.get("properties", {}).items():
        kind = " or ".join(map(repr, field["enum"])) if "enum" in field else field.get("type", "YAML")
        default = field.get("default")
        need = (
            "required" if name in schema.get("required", ()) else "" if default in (None, "") else f"default {default}"
        )
        about = field.get("description", "")
        lines.append(f"  {name:21} {'; '.join(filter(None, (f'{kind}, {need}' if need else kind, about)))}")
    text = "\n".join(lines) or f"  {schema.get('description') or 'any KEY=VALUE'}"
    return f"\nconfiguration (--set, the data of a ConfigMap, or the fields of a resource):\n{text}\n"


def _function_config(settings: Sequence[str], path: Path | None) -> Mapping[str, Any] | None:
    base: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "function-input"}}
    if path is not None:
        try:
            resource = load(path.read_text(encoding="utf-8"), name=str(path))
        except (OSError, UnicodeDecodeError) as err:
            raise UsageError(f"cannot be read: {getattr(err, 'strerror', err)}", where=str(path)) from err
        if not isinstance(resource, dict):
            raise UsageError("is not a resource", where=str(path))
        if settings and resource.get("kind") != "ConfigMap":
            raise UsageError("--set goes with a ConfigMap only", where=str(path), hint="write the fields into the file")
        base = resource
    if not settings:
        return base if path is not None else None
    data = dict(base.get("data") or {})
    for setting in settings:
        key, sign, value = setting.partition("=")
        if not key or not sign:
            raise UsageError(f"--set {setting!r} is not KEY=VALUE")
        data[key] = value
    return {**base, "data": data}


def _on_files(
    process: Process | Configured,
    config: type[Any] | None,
    function_config: Mapping[str, Any] | None,
    given: argparse.Namespace,
    *,
    needle: str,
    report_to: str,
) -> Response:
    folder = Folder(given.paths)
    if not folder.sources:
        raise UsageError("holds no YAML file", where=", ".join(map(str, given.paths)))
    resources, data = folder.resources(function_config, needle)
    answer = answer_list(process, resources, data, config=config, report_to=report_to)
    lines = "".join(f"{result}\n" for result in [*folder.problems, *answer.results])
    if answer.status != DONE:
        return Response(b"", f"{answer.trace}{lines}Nothing was written.\n", answer.status)
    changes = folder.changes(resources, answer.text, answer.items)
    if not (given.dry_run or given.diff):
        write(changes)
    shown = "".join(map(_diff, changes)) if given.diff else "".join(f"{log_line(str(each.path))}\n" for each in changes)
    would = "would change" if given.dry_run or given.diff else "changed"
    return Response(shown.encode(), f"{lines}{len(changes)} of {len(folder.sources)} files {would}.\n", DONE)


def _diff(change: FileChange) -> str:
    before, after = ((data or b"").decode().splitlines() for data in (change.before, change.after))
    old, new = (str(change.path) if data is not None else "/dev/null" for data in (change.before, change.after))
    lines = difflib.unified_diff(before, after, old, new, lineterm="")
    return "".join(f"{log_line(line)}\n" for line in lines)
