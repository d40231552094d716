"""The ledger of ``--ledger``: read by the commands that ask registries, and added to by ``lock``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from imagesetter.files.atomic_write import create, write
from imagesetter.files.platform import alone_in
from imagesetter.files.read import read_named
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.markers import PolicyName
from imagesetter.lock.document import Lock
from imagesetter.lock.ledger import FirstSight, Ledger, merged, parse_ledger, render_ledger
from imagesetter.lock.tag_age import Seen
from krm_functions.errors import ReportedError, UsageError
from krm_functions.yaml.encoding import decode_text


def with_ledger(lock: Lock | None, path: Path | None, *, missing_ok: bool = False) -> Lock:
    """A lock, or an empty one, with what the ledger at a path has; nothing is read where no path is given.

    Raises:
        InputError: the file cannot be read; with *missing_ok* it need not exist.
        LockError: it is not a valid ledger.
    """
    lock = lock or Lock({})
    return lock._replace(ledger=_read(path, missing_ok=missing_ok)[2]) if path else lock


def add_to_ledger(path: Path, sights: Iterable[FirstSight]) -> bool:
    """Add first sights to the ledger at a path, which is created where it is missing; whether the file changed.

    Raises:
        FileChangedError: another program changed it meanwhile.
        InputError: the file cannot be read or written.
        LockError: it is not a valid ledger.
    """
    with alone_in(path.absolute().parent):
        before, text, present = _read(path, missing_ok=True)
        ledger = merged(present, sights)
        if ledger == present:
            return False
        after = render_ledger(text, ledger).encode()
        create(path, after) if before is None else write(path, before, after)
        return True


def sights_in(seen: Iterable[Seen], catalog: Catalog) -> Iterator[FirstSight]:
    """What a lock has seen of the repositories of its policies; a policy that cannot be read does not name one."""
    images: dict[PolicyName, str] = {}
    for each in seen:
        if each.policy not in images:
            images[each.policy] = ""
            with contextlib.suppress(ReportedError):
                images[each.policy] = catalog.policy(each.policy).image.canonical
        if images[each.policy]:
            yield FirstSight(images[each.policy], each.tag, each.digest, each.since)


def _read(path: Path, *, missing_ok: bool) -> tuple[bytes | None, str, Ledger]:
    """The bytes of a ledger, its text, and what it has; None where there is no file."""
    try:
        data = read_named(path)
    except UsageError as error:
        if missing_ok and isinstance(error.__cause__, FileNotFoundError):
            return None, "", {}
        raise
    text = decode_text(data, name=str(path)).text
    return data, text, parse_ledger(text, str(path))
