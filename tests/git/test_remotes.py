"""Real servers, smart HTTP with a login and TLS, and SSH with a deploy key: git's own ways in, and no secret shows."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from git.conftest import AUTOMATION, GIT_REPOSITORY, Bench, image, leftovers, policy
from git.test_run import error, with_push
from imagesetter.cli.main import main
from imagesetter.git.run import AutomationOptions
from imagesetter.git.run_result import AutomationRunResult
from support.certificates import make_authority
from support.git_servers import Fault, GitHttp, GitSsh, make_key, make_sshd, run_git_http
from tools import require_tool

PASSWORD = "plAnted-pAssword"
LOGIN = f"bot:{PASSWORD}"


@pytest.fixture
def server(bench: Bench) -> Iterator[GitHttp]:
    """An HTTP server of the bench's remote, with a login."""
    with run_git_http(bench.remote.path.parent, users={"bot": PASSWORD}) as running:
        yield running


def configure(monkeypatch: pytest.MonkeyPatch, **settings: str) -> None:
    """Settings of git, as CI jobs give them."""
    monkeypatch.setenv("GIT_CONFIG_COUNT", str(len(settings)))
    for number, (name, value) in enumerate(settings.items()):
        monkeypatch.setenv(f"GIT_CONFIG_KEY_{number}", name.replace("__", "."))
        monkeypatch.setenv(f"GIT_CONFIG_VALUE_{number}", value)


def one_commit(bench: Bench, run: AutomationRunResult) -> None:
    assert run.status == "pushed", repr(run)
    assert bench.remote.subjects() == ["Update from image update automation", "begin"]
    assert bench.remote.file("deploy/web.yaml") == image("web", "1.0.1")
    assert PASSWORD not in repr(run)


# --- HTTP: credentials


def test_a_credential_helper_gives_the_login(
    bench: Bench, server: GitHttp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "store").write_text(f"{server.url('', LOGIN)}\n")
    configure(monkeypatch, credential__helper=f"store --file={tmp_path / 'store'}")
    one_commit(bench, bench.run(url=server.url("remote.git")))
    assert ("bot", "/remote.git/git-receive-pack") in server.asked


def test_a_header_that_is_set_for_this_checkout_only_is_sent(bench: Bench, server: GitHttp, tmp_path: Path) -> None:
    top = bench.checkout()
    token = base64.b64encode(LOGIN.encode()).decode()
    # As actions/checkout leaves it: this very Git directory is named, and a linked working tree's is another.
    (tmp_path / "credentials").write_text(f"[http]\n\textraHeader = Authorization: Basic {token}\n")
    bench.remote.git("remote", "set-url", "origin", server.url("remote.git"), cwd=top)
    bench.remote.git("config", f"includeIf.gitdir:{top / '.git'}.path", str(tmp_path / "credentials"), cwd=top)
    run = bench.run(clone=False)
    one_commit(bench, run)
    assert token not in repr(run)


