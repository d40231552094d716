"""What ``--reviewer``, ``--draft`` and ``--label-if`` make of a request, on each forge, and that it lasts."""

from __future__ import annotations

import re
import shlex
import time

import pytest

from git.conftest import Bench, policy
from git.test_pull_requests import PUSHING, Days, days, gitea  # noqa: F401 - fixtures
from imagesetter.cli.main import main
from imagesetter.cli.pull_requests import parse_reviewer
from imagesetter.cli.reports.label_rules import labels_by_rule, parse_label_rule
from imagesetter.flux.markers import PolicyName
from imagesetter.git.run import AutomationOptions
from imagesetter.lock.document import Lock, LockEntry
from imagesetter.lock.tag_age import Seen, timestamp
from imagesetter.update.plan import Change
from krm_functions.errors import UsageError
from support.forges import REPOSITORY, TOKEN, run_forge
from support.git_servers import run_git_http
from tools import CHECKOUT

WEB = PolicyName("apps", "web")


def message(place: Days, tag: str, **options: object) -> str:
    done = place.run(tag, **options)  # type: ignore[arg-type]
    return "\n".join(result.message for result in done.results if result.severity == "error")


def test_a_draft_stays_one_until_somebody_says_that_it_is_ready(days: Days) -> None:  # noqa: F811
    title = "Update from image update automation"
    assert days.actions("1.0.1", draft=True) == [("auto", 1, "created")]
    (request,) = days.forge.requests
    prefix = {"github": "", "gitlab": "Draft: ", "gitea": "WIP: "}[days.forge.kind]
    assert (request.title, request.draft) == (prefix + title, days.forge.kind == "github")
    assert days.actions("1.0.2", draft=True) == [("auto", 1, "updated")]
    assert request.title == prefix + title
    request.title = request.title.removeprefix(prefix)
    assert days.actions("1.0.3", draft=True) == [("auto", 1, "updated")]
    assert request.title == title


def test_a_review_is_requested_once(days: Days) -> None:  # noqa: F811
    reviewers = ("jane", "joe") if days.forge.kind == "gitlab" else ("jane", "org/platform")
    assert days.actions("1.0.1", reviewers=reviewers) == [("auto", 1, "created")]
    (request,) = days.forge.requests
    assert request.reviewers == list(reviewers)
    assert "opening" not in request.body
    request.reviewers.clear()  # somebody else is to review it
    assert days.actions("1.0.2", reviewers=reviewers) == [("auto", 1, "updated")]
    assert request.reviewers == []


def test_an_unknown_reviewer_is_an_error_until_it_is_corrected(days: Days) -> None:  # noqa: F811
    said = f"{days.forge.api} has no user nobody" if days.forge.kind == "gitlab" else "from collaborators: nobody"
    for _ in range(2):
        assert said in message(days, "1.0.1", reviewers=("nobody",))
    days.actions("1.0.1", reviewers=("jane",))
    (request,) = days.forge.requests
    assert (request.reviewers, "opening" in request.body) == (["jane"], False)


def test_a_request_that_somebody_closed_before_it_had_reviewers_stays_closed(gitea: Days) -> None:  # noqa: F811
    message(gitea, "1.0.1", reviewers=("nobody",))
    gitea.forge.requests[0].state = "closed"
    assert gitea.actions("1.0.1", reviewers=("nobody",)) == [("auto", 1, "left closed")]


