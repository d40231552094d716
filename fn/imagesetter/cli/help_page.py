"""The help page of a command: its own options first, then those that many commands share, by what they are about."""

from __future__ import annotations

import click

GROUPS: dict[str, frozenset[str]] = {
    "Files and policies": frozenset(
        {"policies", "namespace", "exclude", "substitute", "substitute_from", "only", "lock_file", "ledger", "source"}
    ),
    "Registries": frozenset(
        {
            "allow_registry",
            "allow_auth_host",
            "allow_http_credentials",
            "trust_input",
            "allow_loopback",
            "allow_cloud_metadata",
            "cache_dir",
            "refresh",
            "no_cache",
            "max_tags",
            "timeout",
            "deadline",
            "insecure",
        }
    ),
    "Output": frozenset({"output", "outputs", "quiet", "verbose", "color"}),
}
"""The shared options, by their names in the code; every other option is under Options."""


class GroupedCommand(click.Command):
    """A command whose help page lists its options in groups."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options of each group that the command has."""
        sections: dict[str, list[tuple[str, str]]] = {"Options": [], **{group: [] for group in GROUPS}}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if record is not None:
                sections[_group(str(parameter.name))].append(record)
        for group, records in sections.items():
            if records:
                with formatter.section(group):
                    formatter.write_dl(records)


def _group(name: str) -> str:
    return next((group for group, names in GROUPS.items() if name in names), "Options")
