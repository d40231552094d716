"""Planted secrets: servers that repeat what they were told, and URLs with a login where only a host belongs.

Every command is run with every form of its report, and everything that it leaves is searched.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from imagesetter.cli.main import main
from imagesetter.registry.http.redaction import Redaction
from krm_functions.errors import ReportedError
from krm_functions.redaction import without_logins
from support.fakes import Reply, Seen, run_fake

PASSWORD = "plAnted/pAss word+1"
LOGIN = f"alice:{PASSWORD}"
BASIC = base64.b64encode(LOGIN.encode()).decode()
TOKEN = "eyJplanted.token-" + "x" * 300
FORMS = {
    "as-it-is": PASSWORD,
    "percent-encoded": quote(PASSWORD, safe=""),
    "lower-case-percent": quote(PASSWORD, safe="").lower().replace("planted", "plAnted").replace("pass", "pAss"),
    "as-in-a-form": quote_plus(PASSWORD),
    "encoded-twice": quote(quote(PASSWORD, safe=""), safe=""),
    "as-a-header": BASIC,
    "base64": base64.b64encode(PASSWORD.encode()).decode(),
    "base64-of-a-sentence": base64.b64encode(f"you said {LOGIN}!".encode()).decode(),
    "base64-for-urls": base64.urlsafe_b64encode(f"{LOGIN}".encode()).decode().rstrip("="),
    "escaped": PASSWORD.replace("/", "\\/"),
    "html": PASSWORD.replace("/", "&#47;"),
}
SEARCHED = (PASSWORD, *FORMS.values(), base64.b64encode(PASSWORD.encode()).decode().rstrip("="), TOKEN, TOKEN[:40])


def behaviours(said: str, port: int) -> dict[str, Any]:
    """Registries that repeat in one place or another what they were told."""
    tags = {"tags": ["1.0.0", "1.0.1"]}
    digest = {"Docker-Content-Digest": f"sha256:{'a' * 64}"}
    host = said.replace(" ", "-").replace("/", "-")

    def after(reply: Reply) -> Any:
        return lambda seen: reply if seen.authorization else Reply(401, {}, {"WWW-Authenticate": "Basic realm=x"})

    return {
        "Warning": after(Reply(200, tags, {"Warning": f'299 - "you are {said}"', **digest})),
        "long Warning": after(Reply(200, tags, {"Warning": f'299 - "{"x" * 170} {said}"', **digest})),
        "error body": after(Reply(403, {"errors": [{"code": "DENIED", "message": f"you are {said}"}]})),
        "long error body": after(Reply(403, {"errors": [{"code": "DENIED", "message": f"{'x' * 175} {said}"}]})),
        "text body": after(Reply(500, f"you are {said}".encode(), {"Content-Type": "text/plain"})),
        "404 body": after(Reply(404, {"errors": [{"message": said}]})),
        "realm": after(Reply(401, {}, {"WWW-Authenticate": f'Bearer realm="https://127.0.0.1:{port}/{quote(said)}"'})),
        "realm host": after(Reply(401, {}, {"WWW-Authenticate": f'Bearer realm="https://{host}.example/{said}"'})),
        "challenge": after(Reply(401, {}, {"WWW-Authenticate": f'Basic realm="x",error="{said}"'})),
        "Location": after(Reply(302, b"", {"Location": f"http://{host}.example/{said}"})),
        "Location path": after(Reply(302, b"", {"Location": f"/{quote(said)}?x={quote(said)}"})),
        "Link": after(Reply(200, tags, {"Link": f'<{said}>; rel="next"', **digest})),
        "Docker-Content-Digest": after(Reply(200, tags, {"Docker-Content-Digest": said})),
        "Content-Type": after(Reply(200, b"<html>", {"Content-Type": said})),
        "Content-Encoding": after(Reply(200, b"{}", {"Content-Encoding": said})),
        "Retry-After": after(Reply(429, said.encode(), {"Retry-After": said, "Content-Type": "text/plain"})),
        "body": after(Reply(200, said.encode())),
    }


POLICIES = """\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {name: app, namespace: apps}
spec: {image: HOST/app, interval: 1h}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: app, namespace: apps}
spec: {imageRepositoryRef: {name: app}, digestReflectionPolicy: Always, interval: 1h, policy: {semver: {range: 1.x}}}
"""
MARK = ' # {"$imagepolicy": "apps:app"}\n'
COMMANDS = [
    "update --check --diff",
    "update --check --output json --output markdown=report.md --output sarif=report.sarif -v",
    "lock --lock-file made.lock.yaml",
    "lock --output json --check",
    "explain apps:app --digest",
    "explain apps:app --output json",
    "tags HOST/app --digest",
    "tags HOST/app --created --platform --output json",
    "doctor",
    "lint --output json",
    "mark --check --output json",
    "update",
]


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "work" / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))  # where `doctor` finds none of the tools, whose versions take it a while
    (tmp_path / "docker").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    yield tmp_path / "work"


def left(work: Path, capfd: pytest.CaptureFixture[str], *, but: tuple[str, ...] = ()) -> str:
    """Everything that was printed and written."""
    files = [path for path in work.rglob("*") if path.is_file() and path.name not in but]
    written = [f"{path}\n{path.read_bytes().decode(errors='replace')}" for path in files]
    printed = capfd.readouterr()
    return "\n".join([printed.out, printed.err, *written])


PLACES = list(behaviours("", 0))
# Every place with the plainest forms, and every form in the places that quote most.
REPEATED = [
    (place, form) for place in PLACES for form in FORMS if form == "as-it-is" or place in ("Warning", "error body")
]


@pytest.mark.parametrize(("place", "form"), REPEATED)
def test_a_login_that_a_registry_repeats_is_nowhere_in_what_a_run_leaves(
    work: Path, capfd: pytest.CaptureFixture[str], form: str, place: str
) -> None:
    with run_fake(lambda seen: None) as fake:
        fake.respond = behaviours(FORMS[form], fake.port)[place]
        auths = {"auths": {fake.host: {"auth": BASIC}}}
        (work.parent / "docker" / "config.json").write_text(json.dumps(auths))
        (work / "policies.yaml").write_text(POLICIES.replace("HOST", fake.host))
        (work / "field.yaml").write_text(f"image: {fake.host}/app:1.0.0{MARK}")
        for command in COMMANDS:
            main(command.replace("HOST", fake.host).split())
        asked = [seen for seen in fake.seen if seen.authorization]
    assert asked, "the login was sent"
    everything = left(work, capfd)
    assert [secret for secret in SEARCHED if secret in everything] == []
    if place in ("Warning", "error body"):
        assert "you are " in everything, "what else the server has to say is told"


@pytest.mark.parametrize("kind", ["Warning", "error", "refused token"])
def test_a_token_that_a_registry_repeats_is_nowhere(work: Path, capfd: pytest.CaptureFixture[str], kind: str) -> None:
    def respond(seen: Seen) -> Reply:
        if seen.path == "/token":
            return Reply(400 if kind == "refused token" else 200, {"token": TOKEN, "message": f"no {TOKEN}"})
        if not seen.authorization:
            return Reply(401, {}, {"WWW-Authenticate": 'Bearer realm="/token",service="s"'})
        said = {"Warning": f'299 - "by {TOKEN}"'}
        return Reply(200, {"tags": ["1.0.1"]}, said) if kind == "Warning" else Reply(403, {"message": f"by {TOKEN}"})

    with run_fake(respond) as fake:
        (work / "policies.yaml").write_text(POLICIES.replace("HOST", fake.host).replace("Always", "Never"))
        (work / "field.yaml").write_text(f"image: {fake.host}/app:1.0.0{MARK}")
        for command in COMMANDS:
            main(command.replace("HOST", fake.host).split())
    everything = left(work, capfd)
    if kind != "refused token":
        assert [secret for secret in (TOKEN, TOKEN[:40]) if secret in everything] == []


WORD = "s3cr3tW0rd"
URLS = [
    f"alice:{WORD}@registry.example.com/app",
    f"alice:{WORD}@registry.example.com/app:1.0.0",
    f"{WORD}@registry.example.com/app",
    f"https://alice:{WORD}@registry.example.com/app",
    f"oci://alice:{WORD}@registry.example.com/app",
    f"alice:{WORD}@registry.example.com:5000/app@sha256:{'a' * 64}",
    f"alice:a@{WORD}/x@registry.example.com/app",
    f"https://registry.example.com/app?access_token={WORD}",
]


@pytest.mark.parametrize("url", URLS)
def test_a_login_in_an_image_is_in_no_report(work: Path, capfd: pytest.CaptureFixture[str], url: str) -> None:
    policies = POLICIES.replace("HOST/app", json.dumps(url))
    other = POLICIES.replace("HOST", "registry.example.com").replace("name: app,", "name: other,")
    other = other.replace("{name: app}", "{name: other}") + (
        "status: {latestRef: {name: registry.example.com/app, tag: 1.0.1}}\n"
    )
    field = f"image: {url}"
    (work / "policies.yaml").write_text(f"{policies}---\n{other}")
    (work / "field.yaml").write_text(f"{field}{MARK}other{field}{MARK.replace('apps:app', 'apps:other')}")
    (work / "plain.yaml").write_text(f"containers: [{{name: x, image: {json.dumps(url)}}}]\n")
    (work / "function.yaml").write_text(
        "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n"
        f"  metadata: {{name: x}}\n  data: {{a: b}}\nfunctionConfig: {{apiVersion: imagesetter.dev/v1alpha1,"
        f" kind: ImageSetter, metadata: {{name: x}}, spec: {{policies: [{{name: a, image: {json.dumps(url)},"
        " semver: {range: 1.x}}]}}\n"
    )
    for command in (
        "update --check --from status",
        "update --check --from status --output json",
        "update --check --from status --output markdown",
        "update --check --from status --output sarif",
        "update --check --from status --message-file message",
        "update --check",
        "lock",
        "lock --output json",
        "explain apps:app",
        "explain apps:app --output json",
        f"explain {url} --semver 1.x",
        f"tags {url}",
        "doctor",
        "lint",
        "lint --output json",
        "lint --output sarif",
        "mark --check",
        "mark --check --output json",
    ):
        main(command.split())
    main(["fn", "function.yaml"])
    printed = left(work, capfd, but=("policies.yaml", "field.yaml", "plain.yaml", "function.yaml"))
    # The function gives its input back, byte for byte; that line is the user's own text.
    lines = [line for line in printed.splitlines() if WORD in line and not line.startswith("functionConfig: ")]
    assert lines == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("'https://u:p@h/x' is wrong", "'https://***@h/x' is wrong"),
        ("https://u:p/q@r@h/x", "https://***@h/x"),
        ("u:p@h/x", "***@h/x"),
        ("token@ghcr.io/org", "***@ghcr.io/org"),
        ("(u:p@h:5000/x)", "(***@h:5000/x)"),
        ("https://h/x?a=1&private_token=abc&b=2", "https://h/x?a=1&private_token=***&b=2"),
        ("https://h/x?X-Amz-Signature=abc", "https://h/x?X-Amz-Signature=***"),
    ],
)
def test_logins_are_hidden(text: str, shown: str) -> None:
    assert without_logins(text) == shown
    assert str(ReportedError(text)) == shown
    assert without_logins(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "ghcr.io/org/app:1.0@sha256:abc",
        "localhost:5000/app@sha256:abc",
        "app:1.0@sha512:abc",
        "localhost:5000/app:1.0",
        "bot <bot@example.com>",
        "git@github.com:org/repo.git",
        "file.yaml:3:14: a = b",
        "https://example.com/x?n=1000&last=a",
        "--allow-auth-host registry.example.com=git.example.org",
    ],
)
def test_what_holds_no_login_is_shown_as_it_is(text: str) -> None:
    assert without_logins(text) == text


def test_secrets_are_known_for_one_question_only() -> None:
    redaction = Redaction()
    redaction.learn(f"Basic {BASIC}")
    assert redaction.text(f"a {PASSWORD} b {BASIC} c") == "a *** b *** c"
    redaction.begin()
    assert redaction.text(PASSWORD) == PASSWORD
    redaction.learn(f"Basic {base64.b64encode(b'u:pin').decode()}")
    assert redaction.text("opinion pin, pinned") == "opinion ***, pinned"
