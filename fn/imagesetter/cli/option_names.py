"""The name of a parameter as the user gave it: an option, its environment variable, or an argument."""

from __future__ import annotations

import click
from click.core import ParameterSource

from imagesetter.cli.project import project_of


def parameter_name(context: click.Context, parameter: click.Parameter) -> str:
    """``--from``; ``IMAGESETTER_FROM`` or the project file if the value came from there; ``FILE`` for an argument."""
    name = parameter.name or ""
    if context.get_parameter_source(name) is ParameterSource.DEFAULT_MAP:
        project = project_of(context)
        return project.path if project else name
    if context.get_parameter_source(name) is ParameterSource.ENVIRONMENT:
        return str(parameter.envvar or f"{context.auto_envvar_prefix}_{name.upper()}")
    if isinstance(parameter, click.Argument):
        return (parameter.metavar or name.upper()).strip("[].")
    return max(parameter.opts, key=len)


def option_name(name: str) -> str:
    """The name of a parameter of the current command, as the user gave it; *name* is its name in the code."""
    context = click.get_current_context()
    (parameter,) = (each for each in context.command.params if each.name == name)
    return parameter_name(context, parameter)
