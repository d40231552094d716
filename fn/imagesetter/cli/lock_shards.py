"""The parts of a lock: which one this process makes, and how they become one file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from imagesetter.cli.lock_file import open_lock
from imagesetter.files.read import read_inside, read_named
from imagesetter.lock.document import parse_lock, render_lock
from imagesetter.update.lock import Locked
from imagesetter.update.shards import Shard, merge_shards, parse_shard
from krm_functions.errors import UsageError
from krm_functions.yaml.encoding import decode_text


def shard_option(text: str | None, environment: Mapping[str, str] = os.environ) -> Shard | None:
    """What ``--shard`` says; by default what Kubernetes tells a pod of an Indexed Job.

    Kubernetes sets JOB_COMPLETION_INDEX; JOB_COMPLETIONS is the manifest's to set. Both have to be there.

    Raises:
        UsageError: neither INDEX/COUNT nor such variables.
    """
    if text is None:
        index, count = environment.get("JOB_COMPLETION_INDEX", ""), environment.get("JOB_COMPLETIONS", "")
        text = f"{index}/{count}" if index and count else None
    return parse_shard(text) if text else None


def _files(part: str) -> list[tuple[str, bytes]]:
    """A file, or the ``*.yaml`` files of a directory, since no shell expands patterns in a container; with their bytes.

    Raises:
        InputError: one cannot be read.
        UsageError: the directory holds none.
    """
    if not Path(part).is_dir():
        return [(part, read_named(part))]
    found = sorted(map(str, Path(part).glob("*.yaml")))
    if not found:
        raise UsageError(
            f"{part} contains no *.yaml file", hint="specify the directory that the shards were written to"
        )
    return [(name, read_inside(name, part)) for name in found]


def merge_files(parts: Sequence[str], path: Path, *, named: bool, check: bool) -> tuple[Locked, bool]:
    """Bring the lock at *path* up to the locks of all parts; what changed, and whether the file does.

    Args:
        parts: files, or directories that hold nothing else.
        path: the whole lock.
        named: the operator named it; see `open_lock`.
        check: write nothing.

    Raises:
        UsageError: no part is named.
        LockError: a part cannot be used, or two of them differ about a policy.
    """
    if not parts:
        raise UsageError("--merge needs the files of all shards", hint="imagesetter lock --merge shards/*.yaml")
    files = [file for part in parts for file in _files(part)]
    locks = [parse_lock(decode_text(data, name=name).text, name) for name, data in files]
    file = open_lock(path, named=named)
    merged = merge_shards(file.lock, locks)
    after = file.rendered(lambda text: render_lock(text, merged.entries, merged.seen))
    if not check:
        file.put(after)
    return merged, after != file.before