def test_a_label_by_rule_goes_before_a_bigger_step_is_pushed(days: Days) -> None:  # noqa: F811
    seen: list[tuple[str, list[str]]] = []
    days.actions("1.0.1", label_if=("automerge=patch",))
    (request,) = days.forge.requests
    assert sorted(request.labels) == ["automerge", "images"]
    request.labels.append("by hand")
    days.remote.hook("pre-receive", "touch pushed\n")
    answer, pushed = days.forge.row, days.remote.path / "pushed"

    def row(request: object) -> dict[str, object]:
        seen.append((str(pushed.exists()), list(days.forge.requests[0].labels)))
        return answer(request)  # type: ignore[arg-type]

    days.forge.row = row  # type: ignore[method-assign]
    assert days.actions("1.1.0", label_if=("automerge=patch",)) == [("auto", 1, "updated")]
    assert [labels for after, labels in seen if after == "True" and "automerge" in labels] == []
    assert sorted(request.labels) == ["by hand", "images"]
    assert days.actions("1.1.0", label_if=("automerge=patch", "small=minor")) == [("auto", 1, "updated")]
    assert sorted(request.labels) == ["by hand", "images", "small"]
    written = len(days.forge.written)
    assert days.actions("1.1.0", label_if=("automerge=patch", "small=minor")) == [("auto", 1, "unchanged")]
    assert len(days.forge.written) == written


def test_nothing_is_pushed_while_the_label_cannot_be_removed(gitea: Days) -> None:  # noqa: F811
    gitea.actions("1.0.1", label_if=("automerge=patch",))
    head = gitea.remote.git("rev-parse", "auto")
    gitea.forge.token = "another"
    with pytest.raises(AssertionError, match="responds with 401"):
        gitea.run("1.1.0", label_if=("automerge=patch",))
    assert gitea.remote.git("rev-parse", "auto") == head


def test_a_branch_with_commits_of_somebody_else_gets_no_label_by_rule(gitea: Days) -> None:  # noqa: F811
    gitea.actions("1.1.0", label_if=("automerge=patch",))
    gitea.remote.commit({"deploy/more.yaml": "kind: X\n"}, branch="auto", message="a fix")
    gitea.actions("1.1.1", label_if=("automerge=patch",))
    assert gitea.forge.requests[0].labels == ["images"]


def lock_of(tag: str, age: float, *, seen: bool = False) -> Lock:
    since = timestamp(time.time() - age * 86400)
    entry = LockEntry(WEB, "registry.example.com/web", "1.0.0" if seen else tag, "", "Never", "x", 3, since)
    return Lock({WEB: entry}, seen=(Seen(WEB, tag, "", since),) if seen else ())


def changes(bench: Bench, tag: str) -> list[Change]:
    done = bench.run(tags={"web": tag}, options=AutomationOptions(dry_run=True))
    return [change for commit in done.commits for change in commit.changes]


def test_a_label_by_age_needs_a_tag_that_the_lock_has_known_for_so_long(bench: Bench) -> None:
    found, rules = changes(bench, "1.0.1"), [parse_label_rule("automerge=patch,3d")]
    locks = {
        "no lock": None,
        "too young": lock_of("1.0.1", 2),
        "old enough": lock_of("1.0.1", 4),
        "seen long ago": lock_of("1.0.1", 4, seen=True),
        "another tag": lock_of("1.0.2", 4),
    }
    labelled = [name for name, lock in locks.items() if labels_by_rule(rules, found, lock)]
    assert labelled == ["old enough", "seen long ago"]
    assert not labels_by_rule(rules, [], lock_of("1.0.1", 4))


def test_what_is_no_small_step_has_no_label(bench: Bench) -> None:
    rules = [parse_label_rule(f"{step}={step}") for step in ("patch", "minor", "major")]
    tags = ("1.0.1-rc.1", "1.0.0-rc.1", "1.1.0", "2.0.0", "0.9.0", "stable")
    found = {tag: " ".join(sorted(labels_by_rule(rules, changes(bench, tag), None))) for tag in tags}
    assert found == {
        "1.0.1-rc.1": "major minor patch",
        "1.0.0-rc.1": "",
        "1.1.0": "major minor",
        "2.0.0": "major",
        "0.9.0": "",
        "stable": "",
    }


def test_a_label_on_a_later_page_of_a_server_with_short_pages_is_not_made_twice(gitea: Days) -> None:  # noqa: F811
    gitea.forge.longest = 20
    gitea.forge.labels = {**{f"other-{number}": number for number in range(60)}, "images": 99}
    for number in range(25):
        gitea.forge.open(f"other-{number}", "main", "somebody's", "")
    gitea.actions("1.0.1")
    assert gitea.actions("1.0.1") == [("auto", 26, "unchanged")]
    assert "POST /labels" not in gitea.forge.written
    assert gitea.forge.requests[25].labels == ["images"]


