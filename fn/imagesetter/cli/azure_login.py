"""Log in to Azure DevOps with the workload identity of this job: GitRepository ``provider: azure``.

As in Flux, a token of Entra for Azure DevOps takes the place of a password. The identity comes from the environment
(``AZURE_CLIENT_ID``, ``AZURE_TENANT_ID``, and ``AZURE_FEDERATED_TOKEN_FILE``, a secret or a certificate), or is the
managed one of the machine if the operator allows instance metadata. Without any of them, git's own credentials are
used.

Departure from Flux (source-controller v1): the token is for Azure DevOps' own hosts only, since anybody may have
written the GitRepository.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from imagesetter.cli.network_options import NetworkOptions
from imagesetter.errors import CredentialError
from imagesetter.git.automation import Automation
from imagesetter.registry.auth.cloud.azure import entra_token
from imagesetter.registry.auth.cloud.identity import is_installed, quiet_libraries

_SCOPE = "499b84ac-1321-427f-aa17-267ca6975798/.default"
"""Azure DevOps, for all tenants."""
_HOST = re.compile(r"dev\.azure\.com|[a-z0-9-]+\.visualstudio\.com")
_IDENTITIES = ("AZURE_FEDERATED_TOKEN_FILE", "AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH")


def azure_token(automation: Automation, network: NetworkOptions, environment: Mapping[str, str] | None = None) -> str:
    """The token for git; empty if the GitRepository has another provider, or there is no identity.

    Raises:
        CredentialError: the repository is not on Azure DevOps, Entra refuses, or the library is not installed.
    """
    given = os.environ if environment is None else environment
    if automation.provider != "azure" or automation.suspended or not automation.url:
        return ""
    if not (network.allow_cloud_metadata or any(map(given.get, _IDENTITIES))):
        return ""
    where = f"spec.url of GitRepository {automation.source}"
    parts = urlsplit(automation.url)
    if parts.scheme == "ssh":
        return ""  # ssh has keys
    if parts.scheme != "https" or not _HOST.fullmatch(parts.hostname or ""):
        raise CredentialError(
            f"provider is azure, and {parts.hostname} is not Azure DevOps, or not over https",
            where=where,
            hint="write https://dev.azure.com/…, or remove spec.provider",
        )
    if not is_installed("azure"):
        hint = "install it: pip install 'imagesetter[azure]'"
        raise CredentialError("azure-identity is not installed", where=where, hint=hint)
    quiet_libraries()
    try:
        return entra_token(_SCOPE, "Azure DevOps", allow_metadata=network.allow_cloud_metadata, use_cli=False)
    except CredentialError as error:
        error.where = where
        raise
