"""The command line: a group, a module for each command, and the only place where exceptions become exit statuses.

0 done · 1 a check failed, or a result is an error · 2 usage or configuration · 3 a bug in imagesetter · 130 interrupted
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

import click

from imagesetter.cli.exit_status import BUG, BUG_REQUEST, FAILED, INTERRUPTED, OK, USAGE, status_of
from imagesetter.cli.project import apply_project, reads_project, verbose_option
from imagesetter.cli.renamed import with_present_names
from imagesetter.cli.streams import refusal
from imagesetter.cli.terminal import COLOR, color_option, echo, print_error, print_notes, write
from imagesetter.cli.usage_errors import completed, nearest_or_help, usage_error
from imagesetter.cli.versions import print_version
from krm_functions.errors import ReportedError, UsageError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

TASKS: dict[str, dict[str, str]] = {
    "Update": {
        "update": "Rewrite marked fields in place.",
        "build": "Print what kustomize builds of updated sources.",
        "lock": "Resolve every policy under PATH and write images.lock.yaml.",
        "mark": "Insert markers where an image matches a policy.",
        "init": "Propose policies and markers for images that have none.",
        "automate": "Run the ImageUpdateAutomations under PATH: update, commit, push.",
    },
    "Hold back": {
        "hold": "Keep a policy at a tag, or exclude a tag.",
        "unhold": "Remove the holds of a policy from the lock.",
        "rollback": "Go back to an earlier tag: hold, lock entry and fields in one change.",
    },
    "Understand": {
        "explain": "Explain why a policy selects this tag and not another.",
        "outdated": "List images that have newer tags, with or without a policy.",
        "tags": "List the tags of an image in its registry.",
        "report": "Show where every policy stands: current and latest tag, what is held back and why.",
        "log": "Show when images changed, in which commit, and why.",
    },
    "Check": {
        "lint": "Check markers and policies, offline.",
        "verify": "Verify that the images of these files are signed.",
        "test": "Test policies against lists of tags, offline.",
        "lsp": "Serve an editor: hover, completion, the linter and quick fixes, offline.",
    },
    "As a KRM function": {
        "fn": "Run as a KRM function: a ResourceList in, a ResourceList out.",
    },
    "Reference": {
        "completion": "Print the completion script of a shell.",
        "schema": "Print the JSON Schema of a kind of imagesetter.dev/v1alpha1.",
    },
    "Start here": {
        "demo": "See imagesetter work in a few seconds, with an example registry.",
        "doctor": "Show versions, tools, settings and registries, ready to paste into a bug report.",
    },
}
"""The commands by task, in the order of the help page, each with the first sentence of its own help.

`imagesetter.cli.commands` has a module for each, with a `command`. It is imported when the command runs; the help page
and a shell's completion need none of them.
"""


START = """\
Start:
  imagesetter demo                  see it work, with an example registry
  imagesetter update --check        would anything change below this directory?
  imagesetter explain ghcr.io/org/app --semver 6.x          needs no file at all
"""


class Commands(click.Group):
    """A group that imports a command's module when the command is run, and lists commands by task."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command, in the order of the help page."""
        return [name for commands in TASKS.values() for name in commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name; imports its module."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module = import_module(f"imagesetter.cli.commands.{cmd_name}")
        command: click.Command = module.command
        if not any(parameter.name == COLOR for parameter in command.params):
            if reads_project(command) and not any(parameter.name == "verbose" for parameter in command.params):
                command.params.append(verbose_option())
            command.params.append(color_option())
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the arguments name; the error about an unknown one suggests the nearest."""
        known = self.list_commands(ctx)
        if args and not args[0].startswith("-") and args[0] not in known:
            hint = nearest_or_help(args[0], known, ctx.command_path)
            raise UsageError(f"unknown command {args[0]!r}", where=ctx.command_path, hint=hint)
        name, command, rest = super().resolve_command(ctx, args)
        return name, command, with_present_names(name or "", rest)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; prints its error here, where the value of --color is still known."""
        try:
            _check_directory()
            return super().invoke(ctx)
        except (ReportedError, click.ClickException) as error:
            refused = usage_error(error) if isinstance(error, click.ClickException) else error
            print_error(completed(refused, f"{ctx.command_path} {ctx.invoked_subcommand or ''}".rstrip()))
            print_notes(error)
            return status_of(refused)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, grouped by task."""
        for task, commands in TASKS.items():
            with formatter.section(task):
                formatter.write_dl(list(commands.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands that begin so, or else the options."""
        from click.shell_completion import CompletionItem

        summaries = {name: summary for commands in TASKS.values() for name, summary in commands.items()}
        found = [CompletionItem(name, help=text) for name, text in summaries.items() if name.startswith(incomplete)]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]


@click.command(
    cls=Commands,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "auto_envvar_prefix": "IMAGESETTER",
        "max_content_width": 100,
    },
    invoke_without_command=True,
    params=[color_option()],
    epilog="Without arguments and with a ResourceList on standard input, imagesetter is a KRM function.",
)
@click.option(
    "-V",
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=print_version,
    help="Show the versions of imagesetter and its libraries, and exit.",
)
@click.option(
    "--no-project",
    is_flag=True,
    envvar="IMAGESETTER_NO_PROJECT",
    help="Do not read the project file, .imagesetter.yaml.",
)
@click.pass_context
def group(context: click.Context, no_project: bool) -> None:
    """Flux's image automation without a controller.

    Finds the fields of Kubernetes configuration that follow an image policy, lists the tags in the registries,
    selects by policy, and rewrites exactly those fields.
    """
    if context.invoked_subcommand is None:
        write(f"{context.get_help()}\n\n{START}")
    elif not no_project and (command := group.get_command(context, context.invoked_subcommand)):
        apply_project(context, command)


def main(arguments: Sequence[str]) -> int:
    """Run a command and return the exit status; every exception ends here."""
    try:
        status = group.main(list(arguments), prog_name="imagesetter", standalone_mode=False)
        return status if isinstance(status, int) else OK
    except ReportedError as error:
        print_error(error)
        print_notes(error)
        return status_of(error)
    except click.ClickException as error:
        print_error(completed(usage_error(error), "imagesetter"))
        return USAGE
    except (KeyboardInterrupt, click.Abort) as error:
        print_notes(error.__cause__ or error)  # click raises Abort for an interruption
        return INTERRUPTED
    except BrokenPipeError:
        # The program that reads our output has ended, as `head` does; there is nothing to report.
        sys.stderr.close()
        return FAILED
    except Exception as error:  # noqa: BLE001 - the last resort: reported as a bug
        refused = refusal(error) if isinstance(error, OSError) else None
        if refused:
            print_error(refused)
            print_notes(error)
            return status_of(refused)
        import traceback

        for each in traceback.format_exc().splitlines():
            echo(each, err=True)
        echo(BUG_REQUEST, err=True)
        return BUG


def _check_directory() -> None:
    try:
        os.getcwd()  # noqa: PTH109 - the one call that asks the system
    except FileNotFoundError as error:
        raise UsageError(
            "the working directory does not exist any more", hint="change to an existing directory"
        ) from error
