"""click's errors about a command line in three parts, as all other errors have them: what, where, what to do."""

from __future__ import annotations

import click

from imagesetter.cli.option_names import parameter_name
from krm_functions.errors import ReportedError, UsageError
from krm_functions.suggestions import KnownNames


def usage_error(error: click.ClickException) -> ReportedError:
    """The same error as a `UsageError`; *where* is an option, its environment variable, or the command."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    where = context.command_path if context else ""
    match error:
        case click.NoSuchOption():
            options = [name for each in context.command.params for name in each.opts] if context else []
            return UsageError(
                f"unknown option {error.option_name!r}",
                where=where,
                hint=nearest_or_help(error.option_name, options, where),
            )
        case click.MissingParameter(param=click.Parameter() as parameter, ctx=click.Context() as context):
            kind, name = parameter.param_type_name, parameter.human_readable_name
            name = max(parameter.opts, key=len) if kind == "option" else name
            return UsageError(f"the {kind} {name} is missing", where=where, hint=_usage(context))
        case click.BadParameter(param=click.Parameter() as parameter, ctx=click.Context() as context):
            what, hint = _bad_value(error, parameter)
            return UsageError(what, where=parameter_name(context, parameter), hint=hint)
        case click.BadOptionUsage():
            return UsageError(_sentence(error), where=where or error.option_name)
        case _:
            return UsageError(_sentence(error), where=where, hint=_usage(context) if context else "")


def completed(error: ReportedError, command: str) -> ReportedError:
    """The error of a command with the parts that it lacks: the command, and where its options are explained."""
    if isinstance(error, UsageError) and not error.hint:
        error.hint = _help(command)
    return error.located(command)


def nearest_or_help(name: str, known: list[str], command: str) -> str:
    """``did you mean …?`` for a name that is close to a known one, else the command that lists them."""
    close = KnownNames(known).close_to(name)
    return f"did you mean {close[0]}?" if close else _help(command)


def _bad_value(error: click.BadParameter, parameter: click.Parameter) -> tuple[str, str]:
    """What is wrong with the value of a parameter, and what to write."""
    value = error.message.rpartition(" is not ")[0]
    match parameter.type:
        case click.Choice(choices=choices):
            *others, last = map(str, choices)
            listed = f"{', '.join(others)} or {last}" if others else last
            return f"{value} is not a valid value", f"write {listed}"
        case click.IntRange(min=low, max=high):
            return (
                f"{value} is not an allowed number",
                f"write a number from {low}{'' if high is None else f' to {high}'}",
            )
        case click.types.BoolParamType():
            return f"{value} is neither true nor false", "write true or false"
        case click.Path(file_okay=False):
            return _sentence(error), "give the path of a directory"
        case click.Path():
            return _sentence(error), "give the path of a file"
        case _:
            return _sentence(error), ""


def _sentence(error: click.ClickException) -> str:
    """click's message in the form of our own: no capital at its start, no full stop at its end."""
    text = error.message.removesuffix(".")
    return f"{text[:1].lower()}{text[1:]}"


def _usage(context: click.Context) -> str:
    pieces = " ".join(context.command.collect_usage_pieces(context))
    return f"usage: {context.command_path} {pieces}"


def _help(command: str) -> str:
    return f"see `{command} --help`"
