"""A write is whole or not at all, one file or a thousand."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagesetter.errors import FileChangedError
from imagesetter.files.atomic_write import create, put, write, write_all
from imagesetter.files.rewrite import Rewrite
from krm_functions.errors import InputError
from support.no_threads import no_threads


def test_write_keeps_mode_and_replaces_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"old")
    path.chmod(0o640)
    write(path, b"old", b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["a.yaml"]


def test_write_refuses_a_file_that_changed_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"edited by someone else")
    with pytest.raises(FileChangedError, match="changed on disk") as refused:
        write(path, b"old", b"new")
    assert refused.value.where == str(path)
    assert path.read_bytes() == b"edited by someone else"
    assert os.listdir(tmp_path) == ["a.yaml"]


def test_write_goes_through_a_link_that_was_named(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"a: 1\n")
    (tmp_path / "link.yaml").symlink_to("a.yaml")
    write(tmp_path / "link.yaml", b"a: 1\n", b"a: 2\n")
    assert (tmp_path / "link.yaml").is_symlink()
    assert (tmp_path / "a.yaml").read_bytes() == b"a: 2\n"


def test_write_into_a_directory_that_is_gone_is_an_error_with_the_path(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written: No such file"):
        write(tmp_path / "gone" / "a.yaml", b"", b"")


def test_a_thousand_files_are_replaced_and_nothing_is_left_beside_them(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number % 7}" / f"{number}.yaml" for number in range(1000)]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"old %s" % path.name.encode())
    writes = [Rewrite.whole(path, b"old %s" % path.name.encode(), b"new %s" % path.name.encode()) for path in paths]
    assert write_all(writes) == [None] * 1000
    assert [path.read_bytes() for path in paths] == [b"new %s" % path.name.encode() for path in paths]
    assert sorted(tmp_path.glob("*/*")) == sorted(paths)


def test_a_file_that_cannot_be_written_keeps_none_of_the_others_from_it(tmp_path: Path) -> None:
    first, edited, last = (tmp_path / name for name in ("a.yaml", "b.yaml", "c.yaml"))
    for path in (first, edited, last):
        path.write_bytes(b"old")
    edited.write_bytes(b"edited by someone else")
    gone = tmp_path / "gone" / "d.yaml"
    errors = write_all([Rewrite.whole(path, b"old", b"new") for path in (first, edited, gone, last)])
    assert [type(error) for error in errors] == [type(None), FileChangedError, InputError, type(None)]
    assert [error.where for error in errors if error] == [str(edited), str(gone)]
    assert [path.read_bytes() for path in (first, edited, last)] == [b"new", b"edited by someone else", b"new"]
    assert sorted(os.listdir(tmp_path)) == ["a.yaml", "b.yaml", "c.yaml"]


class Interrupting(Rewrite):
    """A file whose new bytes are made at the moment at which the user presses Ctrl-C."""

    __slots__ = ()

    def after(self, before: bytes) -> bytes:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        return super().after(before)


@pytest.mark.parametrize("files", [1, 3, 9, 100])
def test_an_interruption_leaves_whole_files_and_nothing_beside_them(files: int, tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.yaml" for number in range(files)]
    for path in paths:
        path.write_bytes(b"old")
    kinds = [Interrupting if path is paths[files // 2] else Rewrite for path in paths]
    writes = [kind.whole(path, b"old", b"new") for kind, path in zip(kinds, paths, strict=True)]
    with pytest.raises(KeyboardInterrupt):
        write_all(writes)
    assert {path.read_bytes() for path in paths} <= {b"old", b"new"}
    assert sorted(tmp_path.iterdir()) == sorted(paths)


class Broken(Rewrite):
    """A file whose new bytes cannot be made."""

    __slots__ = ()

    def after(self, before: bytes) -> bytes:
        raise MemoryError


@pytest.mark.parametrize("files", [3, 100])
def test_what_goes_wrong_in_a_thread_comes_out(files: int, tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.yaml" for number in range(files)]
    for path in paths:
        path.write_bytes(b"old")
    with pytest.raises(MemoryError):
        write_all([(Broken if path is paths[-1] else Rewrite).whole(path, b"old", b"new") for path in paths])
    assert paths[-1].read_bytes() == b"old"
    assert sorted(tmp_path.iterdir()) == sorted(paths)


@pytest.mark.parametrize("mode", [0o600, 0o666, 0o755, 0o2770], ids=oct)
def test_the_mode_of_a_file_is_kept_whatever_the_umask_is(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"old")
    path.chmod(mode)
    mask = os.umask(0o027)
    try:
        write(path, b"old", b"new")
    finally:
        os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_file_in_the_working_directory_is_written_by_its_bare_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    create(Path("a.yaml"), b"old")
    write(Path("a.yaml"), b"old", b"new")
    assert os.listdir(tmp_path) == ["a.yaml"]
    assert (tmp_path / "a.yaml").read_bytes() == b"new"


def test_create_leaves_a_file_alone_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"mine")
    with pytest.raises(FileChangedError, match="was created while"):
        create(tmp_path / "a.yaml", b"new")
    assert (tmp_path / "a.yaml").read_bytes() == b"mine"
    assert os.listdir(tmp_path) == ["a.yaml"]


@pytest.fixture
def system_without_threads() -> Iterator[None]:
    with no_threads():
        yield


def planned(tmp_path: Path, count: int) -> list[Rewrite]:
    writes = [Rewrite.whole(tmp_path / f"{number}.yaml", b"old", b"new") for number in range(count)]
    for each in writes:
        each.path.write_bytes(b"old")
    return writes


def test_all_files_are_written_where_no_thread_can_be_started(tmp_path: Path, system_without_threads: None) -> None:
    writes = planned(tmp_path, 100)
    assert write_all(writes) == [None] * 100
    assert {each.path.read_bytes() for each in writes} == {b"new"}


FEW_THREADS = """\
import resource, sys, threading
from pathlib import Path
from imagesetter.files.atomic_write import write_all
from imagesetter.files.rewrite import Rewrite
writes = [Rewrite.whole(path, b"old", b"new") for path in Path(sys.argv[1]).iterdir()]
threading.stack_size(1 << 28)
used = int(next(line for line in open("/proc/self/status") if line.startswith("VmSize")).split()[1]) << 10
resource.setrlimit(resource.RLIMIT_AS, (used + 5 * (1 << 27), resource.RLIM_INFINITY))  # two stacks and a half
print(write_all(writes).count(None))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the size of the process")
def test_all_files_are_written_with_the_few_threads_that_the_system_gives(tmp_path: Path) -> None:
    writes = planned(tmp_path, 200)
    done = subprocess.run([sys.executable, "-c", FEW_THREADS, tmp_path], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("200\n", "")
    assert {each.path.read_bytes() for each in writes} == {b"new"}


def test_all_files_are_written_where_few_may_be_open_at_a_time(tmp_path: Path) -> None:
    writes = planned(tmp_path, 200)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    first = os.dup(0)  # the lowest number that is free: two files of ours fit below the limit
    os.close(first)
    resource.setrlimit(resource.RLIMIT_NOFILE, (first + 2, limits[1]))
    try:
        errors = write_all(writes)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert errors == [None] * 200
    assert {each.path.read_bytes() for each in writes} == {b"new"}


def test_a_file_that_is_too_large_for_the_disk_is_named_and_the_others_are_written(tmp_path: Path) -> None:
    writes = planned(tmp_path, 100)
    path = writes[50].path
    writes[50] = Rewrite.whole(path, b"old", b"x" * 100_000)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        errors = write_all(writes)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [(str(error), error.where) for error in errors if error] == [
        ("cannot be written: File too large", str(path))
    ]
    assert path.read_bytes() == b"old"
    assert [other.path.read_bytes() for other in writes].count(b"new") == 99
    assert len(os.listdir(tmp_path)) == 100


@pytest.mark.parametrize("files", [3, 100])
def test_an_interruption_has_a_note_with_exactly_the_files_that_were_written(files: int, tmp_path: Path) -> None:
    writes = planned(tmp_path, files)
    writes[files // 2] = Interrupting(*writes[files // 2])
    with pytest.raises(KeyboardInterrupt) as stopped:
        write_all(writes)
    (note,) = stopped.value.__notes__
    first, *named = note.split("\n  ")
    written = [str(each.path) for each in writes if each.path.read_bytes() == b"new"]
    assert named == written
    assert first == f"{len(written)} file{' was' if len(written) == 1 else 's were'} written before that:"


def test_put_writes_a_new_file_as_the_umask_has_it_and_replaces_one_that_exists(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    mask = os.umask(0o027)
    try:
        put(path, b"one")
        put(path, b"two", mode=0o666)
    finally:
        os.umask(mask)
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o666
    put(path, b"three")
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask
    assert os.listdir(tmp_path) == ["report.json"]


def test_put_can_leave_a_file_that_exists_alone(tmp_path: Path) -> None:
    path = tmp_path / "salt"
    put(path, b"first", replace=False)
    with pytest.raises(FileExistsError):
        put(path, b"second", replace=False)
    assert path.read_bytes() == b"first"
    assert os.listdir(tmp_path) == ["salt"]
