"""``imagesetter rollback``: hold a policy at an earlier tag, and set its lock entry and fields back, in one change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import click

from imagesetter.cli import clock
from imagesetter.cli.completion import policies
from imagesetter.cli.exit_status import FAILED, OK
from imagesetter.cli.help_page import GroupedCommand
from imagesetter.cli.history import CheckoutHistory, checkout_history
from imagesetter.cli.lock_file import LockFile, check_hold, lock_file_option, open_lock, own_lock_path
from imagesetter.cli.network_options import NetworkOptions
from imagesetter.cli.options import namespace_option, network_options, policy_name, read_stdin
from imagesetter.cli.terminal import echo, print_results
from imagesetter.fields.digests import FieldDigests
from imagesetter.fields.field import Location, MarkedField
from imagesetter.files.atomic_write import write, write_all
from imagesetter.files.rewrite import Rewrite
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.latest_ref import LatestRef
from imagesetter.flux.markers import PolicyName
from imagesetter.flux.releases import releases_of
from imagesetter.git.reverts import fields_of, tag_in
from imagesetter.git.rollback import previous_tag, recorded_digest
from imagesetter.lock.document import Lock, LockEntry
from imagesetter.lock.holds import Hold
from imagesetter.lock.render import render_holds, render_lock
from imagesetter.lock.tag_age import timestamp
from imagesetter.selection.registry_source import scan_options
from imagesetter.selection.sources import Resolution, Resolved
from imagesetter.update.files import FileUpdates, update_files
from imagesetter.update.policy_rules import PolicyRules
from imagesetter.update.read_tree import ScannedTree, read_tree
from imagesetter.update.tree_catalog import catalog_from_tree
from krm_functions.errors import ReportedError, UsageError


@click.command("rollback", cls=GroupedCommand)
@click.argument("policy", shell_complete=policies)
@click.option("--to", default="", metavar="TAG", help="Go back to this tag.  [default: the one before, from Git]")
@click.option("--reason", required=True, metavar="TEXT", help="Reason of the rollback, shown in reports.")
@click.option("--until", default="", metavar="DATE", help="The hold expires on this date (UTC), such as 2026-12-01.")
@lock_file_option
@namespace_option
@network_options
def command(
    policy: str,
    to: str,
    reason: str,
    until: str,
    lock_file: Path | None,
    namespace: str,
    network: NetworkOptions,
) -> int:
    """Go back to an earlier tag: hold, lock entry and fields in one change.

    POLICY is NAMESPACE:NAME, or NAME. Its fields under the working directory and its entry in the lock are set back. A
    hold in the lock keeps the policy at the tag until `imagesetter unhold`. Commit it all together. The digest is the
    one that the lock or the field had with the tag; if the history does not have it, the registry is contacted. For a
    policy with `verify`, the image has to be signed.

    \b
    Examples:
      imagesetter rollback web --reason 'crashes on start'
      imagesetter rollback web --to 1.4.1 --reason crashes --until 2026-12-01
    """
    name = policy_name(policy, namespace)
    check_hold(to or "latest", "--to", reason, until)
    tree = read_tree((".",))
    catalog = catalog_from_tree(tree, policies=(), stdin=read_stdin, namespace=namespace, paths=(), wanted=(name,))
    file = open_lock(lock_file or own_lock_path(tree), named=lock_file is not None)
    if name not in file.lock.entries and not catalog.has_policy(name):
        raise catalog.unknown(name)
    for release in releases_of(catalog, [name]):
        raise UsageError(
            f"{name} is in release {release.name}, whose policies change together",
            hint=f"imagesetter hold {name} --tag TAG --reason …, run `imagesetter lock`, then `update --from lock`: "
            "the release goes back as a whole",
        )
    rollback = _Rollback(name, tree, catalog, file, checkout_history(tree, catalog), PolicyRules(catalog))
    tag = to or rollback.previous()
    hold = Hold(name, tag=tag, reason=reason.strip(), until=until)
    for other in file.lock.holds:
        if other.policy == name and other.exclude == tag:
            raise UsageError(f"{name} is {other}", where="--to", hint="choose another tag, or use `imagesetter unhold`")
    answer = rollback.answer(tag, network)
    outcome, entry = rollback.fields(answer), rollback.entry(answer)
    if not outcome.changes and entry is None and not outcome.failed:
        hint = f"to keep it there: imagesetter hold {name} --tag {tag} --reason …"
        raise UsageError(f"{name} is at {tag} already", hint=hint)
    _write(file, _render(file, hold, entry), outcome.rewrites)
    for change in outcome.changes:
        echo(f"{change.field.location.file}:{change.field.location.line}: {change.old} → {change.new}")
    if entry:
        echo(f"{file.path}: {file.lock.entries[name].ref} → {entry.ref}")
    echo(f"{file.path}: {name} is {hold}")
    echo(f"commit it all together; to end the rollback: imagesetter unhold {name}")
    print_results(result for result in outcome.results if result.severity != "info")
    return FAILED if outcome.failed else OK


@dataclass(frozen=True, slots=True)
class _FixedSource:
    """A source with one answer."""

    answer: Resolution

    def answers(self, names: Iterable[PolicyName]) -> dict[PolicyName, Resolution]:
        return dict.fromkeys(names, self.answer)


@dataclass(frozen=True, slots=True)
class _Rollback:
    """The policy, and what there is of it: fields, a lock, a history."""

    name: PolicyName
    tree: ScannedTree
    catalog: Catalog
    file: LockFile
    history: CheckoutHistory | None
    rules: PolicyRules

    @property
    def lock(self) -> Lock:
        return self.file.lock

    @property
    def image(self) -> str:
        """The repository that the policy selects from."""
        try:
            return self.catalog.policy(self.name).image.written
        except ReportedError:
            if self.name not in self.lock.entries:
                raise
            return self.lock.entries[self.name].image

    def tag_of(self, marked: MarkedField, text: str) -> str:
        """The tag in a text that a field has or had."""
        return tag_in(marked, LatestRef(self.image, ""), self.rules, text)

    def previous(self) -> str:
        """The tag before the present one.

        Raises:
            UsageError: there is no history, or no such tag in it.
        """
        if self.history is None:
            raise UsageError("there is no Git checkout to find the tag before in", hint="name it: --to TAG")
        path = self.history.path_of(self.file.real)
        fields = self.history.fields(self.name)
        return previous_tag(self.history.history, self.name, self.lock, path, fields, self.tag_of, self._is_above)

    def _is_above(self, tag: str, other: str) -> bool:
        return (self.rules.order(self.name, tag, other) or 0) > 0

    def answer(self, tag: str, network: NetworkOptions) -> Resolved:
        """The ref to go back to, with its digest if something needs one.

        Raises:
            SignatureError: the image is not signed as the policy asks.
            ReportedError: the registry does not have the tag, or does not respond.
        """
        digest = ""
        if self.history:
            path = self.history.path_of(self.file.real)
            fields = self.history.fields(self.name)
            digest = recorded_digest(self.history.history, self.name, tag, path, fields, self.tag_of)
        entry = self.lock.entries.get(self.name)
        policy = self.catalog.policy(self.name) if self.catalog.has_policy(self.name) else None
        reflection = policy.reflection if policy else entry.reflection if entry else "Never"
        verifies = policy is not None and policy.verification is not None
        present = [marked for _, _, marked in fields_of(self.tree, self.name)]
        pinned = FieldDigests(present).needed(self.name, LatestRef(self.image, tag))
        if not digest and (entry or pinned or verifies or reflection != "Never"):
            digest = self._registry_digest(tag, network)
        signed_by = self._signer(tag, digest, network) if verifies else ""
        ref = LatestRef(self.image, tag, "" if reflection == "Never" else digest)
        return Resolved(ref, pin=digest, signed_by=signed_by)

    def _signer(self, tag: str, digest: str, network: NetworkOptions) -> str:
        """Who signed the image, as the policy asks."""
        from imagesetter.cli.registry_client import open_client
        from imagesetter.update.signatures import SignatureChecker, UsedImage

        policy = self.catalog.policy(self.name)
        image = UsedImage(policy.image, tag, digest, Location(policy.origin))
        with open_client(network) as client:
            (check,) = SignatureChecker(client, clock.now()).check([(image, (policy,))])
        if check.error:
            raise check.error.located(f"rollback of {self.name}")
        return check.by

    def _registry_digest(self, tag: str, network: NetworkOptions) -> str:
        from imagesetter.cli.registry_client import open_client

        policy = self.catalog.policy(self.name)
        with open_client(network) as client:
            return client.digest(policy.image, tag, options=scan_options(policy))

    def fields(self, answer: Resolved) -> FileUpdates:
        """What the fields become; nothing is written."""
        only = frozenset((self.name,))
        return update_files(self.tree, lambda fields: _FixedSource(answer), only=only, reads=self.rules.reads)

    def entry(self, answer: Resolved) -> LockEntry | None:
        """What the lock's entry becomes; None if there is none, or if it is at the tag already."""
        old = self.lock.entries.get(self.name)
        if old is None or (old.tag, old.digest) == (answer.ref.tag, answer.pin):
            return None
        known = self.catalog.has_policy(self.name)
        return old._replace(
            image=self.image,
            tag=answer.ref.tag,
            digest=answer.pin,
            reflection=self.catalog.policy(self.name).reflection if known else old.reflection,
            inputs=self.catalog.inputs(self.name) if known else old.inputs,
            changed=timestamp(clock.now()),
            replaces=old.tag,
            signed_by=answer.signed_by,
            passed_over="",
        )


def _render(file: LockFile, hold: Hold, entry: LockEntry | None) -> bytes:
    lock = file.lock
    holds = [each for each in lock.holds if each.policy != hold.policy or not each.tag]

    def render(text: str) -> str:
        if entry:
            text = render_lock(text, {**lock.entries, entry.policy: entry}, lock.seen)
        return render_holds(text, [*holds, hold])

    return file.rendered(render)


def _write(file: LockFile, after: bytes, rewrites: Sequence[Rewrite]) -> None:
    """Write the lock, with the hold, and then the fields; where a field cannot be written, all of it is put back.

    Raises:
        ReportedError: a file cannot be written.
    """
    file.put(after)
    errors = write_all(rewrites)
    error = next(filter(None, errors), None)
    if error:
        for each in (each for each, bad in zip(rewrites, errors, strict=True) if not bad):
            with suppress(ReportedError):  # of a file that another program has changed since, its bytes stay
                old, new = each.versions()
                write(each.path, new, old)
        with suppress(ReportedError):
            if file.there:
                write(file.real, after, file.before)
            else:
                file.real.unlink()
        raise error
