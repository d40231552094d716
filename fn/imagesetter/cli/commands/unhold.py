"""``imagesetter unhold``: remove holds from the lock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from imagesetter.cli import clock
from imagesetter.cli.completion import policies
from imagesetter.cli.exit_status import OK
from imagesetter.cli.help_page import GroupedCommand
from imagesetter.cli.history import checkout_history
from imagesetter.cli.lock_file import LockFile, lock_file_option, open_lock, own_lock_path
from imagesetter.cli.options import namespace_option, policy_name, read_stdin
from imagesetter.cli.terminal import echo
from imagesetter.flux.markers import PolicyName
from imagesetter.git.reverts import Revert
from imagesetter.lock.document import Released
from imagesetter.lock.render import render_holds, render_released
from imagesetter.lock.tag_age import timestamp
from imagesetter.update.read_tree import ScannedTree, read_tree
from imagesetter.update.tree_catalog import catalog_from_tree
from krm_functions.errors import UsageError


@click.command("unhold", cls=GroupedCommand)
@click.argument("policy", shell_complete=policies)
@click.option("--tag", default="", metavar="TAG", help="Remove only the hold of this tag.")
@lock_file_option
@namespace_option
def command(policy: str, tag: str, lock_file: Path | None, namespace: str) -> int:
    """Remove the holds of a policy from the lock.

    POLICY is NAMESPACE:NAME, or NAME. The policy follows its rule again from the next `imagesetter lock` on. If a
    field or an entry of the lock stays because somebody set it back, spec.released of the lock records that it goes on.

    \b
    Examples:
      imagesetter unhold web
      imagesetter unhold web --tag 1.4.2
    """
    name = policy_name(policy, namespace)
    tree = read_tree((".",))
    path = lock_file or own_lock_path(tree)
    file = open_lock(path, named=lock_file is not None)
    lock = file.lock
    gone = [hold for hold in lock.holds if hold.policy == name and tag in ("", hold.tag, hold.exclude)]
    back = [] if tag else list(_set_back(tree, name, file, namespace))
    if not gone and not back:
        known = ", ".join(dict.fromkeys(str(hold.policy) for hold in lock.holds))
        raise UsageError(
            f"the lock has no hold of {name}{f' for {tag}' if tag else ''}",
            hint=f"it has holds of {known}" if known else "it has no holds",
        )

    def render(text: str) -> str:
        if gone:
            text = render_holds(text, [hold for hold in lock.holds if hold not in gone])
        if back:
            others = [each for each in lock.released if each.policy != name]
            text = render_released(text, [*others, Released(name, timestamp(clock.now()))])
        return text

    file.put(file.rendered(render))
    for hold in gone:
        echo(f"{path}: {name} is no longer {hold}")
    for place, revert in back:
        echo(f"{place}: no longer stays at {revert.new} ({revert})")
    if back:
        echo(f"commit {path}, so that the next run goes on")
    return OK


def _set_back(tree: ScannedTree, name: PolicyName, file: LockFile, namespace: str) -> Iterator[tuple[str, Revert]]:
    """The fields and entries of a policy that somebody set back, each with its place; none outside a checkout."""
    entries = [entry for key, entry in file.lock.entries.items() if key.plain == name]
    if not entries and not any(marker.policy == name for each in tree.marked for _, marker in each.field_markers()):
        return
    catalog = catalog_from_tree(tree, policies=(), stdin=read_stdin, namespace=namespace, paths=())
    history = checkout_history(tree, catalog)
    if history is None:
        return
    for marked, revert in history.reverts(name, file.lock):
        yield f"{marked.location.file}:{marked.location.line}", revert
    for entry in entries:
        if found := history.entry_revert(file.real, entry):
            yield str(file.path), found
