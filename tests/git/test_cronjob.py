"""The manifests of ``--emit cronjob``: the schedule says the interval, and the parts fit together."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from e2e.conftest import Stage
from git.conftest import AUTOMATION, GIT_REPOSITORY, catalog_of, policy
from git.test_command import fleet
from imagesetter.flux.markers import PolicyName
from imagesetter.git.automation import read_automation
from imagesetter.git.cronjob import job, manifests, schedule
from krm_functions.errors import UsageError


@pytest.mark.parametrize(
    ("seconds", "cron"),
    [
        (1, "* * * * *"),
        (60, "* * * * *"),
        (300, "{m}-59/5 * * * *"),
        (7 * 60, "{m}-59/6 * * * *"),
        (30 * 60, "{m}-59/30 * * * *"),
        (59 * 60, "{m}-59/30 * * * *"),
        (3600, "{m} * * * *"),
        (5 * 3600, "{m} {h}-23/4 * * *"),
        (12 * 3600, "{m} {h}-23/12 * * *"),
        (24 * 3600, "{m} {h} * * *"),
        (7 * 24 * 3600, "{m} {h} * * *"),
    ],
)
def test_the_schedule_is_the_nearest_shorter_one_that_cron_can_say(seconds: float, cron: str) -> None:
    found = schedule(seconds, "apps:auto")
    for wanted, given in zip(cron.split(), found.split(), strict=True):
        number, *step = given.split("-")
        assert wanted == given or wanted.partition("}")[2] == "-".join(["", *step])
        if wanted.startswith("{"):
            every = int(given.rpartition("/")[2]) if "/" in given else 60 if wanted.startswith("{m") else 24
            assert 0 <= int(number) < every


def emitted(text: str, image: str = "imagesetter:test", namespace: str = "apps") -> list[dict[str, Any]]:
    catalog = catalog_of(text)
    (name,) = {name for name, _ in catalog.of_kind("ImageUpdateAutomation")}
    one = read_automation(catalog, name)
    found = job(one, catalog, catalog.find("GitRepository", namespace, "fleet"), "clusters/prod")
    return list(yaml.safe_load_all(manifests([found], "", image)))


def pod(cron_job: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = cron_job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return found


@pytest.mark.parametrize(
    ("url", "written"),
    [
        ("https://bot:s3cret@git.example.com/fleet", "https://git.example.com/fleet"),
        ("ssh://git:s3cret@git.example.com:22/fleet", "ssh://git@git.example.com:22/fleet"),
        ("ssh://git@git.example.com/fleet", "ssh://git@git.example.com/fleet"),
    ],
)
def test_a_password_in_a_url_is_not_written_down(url: str, written: str) -> None:
    _, cron_job = emitted(AUTOMATION + policy("web") + GIT_REPOSITORY.replace("URL", url))
    assert written in pod(cron_job)["initContainers"][0]["command"]
    assert "s3cret" not in repr(cron_job)


def test_secrets_of_the_git_and_image_repositories_are_mounted_where_they_are_used() -> None:
    source = GIT_REPOSITORY.replace('url: "URL"', "url: https://git.example.com/fleet, secretRef: {name: git-login}")
    policies = policy("web").replace("registry.example.com/web}", "registry.example.com/web, secretRef: {name: pull}}")
    account, cron_job = emitted(AUTOMATION + policies + source)
    assert (account["kind"], account["metadata"]) == ("ServiceAccount", {"name": "imagesetter", "namespace": "apps"})
    spec = pod(cron_job)
    assert spec["serviceAccountName"] == "imagesetter"
    (clone,), (run,) = spec["initContainers"], spec["containers"]
    assert clone["command"][-2:] == ["https://git.example.com/fleet", "/checkout/repository"]
    assert run["args"] == ["automate", "--here", "--automation", "apps:auto", "--", "clusters/prod"]
    secrets = {volume["name"]: volume["secret"]["secretName"] for volume in spec["volumes"] if "secret" in volume}
    assert secrets == {"git": "git-login", "registry": "pull"}
    for container, mounts in ((clone, ["work", "tmp", "git"]), (run, ["work", "tmp", "git", "registry"])):
        assert [mount["name"] for mount in container["volumeMounts"]] == mounts
        assert "credential.helper" in [variable["value"] for variable in container["env"]]
    assert {"name": "DOCKER_CONFIG", "value": "/etc/imagesetter/registry"} in run["env"]


def test_ssh_gets_its_key_and_known_hosts() -> None:
    source = GIT_REPOSITORY.replace('url: "URL"', "url: ssh://git@git.example.com/fleet, secretRef: {name: git-key}")
    _, cron_job = emitted(AUTOMATION + policy("web") + source)
    (variable,) = [each for each in pod(cron_job)["containers"][0]["env"] if each["name"] == "GIT_SSH_COMMAND"]
    assert "UserKnownHostsFile=/etc/imagesetter/git/known_hosts" in variable["value"]


def with_secret(*keys: str, url: str = "https://git.example.com/fleet", provider: str = "generic") -> str:
    data = ", ".join(f"{key}: QQ==" for key in keys)
    secret = f"---\napiVersion: v1\nkind: Secret\nmetadata: {{name: login, namespace: apps}}\ndata: {{{data}}}\n"
    spec = f"url: {url}, provider: {provider}, secretRef: {{name: login}}"
    return AUTOMATION + policy("web") + GIT_REPOSITORY.replace('url: "URL"', spec) + secret


HELPER = {"GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_0", "GIT_CONFIG_VALUE_0"}


@pytest.mark.parametrize(
    ("keys", "variables"),
    [
        (("username", "password"), HELPER),
        (("username", "password", "ca.crt"), HELPER | {"GIT_SSL_CAINFO"}),
        (("username", "password", "caFile"), HELPER | {"GIT_SSL_CAINFO"}),
        (("tls.crt", "tls.key"), {"GIT_SSL_CERT", "GIT_SSL_KEY"}),
        (("bearerToken",), HELPER | {"GIT_BEARER_TOKEN"}),
    ],
)
def test_git_gets_what_the_secret_has(keys: tuple[str, ...], variables: set[str]) -> None:
    _, cron_job = emitted(with_secret(*keys))
    for container in (*pod(cron_job)["initContainers"], *pod(cron_job)["containers"]):
        assert {each["name"] for each in container["env"] if each["name"].startswith("GIT_")} == variables


def test_a_bearer_token_goes_to_the_server_only_and_is_not_written_down() -> None:
    _, cron_job = emitted(with_secret("bearerToken"))
    found = {each["name"]: each for each in pod(cron_job)["containers"][0]["env"]}
    reference = {"secretKeyRef": {"name": "login", "key": "bearerToken"}}
    assert found["GIT_BEARER_TOKEN"]["valueFrom"] == reference
    assert found["GIT_CONFIG_KEY_0"]["value"] == "http.https://git.example.com/.extraHeader"
    assert found["GIT_CONFIG_VALUE_0"]["value"] == "Authorization: Bearer $(GIT_BEARER_TOKEN)"


SSH = "ssh://git@git.example.com/fleet"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (with_secret("identity"), "has no login for the URL https://git.example.com/fleet"),
        (with_secret("username"), "has no login for the URL https://git.example.com/fleet"),
        (with_secret("identity", url=SSH), "has no known_hosts, which an SSH URL needs"),
        (with_secret("username", "password", url=SSH), "has no identity and no known_hosts, which an SSH URL needs"),
        (with_secret("identity", "known_hosts", "password", url=SSH), "has a password of the SSH key"),
        (with_secret("githubAppID", provider="github"), "cannot log in with provider github"),
        (with_secret("githubAppID"), "cannot log in with provider github"),
        (with_secret("username", "password", provider="azure"), "cannot log in with provider azure"),
        (
            with_secret("username", "password")
            .replace("name: fleet}", "name: fleet, namespace: flux-system}")
            .replace("fleet, namespace: apps}", "fleet, namespace: flux-system}"),
            "the Secret login is in the namespace flux-system, and the CronJob of apps:auto cannot mount it",
        ),
    ],
)
def test_a_secret_that_git_cannot_use_in_a_cron_job_is_an_error(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        emitted(text, namespace="flux-system" if "namespace: flux-system" in text else "apps")
    assert (message in str(caught.value), "GitRepository" in caught.value.where) == (True, True), caught.value
    assert caught.value.hint


def test_a_suspended_automation_has_a_suspended_cron_job() -> None:
    source = GIT_REPOSITORY.replace("URL", "https://git.example.com/fleet")
    _, cron_job = emitted(AUTOMATION + "  suspend: true\n" + policy("web") + source)
    assert cron_job["spec"]["suspend"] is True


def test_without_a_url_or_with_two_pull_secrets_nothing_is_emitted() -> None:
    with pytest.raises(UsageError, match="has no known URL"):
        emitted(AUTOMATION + policy("web"))
    policies = "".join(
        policy(name).replace(f"example.com/{name}}}", f"example.com/{name}, secretRef: {{name: pull-{name}}}}}")
        for name in ("web", "api")
    )
    with pytest.raises(UsageError, match="several pull Secrets: pull-api, pull-web"):
        emitted(AUTOMATION + policies)


PULLED = "example.com/web, secretRef: {name: pull}}"
PULL_SECRET = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: pull, namespace: apps}\nstringData: {KEYS}\n"
SIGNED = AUTOMATION.replace("    commit:\n", "    commit:\n      signingKey: {type: gpg, secretRef: {name: key}}\n")
ELSEWHERE = policy("web").replace("name: web, namespace: apps}", "name: web, namespace: images}", 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            AUTOMATION
            + ELSEWHERE.replace("example.com/web}", PULLED).replace("{name: web}", "{name: web, namespace: images}"),
            "the Secret pull is in the namespace images, and the CronJob of apps:auto cannot mount it",
        ),
        (
            AUTOMATION
            + policy("web").replace("example.com/web}", PULLED)
            + PULL_SECRET.replace("KEYS", "username: a, password: b"),
            "the Secret pull has no .dockerconfigjson, only password, username",
        ),
        (SIGNED + policy("web"), "the CronJob would have no key to sign with: Secret apps:key is not in the files"),
    ],
    ids=["another namespace", "no login file", "no key to sign with"],
)
def test_what_a_cron_job_would_not_have_is_an_error(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        emitted(text + GIT_REPOSITORY.replace("URL", "https://git.example.com/fleet"))
    assert caught.value.what == message
    assert caught.value.where
    assert caught.value.hint


def test_a_pull_secret_with_a_login_file_is_mounted() -> None:
    secret = PULL_SECRET.replace("KEYS", '.dockerconfigjson: "{}"')
    source = GIT_REPOSITORY.replace("URL", "https://git.example.com/fleet")
    _, cron_job = emitted(AUTOMATION + policy("web").replace("example.com/web}", PULLED) + secret + source)
    assert [each["secret"]["secretName"] for each in pod(cron_job)["volumes"] if "secret" in each] == ["pull"]


def test_notes_say_what_is_left_to_the_operator() -> None:
    policies = policy("web").replace("example.com/web}", "example.com/web, provider: aws, certSecretRef: {name: ca}}")
    catalog = catalog_of(AUTOMATION + policies)
    one = read_automation(catalog, PolicyName("apps", "auto"))
    assert job(one, catalog, None, "clusters/prod").notes == (
        "the CronJob has no login for Git: GitRepository apps:fleet is not in the files",
        "ImageRepository apps:web has certSecretRef: the CronJob does not mount it, and uses what is in the repository",
        "ImageRepository apps:web has provider aws: give the ServiceAccount imagesetter an identity in that cloud",
    )


def test_two_long_names_that_begin_alike_have_a_cron_job_each() -> None:
    source = GIT_REPOSITORY.replace("URL", "https://git.example.com/fleet")
    names = []
    for end in ("one", "two"):
        _, cron_job = emitted(AUTOMATION.replace("name: auto", f"name: {'a-very-' * 7}{end}") + policy("web") + source)
        names.append(cron_job["metadata"]["name"])
    assert len(set(names)) == 2
    assert all(len(name) <= 52 for name in names)


def test_the_command_prints_them_for_the_checkout_it_is_in(stage: Stage) -> None:
    fleet(stage, clone=True)
    done = stage.here("automate", "--emit", "cronjob", "clusters", cwd=stage.root / "checkout")
    source = "GitRepository flux-system:flux-system has no secretRef"
    assert (done.status, done.stderr) == (0, f"flux-system:my-app: the CronJob has no login for Git: {source}\n")
    _, cron_job = yaml.safe_load_all(done.stdout)
    assert pod(cron_job)["containers"][0]["args"][-1] == "clusters"
    assert cron_job["spec"]["schedule"].endswith("-59/30 * * * *")
