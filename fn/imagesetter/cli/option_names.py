"""The name of an option as the user gave it: the option itself, or its environment variable."""

from __future__ import annotations

import click
from click.core import ParameterSource


def parameter_name(context: click.Context, parameter: click.Parameter) -> str:
    """``--from``, or ``IMAGESETTER_FROM`` where the value came from there."""
    name = parameter.name or ""
    if context.get_parameter_source(name) is ParameterSource.ENVIRONMENT:
        return str(parameter.envvar or f"{context.auto_envvar_prefix}_{name.upper()}")
    return max(parameter.opts, key=len)


def option_name(name: str) -> str:
    """The name of a parameter of the current command, as the user gave it; *name* is its name in the code."""
    context = click.get_current_context()
    (parameter,) = (each for each in context.command.params if each.name == name)
    return parameter_name(context, parameter)


def name_variable(error: click.ClickException) -> None:
    """Make an error about a value from the environment name the variable, not the option."""
    if isinstance(error, click.BadParameter) and error.ctx and error.param:
        name = parameter_name(error.ctx, error.param)
        if name not in error.param.opts:
            error.param_hint = name
