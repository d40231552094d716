"""``imagesetter completion``: the script with which a shell completes commands, options and their values."""

from __future__ import annotations

import click

from imagesetter.cli.completion import SHELLS, script
from imagesetter.cli.exit_status import OK
from imagesetter.cli.help_page import GroupedCommand
from imagesetter.cli.terminal import write


@click.command("completion", cls=GroupedCommand)
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> int:
    """Print the completion script of a shell.

    SHELL is bash (4.4 or later), zsh or fish. With the script, the shell completes commands, options and choices, and
    also files, policies under the working directory, rules, kinds and report formats.

    \b
    Examples:
      eval "$(imagesetter completion bash)"     in ~/.bashrc
      eval "$(imagesetter completion zsh)"      in ~/.zshrc, below compinit
      imagesetter completion fish > ~/.config/fish/completions/imagesetter.fish
    """
    write(f"{script(shell).strip()}\n")
    return OK