LOCK = f"""\
apiVersion: imagesetter.dev/v1alpha1
kind: ImageLock
metadata: {{name: images}}
spec:
  entries:
    - policy: apps:web
      image: registry.example.com/web
      tag: 1.0.1
      digest: sha256:{"0" * 64}
      inputs: sha256:{"0" * 64}
      candidates: 2
      changed: "2026-01-01T00:00:00Z"
"""
TITLE = "Update from image update automation"
WEB_BRANCH = "images/registry.example.com-web"
PLAIN: dict[str, object] = {"branch": "auto", "labels": [], "reviewers": [], "title": TITLE}
MIGRATED: dict[str, dict[str, object]] = {
    "": {},
    "--per image --branch 'images/{{ .Values.set }}'": {"branch": WEB_BRANCH},
    "--per image --branch 'images/{{ .Values.set }}-{{ .Values.tag }}'": {"branch": f"{WEB_BRANCH}-1.0.1"},
    "--per group --branch 'images/{{ .Values.set }}'": {"branch": "images/front"},
    "--label images": {"labels": ["images"]},
    "--label-if automerge=patch": {"labels": ["automerge"]},
    "--label-if automerge=patch,3d": {"labels": ["automerge"]},
    "--reviewer jane": {"reviewers": ["jane"]},
    "--draft": {"title": f"WIP: {TITLE}"},
}


def test_the_commands_of_the_page_about_renovate_and_argo_cd_do_what_it_says(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (CHECKOUT / "docs/migrate-from-others.md").read_text(encoding="utf-8")
    written = re.findall(r"`imagesetter automate --pull-request ?([^`\n]*)`", page)
    assert set(written) == set(MIGRATED)
    monkeypatch.setenv("GITEA_TOKEN", TOKEN)
    status = "status: {latestRef: {name: registry.example.com/web, tag: 1.0.1}}\n"
    labelled = policy("web", labels="imagesetter.dev/group: front")
    bench.remote.commit({"flux/auto.yaml": PUSHING, "flux/web.yaml": labelled + status, "images.lock.yaml": LOCK})
    served = bench.remote.path.parent / "served" / f"{REPOSITORY}.git"
    served.parent.mkdir(parents=True)
    served.symlink_to(bench.remote.path)
    with run_forge("gitea") as forge, run_git_http(served.parent.parent) as server:
        bench.remote.git("clone", "-q", server.url(f"{REPOSITORY}.git"), str(bench.directory))
        monkeypatch.chdir(bench.directory)
        for options, expected in MIGRATED.items():
            forge.requests.clear()
            given = ["--from", "status", "--forge", f"gitea={forge.api}", *shlex.split(options)]
            assert main(["automate", "--pull-request", *given]) == 0
            (request,) = forge.requests
            found = {name: getattr(request, name) for name in PLAIN}
            assert found == {**PLAIN, **expected}, options


@pytest.mark.parametrize("text", ["automerge", "=patch", "automerge=", "a=patch,minor", "a=3d,4d", "a=tiny", "a=0s"])
def test_what_is_not_a_rule_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a rule for a label") as raised:
        parse_label_rule(text)
    assert (raised.value.where, raised.value.hint[:16]) == ("--label-if", "write LABEL=STEP")


def test_a_label_may_contain_an_equals_sign() -> None:
    rule = parse_label_rule("merge=auto=minor, 1d12h")
    assert (rule.label, rule.step, rule.age) == ("merge=auto", "minor", 129600.0)


@pytest.mark.parametrize("text", ["", "a b", "a/b/c", "@", "x&y"])
def test_what_is_not_a_name_is_no_reviewer(text: str) -> None:
    with pytest.raises(UsageError, match="is not a name"):
        parse_reviewer(text)
    assert parse_reviewer("@org/team") == "org/team"
