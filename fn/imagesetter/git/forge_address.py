"""Which forge a remote is on, and which token of the environment it gets.

The API's URL is the operator's or a well-known one, never from the files: `--forge`, what a CI system says of its own
server, or the public hosts. So a token goes to no host that a GitRepository names.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple, cast, get_args
from urllib.parse import urlsplit

from imagesetter.errors import GitError
from imagesetter.git.forge import Kind
from krm_functions.errors import UsageError

_KNOWN: dict[str, tuple[Kind, str]] = {
    "github.com": ("github", "https://api.github.com"),
    "gitlab.com": ("gitlab", "https://gitlab.com/api/v4"),
    "codeberg.org": ("gitea", "https://codeberg.org/api/v1"),
    "gitea.com": ("gitea", "https://gitea.com/api/v1"),
}
_ALIASES = {"ssh.github.com": "github.com", "altssh.gitlab.com": "gitlab.com"}
"""Hosts for SSH over the port of HTTPS."""
_TOKENS: dict[Kind, tuple[str, ...]] = {
    "github": ("GITHUB_TOKEN", "GH_TOKEN"),
    "gitlab": ("GITLAB_TOKEN",),
    "gitea": ("GITEA_TOKEN", "FORGEJO_TOKEN", "GITHUB_TOKEN"),
}
_OWN_TOKEN = "IMAGESETTER_FORGE_TOKEN"  # noqa: S105 - the name of a variable
_URL = re.compile(r"(?:https?|ssh)://(?:[^/@]*@)?(?P<host>[^/:@]+)(?::\d+)?/(?P<path>.+)")
_SCP = re.compile(r"(?:[^/@:]+@)?(?P<host>[^/:@]+):(?P<path>[^/].*)")


class ForgeAddress(NamedTuple):
    """Where the requests of a repository are."""

    kind: Kind
    api: str
    repository: str


def parse_forge(text: str) -> tuple[Kind, str]:
    """``--forge KIND=URL``: the kind and the API's URL.

    Raises:
        UsageError: it has another form, or the URL is not https (http on this machine).
    """
    kind, _, url = text.partition("=")
    parts = urlsplit(url)
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if kind not in get_args(Kind) or not parts.hostname or "@" in parts.netloc:
        hint = "write KIND=URL, such as gitea=https://git.example.com/api/v1"
        raise UsageError(f"{text!r} is not the API of a forge", where="--forge", hint=hint)
    if parts.scheme != "https" and not (local and parts.scheme == "http"):
        raise UsageError(f"{url} would be sent the token over plain HTTP", where="--forge", hint="write https://")
    return cast("Kind", kind), url.rstrip("/")


def find_forge(remote: str, given: str, environment: Mapping[str, str]) -> ForgeAddress:
    """The forge of a remote.

    Args:
        remote: the remote's URL.
        given: ``--forge``; empty for none.
        environment: the variables of the process.

    Raises:
        GitError: the remote is on no forge that is known.
        UsageError: ``--forge`` is not valid.
    """
    found = _URL.fullmatch(remote) or _SCP.fullmatch(remote)
    host, path = (found["host"].lower(), found["path"].strip("/").removesuffix(".git")) if found else ("", "")
    host = _ALIASES.get(host, host)
    if given:
        kind, api = parse_forge(given)
        if _server(api) != host:
            raise GitError(f"the remote {remote} is not on the forge {api}", hint="check --forge")
    else:
        kind, api = _known(host, environment)
    if "/" not in path:
        raise GitError(f"the remote {remote} is not a repository of a forge", hint="check the URL of the remote")
    return ForgeAddress(kind, api, path)


def _known(host: str, environment: Mapping[str, str]) -> tuple[Kind, str]:
    if host in _KNOWN:
        return _KNOWN[host]
    # GitHub Enterprise, and the runners of Forgejo and Gitea, which set the same variables
    api = environment.get("GITHUB_API_URL", "").rstrip("/")
    if host and api.startswith("https://") and urlsplit(environment.get("GITHUB_SERVER_URL", "")).hostname == host:
        return ("gitea" if api.endswith("/api/v1") else "github"), api
    api = environment.get("CI_API_V4_URL", "").rstrip("/")
    if host and api.startswith("https://") and urlsplit(api).hostname == host:
        return "gitlab", api
    raise GitError(
        f"it is not known which forge {host or 'the remote'} is",
        hint="name it: --forge github=URL, gitlab=URL or gitea=URL, with the URL of its API",
    )


def _server(api: str) -> str:
    """The host of the repositories of an API."""
    host = (urlsplit(api).hostname or "").lower()
    return "github.com" if host == "api.github.com" else host


def find_token(kind: Kind, environment: Mapping[str, str], otherwise: str = "") -> str:
    """The token for a forge: one of the environment, or else another one that there is.

    Raises:
        UsageError: no variable has one.
    """
    names = (_OWN_TOKEN, *_TOKENS[kind])
    token = next(filter(None, (environment.get(name, "").strip() for name in names)), "") or otherwise
    if not token:
        raise UsageError("--pull-request needs a token", hint=f"set {' or '.join(names)}")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError("the token for --pull-request is not valid", hint=f"check {' and '.join(names)}")
    return token
