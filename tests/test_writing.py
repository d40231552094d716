"""A write is whole or not at all, one file or a thousand."""

from __future__ import annotations

import os
import signal
import stat
import threading
from pathlib import Path

import pytest

from imagesetter.errors import FileChangedError, InputError
from imagesetter.writing import create, write, write_all


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
    writes = [(path, b"old %s" % path.name.encode(), b"new %s" % path.name.encode()) for path in paths]
    assert write_all(writes) == [None] * 1000
    assert [path.read_bytes() for path in paths] == [after for _, _, after in writes]
    assert sorted(tmp_path.glob("*/*")) == sorted(paths)


def test_a_file_that_cannot_be_written_keeps_none_of_the_others_from_it(tmp_path: Path) -> None:
    first, edited, last = (tmp_path / name for name in ("a.yaml", "b.yaml", "c.yaml"))
    for path in (first, edited, last):
        path.write_bytes(b"old")
    edited.write_bytes(b"edited by someone else")
    gone = tmp_path / "gone" / "d.yaml"
    errors = write_all([(path, b"old", b"new") for path in (first, edited, gone, last)])
    assert [type(error) for error in errors] == [type(None), FileChangedError, InputError, type(None)]
    assert [error.where for error in errors if error] == [str(edited), str(gone)]
    assert [path.read_bytes() for path in (first, edited, last)] == [b"new", b"edited by someone else", b"new"]
    assert sorted(os.listdir(tmp_path)) == ["a.yaml", "b.yaml", "c.yaml"]


class Interrupting(bytes):
    """Bytes that are compared with a file's at the moment at which the user presses Ctrl-C."""

    def __eq__(self, other: object) -> bool:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        return True

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = bytes.__hash__


@pytest.mark.parametrize("files", [1, 3, 9, 100])
def test_an_interruption_leaves_whole_files_and_nothing_beside_them(files: int, tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.yaml" for number in range(files)]
    for path in paths:
        path.write_bytes(b"old")
    writes = [(path, Interrupting() if path is paths[files // 2] else b"old", b"new") for path in paths]
    with pytest.raises(KeyboardInterrupt):
        write_all(writes)
    assert {path.read_bytes() for path in paths} <= {b"old", b"new"}
    assert sorted(tmp_path.iterdir()) == sorted(paths)


class Broken(bytes):
    """Bytes that cannot be compared with a file's."""

    def __ne__(self, other: object) -> bool:
        raise MemoryError

    __hash__ = bytes.__hash__


@pytest.mark.parametrize("files", [3, 100])
def test_what_goes_wrong_in_a_thread_comes_out(files: int, tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.yaml" for number in range(files)]
    for path in paths:
        path.write_bytes(b"old")
    with pytest.raises(MemoryError):
        write_all([(path, Broken(b"old") if path is paths[-1] else b"old", b"new") for path in paths])
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
    with pytest.raises(FileChangedError, match="appeared while"):
        create(tmp_path / "a.yaml", b"new")
    assert (tmp_path / "a.yaml").read_bytes() == b"mine"
    assert os.listdir(tmp_path) == ["a.yaml"]