@pytest.fixture
def listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file to which every git that is started writes its arguments."""
    scripts = tmp_path / "bin"
    scripts.mkdir()
    log = tmp_path / "arguments"
    (scripts / "git").write_text(f'#!/bin/sh\nprintf "%s " "$@" >> "{log}"\nexec "{require_tool("git")}" "$@"\n')
    (scripts / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(scripts), prepend=":")
    return log


@pytest.mark.parametrize(
    ("login", "name"),
    [
        (LOGIN, "remote.git"),
        (LOGIN, "nowhere.git"),
        (f"bot:wrong-{PASSWORD}", "remote.git"),
        (f"bot:a@{PASSWORD}", "remote.git"),
        (f"bot:a/'{PASSWORD}", "remote.git"),
    ],
    ids=["right", "right, but nothing is there", "wrong", "with an @", "with a / and a quote"],
)
def test_a_password_in_a_url_is_used_and_never_shown(
    bench: Bench, server: GitHttp, listed: Path, monkeypatch: pytest.MonkeyPatch, login: str, name: str
) -> None:
    monkeypatch.setenv("GIT_TRACE", "1")
    monkeypatch.setenv("GIT_TRACE_CURL", "1")
    monkeypatch.setenv("GIT_TRACE_REDACT", "0")
    run = bench.run(url=server.url(name, login))
    assert (run.status == "pushed") is ((login, name) == (LOGIN, "remote.git"))
    assert PASSWORD not in repr(run)
    # Where a password is not encoded, two readers may see two hosts: such a URL is not given to git at all.
    given = listed.read_text() if listed.exists() else ""
    assert ("ls-remote" in given) is not ("@" in login or "/" in login)
    assert PASSWORD not in given


def test_a_url_that_is_refused_does_not_show_its_password(
    bench: Bench, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source = GIT_REPOSITORY.replace("URL", f"git+https://{LOGIN}@127.0.0.1/x.git")
    (tmp_path / "flux.yaml").write_text(AUTOMATION + policy("web") + source)
    monkeypatch.chdir(tmp_path)
    assert main(["automate", "--from", "status", "flux.yaml"]) == 1
    said = "".join(capsys.readouterr())
    assert "is not a valid URL of a GitRepository" in said
    assert PASSWORD not in said


@pytest.mark.parametrize("output", ["text", "json"])
@pytest.mark.parametrize("login", ["", f"bot:wrong-{PASSWORD}"], ids=["no login", "a wrong one"])
def test_without_the_right_login_the_command_ends_in_1_and_says_what_to_do(
    bench: Bench,
    server: GitHttp,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    login: str,
    output: str,
) -> None:
    source = GIT_REPOSITORY.replace("URL", server.url("remote.git", login))
    (tmp_path / "flux.yaml").write_text(AUTOMATION + policy("web") + source)
    monkeypatch.chdir(tmp_path)
    assert main(["automate", "--from", "status", "--output", output, "flux.yaml"]) == 1
    captured = capsys.readouterr()
    (message,) = [line for line in captured.err.splitlines() if line.startswith("error")]
    assert "git ls-remote failed" in message
    assert f"127.0.0.1:{server.port}/remote.git" in message
    assert "a credential helper, an SSH key" in message
    assert PASSWORD not in captured.out + captured.err
    if output == "json":
        assert json.loads(captured.out)["automations"][0]["status"] == "failed"


def test_the_certificate_of_an_authority_of_ones_own_is_given_as_to_git(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority = make_authority(tmp_path / "tls")
    monkeypatch.delenv("GIT_SSL_CAINFO", raising=False)
    monkeypatch.chdir(tmp_path)
    with run_git_http(tmp_path, users={"bot": PASSWORD}, tls=authority) as secure:
        message = error(bench.run(url=secure.url("remote.git", LOGIN)))
        assert "certificate" in message
        assert "GIT_SSL_CAINFO" in message
        # A relative path is one from where the user is.
        monkeypatch.setenv("GIT_SSL_CAINFO", str(authority.certificate.relative_to(tmp_path)))
        one_commit(bench, bench.run(url=secure.url("remote.git", LOGIN)))


# --- HTTP: pushes that fail


def kept(bench: Bench) -> str:
    folder = bench.remote.path.parent / "cache/imagesetter/unpushed/apps-auto"
    return bench.remote.git("show", "imagesetter/apps-auto:deploy/web.yaml", cwd=folder) + "\n"


@pytest.mark.parametrize(
    ("fault", "words"),
    [("cut before", "git push failed: RPC failed"), ("refuse", "The requested URL returned error: 403")],
    ids=["the connection breaks", "the token may only read"],
)
def test_work_that_did_not_arrive_is_kept_and_the_next_run_pushes_it_once(
    bench: Bench, server: GitHttp, fault: Fault, words: str
) -> None:
    url = server.url("remote.git", LOGIN)
    server.fault = fault
    message = error(bench.run(url=url))
    assert words in message
    assert f"***@127.0.0.1:{server.port}/remote.git" in message
    assert PASSWORD not in message
    assert ("a credential helper" in message) is (fault == "refuse")
    assert kept(bench) == image("web", "1.0.1")
    assert bench.remote.subjects() == ["begin"]
    server.fault = ""
    one_commit(bench, bench.run(url=url))


def test_a_push_whose_answer_was_lost_is_known_to_have_arrived(bench: Bench, server: GitHttp) -> None:
    server.fault = "cut after"
    run = bench.run(url=server.url("remote.git", LOGIN))
    one_commit(bench, run)
    assert run.commits[0].hash == bench.remote.git("rev-parse", "main")


def test_a_server_that_hangs_in_a_push_is_given_up_in_time(bench: Bench, server: GitHttp) -> None:
    server.fault = "hang"
    message = error(bench.run(url=server.url("remote.git", LOGIN), options=AutomationOptions(timeout=1)))
    assert "was stopped after 1 s" in message
    assert PASSWORD not in message
    assert bench.remote.subjects() == ["begin"]
    assert leftovers(bench) == []


def test_a_protected_branch_is_told_in_the_servers_words(bench: Bench, server: GitHttp) -> None:
    bench.remote.hook("pre-receive", 'echo "GH006: main is protected, open a pull request" >&2\nexit 1\n')
    message = error(bench.run(url=server.url("remote.git", LOGIN)))
    assert "pre-receive hook declined" in message
    assert "GH006: main is protected, open a pull request" in message
    assert kept(bench) == image("web", "1.0.1")


def test_a_second_writer_is_built_upon(bench: Bench, server: GitHttp) -> None:
    others = iter([True])

    def before() -> None:
        if next(others, False):
            bench.remote.commit({"other.txt": "x"}, message="somebody else")

    assert bench.run(url=server.url("remote.git", LOGIN), before=before).status == "pushed"
    assert bench.remote.subjects() == ["Update from image update automation", "somebody else", "begin"]


def test_a_new_branch_a_refspec_and_push_options_from_a_shallow_clone(
    bench: Bench, server: GitHttp, tmp_path: Path
) -> None:
    bench.remote.commit({"README": "x"}, message="history")
    bench.remote.git("config", "receive.advertisePushOptions", "true")
    bench.remote.hook("pre-receive", f'echo "$GIT_PUSH_OPTION_0" >> "{tmp_path}/options"\n')
    push = '{branch: auto, refspec: "refs/heads/auto:refs/for/auto", options: {ci.skip: ""}}'
    assert bench.run(with_push(push), url=server.url("remote.git", LOGIN)).status == "pushed"
    assert bench.remote.subjects("auto") == ["Update from image update automation", "history", "begin"]
    assert bench.remote.git("rev-parse", "refs/for/auto") == bench.remote.git("rev-parse", "auto")
    assert (tmp_path / "options").read_text() == "ci.skip\nci.skip\n"


# --- SSH


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> GitSsh:
    return make_sshd(tmp_path_factory.mktemp("sshd"))


def test_a_deploy_key_pushes_by_a_path_from_where_the_user_is(
    bench: Bench, sshd: GitSsh, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shutil.copy(sshd.identity, tmp_path / "deploy_key")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_SSH_COMMAND", sshd.command(identity=Path("deploy_key")))
    one_commit(bench, bench.run(url=sshd.url(bench.remote.path)))


def test_the_ssh_command_of_a_checkout_is_used(bench: Bench, sshd: GitSsh) -> None:
    top = bench.checkout()
    bench.remote.git("remote", "set-url", "origin", sshd.url(bench.remote.path), cwd=top)
    bench.remote.git("config", "core.sshCommand", sshd.command(), cwd=top)
    one_commit(bench, bench.run(clone=False))


@pytest.mark.parametrize("known", ["", "another key"], ids=["unknown", "changed"])
def test_a_host_key_that_is_not_known_is_an_error_that_says_where_to_put_it(
    bench: Bench, sshd: GitSsh, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, known: str
) -> None:
    hosts = tmp_path / "known_hosts"
    kind, key, _ = make_key(tmp_path / "other").with_suffix(".pub").read_text().split()
    hosts.write_text(f"[{sshd.host}]:{sshd.port} {kind} {key}\n" if known else "")
    monkeypatch.setenv("GIT_SSH_COMMAND", sshd.command(known_hosts=hosts))
    message = error(bench.run(url=sshd.url(bench.remote.path)))
    assert "git ls-remote failed" in message
    assert "Host key verification failed" in message
    assert f"{sshd.host}:{sshd.port}{bench.remote.path}" in message
    assert "is not in known_hosts" in message
    assert (f"{hosts}:1" in message) is bool(known)
    assert "correct access rights" not in message


def test_a_key_that_the_server_does_not_take_is_an_error_that_says_what_git_needs(
    bench: Bench, sshd: GitSsh, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GIT_SSH_COMMAND", sshd.command(identity=make_key(tmp_path / "other")))
    message = error(bench.run(url=sshd.url(bench.remote.path)))
    assert "Permission denied (publickey)" in message
    assert "an SSH key" in message


@pytest.mark.parametrize(
    ("variable", "value", "batch"),
    [
        ("NOTHING", "", True),
        ("SSH_ASKPASS", "/bin/false", False),
        ("GIT_SSH_COMMAND", "ssh -o Compression=yes", False),
        ("GIT_CONFIG_PARAMETERS", "'core.sshCommand'='ssh -4'", False),
    ],
    ids=["nothing said", "a program that asks", "a command of ones own", "a setting"],
)
def test_ssh_asks_nothing_unless_the_user_has_arranged_for_that(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, value: str, *, batch: bool
) -> None:
    for name in ("SSH_ASKPASS", "DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    scripts = tmp_path / "bin"
    scripts.mkdir()
    (scripts / "ssh").write_text(f'#!/bin/sh\necho "$@" >> "{tmp_path}/asked"\nexit 255\n')
    (scripts / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", str(scripts), prepend=":")
    monkeypatch.setenv(variable, value)
    assert bench.run(url="ssh://git@127.0.0.1:9/x.git").status == "failed"
    assert ("-o BatchMode=yes" in (tmp_path / "asked").read_text()) is batch
