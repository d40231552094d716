"""Azure: a token of Entra by azure-identity, exchanged at the registry for a refresh token (``/oauth2/exchange``).

The identity is a service principal in the environment (``AZURE_CLIENT_ID``, ``AZURE_TENANT_ID`` and a secret or
certificate), a federated token (``AZURE_FEDERATED_TOKEN_FILE``: AKS, GitHub and GitLab by OpenID Connect), the login of
the command ``az``, or the managed identity of the machine where the operator allows instance metadata.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from imagesetter.errors import CredentialError
from imagesetter.registry.auth.cloud.identity import CloudLogin, Exchange, refused
from imagesetter.registry.auth.credentials import Credential
from imagesetter.registry.http.hosts import Host
from imagesetter.registry.http.redaction import printable

_RESOURCES = {
    "io": "https://management.azure.com/.default",
    "cn": "https://management.chinacloudapi.cn/.default",
    "us": "https://management.usgovcloudapi.net/.default",
    "de": "https://management.microsoftazure.de/.default",
}
_SECONDS = 3600.0
"""A refresh token of a registry lasts three hours; it is renewed well before."""


def describe(environment: Mapping[str, str]) -> str:
    """See `imagesetter.registry.auth.cloud.identity.CloudModule`."""
    client = printable(environment.get("AZURE_CLIENT_ID", "without AZURE_CLIENT_ID"))
    if environment.get("AZURE_CLIENT_SECRET") or environment.get("AZURE_CLIENT_CERTIFICATE_PATH"):
        return f"the service principal {client} from AZURE_CLIENT_ID"
    if environment.get("AZURE_FEDERATED_TOKEN_FILE"):
        return f"the application {client}, with the token of AZURE_FEDERATED_TOKEN_FILE"
    return "the login of az, or the managed identity of this machine"


def fetch(host: Host, *, allow_metadata: bool, exchange: Exchange) -> CloudLogin | None:
    """See `imagesetter.registry.auth.cloud.identity.CloudModule`."""
    token = entra_token(_RESOURCES[host.name.rpartition(".")[2]], str(host), allow_metadata=allow_metadata)
    if not token:
        return None
    form = {"grant_type": "access_token", "service": str(host), "access_token": token}
    refresh = exchange(f"https://{host}/oauth2/exchange", form).get("refresh_token")
    if not isinstance(refresh, str) or not refresh:
        raise CredentialError(f"{host} gives no refresh token for the Azure identity of this machine")
    return CloudLogin(
        Credential("", refresh, "identity", "the Azure identity of this machine", from_cloud=True), _SECONDS
    )


def entra_token(scope: str, host: str, *, allow_metadata: bool, use_cli: bool = True) -> str:
    """A token of Entra for a resource; empty where there is no identity.

    Args:
        scope: the resource, with ``/.default``.
        host: what the token is for, named in errors.
        allow_metadata: the managed identity of the machine may be used.
        use_cli: the login of the command ``az`` may be used.

    Raises:
        CredentialError: there is an identity, and Entra gives no token for it.
    """
    import os

    from azure.core.exceptions import AzureError
    from azure.identity import (
        AzureCliCredential,
        CredentialUnavailableError,
        EnvironmentCredential,
        ManagedIdentityCredential,
        WorkloadIdentityCredential,
    )

    # An authority of one's own, as in Azure Stack, is not known to the public list that would be asked about it.
    options = {"disable_instance_discovery": bool(os.environ.get("AZURE_AUTHORITY_HOST"))}
    limits = {"connection_timeout": 5, "read_timeout": 15, "retry_total": 1}
    try:
        chain = [EnvironmentCredential(**options, **limits)]
        if os.environ.get("AZURE_FEDERATED_TOKEN_FILE"):
            chain.append(WorkloadIdentityCredential(**options, **limits))
        if allow_metadata:
            chain.append(ManagedIdentityCredential(**limits))
        if use_cli:
            chain.append(AzureCliCredential(process_timeout=15))
        for each in chain:
            with contextlib.suppress(CredentialUnavailableError):
                return str(each.get_token(scope).token)
    except (AzureError, OSError, ValueError, LookupError, TypeError) as error:
        raise refused("azure", host, error) from error
    return ""
