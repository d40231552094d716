"""Links, pipes and endless files in a stranger's repository: nothing outside of it is read or written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagesetter.fields.kustomize_sources import scan_sources
from imagesetter.files.read import read, read_inside, read_named
from imagesetter.policy_tests.run import find_tests
from krm_functions.errors import InputError
from support.sandbox import APP, POLICIES, Sandbox, open_sandbox

LOCK = "images.lock.yaml"
ENDLESS = ["/proc/self/pagemap", "/dev/zero"]
"""The first is a regular file of no size, says the system; both never end."""


@pytest.fixture
def sandbox(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    (tmp_path / "repository" / ".git").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    with open_sandbox(tmp_path / "repository", capsys, monkeypatch) as opened:
        opened.registry.push("1.5.0")
        yield opened


HOLD = ("hold", "web", "--exclude", "1.5.0", "--reason", "crashes")
WRITERS = {
    "lock": ("lock",),
    "lock into a file that is named": ("lock", "--lock-file", LOCK),
    "lock of a directory": ("lock", "."),
    "hold": HOLD,
    "hold in a file that is named": (*HOLD, "--lock-file", LOCK),
    "unhold": ("unhold", "web"),
    "merge": ("lock", "--merge", "part.yaml"),
}


@pytest.mark.parametrize("there", [True, False], ids=["to a file", "to nothing yet"])
@pytest.mark.parametrize("command", WRITERS.values(), ids=WRITERS)
def test_a_lock_is_neither_read_nor_written_through_a_link_out_of_the_repository(
    sandbox: Sandbox, command: tuple[str, ...], there: bool
) -> None:
    assert sandbox.run("lock", "--lock-file", "part.yaml").status == 0
    outside = sandbox.root.parent / "outside" / "lock.yaml"
    if there:
        outside.write_text(sandbox.text("part.yaml"))
        before = outside.read_bytes()
    (sandbox.root / "part.yaml").rename(sandbox.root / "part.txt")
    command = tuple(word.replace("part.yaml", "part.txt") for word in command)
    (sandbox.root / LOCK).symlink_to(outside)
    ran = sandbox.run(*command)
    assert (ran.status, "leads out of" in ran.err) == (1, True), str(ran)
    assert (outside.read_bytes() == before) if there else not outside.exists()


@pytest.mark.parametrize("command", [("update", "--from", "lock"), ("lock", "--check"), ("explain", "web")], ids=str)
@pytest.mark.parametrize("target", ENDLESS)
def test_a_lock_that_is_a_link_to_an_endless_file_is_refused(
    sandbox: Sandbox, target: str, command: tuple[str, ...]
) -> None:
    (sandbox.root / LOCK).symlink_to(target)
    ran = sandbox.run(*command)
    assert (ran.status, "leads out of" in ran.err) == (1, True), str(ran)


def test_a_lock_that_is_a_link_inside_of_the_repository_is_read_and_written_through_it(sandbox: Sandbox) -> None:
    (sandbox.root / "locks").mkdir()
    (sandbox.root / LOCK).symlink_to("locks/web.yaml")
    assert sandbox.run("lock").status == 0
    assert (sandbox.root / LOCK).is_symlink()
    assert "tag: 1.5.0" in sandbox.text("locks/web.yaml")
    (sandbox.root / "locks" / ".krmignore").write_text("*\n")
    assert sandbox.run("update", "--from", "lock", "app.yaml").status == 0
    assert ":1.5.0" in sandbox.text("app.yaml")


def test_patterns_are_not_read_through_a_link_to_an_endless_file(sandbox: Sandbox) -> None:
    (sandbox.root / ".krmignore").symlink_to("/proc/self/pagemap")
    for command in (("update",), ("lint",), ("lock",), ("mark",), ("test", "."), ("explain", "web"), HOLD):
        ran = sandbox.run(*command)
        assert (ran.status, "leads out of" in ran.err) == (1, True), str(ran)


def test_patterns_are_read_through_a_link_that_stays_in_the_repository(sandbox: Sandbox) -> None:
    sandbox.write("common/ignored", "app.yaml\n")
    sandbox.write("apps/app.yaml", APP)
    sandbox.write("apps/other.yaml", APP)
    (sandbox.root / "apps" / ".krmignore").symlink_to("../common/ignored")
    assert sandbox.run("update", "apps").status == 0
    assert (":1.4.0" in sandbox.text("apps/app.yaml"), ":1.5.0" in sandbox.text("apps/other.yaml")) == (True, True)


@pytest.mark.parametrize("name", ["link.yaml", "linked", "linked/app.yaml", "linked/../outside/app.yaml"])
@pytest.mark.parametrize("command", ["update", "lint", "mark", "lock", "test"])
def test_a_path_that_leads_out_of_its_repository_by_a_link_is_refused(
    sandbox: Sandbox, command: str, name: str
) -> None:
    outside = sandbox.root.parent / "outside" / "app.yaml"
    outside.write_text(APP)
    (sandbox.root / "link.yaml").symlink_to(outside)
    (sandbox.root / "linked").symlink_to(outside.parent)
    ran = sandbox.run(command, name)
    assert (ran.status, "leads out of" in ran.err) == (1, True), str(ran)
    assert outside.read_text() == APP


def test_policies_are_not_read_through_a_link_out_of_the_repository(sandbox: Sandbox) -> None:
    (sandbox.root.parent / "outside" / "p.yaml").write_text(POLICIES)
    (sandbox.root / "p").symlink_to(sandbox.root.parent / "outside")
    for given in ("p", "p/p.yaml"):
        ran = sandbox.run("update", "--policies", given)
        assert (ran.status, "leads out of" in ran.err) == (1, True), str(ran)


def test_outside_of_a_repository_a_link_that_the_operator_names_is_followed(sandbox: Sandbox) -> None:
    (sandbox.root / ".git").rmdir()
    outside = sandbox.root.parent / "outside" / "app.yaml"
    outside.write_text(APP)
    (sandbox.root / "link.yaml").symlink_to(outside)
    assert sandbox.run("update", "link.yaml").status == 0
    assert ":1.5.0" in outside.read_text()


@pytest.mark.parametrize(
    "name", ["../../outside/tags.txt", "{outside}/tags.txt", "link.txt", "/proc/self/environ", "/dev/zero"]
)
def test_a_list_of_tags_that_a_test_names_is_inside_of_the_repository(sandbox: Sandbox, name: str) -> None:
    outside = sandbox.root.parent / "outside"
    (outside / "tags.txt").write_text("1.0.0\n")
    (sandbox.root / "tests").mkdir()
    (sandbox.root / "tests" / "link.txt").symlink_to(outside / "tags.txt")
    file = name.format(outside=outside)
    case = f"spec: {{policy: {{semver: {{range: 1.x}}}}, tagsFile: {file}, cases: [{{pick: 1.0.0}}]}}"
    head = "apiVersion: imagesetter.dev/v1alpha1\nkind: PolicyTest\nmetadata: {name: web}\n"
    sandbox.write("tests/web.policy-test.yaml", f"{head}{case}\n")
    _, (broken,) = find_tests(["tests"])
    assert "leads out of" in broken.error.what


def test_a_report_is_written_through_a_link_that_the_operator_named(sandbox: Sandbox) -> None:
    """The operator chose the file's name; unlike a lock's, no stranger can."""
    report = sandbox.root.parent / "outside" / "report.md"
    report.write_text("")
    (sandbox.root / "report.md").symlink_to(report)
    assert sandbox.run("update", "--output", "markdown=report.md").status == 0
    assert "1.5.0" in report.read_text()


def test_links_in_a_circle_end_in_a_sentence(sandbox: Sandbox) -> None:
    for name in (LOCK, "report.md", "policies", "app"):
        (sandbox.root / name).symlink_to(f"{name}.circle")
        (sandbox.root / f"{name}.circle").symlink_to(name)
    for command in (("update", "app"), ("update", "--policies", "policies"), ("lock",), HOLD, ("lint", "app")):
        ran = sandbox.run(*command)
        assert (ran.status in (1, 2), "Traceback" in ran.err) == (True, False), str(ran)
    (sandbox.root / LOCK).unlink()
    assert sandbox.run("update", "--output", "markdown=report.md").status == 0


def test_a_source_that_is_an_endless_file_is_not_read(sandbox: Sandbox) -> None:
    sandbox.write("kustomization.yaml", "resources: [endless.yaml, app.yaml]\n")
    (sandbox.root / "endless.yaml").symlink_to("/proc/self/pagemap")
    found = scan_sources(sandbox.root)
    assert [mark.marker.policy.name for mark in found.marks] == ["web"]


# --- the functions that open files -----------------------------------------------------------------------------------


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _link(path: Path) -> None:
    (path.parent / "real").write_bytes(b"a")
    path.symlink_to("real")


NO_FILES = {"a directory": Path.mkdir, "a pipe": _pipe, "a link": _link}


@pytest.mark.parametrize("make", NO_FILES.values(), ids=NO_FILES)
def test_what_a_walk_met_is_read_as_a_regular_file_only(tmp_path: Path, make: object) -> None:
    make(tmp_path / "a.yaml")  # type: ignore[operator]
    with pytest.raises(InputError, match="not a regular file") as refused:
        read(tmp_path / "a.yaml")
    assert refused.value.where == str(tmp_path / "a.yaml")


@pytest.mark.parametrize("make", [Path.mkdir, _pipe], ids=["a directory", "a pipe"])
def test_what_is_looked_for_by_name_is_a_regular_file(tmp_path: Path, make: object) -> None:
    make(tmp_path / LOCK)  # type: ignore[operator]
    with pytest.raises(InputError, match="is not a regular file"):
        read_inside(tmp_path / LOCK, tmp_path)


@pytest.mark.parametrize("reads", [read, read_named, lambda path, **options: read_inside(path, "/", **options)])
def test_no_file_is_read_beyond_its_limit(tmp_path: Path, reads: object) -> None:
    (tmp_path / "a.yaml").write_bytes(b"x" * 1000)
    assert reads(tmp_path / "a.yaml", limit=1000) == b"x" * 1000  # type: ignore[operator]
    with pytest.raises(InputError, match="is larger than 999 bytes"):
        reads(tmp_path / "a.yaml", limit=999)  # type: ignore[operator]


def test_a_device_that_the_operator_names_is_read_up_to_the_limit() -> None:
    with pytest.raises(InputError, match="is larger than 1 MiB"):
        read_named("/dev/zero", limit=1 << 20)
    assert read_named("/dev/null") == b""


def test_a_pipe_that_the_operator_names_is_read_to_its_end() -> None:
    ours, theirs = os.pipe()
    os.write(theirs, b"1.0.0")
    os.close(theirs)
    try:
        assert read_named(f"/dev/fd/{ours}") == b"1.0.0"
        assert read(f"/dev/fd/{ours}", given=[f"/dev/fd/{ours}"]) == b""
    finally:
        os.close(ours)


def test_a_name_that_no_file_can_have_is_an_error(tmp_path: Path) -> None:
    for reads in (read, read_named, lambda path: read_inside(path, tmp_path)):
        with pytest.raises(InputError, match="cannot be read"):
            reads("a\0b")
