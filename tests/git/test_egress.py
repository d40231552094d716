"""Where a GitRepository of the input may lead: what the operator allows, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from git.conftest import Bench, leftovers
from git.test_run import error
from imagesetter.cli.main import main
from imagesetter.errors import EgressRefused
from imagesetter.git.address_rules import GitAddressRules
from imagesetter.git.run import AutomationOptions
from krm_functions.errors import UsageError
from registry.conftest import Names, names  # noqa: F401 - a fixture
from support.fakes import Reply, run_fake
from support.git_servers import run_git_http
from support.silent import run_silent

NOBODY = GitAddressRules.parse()
ANYWHERE = GitAddressRules.parse(("*", "*.example.com:*"), loopback=True)
ELSEWHERE = ("http.followRedirects=false", "transfer.bundleURI=false", "fetch.uriProtocols=")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        pytest.param("http://127.0.0.1:PORT/x.git", "is on this machine", id="loopback"),
        pytest.param("http://localhost:PORT/x.git", "is on this machine", id="localhost"),
        pytest.param("http://LOCALHOST.:PORT/x.git", "is on this machine", id="localhost-with-a-dot"),
        pytest.param("http://a.localhost:PORT/x.git", "is on this machine", id="below-localhost"),
        pytest.param("ssh://git@127.0.0.1:PORT/x.git", "is on this machine", id="ssh-to-loopback"),
        pytest.param("http://user:s3cret@127.0.0.1:PORT/x.git", "is on this machine", id="with-a-login"),
        pytest.param("http://[::1]:PORT/x.git", "is on this machine", id="ipv6-loopback"),
        pytest.param("http://[::ffff:127.0.0.1]:PORT/x.git", "is on this machine", id="mapped-loopback"),
        pytest.param("http://2130706433:PORT/x.git", "in an unusual form", id="a-number"),
        pytest.param("http://0x7f000001:PORT/x.git", "in an unusual form", id="hexadecimal"),
        pytest.param("http://0X7F.1:PORT/x.git", "in an unusual form", id="hexadecimal-upper-case"),
        pytest.param("http://0177.0.0.1:PORT/x.git", "in an unusual form", id="octal"),
        pytest.param("ssh://git@127.1:PORT/x.git", "in an unusual form", id="short"),
        pytest.param("https://10.0.0.1/x.git", "private address", id="private"),
        pytest.param("ssh://git@[fd12::1]/x.git", "private address", id="private-ipv6"),
        pytest.param("https://[64:ff9b::a00:1]/x.git", "private address", id="private-by-nat64"),
        pytest.param("https://[64:ff9b:1::a00:1]/x.git", "private address", id="private-by-a-nat64-of-their-own"),
        pytest.param("https://[2002:a00:1::]/x.git", "private address", id="private-by-6to4"),
        pytest.param("http://169.254.169.254/latest", "never contacted", id="metadata"),
        pytest.param("https://[64:ff9b::a9fe:a9fe]/x.git", "never contacted", id="metadata-by-nat64"),
        pytest.param("https://[::169.254.169.254]/x.git", "never contacted", id="metadata-ipv4-compatible"),
        pytest.param("https://metadata.google.internal./x.git", "metadata service", id="metadata-by-name"),
        pytest.param("http://[fe80::1%25lo]:PORT/x.git", "not a valid URL", id="zone"),
        pytest.param("ssh://a%40127.0.0.1%2f@github.com/x.git", "not a valid URL", id="host-in-an-encoded-user"),
        pytest.param("ssh://127.0.0.1%3aPORT/x.git", "not a valid URL", id="encoded-port"),
        pytest.param("https://github.com\\\\@127.0.0.1:PORT/x.git", "not a valid URL", id="backslash"),
        pytest.param("https://a@b@127.0.0.1:PORT/x.git", "not a valid URL", id="two-logins"),
        pytest.param("ssh://-oProxyCommand=x/x.git", "not the name of a host", id="an-option"),
        pytest.param("http://github.com/org/x.git", "plain HTTP", id="plain-http"),
    ],
)
def test_a_git_repository_of_the_input_does_not_lead_to_this_machine_or_behind_it(
    bench: Bench, url: str, reason: str
) -> None:
    with run_silent() as server:
        port = server.host.partition(":")[2]
        egress = replace(NOBODY, directories=(Path("/nowhere"),))
        message = error(bench.run(url=url.replace("PORT", port), options=AutomationOptions(address_rules=egress)))
        assert server.connections == []
    assert reason in message
    assert "(spec.url of GitRepository apps:fleet)" in message
    assert "s3cret" not in message
    assert leftovers(bench) == []


@pytest.mark.parametrize("url", ["file://URL", "file:///allowed/../PATH", "file:///%70ATH", "file://localhostPATH"])
def test_a_directory_is_used_only_where_the_operator_named_one_above_it(bench: Bench, url: str) -> None:
    path = str(bench.remote.path)
    for written in (url.replace("URL", path).replace("PATH", path), f"file://{path}/../remote.git"):
        near = GitAddressRules.parse(
            (f"file://{path}-evil", f"file://{path[:-1]}", "file:///allowed", "*"), loopback=True
        )
        message = error(bench.run(url=written, options=AutomationOptions(address_rules=near)))
        assert "is a repository on this machine" in message
    assert bench.remote.subjects() == ["begin"]
    assert (
        bench.run(
            options=AutomationOptions(address_rules=GitAddressRules.parse((bench.remote.path.parent.as_uri(),)))
        ).status
        == "pushed"
    )


def test_a_link_out_of_an_allowed_directory_is_not_followed(bench: Bench, tmp_path: Path) -> None:
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    (allowed / "link").symlink_to(bench.remote.path)
    egress = GitAddressRules.parse((allowed.as_uri(),))
    assert "on this machine" in error(
        bench.run(url=f"{allowed.as_uri()}/link", options=AutomationOptions(address_rules=egress))
    )


def test_the_remote_of_the_operators_own_checkout_is_the_operators(bench: Bench) -> None:
    bench.checkout()
    egress = GitAddressRules.parse(("nowhere.example",))
    assert bench.run(clone=False, options=AutomationOptions(address_rules=egress)).status == "pushed"


def test_a_name_that_resolves_to_a_private_address_is_not_given_to_git(bench: Bench, names: Names) -> None:  # noqa: F811
    with run_silent() as server:
        port = server.host.partition(":")[2]
        names("git.evil.example", "93.184.216.34 127.0.0.1")
        for scheme in ("https", "ssh"):
            message = error(
                bench.run(
                    url=f"{scheme}://git.evil.example:{port}/x.git", options=AutomationOptions(address_rules=ANYWHERE)
                )
            )
            assert "git.evil.example" in message
            assert "loopback address 127.0.0.1, which is contacted only for hosts that the operator names" in message
            assert "--allow-git git.evil.example" in message
        assert server.connections == []


def test_git_connects_to_the_address_that_was_checked(bench: Bench, names: Names) -> None:  # noqa: F811
    """The name is known to this process alone: git's own resolver does not find it, so a second answer cannot count."""
    names("git.example.com", "127.0.0.1")
    with run_git_http(bench.remote.path.parent) as server:
        url = f"http://git.example.com:{server.port}/remote.git"
        assert bench.run(url=url, options=AutomationOptions(address_rules=ANYWHERE)).status == "pushed"


