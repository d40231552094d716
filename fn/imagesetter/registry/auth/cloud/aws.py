"""Amazon: ECR's ``GetAuthorizationToken`` by botocore, with the identity that its own chain finds.

The chain is that of every AWS program: keys in the environment, ``AWS_WEB_IDENTITY_TOKEN_FILE`` with ``AWS_ROLE_ARN``
(EKS, GitHub and GitLab by OpenID Connect), the profile of ``~/.aws``, the container's endpoint that the environment
names (ECS, EKS Pod Identity), and instance metadata where the operator allows it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from imagesetter.registry.auth.cloud.identity import CloudLogin, Exchange, refused
from imagesetter.registry.auth.credentials import Credential
from imagesetter.registry.http.hosts import Host
from imagesetter.registry.http.redaction import printable

_REGION = re.compile(r"\.(?:dkr\.ecr|dkr-ecr)(-fips)?\.([a-z0-9-]+)\.")
_PUBLIC_REGION = "us-east-1"


def describe(environment: Mapping[str, str]) -> str:
    """See `imagesetter.registry.auth.cloud.identity.CloudModule`."""
    if environment.get("AWS_ACCESS_KEY_ID"):
        return f"the key {printable(environment['AWS_ACCESS_KEY_ID'])} from AWS_ACCESS_KEY_ID"
    if environment.get("AWS_WEB_IDENTITY_TOKEN_FILE"):
        role = printable(environment.get("AWS_ROLE_ARN", "without AWS_ROLE_ARN"))
        return f"the role {role}, with the token of AWS_WEB_IDENTITY_TOKEN_FILE"
    return f"the profile {printable(environment.get('AWS_PROFILE') or 'default')}, or that of the container or instance"


def fetch(host: Host, *, allow_metadata: bool, exchange: Exchange) -> CloudLogin | None:
    """See `imagesetter.registry.auth.cloud.identity.CloudModule`; *exchange* is not needed."""
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
    from botocore.session import Session

    session = Session()
    if not allow_metadata:
        session.get_component("credential_provider").remove("iam-role")
    match = _REGION.search(host.name)
    fips, region = match.groups() if match else (None, _PUBLIC_REGION)
    config = Config(
        connect_timeout=5, read_timeout=15, retries={"total_max_attempts": 2, "mode": "standard"},
        use_fips_endpoint=True if fips else None,
    )  # fmt: skip
    try:
        client = session.create_client("ecr" if match else "ecr-public", region_name=region, config=config)
        data = client.get_authorization_token()["authorizationData"]
        data = data[0] if isinstance(data, list) else data
        username, _, password = base64.b64decode(data["authorizationToken"]).decode().partition(":")
        seconds = (data["expiresAt"] - datetime.now(UTC)).total_seconds()
    except NoCredentialsError:
        return None
    except (BotoCoreError, ClientError, LookupError, ValueError, TypeError) as error:
        raise refused("aws", host, error) from error
    return CloudLogin(
        Credential(username, password, "password", "the AWS identity of this machine", from_cloud=True), seconds
    )
