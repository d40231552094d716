"""``imagesetter unhold``: remove holds from the lock."""

from __future__ import annotations

from pathlib import Path

import click

from imagesetter.cli.exit_status import OK
from imagesetter.cli.lock_file import edit_holds, lock_file_option
from imagesetter.cli.options import namespace_option, policy_name
from imagesetter.cli.terminal import echo
from imagesetter.lock.holds import Hold
from krm_functions.errors import UsageError


@click.command("unhold")
@click.argument("policy")
@click.option("--tag", default="", metavar="TAG", help="Remove only the hold of this tag.")
@lock_file_option
@namespace_option
def command(policy: str, tag: str, lock_file: Path | None, namespace: str) -> int:
    """Remove the holds of a policy from the lock.

    POLICY is NAMESPACE:NAME, or NAME. The policy follows its rule again from the next `imagesetter lock` on.

    \b
    Examples:
      imagesetter unhold web
      imagesetter unhold web --tag 1.4.2
    """
    name = policy_name(policy, namespace)
    gone: list[Hold] = []

    def left(holds: tuple[Hold, ...]) -> list[Hold]:
        gone.extend(hold for hold in holds if hold.policy == name and tag in ("", hold.tag, hold.exclude))
        if not gone:
            known = ", ".join(dict.fromkeys(str(hold.policy) for hold in holds))
            raise UsageError(
                f"the lock has no hold of {name}{f' for {tag}' if tag else ''}",
                hint=f"it has holds of {known}" if known else "it has no holds",
            )
        return [hold for hold in holds if hold not in gone]

    path, _ = edit_holds(lock_file, left)
    for hold in gone:
        echo(f"{path}: {name} is no longer {hold}")
    return OK
