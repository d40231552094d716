"""A planned change holds what differs, finds both versions of its file again, and refuses any other bytes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagesetter.errors import FileChangedError
from imagesetter.files.atomic_write import write_all
from imagesetter.files.rewrite import ByteEdit, Rewrite, fingerprint
from krm_functions.errors import InputError


def edited(path: Path, before: bytes, *edits: tuple[int, bytes, bytes]) -> Rewrite:
    return Rewrite(str(path), fingerprint(before), tuple(ByteEdit(*edit) for edit in edits))


def test_both_versions_are_known_before_the_file_is_written_and_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"a: 1.9\nb: 1.9\nc: 3\n")
    planned = edited(path, path.read_bytes(), (3, b"1.9", b"1.10"), (10, b"1.9", b"2"), (17, b"", b"0"))
    versions = (b"a: 1.9\nb: 1.9\nc: 3\n", b"a: 1.10\nb: 2\nc: 03\n")
    assert planned.versions() == versions
    assert write_all([planned]) == [None]
    assert path.read_bytes() == versions[1]
    assert planned.versions() == versions


@pytest.mark.parametrize(
    "now", [b"a: 1.9 # mine\n", b"a: 1.8\n", b"a: 1.10 # mine\n", b""], ids=["more", "less", "since written", "empty"]
)
def test_a_file_that_another_program_has_changed_is_neither_written_nor_shown(now: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    planned = edited(path, b"a: 1.9\n", (3, b"1.9", b"1.10"))
    path.write_bytes(now)
    (error,) = write_all([planned])
    assert isinstance(error, FileChangedError)
    assert (str(error), error.where, error.hint) == (
        "changed on disk while imagesetter was running; it was not written",
        str(path),
        "run it again",
    )
    with pytest.raises(FileChangedError):
        planned.versions()
    assert path.read_bytes() == now
    assert os.listdir(tmp_path) == ["a.yaml"]


def test_a_file_that_became_a_pipe_is_an_error_and_nobody_waits_for_its_writer(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    os.mkfifo(path)
    planned = edited(path, b"a: 1\n", (3, b"1", b"2"))
    with pytest.raises(InputError, match="is a link, or not a regular file"):
        planned.versions()
    (error,) = write_all([planned])
    assert isinstance(error, InputError)


def test_a_file_that_does_not_exist_yet_has_versions_too(tmp_path: Path) -> None:
    assert Rewrite.whole(tmp_path / "new.yaml", b"", b"a: 1\n").versions() == (b"", b"a: 1\n")


PIECES = st.lists(st.tuples(st.binary(max_size=3), st.binary(max_size=3), st.binary(max_size=3)), max_size=5)


@given(pieces=PIECES, tail=st.binary(max_size=3))
def test_what_was_written_gives_back_what_was_there(pieces: list[tuple[bytes, bytes, bytes]], tail: bytes) -> None:
    before = after = b""
    edits = []
    for kept, old, new in pieces:
        edits.append((len(before) + len(kept), old, new))
        before, after = before + kept + old, after + kept + new
    planned = edited(Path("a"), before + tail, *edits)
    assert planned.after(before + tail) == after + tail
    assert planned.before(after + tail) == before + tail
