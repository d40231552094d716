"""The logins of this machine: which file, which entry, which helper, and what is never said about them."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagesetter.errors import CredentialError
from imagesetter.registry.auth.credential_helper import ask_helper
from imagesetter.registry.auth.credentials import Credential, Keychains, Lookup, login, read_entry
from imagesetter.registry.auth.docker_config import LocalKeychain, credential_files, matching_keys
from imagesetter.registry.http.address_rules import AddressRules
from imagesetter.registry.http.hosts import parse_host
from support.logins import IDENTITY_TOKEN, PASSWORD, REGISTRY_TOKEN, SECRETS, Always
from support.waiting import PATIENCE, wait_until


def auth(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def entry(name: str) -> dict[str, str]:
    return {"auth": auth(f"{name}:{PASSWORD}")}


def keychain(
    home: Path, documents: Mapping[str, object], environment: Mapping[str, str] | None = None, **more: AddressRules
) -> LocalKeychain:
    for name, document in documents.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(document if isinstance(document, str) else json.dumps(document))
    environment = environment or {}
    return LocalKeychain(credential_files(environment, home), environment, **more)


def who(chain: LocalKeychain, registry: str = "ghcr.io", path: str = "org/app") -> str:
    credential = chain.find(registry, path).credential
    return credential.username if credential is not None else ""


HUB_KEY = "https://index.docker.io/v1/"
DOCKER = ".docker/config.json"
PODMAN = ".config/containers/auth.json"


# --- files -----------------------------------------------------------------------------------------------------------


def test_files_count_in_this_order(home: Path) -> None:
    environment = {
        "REGISTRY_AUTH_FILE": str(home / "named.json"),
        "DOCKER_CONFIG": str(home / "docker"),
        "XDG_RUNTIME_DIR": str(home / "run"),
        "XDG_CONFIG_HOME": str(home / "config"),
    }
    files = [
        "named.json",
        "docker/config.json",
        "run/containers/auth.json",
        "config/containers/auth.json",
        ".dockercfg",
    ]
    for number in range(len(files)):
        documents: dict[str, object] = {
            name: {"auths": {"ghcr.io": entry(name)}} if name != ".dockercfg" else {"ghcr.io": entry(name)}
            for name in files[number:]
        }
        for name in files:
            (home / name).unlink(missing_ok=True)
        assert who(keychain(home, documents, environment)) == files[number]


def test_folders_have_their_usual_places_without_variables(home: Path) -> None:
    files = credential_files({}, home)
    assert files[0] == home / ".docker" / "config.json"
    assert str(files[1]).startswith("/run/containers/")
    assert files[2:] == (home / ".config" / "containers" / "auth.json", home / ".dockercfg")


def test_file_without_the_registry_is_passed_over(home: Path) -> None:
    chain = keychain(
        home, {DOCKER: {"auths": {"quay.io": entry("other")}}, PODMAN: {"auths": {"ghcr.io": entry("alice")}}}
    )
    assert who(chain) == "alice"


def test_a_file_in_place_of_the_directory_is_an_error_and_not_no_login(home: Path) -> None:
    named = home / "config.json"
    named.write_text("{}")
    keychain = LocalKeychain(credential_files({"DOCKER_CONFIG": str(named)}, home), {})
    with pytest.raises(CredentialError) as caught:
        keychain.find("ghcr.io", "org/app")
    assert str(caught.value) == f"{named} is not a directory"
    assert caught.value.hint == "if that is DOCKER_CONFIG: it names the directory of config.json"


def test_no_files_have_no_login(home: Path) -> None:
    assert keychain(home, {}).find("ghcr.io", "org/app") == Lookup()
    assert who(keychain(home, {DOCKER: "  \n"})) == ""


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{" + PASSWORD, id="no-json"),
        pytest.param(f'["{PASSWORD}"]', id="no-object"),
        pytest.param(f'{{"auths": ["{PASSWORD}"]}}', id="auths-is-a-list"),
        pytest.param(f'{{"auths": {{"ghcr.io": "{PASSWORD}"}}}}', id="entry-is-text"),
        pytest.param(f'{{"auths": {{"ghcr.io": {{"auth": "{PASSWORD}"}}}}}}', id="auth-is-not-base64"),
        pytest.param(f'{{"auths": {{"ghcr.io": {{"auth": "\\u202e{PASSWORD}"}}}}}}', id="auth-is-beyond-ascii"),
        pytest.param(json.dumps({"auths": {"ghcr.io": {"auth": auth(PASSWORD)}}}), id="auth-has-no-colon"),
        pytest.param(json.dumps({"auths": {"ghcr.io": {"auth": auth(f"a:{PASSWORD}\r\nX: y")}}}), id="line-break"),
        pytest.param(
            f'{{"auths": {{"ghcr.io": {{"username": "u", "password": "\\ud800{PASSWORD}"}}}}}}', id="half-a-character"
        ),
        pytest.param("[" * 100_000, id="nested"),
    ],
)
def test_file_that_cannot_be_read_is_named_and_never_quoted(home: Path, text: str) -> None:
    with pytest.raises(CredentialError) as caught:
        keychain(home, {DOCKER: text}).find("ghcr.io", "org/app")
    assert str(home / DOCKER) in str(caught.value)
    chain: BaseException | None = caught.value
    while chain is not None:
        assert PASSWORD not in f"{chain}{chain!r}{chain.args}"
        assert not isinstance(chain, json.JSONDecodeError), "it holds the document"
        chain = chain.__cause__


def test_file_that_cannot_be_read_is_an_error(home: Path) -> None:
    chain = keychain(home, {DOCKER: {}})
    (home / DOCKER).unlink()
    (home / DOCKER).mkdir()
    with pytest.raises(CredentialError, match="cannot be read: Is a directory"):
        chain.find("ghcr.io", "org/app")


def test_file_as_large_as_none_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imagesetter.registry.auth.docker_config._LARGEST", 10)
    with pytest.raises(CredentialError, match="larger than 10 bytes"):
        keychain(home, {DOCKER: {"auths": {}}}).find("ghcr.io", "org/app")


# --- keys ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "registry", "path", "expected"),
    [
        pytest.param(["ghcr.io"], "ghcr.io", "org/app", "ghcr.io", id="host"),
        pytest.param(["https://ghcr.io"], "ghcr.io", "org/app", "https://ghcr.io", id="with-scheme"),
        pytest.param(["https://ghcr.io/v2/"], "ghcr.io", "org/app", "https://ghcr.io/v2/", id="with-version"),
        pytest.param(["GHCR.io"], "ghcr.io", "org/app", "GHCR.io", id="upper-case"),
        pytest.param(["ghcr.io:443"], "ghcr.io", "org/app", "ghcr.io:443", id="standard-port"),
        pytest.param(["ghcr.io", "ghcr.io/org"], "ghcr.io", "org/app", "ghcr.io/org", id="longest-path"),
        pytest.param(["ghcr.io/org/app"], "ghcr.io", "org/app", "ghcr.io/org/app", id="whole-path"),
        pytest.param(["ghcr.io/org"], "ghcr.io", "org-evil/app", "", id="path-ends-at-a-slash"),
        pytest.param(["ghcr.io"], "ghcr.io.evil.example", "org/app", "", id="name-that-begins-alike"),
        pytest.param(["ghcr.io"], "evilghcr.io", "org/app", "", id="name-that-ends-alike"),
        pytest.param(["ghcr.io:5000"], "ghcr.io", "org/app", "", id="another-port"),
        pytest.param(["*.io"], "ghcr.io", "org/app", "", id="globs-are-for-kubernetes"),
        pytest.param([HUB_KEY], "index.docker.io", "library/nginx", HUB_KEY, id="hub"),
        pytest.param(["docker.io"], "index.docker.io", "library/nginx", "docker.io", id="hub-by-short-name"),
        pytest.param(["registry-1.docker.io"], "index.docker.io", "a/b", "registry-1.docker.io", id="hub-by-api-name"),
        pytest.param(["docker.io/a"], "index.docker.io", "a/b", "docker.io/a", id="hub-with-path"),
        pytest.param(["not a host", "https://"], "ghcr.io", "org/app", "", id="nonsense"),
    ],
)  # fmt: skip
def test_key_is_for_the_repository(keys: list[str], registry: str, path: str, expected: str) -> None:
    found = matching_keys({key: {} for key in keys}, parse_host(registry), path)
    assert next((key for key, _ in found), "") == expected


# --- entries ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param({"auth": auth(f"alice:{PASSWORD}")}, Credential("alice", PASSWORD), id="auth"),
        pytest.param({"auth": auth("alice:a:b:c")}, Credential("alice", "a:b:c"), id="colons-in-the-password"),
        pytest.param({"auth": auth("alice:word\0\0")}, Credential("alice", "word"), id="padded-with-nul"),
        pytest.param({"auth": auth("alice:word").rstrip("=")}, Credential("alice", "word"), id="without-padding"),
        pytest.param({"auth": auth("älice:wörd")}, Credential("älice", "wörd"), id="beyond-ascii"),
        pytest.param({"username": "alice", "password": "word"}, Credential("alice", "word"), id="two-fields"),
        pytest.param({"identitytoken": "t"}, Credential("", "t", "identity"), id="identity-token"),
        pytest.param({"auth": auth("x:"), "identitytoken": "t"}, Credential("x", "t", "identity"), id="acr"),
        pytest.param({"auth": auth("<token>:t")}, Credential("", "t", "identity"), id="token-as-user"),
        pytest.param({"registrytoken": "t"}, Credential("", "t", "token"), id="registry-token"),
        pytest.param({}, None, id="marker-of-a-store"),
        pytest.param(None, None, id="null"),
        pytest.param(
            {"auth": base64.encodebytes(b"AWS:" + b"x" * 200).decode()}, Credential("AWS", "x" * 200), id="broken-lines"
        ),
        pytest.param({"email": "a@b"}, None, id="only-an-address"),
    ],
)
def test_entry_is_read_as_docker_writes_it(value: object, expected: Credential | None) -> None:
    assert read_entry(value, where="x") == expected


def test_encrypted_password_is_never_sent() -> None:
    with pytest.raises(CredentialError, match="is encrypted"):
        login("alice", "ENC[AES256_GCM,data:x]", "a Secret")


@given(st.text(), st.text(), st.sampled_from(["password", "identity", "token"]))
def test_credential_does_not_show_its_secret(username: str, secret: str, kind: str) -> None:
    hidden = f"secret-{secret}"
    shown = repr(Credential(username, hidden, kind, "x"))  # type: ignore[arg-type]
    assert hidden not in shown.replace(repr(username), "")


def test_first_keychain_with_a_login_wins_and_notes_are_kept() -> None:
    chain = Keychains((Always(only="quay.io"), Always("bob")))
    found = chain.find("ghcr.io", "org/app").credential
    assert found is not None
    assert found.username == "bob"
    assert Keychains(()).find("ghcr.io", "x") == Lookup()


# --- helpers and stores ----------------------------------------------------------------------------------------------


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    folder = tmp_path / "programs"
    folder.mkdir()
    return folder


def write_helper(folder: Path, body: str, name: str = "test") -> dict[str, str]:
    script = folder / f"docker-credential-{name}"
    script.write_text(f"#!/bin/sh\n{body}\n")
    script.chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin"}


ANSWER = json.dumps({"ServerURL": "x", "Username": "alice", "Secret": PASSWORD})


def test_helper_is_told_the_registry_and_gives_the_login(programs: Path) -> None:
    environment = write_helper(programs, f"cat > {programs}/asked; test \"$1\" = get && echo '{ANSWER}'")
    assert ask_helper("test", "ghcr.io", environment) == Credential("alice", PASSWORD)
    assert (programs / "asked").read_text() == "ghcr.io\n"


def test_helper_is_told_docker_hubs_old_address(programs: Path) -> None:
    environment = write_helper(programs, f"cat > {programs}/asked; echo '{ANSWER}'")
    ask_helper("test", "index.docker.io", environment)
    assert (programs / "asked").read_text() == "https://index.docker.io/v1/\n"


def test_helper_that_gives_a_token_user_gives_an_identity_token(programs: Path) -> None:
    answer = json.dumps({"Username": "<token>", "Secret": IDENTITY_TOKEN})
    environment = write_helper(programs, f"echo '{answer}'")
    assert ask_helper("test", "ghcr.io", environment) == Credential("", IDENTITY_TOKEN, "identity")


def test_helper_that_finds_nothing_is_no_error(programs: Path) -> None:
    environment = write_helper(programs, "echo 'credentials not found in native keychain'; exit 1")
    assert ask_helper("test", "ghcr.io", environment) is None


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(
            f"echo {PASSWORD}; echo {PASSWORD} >&2; exit 1", "failed for ghcr.io \\(exit status 1\\)", id="fails"
        ),
        pytest.param(f"echo {PASSWORD}", "is not JSON", id="talks-nonsense"),
        pytest.param(f"echo '[\"{PASSWORD}\"]'", "is not a JSON object", id="gives-a-list"),
        pytest.param(f'echo \'{{"Secret": "{PASSWORD}"}}\'', "has no Username and Secret", id="forgets-the-user"),
        pytest.param("yes", "answered more than 64 KiB", id="talks-without-end"),
        pytest.param("kill -9 $$", "exit status -9", id="is-killed"),
    ],
)
def test_helper_that_fails_is_an_error_without_its_words(programs: Path, body: str, message: str) -> None:
    with pytest.raises(CredentialError, match=message) as caught:
        ask_helper("test", "ghcr.io", write_helper(programs, body))
    assert PASSWORD not in f"{caught.value}{caught.value.hint}{caught.value.__cause__}"
    assert caught.value.hint == ("" if "64 KiB" in message else "`echo ghcr.io | docker-credential-test get` shows why")


def test_helper_that_hangs_is_stopped_with_its_children(programs: Path) -> None:
    child = programs / "child"
    environment = write_helper(programs, f"sleep 3600 & echo $! > {child}.new; mv {child}.new {child}; wait")
    seconds = 0.3
    while not child.exists():  # stopped before it came to hang: a busy machine has to give it longer
        seconds *= 2
        assert seconds < PATIENCE
        with pytest.raises(CredentialError, match=rf"did not respond within {seconds:g} s"):
            ask_helper("test", "ghcr.io", environment, seconds=seconds)
    assert wait_until(lambda: not runs(int(child.read_text()))), "the helper's child is still running"


def runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("name", ["../evil", "/bin/sh", "a b", "", "-x", ".x", "a;b", "a\n", "ä"])
def test_helper_has_a_plain_name(name: str) -> None:
    with pytest.raises(CredentialError, match="cannot be the name of a credential helper"):
        ask_helper(name, "ghcr.io", {"PATH": "/bin"})


@pytest.mark.parametrize("path", ["", ".", ":", "relative/bin"])
def test_helper_is_not_looked_for_in_relative_folders(
    programs: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_helper(programs, f"echo '{ANSWER}'")
    monkeypatch.chdir(programs)
    with pytest.raises(CredentialError, match="configured but not on the PATH"):
        ask_helper("test", "ghcr.io", {"PATH": path})


def test_helper_that_cannot_be_run_is_an_error(programs: Path) -> None:
    script = programs / "docker-credential-test"
    script.write_text("no program")
    script.chmod(0o755)
    with pytest.raises(CredentialError, match="cannot be run"):
        ask_helper("test", "ghcr.io", {"PATH": str(programs)})


def test_helper_of_a_host_comes_before_its_entry(home: Path, programs: Path) -> None:
    environment = write_helper(programs, f"echo '{ANSWER}'")
    document = {"credHelpers": {"ghcr.io": "test"}, "auths": {"ghcr.io": entry("bob")}}
    assert who(keychain(home, {DOCKER: document}, environment)) == "alice"


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (["ghcr.io/other"], ""),
        (["ghcr.io/org"], "alice"),
        (["ghcr.io/or"], ""),
        (["https://ghcr.io/v2/"], "alice"),
        (["ghcr.io/other", "ghcr.io"], "alice"),
    ],
)
def test_helper_of_a_path_is_for_what_lies_under_it(home: Path, programs: Path, keys: list[str], expected: str) -> None:
    environment = write_helper(programs, f"echo '{ANSWER}'")
    document = {"credHelpers": dict.fromkeys(keys, "test")}
    assert who(keychain(home, {DOCKER: document}, environment)) == expected


def test_entry_is_used_when_the_helper_has_none(home: Path, programs: Path) -> None:
    environment = write_helper(programs, "echo credentials not found in native keychain; exit 1")
    document = {"credHelpers": {"ghcr.io": "test"}, "auths": {"ghcr.io": entry("bob")}}
    assert who(keychain(home, {DOCKER: document}, environment)) == "bob"


def test_helper_is_not_asked_about_another_host(home: Path, programs: Path) -> None:
    environment = write_helper(programs, f"touch {programs}/asked; echo '{ANSWER}'")
    chain = keychain(home, {DOCKER: {"credHelpers": {"ghcr.io": "test"}}}, environment)
    assert who(chain, "evil.example") == ""
    assert not (programs / "asked").exists()


def test_store_is_asked_about_hosts_that_someone_logged_in_to(home: Path, programs: Path) -> None:
    environment = write_helper(programs, f"echo '{ANSWER}'")
    assert who(keychain(home, {DOCKER: {"credsStore": "test", "auths": {"ghcr.io": {}}}}, environment)) == "alice"


def test_store_is_not_asked_about_a_host_that_the_input_made_up(home: Path, programs: Path) -> None:
    """Stores such as ecr-login make up credentials for any host that looks like theirs."""
    environment = write_helper(programs, f"touch {programs}/asked; echo '{ANSWER}'")
    document = {"credsStore": "test", "auths": {"ghcr.io": {}}}
    lookup = keychain(home, {DOCKER: document}, environment).find("evil.example", "app")
    assert lookup.credential is None
    assert "neither among its auths nor allowed by name (--allow-registry evil.example)" in lookup.note
    assert not (programs / "asked").exists()


def test_store_is_asked_about_hosts_that_the_operator_named(home: Path, programs: Path) -> None:
    environment = write_helper(programs, f"echo '{ANSWER}'")
    chain = keychain(home, {DOCKER: {"credsStore": "test"}}, environment, egress=AddressRules.parse(("ghcr.io/org",)))
    assert who(chain) == "alice"


def test_helper_runs_once_a_host_even_when_it_fails(home: Path, programs: Path) -> None:
    environment = write_helper(programs, f"echo run >> {programs}/runs; exit 3")
    chain = keychain(home, {DOCKER: {"credHelpers": {"ghcr.io": "test"}}}, environment)
    for _ in range(3):
        with pytest.raises(CredentialError, match="exit status 3"):
            chain.find("ghcr.io", "org/app")
    assert (programs / "runs").read_text() == "run\n"


def test_note_says_where_a_login_came_from(home: Path) -> None:
    note = keychain(home, {DOCKER: {"auths": {"ghcr.io": {"registrytoken": REGISTRY_TOKEN}}}}).find("ghcr.io", "a").note
    assert note == f"ghcr.io: credentials from {home / DOCKER} (ghcr.io)"
    assert not any(secret in note for secret in SECRETS)
