"""Former names of options: they work, with a notice, and no help page shows them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from imagesetter.cli.terminal import print_notice

OPTIONS: Mapping[str, Mapping[str, str]] = {
    "mark": {"--policy": "--only"},
    "hold": {"--exclude": "--exclude-tag"},
}
"""The former and the present name of each option, by command."""
VARIABLES: Mapping[str, Mapping[str, str]] = {"mark": {"IMAGESETTER_POLICY": "--only"}}
"""Former variables, each with the option that it gave; several values are separated by spaces."""
_GOES = "the old name goes with version 1.0"


def with_present_names(command: str, arguments: Sequence[str]) -> list[str]:
    """The arguments of a command with the present names of its options; a notice names each former one."""
    former = OPTIONS.get(command, {})
    end = arguments.index("--") if "--" in arguments else len(arguments)
    found: list[str] = []
    used: dict[str, str] = {}
    for argument in arguments[:end]:
        name, equals, value = argument.partition("=")
        if name in former:
            used[name] = former[name]
            argument = f"{former[name]}{equals}{value}"
        found.append(argument)
    for variable, option in VARIABLES.get(command, {}).items():
        values = os.environ.get(variable, "").split()
        if values and option not in found:
            used[variable] = f"IMAGESETTER_{option.strip('-').upper()}"
            found = [*(part for value in values for part in (option, value)), *found]
    for name, new in used.items():
        print_notice(f"{name} is now called {new}; {_GOES}")
    return [*found, *arguments[end:]]
