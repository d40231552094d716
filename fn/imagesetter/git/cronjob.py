"""Manifests that run automations without a controller: a ServiceAccount, and a CronJob for each automation.

A cron schedule cannot express every interval. The nearest shorter one that divides an hour or a day is used. The minute
depends on the automation's name, so that many automations do not start at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from imagesetter.flux.catalog import Catalog
from imagesetter.flux.markers import PolicyName
from imagesetter.flux.resources import Resource
from imagesetter.git.automation import At, Automation
from imagesetter.git.command import without_password
from krm_functions.errors import UsageError
from krm_functions.yaml.emit import dump

ACCOUNT = "imagesetter"
_GIT = "/etc/imagesetter/git"
_REGISTRY = "/etc/imagesetter/registry"
_USER = 65534
_LONGEST = 52
"""Characters of a CronJob's name: Kubernetes adds eleven for each Job."""
_LOGIN_FILE = ".dockerconfigjson"
_SHORT = tuple(number for number in range(1, 31) if 60 % number == 0)
_LONG = tuple(number for number in range(1, 13) if 24 % number == 0)
_HELPER = f'!f() {{ echo "username=$(cat {_GIT}/username)"; echo "password=$(cat {_GIT}/password)"; }}; f'
_SSH = f"ssh -i {_GIT}/identity -o IdentitiesOnly=yes -o UserKnownHostsFile={_GIT}/known_hosts"


@dataclass(frozen=True, slots=True)
class CronJob:
    """One automation, and what its CronJob refers to.

    ``path`` is the path of the automation and its policies in the repository; the Secrets are names, or empty.
    ``git_keys`` are the keys of the Git Secret; None if it is not in the files, or there is none. ``notes`` say what
    the manifests leave to the operator.
    """

    automation: Automation
    path: str
    git_secret: str
    registry_secret: str
    git_keys: frozenset[str] | None = None
    notes: tuple[str, ...] = ()


