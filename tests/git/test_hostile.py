"""Resources and remotes that mean harm: every one ends in a clear error, in bounded time, and nothing leaks."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from git.conftest import AUTOMATION, GIT_REPOSITORY, Bench, image, leftovers
from git.test_run import error, with_push, with_ref
from imagesetter.git.bounded_process import OutputTooLarge, read_output, terminate
from imagesetter.git.command import CompletedCommand, Git
from imagesetter.git.run import AutomationOptions
from krm_functions.errors import ResourceError
from support.waiting import wait_until


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("../..", "leaves the repository"),
        ("deploy/../../x", "leaves the repository"),
        ("out", "leaves the repository through a link"),
        ("out/secret.yaml", "leaves the repository through a link"),
        (".git", "is inside .git"),
        ("in", "is inside .git"),
        ("deploy/.GIT/hooks", "is inside .git"),
        ("nowhere", "is not in the repository"),
    ],
)
def test_update_path_stays_in_the_repository(bench: Bench, tmp_path: Path, path: str, reason: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.yaml").write_text(image("web"))
    bench.remote.commit_in_clone({"x": "x"})
    (bench.remote.scratch / "out").symlink_to(outside)
    (bench.remote.scratch / "in").symlink_to(".git/info")
    bench.remote.commit_in_clone({})
    text = AUTOMATION.replace("./deploy", path)
    assert reason in error(bench.run(text))
    assert (outside / "secret.yaml").read_text() == image("web")


def test_a_link_below_update_path_is_not_written_through(bench: Bench, tmp_path: Path) -> None:
    outside = tmp_path / "outside.yaml"
    outside.write_text(image("web"))
    bench.remote.commit_in_clone({"deploy/x": "x"})
    (bench.remote.scratch / "deploy/link.yaml").symlink_to(outside)
    bench.remote.commit_in_clone({})
    assert bench.run().status == "pushed"
    assert outside.read_text() == image("web")
    assert bench.remote.git("diff", "--name-only", "main~", "main") == "deploy/web.yaml"


@pytest.mark.parametrize("path", ["/deploy", "deploy/web.yaml", "deploy/../deploy", "."])
def test_other_ways_to_write_a_path_work_as_in_flux(bench: Bench, path: str) -> None:
    assert bench.run(AUTOMATION.replace("./deploy", path)).status == "pushed"


@pytest.mark.parametrize("name", ["--upload-pack=x", "-f", "a..b", "x y", "refs/heads/../x", "a\\nb", "x.lock"])
def test_a_branch_that_is_an_option_or_no_name_is_refused(bench: Bench, name: str) -> None:
    for text in (
        AUTOMATION.replace("branch: main", f'branch: "{name}"'),
        with_push(f'{{branch: "{name}"}}'),
        with_ref(f'{{tag: "{name}"}}'),
        with_ref(f'{{name: "{name}"}}'),
    ):
        assert "is not a valid name of a" in error(bench.run(text))
    assert bench.remote.branches() == ["main"]


def test_a_commit_that_is_an_option_is_refused(bench: Bench) -> None:
    assert "is not a full commit hash" in error(bench.run(with_ref('{commit: "--upload-pack=x"}')))


@pytest.mark.parametrize("url", ["ext::sh -c 'touch /tmp/x'", "--upload-pack=x", "/etc", "fd::7", "git@github.com:a/b"])
def test_a_url_that_is_no_git_repositorys_is_refused(bench: Bench, url: str) -> None:
    from krm_functions.errors import ResourceError

    with pytest.raises(ResourceError, match="is not a valid URL of a GitRepository"):
        bench.run(url=url)


@pytest.mark.parametrize(
    "template",
    [
        "{{ range .Changed.Changes }}" * 20 + "x" + "{{ end }}" * 20 + '{{ printf "%999999999d" 1 }}',
        '{{ printf "%*d" 999999999 1 }}',
        '{{ define "x" }}{{ template "x" . }}{{ end }}{{ template "x" . }}',
        "{{ range until 100000 }}{{ range until 100000 }}x{{ end }}{{ end }}",
        '{{ repeat 1000000000 "x" }}',
    ],
    ids=["printf width", "printf star", "endless templates", "nested ranges", "repeat"],
)
def test_a_template_bomb_ends_in_an_error_and_no_commit(bench: Bench, template: str) -> None:
    text = AUTOMATION.replace("    commit:\n", f"    commit:\n      messageTemplate: '{template}'\n")
    run = bench.run(text)
    if run.status == "pushed":  # Go prints %!(BADWIDTH) for a width that it finds too large
        assert len(run.commits[0].message) < 2**20
    else:
        assert "template" in error(run)
        assert bench.remote.subjects() == ["begin"]


def test_a_template_that_fails_says_where(bench: Bench) -> None:
    text = AUTOMATION.replace("    commit:\n", "    commit:\n      messageTemplate: 'x {{ .Nope }}'\n")
    message = error(bench.run(text))
    assert "spec.git.commit.messageTemplate:1:" in message
    assert bench.remote.subjects() == ["begin"]


def test_a_remote_that_hangs_is_given_up_in_time(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []

        def hold() -> None:
            while True:
                try:
                    held.append(server.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=hold, daemon=True)
        thread.start()
        url = f"http://user:s3cret@127.0.0.1:{server.getsockname()[1]}/repo.git"
        message = error(bench.run(url=url, options=AutomationOptions(timeout=1)))
        server.shutdown(socket.SHUT_RDWR)  # ends the wait for one more
        thread.join()
        for connection in held:
            connection.close()
    assert "was stopped after 1 s" in message
    assert "s3cret" not in message
    assert leftovers(bench) == []


def test_what_a_hook_leaves_in_the_background_is_neither_waited_for_nor_ended(bench: Bench, tmp_path: Path) -> None:
    top = bench.checkout()
    (top / ".git/hooks").mkdir(exist_ok=True)
    # It holds git's output open until this test says so.
    wait = f'for _ in $(seq 3000); do [ -e "{tmp_path}/go" ] && break; sleep 0.1; done; echo > "{tmp_path}/done"'
    (top / ".git/hooks/pre-push").write_text(f"#!/bin/sh\n({wait}) &\n")
    (top / ".git/hooks/pre-push").chmod(0o755)
    assert bench.run(clone=False, options=AutomationOptions(timeout=60)).status == "pushed"
    (tmp_path / "go").touch()
    assert wait_until((tmp_path / "done").exists)


def started(script: str) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    return subprocess.Popen(["sh", "-c", script], stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)


def test_of_endless_complaints_only_the_last_are_kept() -> None:
    process = started("cat; head -c 9000000 /dev/zero >&2; echo the end >&2")
    out, err = read_output(process, b"x" * 9_000_000, 60)
    assert (len(out), len(err)) == (9_000_000, 2**16)
    assert err.endswith(b"the end\n")


def test_an_endless_answer_is_too_much() -> None:
    process = started("cat /dev/zero")
    with pytest.raises(OutputTooLarge):
        read_output(process, b"", 60)
    terminate(process)
    assert process.returncode


def test_a_program_that_will_not_end_is_ended() -> None:
    process = started("trap '' TERM; echo; while :; do sleep 1; done")
    assert process.stdout
    assert process.stdout.read(1) == b"\n"  # it has closed its ears
    with pytest.raises(subprocess.TimeoutExpired):
        read_output(process, b"", 0)
    terminate(process)
    assert process.returncode == -signal.SIGKILL


def test_a_refused_connection_tells_no_password(bench: Bench) -> None:
    message = error(bench.run(url="http://user:s3cret@127.0.0.1:9/repo.git"))
    assert "git ls-remote failed" in message
    assert "s3cret" not in message


@pytest.mark.parametrize(
    "author",
    ['{name: "x\\ny <a@b>", email: a@b}', '{email: ""}', "{name: '<>', email: '<>'}"],
    ids=["a line break", "no address", "only brackets"],
)
def test_an_odd_author_is_gits_business_and_never_a_second_header(bench: Bench, author: str) -> None:
    text = AUTOMATION.replace("{name: fluxbot, email: fluxbot@example.com}", author)
    if bench.run(text).status == "pushed":
        header = bench.remote.git("cat-file", "commit", "main").partition("\n\n")[0]
        assert [line.split()[0] for line in header.splitlines()] == ["tree", "parent", "author", "committer"]


@pytest.mark.parametrize(
    ("said", "advised"),
    [
        ("git@github.com: Permission denied (publickey).", True),
        ("Permission denied, please try again.", True),
        ("fatal: could not create directory of '.git/worktrees/tree': Permission denied", False),
        ("error: cannot open '.git/FETCH_HEAD': Permission denied", False),
    ],
)
def test_a_directory_that_may_not_be_written_needs_no_credentials(tmp_path: Path, said: str, advised: bool) -> None:
    error = Git(tmp_path, 10).error("fetch", CompletedCommand(128, b"", said))
    assert ("credential helper" in error.hint) is advised


FIELDS = {
    "the author's name": AUTOMATION.replace("name: fluxbot", 'name: "a{}b"'),
    "the author's address": AUTOMATION.replace("fluxbot@example.com", '"a{}b@example.com"'),
    "the branch to check out": AUTOMATION.replace("branch: main", 'branch: "a{}b"'),
    "the branch to push to": with_push('{branch: "a{}b"}'),
    "the refspec": with_push('{refspec: "main:a{}b"}'),
    "a push option": with_push('{options: {a: "a{}b"}}'),
    "the path": AUTOMATION.replace("./deploy", '"deploy/a{}b"'),
    "a tag": with_ref('{tag: "a{}b"}'),
    "the message": AUTOMATION.replace("commit:\n", 'commit:\n      messageTemplate: "a{}b"\n'),
    "a value of the message": AUTOMATION.replace("commit:\n", 'commit:\n      messageTemplateValues: {a: "a{}b"}\n'),
}


def refusal(bench: Bench, text: str) -> str:
    """Why a resource is refused, before its run or in it."""
    try:
        return error(bench.run(text))
    except ResourceError as refused:
        return str(refused)


@pytest.mark.parametrize("text", FIELDS.values(), ids=FIELDS)
def test_a_nul_is_refused_in_every_field(bench: Bench, text: str) -> None:
    assert text.count("a{}b") == 1
    assert "contains the character U+0000" in refusal(bench, text.replace("a{}b", "a\\0b"))
    assert bench.remote.branches() == ["main"]


@pytest.mark.parametrize("escape", ["\\x01", "\\e", "\\x7f", "\\u2028", "\\n"])
@pytest.mark.parametrize("text", FIELDS.values(), ids=FIELDS)
def test_another_control_character_ends_in_a_commit_or_an_error(bench: Bench, text: str, escape: str) -> None:
    ran = bench.run(text.replace("a{}b", f"a{escape}b"))
    assert ran.status == "pushed" or error(ran)


@pytest.mark.parametrize("field", ["the author's name", "the branch to push to", "the path"])
def test_a_text_that_is_longer_than_the_system_takes_is_refused(bench: Bench, field: str) -> None:
    assert refusal(bench, FIELDS[field].replace("a{}b", "x" * 300_000))
    assert bench.remote.branches() == ["main"]


@pytest.mark.parametrize("escape", ["\\0", "\\e", "\\x7f"])
def test_a_url_with_a_control_character_is_refused(bench: Bench, escape: str) -> None:
    text = AUTOMATION + GIT_REPOSITORY.replace("URL", f"https://example.com/a{escape}b")
    with pytest.raises(ResourceError, match=r"spec\.url"):
        bench.run(text, clone=False)


def test_a_message_names_a_file_whose_name_is_not_utf_8(bench: Bench) -> None:
    name = os.fsdecode(b"deploy/caf\xe9.yaml")
    bench.remote.commit({name: image("web")})
    template = "'{{ range $file, $_ := .Changed.FileChanges }}{{ $file }};{{ end }}'"
    assert (
        bench.run(AUTOMATION.replace("commit:\n", f"commit:\n      messageTemplate: {template}\n")).status == "pushed"
    )
