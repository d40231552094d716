"""``imagesetter log``: when image fields and lock entries changed, from the Git history."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import click

from imagesetter.cli.completion import policies
from imagesetter.cli.exit_status import OK
from imagesetter.cli.help_page import GroupedCommand
from imagesetter.cli.history import CheckoutHistory, checkout_history
from imagesetter.cli.options import SharedOutput, namespace_option, policy_name, read_stdin
from imagesetter.cli.reports.json_text import json_text
from imagesetter.cli.terminal import echo, write
from imagesetter.config.options import API_VERSION
from imagesetter.fields.field import split_image
from imagesetter.git.change_log import FollowedValue, LoggedChange, change_log
from imagesetter.git.history import EntryKey, field_keys, read_version
from imagesetter.update.files import marked_fields
from imagesetter.update.read_tree import read_tree
from imagesetter.update.tree_catalog import catalog_from_tree
from krm_functions.errors import UsageError
from krm_functions.messages import one_line
from krm_functions.suggestions import did_you_mean


@click.command("log", cls=GroupedCommand)
@click.argument("policy", required=False, default="", shell_complete=policies)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    envvar="IMAGESETTER_LOG_LIMIT",
    help="Show so many changes.",
)
@click.option(
    "--output",
    cls=SharedOutput,
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    envvar="IMAGESETTER_OUTPUT",
    help="Format of the report.",
)
@namespace_option
def command(policy: str, limit: int, output: str, namespace: str) -> int:
    """Show when images changed, in which commit, and why.

    Each change of a marked field and of an entry of the lock under the working directory, newest first, from the Git
    history of the branch. The reasons are what the lock of the commit says: holds, a changed policy, an age. POLICY is
    NAMESPACE:NAME, or NAME; without it, all policies.

    \b
    Examples:
      imagesetter log web
      imagesetter log --limit 1000 --output json
    """
    name = policy_name(policy, namespace) if policy else None
    tree = read_tree((".",))
    catalog = catalog_from_tree(tree, policies=(), stdin=read_stdin, namespace=namespace, paths=())
    history = checkout_history(tree, catalog)
    if history is None:
        raise UsageError(
            "the working directory is not in a Git checkout, or git is not installed",
            hint="run it in a checkout with its history (`git clone` without --depth)",
        )
    values = list(_values(history))
    if name and not any(value.policy == name for value in values):
        known = dict.fromkeys(str(value.policy) for value in values)
        raise UsageError(
            f"no field and no lock entry follows {name}{did_you_mean(str(name), known)}",
            hint=f"policies: {', '.join(known)}" if known else "run it in the directory of the files",
        )
    locks = [history.path_of(path) for path, _ in tree.locks]
    changes = change_log(history.history, (each for each in values if name in (None, each.policy)), locks, limit)
    if output == "json":
        report = {"apiVersion": API_VERSION, "kind": "ImageLog", "changes": [_as_json(change) for change in changes]}
        write(f"{json_text(report)}\n")
    else:
        for change in changes:
            echo(_line(change))
    return OK


def _values(history: CheckoutHistory) -> Iterator[FollowedValue]:
    """All fields and entries under the working directory; a lock that is not valid has none."""
    for file in history.tree.marked:
        fields, _ = marked_fields(file)
        for key, marked in zip(field_keys(fields), fields, strict=True):
            yield FollowedValue(marked.marker.policy, history.path_of(file.path), marked.location.field, key)
    for path, data in history.tree.locks:
        for entry in read_version(data, str(path)).values:
            if isinstance(entry, EntryKey):
                yield FollowedValue(entry.policy.plain, history.path_of(path), "spec.entries", entry)


def _time(change: LoggedChange) -> str:
    return f"{datetime.fromtimestamp(change.commit.time, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _line(change: LoggedChange) -> str:
    """One change on a line; of two images of one repository the tags only."""
    old, new = split_image(change.old), split_image(change.new)
    texts = (old[1], new[1]) if old[0] == new[0] and old[1] != new[1] else (change.old, change.new)
    commit = change.commit
    why = "; ".join((commit.subject, *change.reasons))
    place = f"{change.value.policy} {texts[0]} → {texts[1]} {change.value.path}"
    return one_line(f"{_time(change)} {commit.hash[:7]} {place} ({commit.author}: {why})")


def _as_json(change: LoggedChange) -> dict[str, object]:
    return {
        "policy": str(change.value.policy),
        "file": change.value.path,
        "field": change.value.field,
        "old": change.old,
        "new": change.new,
        "time": _time(change),
        "commit": change.commit.hash,
        "author": change.commit.author,
        "subject": change.commit.subject,
        "reasons": list(change.reasons),
    }
