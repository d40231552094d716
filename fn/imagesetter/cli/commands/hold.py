"""``imagesetter hold``: keep a policy at a tag, or leave a tag out, with a reason that reviewers see."""

from __future__ import annotations

from pathlib import Path

import click

from imagesetter.cli.completion import policies
from imagesetter.cli.exit_status import OK
from imagesetter.cli.help_page import GroupedCommand
from imagesetter.cli.lock_file import check_hold, edit_holds, lock_file_option, open_lock, own_lock_path
from imagesetter.cli.options import namespace_option, policy_name, read_stdin
from imagesetter.cli.terminal import echo, print_results
from imagesetter.flux.markers import PolicyName
from imagesetter.lock.holds import Hold
from imagesetter.update.read_tree import read_tree
from imagesetter.update.tree_catalog import catalog_from_tree
from krm_functions.errors import UsageError
from krm_functions.result import Result
from krm_functions.suggestions import did_you_mean


@click.command("hold", cls=GroupedCommand)
@click.argument("policy", shell_complete=policies)
@click.option("--tag", default="", metavar="TAG", help="Keep this tag, whatever the policy selects.")
@click.option(
    "--exclude-tag",
    "exclude",
    default="",
    metavar="TAG",
    help="Exclude this tag; the policy selects the next best one.",
)
@click.option("--reason", required=True, metavar="TEXT", help="Reason of the hold, shown in reports.")
@click.option("--until", default="", metavar="DATE", help="The hold expires on this date (UTC), such as 2026-12-01.")
@lock_file_option
@namespace_option
def command(
    policy: str, tag: str, exclude: str, reason: str, until: str, lock_file: Path | None, namespace: str
) -> int:
    """Keep a policy at a tag, or exclude a tag.

    POLICY is NAMESPACE:NAME, or NAME, of a policy in the files or in the lock. The hold is written to spec.holds of
    the lock, and comments stay. It takes effect with the next `imagesetter lock`. A second hold of the same tag
    replaces the first.

    \b
    Examples:
      imagesetter hold web --exclude-tag 1.4.2 --reason crashes --until 2026-12-01
      imagesetter hold web --tag 1.4.1 --reason 'until the migration is done'
    """
    if bool(tag) == bool(exclude):
        hint = "--tag keeps a tag, --exclude-tag excludes one"
        raise UsageError("use either --tag or --exclude-tag", hint=hint)
    check_hold(tag or exclude, "--tag" if tag else "--exclude-tag", reason, until)
    new = Hold(policy_name(policy, namespace), tag, exclude, reason.strip(), until)

    _check_policy(new.policy, lock_file, namespace)

    def held(holds: tuple[Hold, ...]) -> list[Hold]:
        others = [
            hold
            for hold in holds
            if hold.policy != new.policy or (hold.exclude != exclude if exclude else not hold.tag)
        ]
        return [*others, new]

    path, lock = edit_holds(lock_file, held)
    echo(f"{path}: {new.policy} is {new}")
    echo("it takes effect with the next `imagesetter lock`")
    if lock.entries and new.policy not in lock.entries:
        near = did_you_mean(str(new.policy), map(str, lock.entries))
        print_results([Result(f"{new.policy} is not in the lock{near}, so the hold has no effect yet", "warning")])
    return OK


def _check_policy(name: PolicyName, lock_file: Path | None, namespace: str) -> None:
    """Check that a policy of this name is in the files or in the lock, if there is any at all.

    Raises:
        UsageError: it is not, and others are.
    """
    tree = read_tree((".",))
    catalog = catalog_from_tree(tree, policies=(), stdin=read_stdin, namespace=namespace, paths=(), wanted=[name])
    lock = open_lock(lock_file or own_lock_path(tree), named=lock_file is not None).lock
    locked = {each.plain for each in lock.entries}
    if catalog.has_policy(name) or name in locked or not (catalog.policy_names or locked):
        return
    known = sorted(map(str, {*catalog.policy_names, *locked}))
    near = did_you_mean(str(name), known).strip(" ()")
    hint = near or f"known policies: {', '.join(known[:8])}{' …' if len(known) > 8 else ''}"
    raise UsageError(f"no policy {name} is in the files or in the lock", where="POLICY", hint=hint)
