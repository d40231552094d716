"""A GitHub App's login for git: GitRepository ``provider: github``, with the keys of Flux's Secret.

The App signs a token of its own (a JWT, valid for nine minutes), and gets an installation's token for it, which is
valid for an hour and for the one repository.

Departures from Flux (source-controller v1):

- The GitRepository has to be on the host of the API, so that a URL in the files cannot send the token elsewhere.
- Without ``githubAppInstallationID``, the installation is the repository's (Flux: ``githubAppInstallationOwner``).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from imagesetter.errors import CredentialError, GitError
from imagesetter.git.automation import Automation
from imagesetter.git.forge import Forge
from imagesetter.git.forge_address import ForgeAddress, find_forge
from imagesetter.git.secret_values import SecretValues
from krm_functions.errors import ReportedError

API = "https://api.github.com"
_SKEW, _SECONDS = 60, 540
"""Seconds: how far GitHub's clock may be behind, and how long a token is valid; GitHub allows ten minutes."""


@dataclass(frozen=True, slots=True)
class GitHubApp:
    """An App, and the repository that it is to log in to. ``installation`` may be empty. ``where`` names the Secret."""

    where: str
    address: ForgeAddress
    number: str
    installation: str
    key: bytes = field(repr=False)


def read_app(automation: Automation) -> GitHubApp | None:
    """The App of an automation's GitRepository; None if that has none, or the Secret is not in the files.

    Raises:
        CredentialError: a key of the Secret is missing or not valid, or the repository is on another host.
    """
    if automation.app_secret is None or not automation.url:
        return None
    where = f"spec.secretRef of GitRepository {automation.source}"
    secret = SecretValues(automation.app_secret, where)
    numbers = {}
    for name in ("githubAppID", "githubAppInstallationID"):
        value = (secret.value(name) or b"").decode(errors="replace").strip()
        if value and not (value.isascii() and value.isdecimal()):
            hint = "write the number; decrypt the Secret if it is encrypted"
            raise CredentialError(f"{name} is not a number", where=where, hint=hint)
        numbers[name] = value
    if not numbers["githubAppID"]:
        secret.required("githubAppID")
        raise CredentialError("githubAppID is empty", where=where, hint="write the number of the App")
    base = (secret.value("githubAppBaseURL") or b"").decode(errors="replace").strip() or API
    try:
        address = find_forge(automation.url, f"github={base}", {})
    except ReportedError as error:
        hint = f"write the API of the repository's server into githubAppBaseURL; the default is {API}"
        raise CredentialError(error.what, where=where, hint=hint) from error
    key = secret.required("githubAppPrivateKey")
    return GitHubApp(where, address, numbers["githubAppID"], numbers["githubAppInstallationID"], key)


def signed_token(app: GitHubApp) -> str:
    """The App's own token (a JWT).

    Raises:
        CredentialError: the private key cannot be used, or the library is not installed.
    """
    try:
        import jwt
    except ImportError as error:
        raise _not_installed(app) from error
    now = int(time.time())
    claims = {"iat": now - _SKEW, "exp": now + _SECONDS, "iss": app.number}
    try:
        return jwt.encode(claims, app.key, algorithm="RS256")
    except NotImplementedError as error:  # PyJWT without cryptography
        raise _not_installed(app) from error
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        hint = "paste the PEM file that GitHub made for the App; decrypt the Secret if it is encrypted"
        raise CredentialError("githubAppPrivateKey is not an RSA key", where=app.where, hint=hint) from error


def _not_installed(app: GitHubApp) -> CredentialError:
    hint = "install them: pip install 'imagesetter[github]'"
    return CredentialError("PyJWT and cryptography are not installed", where=app.where, hint=hint)


def installation_token(app: GitHubApp, forge: Forge) -> str:
    """The token of the App's installation, for git.

    Args:
        app: the App.
        forge: its repository, with `signed_token` as the token.

    Raises:
        CredentialError: GitHub refuses it, or does not respond.
    """
    try:
        return forge.installation_token(app.installation)
    except GitError as error:
        hint = "check the App's number, installation and key, and that it is installed for this repository"
        raise CredentialError(error.what, where=app.where, hint=hint) from error
