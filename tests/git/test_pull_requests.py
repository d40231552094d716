"""Exactly one request for each push branch, on forges that speak the API of GitHub, GitLab, and Gitea or Forgejo."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest

from git.conftest import AUTOMATION, Bench, image, policy
from imagesetter.cli.main import main
from imagesetter.cli.network_options import NetworkOptions
from imagesetter.cli.pull_requests import RequestClient, RequestSettings, report_link, with_requests
from imagesetter.cli.reports.label_rules import labels_by_rule, parse_label_rule
from imagesetter.cli.reports.update_markdown import render_branch
from imagesetter.git.address_rules import GitAddressRules
from imagesetter.git.forge_address import ForgeAddress, find_forge, find_token
from imagesetter.git.run import AutomationOptions
from imagesetter.git.run_result import AutomationRunResult
from imagesetter.lock.document import Lock
from imagesetter.registry.http.limits import Clock, run_deadline
from krm_functions.errors import ReportedError, UsageError
from support.forges import REPOSITORY, TOKEN, FakeForge, run_forge
from support.git_servers import run_git_http

PUSHING = AUTOMATION.replace("  update:", "    push: {branch: auto}\n  update:")


class Days:
    """Runs of an automation and its requests, day by day."""

    def __init__(self, bench: Bench, forge: FakeForge) -> None:
        self.bench, self.remote, self.forge = bench, bench.remote, forge

    def run(
        self,
        tag: str,
        *,
        text: str = PUSHING,
        options: AutomationOptions | None = None,
        labels: tuple[str, ...] = ("images",),
        all_policies: bool = True,
        report_url: str = "",
        label_if: tuple[str, ...] = (),
        lock: Lock | None = None,
        draft: bool = False,
        reviewers: tuple[str, ...] = (),
    ) -> AutomationRunResult:
        rules = [parse_label_rule(each) for each in label_if]
        settings = RequestSettings(
            f"{self.forge.kind}={self.forge.api}",
            frozenset(labels),
            all_policies,
            render_branch,
            report_link(report_url),
            frozenset(rule.label for rule in rules),
            partial(labels_by_rule, rules),
            draft,
            reviewers,
        )
        deadline = run_deadline(Clock(), 60.0)
        client = RequestClient(settings, GitAddressRules.parse(), NetworkOptions(), deadline, lock_of=lambda: lock)
        remote = f"http://127.0.0.1:1/{REPOSITORY}.git"
        options = replace(
            options or AutomationOptions(sleep=lambda seconds: None),
            before_push=lambda branch, _: client.before_push(branch, remote),
        )
        done = self.bench.run(text, {"web": tag}, options=options)
        assert done.status != "failed", repr(done)
        return with_requests(replace(done, remote=remote), client)

    def actions(self, tag: str, **options: object) -> list[tuple[str, int, str]]:
        done = self.run(tag, **options)  # type: ignore[arg-type]
        assert not done.failed, repr(done.results)
        return [(request.branch, request.number, request.action) for request in done.requests]

    def states(self) -> list[str]:
        return [request.state for request in self.forge.requests]


@pytest.fixture(params=["github", "gitlab", "gitea"])
def days(bench: Bench, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Days]:
    monkeypatch.setenv("IMAGESETTER_FORGE_TOKEN", TOKEN)
    with run_forge(request.param) as forge:
        yield Days(bench, forge)


@pytest.fixture
def gitea(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[Days]:
    monkeypatch.setenv("IMAGESETTER_FORGE_TOKEN", TOKEN)
    with run_forge("gitea") as forge:
        yield Days(bench, forge)


def test_a_request_is_opened_once_updated_for_another_tag_and_closed_when_it_is_not_needed(days: Days) -> None:
    assert days.actions("1.0.1") == [("auto", 1, "created")]
    (request,) = days.forge.requests
    assert (request.branch, request.base, request.title, request.labels) == (
        "auto", "main", "Update from image update automation", ["images"],
    )  # fmt: skip
    assert "| `registry.example.com/web` | `apps:web` | `1.0.0` | `1.0.1` |" in request.body
    written = len(days.forge.written)
    assert (days.actions("1.0.1"), len(days.forge.written)) == ([("auto", 1, "unchanged")], written)
    assert days.actions("1.0.2") == [("auto", 1, "updated")]
    assert "`1.0.2`" in request.body
    assert days.actions("1.0.2", labels=("images", "bot")) == [("auto", 1, "updated")]
    assert sorted(request.labels) == ["bot", "images"]
    # main gets the values in another way
    days.remote.commit({"deploy/web.yaml": image("web", "1.0.2")}, message="squashed")
    assert (days.actions("1.0.2"), days.states()) == ([("auto", 1, "closed")], ["closed"])
    assert (days.actions("1.0.2"), days.states()) == ([], ["closed"])
    assert days.actions("1.0.3") == [("auto", 2, "created")]


def test_a_request_that_somebody_closed_stays_closed_until_the_values_differ(days: Days) -> None:
    days.run("1.0.1")
    days.forge.requests[0].state = "closed"
    written = len(days.forge.written)
    assert days.actions("1.0.1") == [("auto", 1, "left closed")]
    days.remote.commit({"NEWS": "main moves, and the branch is made anew"})
    assert (days.actions("1.0.1"), len(days.forge.written)) == ([("auto", 1, "left closed")], written)
    assert days.actions("1.0.2") == [("auto", 2, "created")]


def test_after_a_merge_the_next_tag_gets_a_request_of_its_own(days: Days) -> None:
    days.run("1.0.1")
    days.remote.git("update-ref", "refs/heads/main", "auto")
    days.forge.requests[0].state = "merged"
    assert days.actions("1.0.1") == []
    assert days.actions("1.0.2") == [("auto", 2, "created")]
    assert days.states() == ["merged", "open"]


def test_a_request_that_another_run_opens_at_the_same_time_is_updated_not_doubled(days: Days) -> None:
    days.forge.open("auto", "main", "opened by another run", "")
    days.forge.hidden = 1
    assert days.actions("1.0.1") == [("auto", 1, "updated")]
    assert len(days.forge.requests) == 1


def test_a_request_of_a_fork_with_a_branch_of_the_same_name_is_not_touched(days: Days) -> None:
    other = days.forge.open("auto", "main", "from a fork", "x")
    assert other
    other.fork = True
    assert days.actions("1.0.1") == [("auto", 2, "created")]
    assert (other.title, other.state) == ("from a fork", "open")


def test_a_branch_with_somebodys_commits_keeps_its_request(days: Days) -> None:
    days.run("1.0.1")
    days.remote.commit({"deploy/more.yaml": "kind: X\n"}, branch="auto", message="a fix")
    body = days.forge.requests[0].body
    assert (days.actions("1.0.1"), days.states(), days.forge.requests[0].body) == ([], ["open"], body)


PER_TAG = AutomationOptions(
    per="image", branch="images/{{ .Values.set }}-{{ .Values.tag }}", sleep=lambda seconds: None
)


def test_a_branch_for_each_tag_closes_the_request_of_the_last_tag(gitea: Days) -> None:
    first, second = ("images/registry.example.com-web-" + tag for tag in ("1.0.1", "1.0.2"))
    other = gitea.forge.open("by-hand", "main", "somebody's", "text")
    assert other
    assert gitea.actions("1.0.1", options=PER_TAG) == [(first, 2, "created")]
    assert gitea.actions("1.0.2", options=PER_TAG, all_policies=False) == [(second, 3, "created")]
    assert gitea.actions("1.0.2", options=PER_TAG) == [(second, 3, "unchanged"), (first, 2, "closed")]
    assert gitea.states() == ["open", "closed", "open"]


def test_a_run_with_an_error_closes_nothing(gitea: Days) -> None:
    gitea.run("1.0.1", options=PER_TAG)
    gitea.remote.commit({"deploy/broken.yaml": 'a: [ # {"$imagepolicy": "apps:web"}\n'})
    done = gitea.run("1.0.2", options=PER_TAG)
    assert (done.failed, gitea.states()) == (True, ["open", "open"])


def test_more_requests_than_one_page_are_all_seen(gitea: Days) -> None:
    for number in range(60):
        gitea.forge.open(f"other-{number}", "main", "somebody's", "")
    gitea.run("1.0.1")
    for number in range(60):
        gitea.forge.open(f"more-{number}", "main", "somebody's", "")
    assert gitea.actions("1.0.1") == [("auto", 61, "unchanged")]


def message(done: AutomationRunResult) -> str:
    return "\n".join(result.message for result in done.results if result.severity == "error")


def test_a_refused_token_is_an_error_that_does_not_show_it(days: Days) -> None:
    days.forge.token = "another"
    done = days.run("1.0.1")
    path = "projects/org%2Ffleet/merge_requests" if days.forge.kind == "gitlab" else "repos/org/fleet/pulls"
    assert message(done) == (
        f"{days.forge.api} responds with 401 to GET /{path}: Bad credentials: Bearer ***; check the token: it has to "
        "be valid for this repository, and may write its requests"
    )


@pytest.mark.parametrize(
    ("status", "text", "hint"),
    [
        (301, "Moved Permanently", "redirects are not followed: use the new URL, of the remote or in --forge"),
        (403, "API rate limit exceeded", "run it again later, or less often"),
        (429, "slow down", "run it again later, or less often"),
        (503, "in maintenance", "run it again later"),
    ],
)
def test_what_the_forge_refuses_has_a_way_out(gitea: Days, status: int, text: str, hint: str) -> None:
    gitea.forge.refusal = status, text
    said = message(gitea.run("1.0.1"))
    assert said == f"{gitea.forge.api} responds with {status} to GET /repos/org/fleet/pulls: {text}; {hint}"


def test_what_pushes_to_its_own_base_has_no_request(gitea: Days) -> None:
    done = gitea.run("1.0.1", text=AUTOMATION)
    assert message(done).startswith("it pushes to the branch that it checks out, so there is nothing to request")
    assert gitea.forge.requests == []


HUB = ForgeAddress("github", "https://api.github.com", "org/fleet")
FORGES: dict[str, tuple[str, str, dict[str, str], ForgeAddress | str]] = {
    "GitHub": ("https://github.com/org/fleet.git", "", {}, HUB),
    "SSH over the port of HTTPS": ("ssh://git@ssh.github.com:443/org/fleet.git", "", {}, HUB),
    "scp": ("git@github.com:org/fleet.git", "", {}, HUB),
    "ssh with a port": (
        "ssh://git@codeberg.org:2222/org/fleet", "", {},
        ForgeAddress("gitea", "https://codeberg.org/api/v1", "org/fleet"),
    ),
    "groups": (
        "https://gitlab.com/a/b/c.git", "", {}, ForgeAddress("gitlab", "https://gitlab.com/api/v4", "a/b/c"),
    ),
    "GitHub Enterprise in its own CI": (
        "https://git.corp.example/org/fleet", "",
        {"GITHUB_SERVER_URL": "https://git.corp.example", "GITHUB_API_URL": "https://git.corp.example/api/v3"},
        ForgeAddress("github", "https://git.corp.example/api/v3", "org/fleet"),
    ),
    "Forgejo in its own CI": (
        "https://git.corp.example/org/fleet", "",
        {"GITHUB_SERVER_URL": "https://git.corp.example", "GITHUB_API_URL": "https://git.corp.example/api/v1"},
        ForgeAddress("gitea", "https://git.corp.example/api/v1", "org/fleet"),
    ),
    "GitLab in its own CI": (
        "https://git.corp.example/org/fleet", "", {"CI_API_V4_URL": "https://git.corp.example/api/v4"},
        ForgeAddress("gitlab", "https://git.corp.example/api/v4", "org/fleet"),
    ),
    "a CI system's own forge gets no other remote's requests": (
        "https://evil.example/org/fleet", "", {"CI_API_V4_URL": "https://git.corp.example/api/v4"},
        "it is not known which forge evil.example is",
    ),
    "--forge is for its own host only": (
        "https://evil.example/org/fleet", "gitlab=https://git.corp.example/api/v4", {},
        "the remote https://evil.example/org/fleet is not on the forge https://git.corp.example/api/v4",
    ),
    "a token does not travel in clear": (
        "http://git.corp.example/org/fleet", "gitlab=http://git.corp.example/api/v4", {},
        "http://git.corp.example/api/v4 would be sent the token over plain HTTP",
    ),
    "a directory": ("file:///srv/fleet.git", "", {}, "it is not known which forge the remote is"),
    "no owner": (
        "https://github.com/fleet", "", {}, "the remote https://github.com/fleet is not a repository of a forge",
    ),
    "an unknown kind": ("https://github.com/a/b", "svn=https://x", {}, "'svn=https://x' is not the API of a forge"),
}  # fmt: skip


@pytest.mark.parametrize(("remote", "given", "environment", "expected"), FORGES.values(), ids=FORGES)
def test_the_forge_of_a_remote_is_the_operators_or_well_known(
    remote: str, given: str, environment: dict[str, str], expected: ForgeAddress | str
) -> None:
    found: ForgeAddress | str
    try:
        found = find_forge(remote, given, environment)
    except ReportedError as error:
        found = error.what
    assert found == expected


def test_a_token_is_taken_from_the_environment() -> None:
    assert find_token("github", {"GH_TOKEN": "b", "GITHUB_TOKEN": "a"}) == "a"
    assert find_token("gitlab", {"GITHUB_TOKEN": "a", "GITLAB_TOKEN": "c", "IMAGESETTER_FORGE_TOKEN": "d"}) == "d"
    for environment, what in (({}, "--pull-request needs a token"), ({"GITLAB_TOKEN": "a\nb"}, "is not valid")):
        with pytest.raises(ReportedError, match=what):
            find_token("gitlab", environment)


def test_the_command_opens_a_request_for_a_checkout_and_reports_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITEA_TOKEN", TOKEN)
    folder = bench.remote.path.parent / "served"
    (folder / "org").mkdir(parents=True)
    status = "status: {latestRef: {name: registry.example.com/web, tag: 1.0.1}}\n"
    bench.remote.commit({"flux/auto.yaml": PUSHING, "flux/web.yaml": policy("web") + status})
    subprocess.run(["git", "clone", "-q", "--bare", str(bench.remote.path), str(folder / "org/fleet.git")], check=True)
    with run_forge("gitea") as forge, run_git_http(folder) as server:
        subprocess.run(["git", "clone", "-q", server.url("org/fleet.git"), str(bench.directory)], check=True)
        monkeypatch.chdir(bench.directory)
        automate = ["automate", "--from", "status", "--pull-request", "--forge", f"gitea={forge.api}"]
        assert main(automate) == 0
        out = capsys.readouterr().out
        assert out.endswith("apps:auto: request #1 of auto: created http://forge.example.com/1\n")
        assert main([*automate, "--output", "json"]) == 0
        (run,) = json.loads(capsys.readouterr().out)["automations"]
        assert (run["status"], run["requests"]) == (
            "up to date",
            [{"branch": "auto", "number": 1, "url": "http://forge.example.com/1", "action": "unchanged"}],
        )


def test_the_body_ends_with_a_link_to_the_report_where_the_caller_gives_one(gitea: Days) -> None:
    url = "https://ci.example.com/artifacts/report.html?run=(1)"
    assert gitea.actions("1.0.1", report_url=url) == [("auto", 1, "created")]
    body, _, mark = gitea.forge.requests[0].body.rpartition("\n\n")
    assert body.endswith(f"\n\n[Report of all policies](<{url}>)")
    assert mark.startswith("<!-- imagesetter apps:auto ")
    assert gitea.actions("1.0.1", report_url=url) == [("auto", 1, "unchanged")]


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)", "//ci.example.com/x", "https:///x", "https://user:secret@ci.example.com/", "https://[/",
        "https://ci.example.com/a b", "https://ci.example.com/>x", "https://ci.example.com/<x", "https://ci.example.com/\n",
    ],
)  # fmt: skip
def test_what_is_not_a_url_is_no_link_to_a_report(url: str) -> None:
    with pytest.raises(UsageError, match="is not a valid URL") as raised:
        report_link(url)
    assert (raised.value.where, "secret" in str(raised.value)) == ("--report-url", False)
