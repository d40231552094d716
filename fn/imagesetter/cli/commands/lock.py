"""``imagesetter lock``: resolve every policy and write images.lock.yaml."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Literal

import click
from click.core import ParameterSource

from imagesetter.cli import clock
from imagesetter.cli.completion import paths_argument
from imagesetter.cli.exit_status import FAILED, OK
from imagesetter.cli.help_page import GroupedCommand
from imagesetter.cli.history import CheckoutHistory, checkout_history
from imagesetter.cli.ledger_file import add_to_ledger, sights_in, with_ledger
from imagesetter.cli.lock_file import LockFile, lock_path, merge_files, open_lock, shard_option
from imagesetter.cli.network_options import NetworkOptions
from imagesetter.cli.options import RunOptions, ledger_option, network_options, read_stdin, run_options, with_quiet
from imagesetter.cli.registry_client import open_client
from imagesetter.cli.reports.json_text import json_text
from imagesetter.cli.source import held_in
from imagesetter.cli.terminal import echo, print_results, write
from imagesetter.config.options import API_VERSION
from imagesetter.errors import GitError
from imagesetter.fields.report import report
from imagesetter.files.atomic_write import noted
from imagesetter.lock.document import FILE_NAME, Lock, LockEntry, in_folder, relative_entries
from imagesetter.lock.render import render_lock
from imagesetter.selection.choose import Chooser
from imagesetter.selection.registry_source import RegistrySource
from imagesetter.update.lock import EntryChange, Locked, update_lock
from imagesetter.update.nearby import Nearby
from imagesetter.update.read_tree import read_tree
from imagesetter.update.shards import restricted
from imagesetter.update.tree_catalog import catalog_from_tree
from krm_functions.errors import UsageError
from krm_functions.messages import one_line
from krm_functions.result import Result


@click.command("lock", cls=GroupedCommand)
@paths_argument
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if the lock would change.")
@click.option(
    "--lock-file",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="IMAGESETTER_LOCK_FILE",
    help=f"The lock to write.  [default: the one under PATH, else PATH/{FILE_NAME}]",
)
@click.option(
    "--unseen",
    type=click.Choice(["accept", "wait"]),
    default="accept",
    show_default=True,
    envvar="IMAGESETTER_UNSEEN",
    help="When a policy with a minimum age is first locked: treat its tags as old (accept) or as new (wait).",
)
@click.option(
    "--allow-downgrade",
    is_flag=True,
    envvar="IMAGESETTER_ALLOW_DOWNGRADE",
    help="Allow an entry to change to a tag that its policy ranks lower.",
)
@click.option(
    "--strict",
    is_flag=True,
    envvar="IMAGESETTER_STRICT",
    help="Report an entry that stays at a higher tag as an error.",
)
@click.option(
    "--shard",
    metavar="INDEX/COUNT",
    envvar="IMAGESETTER_SHARD",
    help="Lock only this part of the policies, split by repository, into --lock-file.  [default: from an Indexed Job]",
)
@click.option("--merge", is_flag=True, help="Merge the locks of all shards, given as PATHs, into one lock.")
@run_options
@network_options
@ledger_option
@click.pass_context
def command(
    context: click.Context,
    paths: tuple[str, ...],
    check: bool,
    lock_file: Path | None,
    unseen: Literal["accept", "wait"],
    allow_downgrade: bool,
    strict: bool,
    shard: str | None,
    merge: bool,
    options: RunOptions,
    network: NetworkOptions,
) -> int:
    """Resolve every policy under PATH and write images.lock.yaml.

    Applying the lock (`--from lock`, in the function, in `update`, in a hook) needs no network and no credentials, and
    always gives the same result. Entries that do not change stay as they are, and so do your comments.

    \b
    Examples:
      imagesetter lock                         resolve, then review the diff
      imagesetter lock --check                 in CI: is the lock up to date?
      imagesetter lock --only flux-system:web  this policy alone
      imagesetter lock --shard 0/4 --lock-file shards/0.yaml
      imagesetter lock --merge shards/*.yaml   all four parts as one
      imagesetter update --from lock           apply it
    """
    if options.source != "registry" and context.get_parameter_source("source") == ParameterSource.COMMANDLINE:
        raise UsageError(
            f"--from {options.source} is not possible: `lock` always resolves from registries",
            where="--from",
            hint="omit --from; `imagesetter update --from lock` applies a lock",
        )
    if merge:
        path = lock_file or lock_path([], ())
        made, changed = merge_files(paths, path, named=lock_file is not None, check=check)
        with noted([str(path)] if changed and not check else []):
            _print(made, path, options, written=not check)
        return FAILED if check and changed else OK
    part = shard_option(shard)
    if part and not lock_file:
        raise UsageError(
            "--shard needs --lock-file", hint="add --lock-file shards/0.yaml, for example; `--merge` merges the shards"
        )
    tree = read_tree(paths or (".",), exclude=options.exclude)
    catalog = catalog_from_tree(
        tree,
        paths=paths,
        policies=options.policies,
        namespace=options.namespace,
        stdin=read_stdin,
        values=options.values,
    )
    if not catalog.policy_names and not tree.invalid:
        raise UsageError("no ImagePolicy was found", hint="add the files that contain them with --policies")
    nearby = Nearby(catalog, tree, paths)
    target = lock_file or lock_path(nearby.own_locks(), paths)
    file = open_lock(target, named=lock_file is not None)
    folder = str(target.parent.absolute())
    present, only = in_folder(file.lock, folder), options.only
    if part:
        # A shard starts from the whole lock's entries of its policies, so that holds apply and unchanged entries stay.
        names = part.names(catalog)
        present = restricted(nearby.lock() or Lock({}), names)
        only = only & names if only else names
    if part and not only:
        locked = Locked(present.entries, (), (), present.seen)
    else:
        with open_client(with_quiet(network, options)) as client:
            now = clock.now()
            choose = Chooser(with_ledger(present, network.ledger, missing_ok=True), now, unseen, held_in(tree, catalog))
            source = RegistrySource(catalog, client, pin=True, choose=choose, situation=choose.situation)
            locked = update_lock(
                catalog,
                present,
                source,
                now=now,
                only=only,
                allow_downgrade=allow_downgrade,
                strict=strict,
                keep_on_error=options.on_error == "keep",
                keep_unknown=bool(tree.invalid),
                stays=partial(_set_back, cache(partial(checkout_history, tree, catalog)), file),
            )
    locked = replace(locked, results=(*tree.invalid, *locked.results))
    after = file.rendered(lambda text: render_lock(text, relative_entries(locked.entries, folder), locked.seen))
    # If there is nothing to write, a new file would suggest that all is well.
    refused = locked.failed and options.on_error == "fail"
    nothing = refused or (locked.failed and not (file.there or locked.entries or locked.seen))
    if not check and not nothing:
        file.put(after)
    written = not check and not nothing
    with noted([str(file.path)] if written and after != file.before else []):
        if written and network.ledger:
            add_to_ledger(network.ledger, sights_in(locked.seen, catalog))
        _print(locked, file.path, options, written=not check and not refused)
    print_results(result for result in locked.results if result.severity != "info" or not options.quiet)
    return FAILED if locked.failed or (check and after != file.before) else OK


def _set_back(
    history_of: Callable[[], CheckoutHistory | None], file: LockFile, old: LockEntry, new: LockEntry
) -> Result | None:
    """Why an entry stays that somebody set back; a history that cannot be read is a note."""
    policy = old.policy
    written = relative_entries({policy: old}, str(file.path.parent.absolute()))
    tags = {"policy": str(policy)}
    try:
        history = history_of()
        found = history.entry_revert(file.real, *written.values()) if history else None
    except GitError as error:
        note = f"the history could not be read, so it is not known whether somebody set {policy} back: {error}"
        print_results([report("info", note, tags=tags | {"notice": "NoHistory"})])
        return None
    if found is None:
        return None
    message = f"{policy} stays locked at {found.new}, not {new.tag}: {found}; to go on: imagesetter unhold {policy}"
    return report("warning", message, tags=tags | {"error": "Reverted"})


def _print(locked: Locked, path: Path, options: RunOptions, *, written: bool) -> None:
    if options.output == "json":
        document = {
            "apiVersion": API_VERSION,
            "kind": "LockReport",
            "written": written,
            "changes": [_as_json(change, path) for change in locked.changes],
            "results": [result.to_dict() for result in locked.results],
        }
        write(f"{json_text(document)}\n")
    elif not options.quiet:
        for change in locked.changes:
            echo(one_line(change.result.message))
        count = len(locked.changes)
        verb = "changed" if written else "would change"
        echo(f"{path}: {count} of {len(locked.entries)} entr{'y' if len(locked.entries) == 1 else 'ies'} {verb}")


def _as_json(change: EntryChange, path: Path) -> dict[str, object]:
    return {
        "policy": str(change.policy),
        "file": str(path),
        "field": "spec.entries",
        "old": str(change.old.ref) if change.old else None,
        "new": str(change.new.ref) if change.new else None,
    }