def schedule(interval: float, name: str) -> str:
    """The cron schedule of an interval in seconds."""
    offset = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4])
    minutes = max(1, int(interval // 60))
    if minutes < 60:
        step = max(number for number in _SHORT if number <= minutes)
        return "* * * * *" if step == 1 else f"{offset % step}-59/{step} * * * *"
    hours = minutes // 60
    if hours < 24:
        step = max(number for number in _LONG if number <= hours)
        return f"{offset % 60} * * * *" if step == 1 else f"{offset % 60} {offset // 60 % step}-23/{step} * * *"
    return f"{offset % 60} {offset // 60 % 24} * * *"


def job(
    automation: Automation,
    catalog: Catalog,
    repository: Resource | None,
    path: str,
    at: At = lambda name, folder: name,
) -> CronJob:
    """One automation with the Secrets that its GitRepository and its policies' ImageRepositories name.

    Args:
        automation: what to run.
        catalog: the resources of the files.
        repository: its GitRepository; None if that is not in the files.
        path: of the automation and its policies in the repository.
        at: finds out what a policy's name means in a folder (`imagesetter.update.nearby.Nearby.at`).

    Raises:
        UsageError: a Secret cannot be mounted, or the CronJob has no use for it.
    """
    reference = repository.spec.get("secretRef") if repository else None
    git_secret = str(reference.get("name", "")) if isinstance(reference, Mapping) else ""
    git_keys = _git_keys(automation, catalog, repository, git_secret)
    _check_signing(automation)
    sources = dict(filter(None, (_image_repository(catalog, name) for name in automation.policies(catalog, at))))
    secrets = {_pull_secret(automation, catalog, name, found) for name, found in sources.items()}
    registries = sorted(filter(None, secrets))
    if len(registries) > 1:
        raise UsageError(
            f"the policies of {automation.name} use several pull Secrets: {', '.join(registries)}",
            hint="a CronJob mounts one login file: merge the Secrets, or select fewer policies with policySelector",
        )
    notes = [f"the CronJob has no login for Git: {_no_login(automation, repository)}"] if not git_secret else []
    notes += sorted(note for name, found in sources.items() for note in _notes(name, found))
    return CronJob(automation, path, git_secret, "".join(registries), git_keys, tuple(notes))


def _no_login(automation: Automation, repository: Resource | None) -> str:
    source = f"GitRepository {automation.source}"
    return f"{source} has no secretRef" if repository else f"{source} is not in the files"


def _check_signing(automation: Automation) -> None:
    """Refuse an automation that signs with a Secret that its CronJob would not have.

    Raises:
        UsageError: the Secret is not in the files.
    """
    key = automation.signing_key
    if key and automation.signing_secret is None:
        raise UsageError(
            f"the CronJob would have no key to sign with: Secret {automation.name.namespace}:{key.secret_ref.name} is "
            "not in the files",
            where=f"spec.git.commit.signingKey of ImageUpdateAutomation {automation.name}",
            hint="a run reads it from the repository: add it, or remove signingKey",
        )


def _notes(name: PolicyName, repository: Resource) -> Iterator[str]:
    """What the CronJob lacks to list an ImageRepository's tags."""
    what = f"ImageRepository {name}"
    provider = str(repository.spec.get("provider") or "generic")
    if provider != "generic":
        yield f"{what} has provider {provider}: give the ServiceAccount {ACCOUNT} an identity in that cloud"
    for field in ("certSecretRef", "proxySecretRef", "serviceAccountName"):
        if repository.spec.get(field):
            yield f"{what} has {field}: the CronJob does not mount it, and uses what is in the repository"


def _git_keys(
    automation: Automation, catalog: Catalog, repository: Resource | None, secret: str
) -> frozenset[str] | None:
    """The keys of the Secret that git logs in with; None if it is not in the files."""
    where = f"GitRepository {automation.source}"
    provider = str(repository.spec.get("provider") or "generic") if repository else "generic"
    found = catalog.find("Secret", automation.source.namespace, secret, automation.folder) if secret else None
    keys = _keys(found) if found else frozenset()
    if provider != "generic" or "githubAppID" in keys:
        raise UsageError(
            f"git in a CronJob cannot log in with provider {'github' if 'githubAppID' in keys else provider}",
            where=where,
            hint="give the CronJob a GitRepository whose Secret has username and password, bearerToken, or an SSH key",
        )
    if secret and automation.source.namespace != automation.name.namespace:
        raise UsageError(
            f"the Secret {secret} is in the namespace {automation.source.namespace}, and the CronJob of "
            f"{automation.name} cannot mount it",
            where=where,
            hint="put both into one namespace",
        )
    return keys if found else None


def _image_repository(catalog: Catalog, name: PolicyName) -> tuple[PolicyName, Resource] | None:
    """The ImageRepository of a policy; None if one of both is not in the files."""
    policy = catalog.find("ImagePolicy", *name)
    reference = policy.spec.get("imageRepositoryRef") if policy else None
    if not isinstance(reference, Mapping):
        return None
    namespace = str(reference.get("namespace") or name.namespace)
    source = PolicyName(namespace, str(reference.get("name", "")))
    found = catalog.find("ImageRepository", source.namespace, source.name, name.folder)
    return (source, found) if found else None


def _pull_secret(automation: Automation, catalog: Catalog, name: PolicyName, repository: Resource) -> str:
    """The pull Secret that an ImageRepository names; empty for none.

    Raises:
        UsageError: the CronJob cannot mount it, or it has no login file.
    """
    reference = repository.spec.get("secretRef")
    secret = str(reference.get("name", "")) if isinstance(reference, Mapping) else ""
    if not secret:
        return ""
    where = f"ImageRepository {name}"
    if name.namespace != automation.name.namespace:
        raise UsageError(
            f"the Secret {secret} is in the namespace {name.namespace}, and the CronJob of {automation.name} cannot "
            "mount it",
            where=where,
            hint="put the ImageRepository and its Secret into the automation's namespace",
        )
    found = catalog.find("Secret", name.namespace, secret, automation.folder)
    if found and _LOGIN_FILE not in (keys := _keys(found)):
        has = f"only {', '.join(sorted(keys))}" if keys else "nothing"
        hint = "make it with `kubectl create secret docker-registry`"
        raise UsageError(f"the Secret {secret} has no {_LOGIN_FILE}, {has}", where=where, hint=hint)
    return secret


def _keys(secret: Resource) -> frozenset[str]:
    values = [secret.data.get(part) for part in ("data", "stringData")]
    return frozenset(str(key) for part in values if isinstance(part, Mapping) for key in part)


def manifests(jobs: Sequence[CronJob], url: str, image: str) -> str:
    """The manifests as one YAML stream.

    Args:
        jobs: the automations.
        url: where to clone from, for automations that have no GitRepository.
        image: with imagesetter and git.

    Raises:
        UsageError: the URL of a repository is not known.
    """
    resources: list[dict[str, Any]] = [
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": ACCOUNT, "namespace": namespace},
            "automountServiceAccountToken": False,
        }
        for namespace in sorted({each.automation.name.namespace for each in jobs})
    ]
    for each in jobs:
        source = without_password(each.automation.url or url)
        if not source:
            raise UsageError(
                f"the repository of {each.automation.name} has no known URL",
                hint="add its GitRepository to the files, or run this in a checkout with a remote",
            )
        resources.append(_cron_job(each, source, image))
    return "---\n".join(dump(resource) for resource in resources)


def _cron_job(each: CronJob, url: str, image: str) -> dict[str, Any]:
    automation = each.automation
    name = f"imagesetter-{automation.name.name}"
    if len(name) > _LONGEST:  # two long names may begin alike
        name = f"{name[: _LONGEST - 9].rstrip('-.')}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    labels = {"app.kubernetes.io/name": "imagesetter", "app.kubernetes.io/instance": automation.name.name[:63]}
    branch = ["--branch", automation.ref.branch] if automation.ref.branch else []
    clone = ["git", "clone", "--quiet", "--depth=1", *branch, "--", url, "/checkout/repository"]
    run = ["automate", "--here", "--automation", str(automation.name), "--", each.path]
    mounts = [{"name": "work", "mountPath": "/checkout"}, {"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108
    volumes: list[dict[str, Any]] = [{"name": "work", "emptyDir": {}}, {"name": "tmp", "emptyDir": {}}]
    environment = [{"name": "HOME", "value": "/checkout"}]
    if each.git_secret:
        volumes.append({"name": "git", "secret": {"secretName": each.git_secret, "defaultMode": 0o440}})
        mounts.append({"name": "git", "mountPath": _GIT, "readOnly": True})  # type: ignore[dict-item]
        environment += _git_environment(each, url)
    registry_mounts, registry_environment = list(mounts), list(environment)
    if each.registry_secret:
        items = [{"key": _LOGIN_FILE, "path": "config.json"}]
        volumes.append({"name": "registry", "secret": {"secretName": each.registry_secret, "items": items}})
        registry_mounts.append({"name": "registry", "mountPath": _REGISTRY, "readOnly": True})  # type: ignore[dict-item]
        registry_environment.append({"name": "DOCKER_CONFIG", "value": _REGISTRY})
    common = {
        "image": image,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "resources": {"requests": {"cpu": "50m", "memory": "96Mi"}, "limits": {"memory": "256Mi"}},
    }
    pod = {
        "serviceAccountName": ACCOUNT,
        "automountServiceAccountToken": False,
        "restartPolicy": "Never",
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "initContainers": [
            {"name": "clone", "command": clone, "env": environment, "volumeMounts": mounts, **common},
        ],
        "containers": [
            {
                "name": "imagesetter",
                "args": run,
                "workingDir": "/checkout/repository",
                "env": registry_environment,
                "volumeMounts": registry_mounts,
                **common,
            }
        ],
        "volumes": volumes,
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": name, "namespace": automation.name.namespace, "labels": labels},
        "spec": {
            "schedule": schedule(automation.interval, str(automation.name)),
            "concurrencyPolicy": "Forbid",
            "suspend": automation.suspended,
            "startingDeadlineSeconds": 300,
            "successfulJobsHistoryLimit": 1,
            "failedJobsHistoryLimit": 3,
            "jobTemplate": {
                "spec": {
                    "backoffLimit": 1,
                    "activeDeadlineSeconds": 900,
                    "template": {"metadata": {"labels": labels}, "spec": pod},
                }
            },
        },
    }


def _git_environment(each: CronJob, url: str) -> list[dict[str, Any]]:
    """How git finds the credentials of a Flux Secret; without its keys, as Flux's manual describes it first.

    Raises:
        UsageError: git has no use for the keys of the Secret.
    """
    where = f"Secret {each.git_secret} of GitRepository {each.automation.source}"
    keys = each.git_keys
    if url.startswith("ssh://"):
        if keys is not None and (missing := sorted({"identity", "known_hosts"} - keys)):
            hint = f"add {' and '.join(missing)} to the Secret"
            raise UsageError(f"has no {' and no '.join(missing)}, which an SSH URL needs", where=where, hint=hint)
        if keys and "password" in keys:
            hint = "use a deploy key without a password"
            raise UsageError(
                "has a password of the SSH key, which nobody can type in a CronJob", where=where, hint=hint
            )
        return [{"name": "GIT_SSH_COMMAND", "value": _SSH}]
    keys = frozenset(("username", "password")) if keys is None else keys
    files = {
        "GIT_SSL_CAINFO": next((key for key in ("ca.crt", "caFile") if key in keys), ""),
        "GIT_SSL_CERT": "tls.crt" if "tls.crt" in keys else "",
        "GIT_SSL_KEY": "tls.key" if "tls.key" in keys else "",
    }
    environment: list[dict[str, Any]] = [{"name": name, "value": f"{_GIT}/{key}"} for name, key in files.items() if key]
    if "bearerToken" in keys:
        reference = {"secretKeyRef": {"name": each.git_secret, "key": "bearerToken"}}
        environment.append({"name": "GIT_BEARER_TOKEN", "valueFrom": reference})
        setting = (f"http.{_origin(url)}/.extraHeader", "Authorization: Bearer $(GIT_BEARER_TOKEN)")
    elif {"username", "password"} <= keys:
        setting = ("credential.helper", _HELPER)
    elif environment:
        return environment  # a client certificate, or a public repository behind an authority of one's own
    else:
        hint = "add username and password, or bearerToken; an SSH key needs a URL ssh://…"
        raise UsageError(f"has no login for the URL {url}", where=where, hint=hint)
    return [
        *environment,
        {"name": "GIT_CONFIG_COUNT", "value": "1"},
        {"name": "GIT_CONFIG_KEY_0", "value": setting[0]},
        {"name": "GIT_CONFIG_VALUE_0", "value": setting[1]},
    ]


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
