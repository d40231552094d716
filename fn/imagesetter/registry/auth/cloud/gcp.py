"""Google: an access token by google-auth, which Artifact Registry and gcr.io take as a password.

The identity is the file that ``GOOGLE_APPLICATION_CREDENTIALS`` names (a service account, or a federation that takes a
token of GitHub, GitLab or Kubernetes), what ``gcloud auth application-default login`` left behind, or the service
account of the machine where the operator allows instance metadata.
"""

from __future__ import annotations

import functools
import os
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from imagesetter.errors import CredentialError
from imagesetter.files.read import read_own
from imagesetter.registry.auth.cloud.identity import CloudLogin, Exchange, refused
from imagesetter.registry.auth.credentials import Credential, load_document
from imagesetter.registry.http.hosts import Host
from imagesetter.registry.http.redaction import printable
from krm_functions.errors import InputError

_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_USER = "oauth2accesstoken"
_SECONDS = 600.0
_LARGEST = 1024 * 1024


def describe(environment: Mapping[str, str]) -> str:
    """See `imagesetter.registry.auth.cloud.identity.CloudModule`."""
    named = environment.get("GOOGLE_APPLICATION_CREDENTIALS")
    if named:
        return f"the identity in {printable(named)}, from GOOGLE_APPLICATION_CREDENTIALS"
    return "the login of gcloud auth application-default, or the service account of this machine"


def fetch(host: Host, *, allow_metadata: bool, exchange: Exchange) -> CloudLogin | None:
    """See `imagesetter.registry.auth.cloud.identity.CloudModule`; *exchange* is not needed."""
    from google.auth.compute_engine import Credentials as MachineCredentials
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.requests import Request

    file = _file(os.environ)
    try:
        if file is not None:
            credentials = _load(file)
        elif allow_metadata:
            credentials = MachineCredentials()
        else:
            return None
        credentials.refresh(functools.partial(Request(), timeout=15))
    except InputError as error:
        raise CredentialError(f"GOOGLE_APPLICATION_CREDENTIALS: {file} {error.what}") from error
    except (GoogleAuthError, OSError, ValueError, LookupError, TypeError) as error:
        raise refused("gcp", host, error) from error
    expiry = credentials.expiry
    seconds = (expiry.replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds() if expiry else _SECONDS
    return CloudLogin(
        Credential(_USER, credentials.token, "password", "the Google identity of this machine", from_cloud=True),
        seconds,
    )


def _load(file: Path) -> Any:
    """The credentials in a file. A federation is read here, since google-auth's own reader asks for its project too."""
    from google.auth import aws, identity_pool, load_credentials_from_file

    info = load_document(read_own(file, limit=_LARGEST), where=str(file))
    source = info.get("credential_source")
    if info.get("type") == "external_account" and isinstance(source, Mapping) and "executable" not in source:
        kind = aws if str(source.get("environment_id", "")).startswith("aws") else identity_pool
        return kind.Credentials.from_info(info, scopes=_SCOPES)
    with warnings.catch_warnings():  # it warns of files from others; this one is the operator's own
        warnings.simplefilter("ignore")
        return load_credentials_from_file(str(file), scopes=_SCOPES)[0]


def _file(environment: Mapping[str, str]) -> Path | None:
    """The file with the identity; None where there is none."""
    named = environment.get("GOOGLE_APPLICATION_CREDENTIALS")
    if named:
        return Path(named)
    config = environment.get("CLOUDSDK_CONFIG") or environment.get("HOME", "") + "/.config/gcloud"
    known = Path(config) / "application_default_credentials.json"
    return known if known.is_file() else None