@pytest.mark.parametrize(
    ("url", "answer", "pin"),
    [
        ("https://Git.example.com./o/r", "93.184.216.34 1.1.1.1", "git.example.com:443:93.184.216.34,1.1.1.1"),
        ("https://u:p%40@git.example.com:8443/o/r", "2606:4700::1", "git.example.com:8443:[2606:4700::1]"),
    ],
)
def test_what_was_checked_is_what_git_is_told(names: Names, url: str, answer: str, pin: str) -> None:  # noqa: F811
    names("git.example.com", answer, "127.0.0.1")
    assert ANYWHERE.check(url) == (*ELSEWHERE, f"http.curloptResolve={pin}")


@pytest.mark.parametrize("url", ["https://git.unknown.example/o/r", "ssh://git@work-alias/o/r.git"])
def test_a_name_that_only_git_knows_is_left_to_it(names: Names, url: str) -> None:  # noqa: F811
    assert NOBODY.check(url) == ELSEWHERE


@pytest.mark.parametrize("path", ["remote.git", "other/remote.git"])
def test_a_redirect_of_a_git_server_is_not_followed(bench: Bench, path: str) -> None:
    with run_git_http(bench.remote.path.parent) as inside:
        target = inside.url("remote.git")
        with run_fake(lambda seen: Reply(302, b"", {"Location": f"{target}/info/refs?{seen.query}"})) as fake:
            message = error(bench.run(url=f"{fake.url}/{path}", options=AutomationOptions(address_rules=ANYWHERE)))
        assert inside.asked == []
    assert "git ls-remote failed" in message
    assert "to the URL that the server redirects to" in message


def test_a_server_that_the_operator_allows_is_used(bench: Bench) -> None:
    with run_git_http(bench.remote.path.parent) as server:
        options = AutomationOptions(address_rules=GitAddressRules.parse((f"127.0.0.1:{server.port}/remote.git",)))
        assert bench.run(url=server.url("remote.git"), options=options).status == "pushed"
        message = error(bench.run(url=server.url("other.git"), options=options))
    assert "127.0.0.1" in message
    assert "is not among the allowed Git servers" in message
    assert "--allow-git 127.0.0.1" in message


@pytest.mark.parametrize("text", ["", "https://github.com", "git@github.com:org", "file://host/x", "a b"])
def test_what_is_no_pattern_for_git_servers_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="is not a pattern for Git servers"):
        GitAddressRules.parse((text,))


def test_an_allow_list_shuts_out_every_other_server(names: Names) -> None:  # noqa: F811
    egress = GitAddressRules.parse(("github.com/org", "*.corp.example:*"))
    assert egress.check("https://github.com/org/x.git") == ELSEWHERE
    assert egress.check("ssh://git@github.com:22/org/x.git") == ELSEWHERE
    assert egress.check("http://git.corp.example:3000/x.git") == ELSEWHERE
    for url in ("https://github.com/org-evil/x", "https://github.com/x", "ssh://git@gitlab.com/org/x", "file:///org"):
        with pytest.raises(EgressRefused):
            egress.check(url)


def test_the_command_allows_nothing_by_itself(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from git.conftest import AUTOMATION, GIT_REPOSITORY, policy

    monkeypatch.delenv("IMAGESETTER_ALLOW_GIT")
    monkeypatch.delenv("IMAGESETTER_ALLOW_LOOPBACK")
    text = AUTOMATION + policy("web") + GIT_REPOSITORY.replace("URL", bench.remote.url)
    status = "status: {latestRef: {name: registry.example.com/web, tag: 1.0.1}}\n"
    with_status = text.replace("range: 1.x}}}\n", "range: 1.x}}}\n" + status)
    (tmp_path / "flux.yaml").write_text(with_status)
    assert main(["automate", str(tmp_path / "flux.yaml"), "--from", "status"]) == 1
    said = capsys.readouterr()
    assert f"--allow-git {bench.remote.url}" in said.out + said.err
    assert bench.remote.subjects() == ["begin"]
    assert main(["automate", str(tmp_path / "flux.yaml"), "--from", "status", "--allow-git", bench.remote.url]) == 0
    assert len(bench.remote.subjects()) == 2
