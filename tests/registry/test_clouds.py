"""The identity of a cloud, by the vendors' own libraries against servers on loopback that stand for the clouds."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from imagesetter.errors import CredentialError, Unauthorized
from imagesetter.registry.auth.cloud.identity import CloudIdentities, check_provider
from imagesetter.registry.client import Client
from imagesetter.registry.events import Event, Note
from imagesetter.registry.http.hosts import parse_host
from imagesetter.registry.http.proxies import Proxy
from imagesetter.registry.reference import parse_flux_image
from imagesetter.registry.scan import ScanOptions
from imagesetter.registry.settings import ClientSettings
from support.certificates import Authority
from support.clocks import FakeClock
from support.fakes import FakeServer, Reply, Seen, run_fake
from support.logins import ACCESS_TOKEN, IDENTITY_TOKEN, PASSWORD, Always

ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
ACR = "example.azurecr.io"
GAR = "europe-docker.pkg.dev"
VARIABLES = ("AWS_", "AZURE_", "GOOGLE_", "GCE_", "CLOUDSDK_", "MSI_", "IDENTITY_")


@pytest.fixture(autouse=True)
def _no_identity(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the machine that runs the tests is an identity."""
    for name in list(os.environ):
        if name.startswith(VARIABLES):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))


class CloudRegistry:
    """A registry of a cloud, without a network: it wants a login, by Basic or by a token."""

    def __init__(self, login: str = "", *, refresh: str = "") -> None:
        self.login, self.refresh = login, refresh
        self.requests: list[tuple[str, str, str]] = []
        """URL, Authorization and form of each."""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        authorization, form = request.headers.get("Authorization", ""), request.content.decode()
        self.requests.append((str(request.url), authorization, form))
        if request.url.path == "/oauth2/exchange":
            return httpx.Response(200, json={"refresh_token": self.refresh})
        if request.url.path == "/oauth2/token":
            granted = parse_qs(form).get("refresh_token") == [self.refresh]
            return httpx.Response(200, json={"access_token": "granted"}) if granted else httpx.Response(401)
        if authorization == (self.login or "Bearer granted"):
            return httpx.Response(200, json={"name": "app", "tags": ["1.0.0"]})
        line = (
            'Basic realm="x"' if self.login else f'Bearer realm="https://{request.url.host}/oauth2/token",service="x"'
        )
        return httpx.Response(401, headers={"WWW-Authenticate": line})


def basic(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def scan(host: str, provider: str, registry: Callable[[httpx.Request], httpx.Response], **settings: Any) -> Any:
    with Client(ClientSettings(transport=httpx.MockTransport(registry), **settings)) as client:
        return client.scan(parse_flux_image(f"{host}/team/app"), options=ScanOptions(provider=provider))


# --- Amazon ----------------------------------------------------------------------------------------------------------


def amazon(seen: Seen) -> Reply:
    """ECR, STS and the instance metadata service in one."""
    target = seen.headers.get("x-amz-target", "")
    if target.endswith("GetAuthorizationToken"):
        token = base64.b64encode(f"AWS:{PASSWORD}".encode()).decode()
        data: Any = {"authorizationToken": token, "expiresAt": time.time() + 43200}
        data = [data] if "EC2ContainerRegistry" in target else data
        return Reply(200, {"authorizationData": data}, {"Content-Type": "application/x-amz-json-1.1"})
    if b"AssumeRoleWithWebIdentity" in seen.body:
        expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
        keys = (
            f"<AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
            f"<SessionToken>{ACCESS_TOKEN}</SessionToken><Expiration>{expires}</Expiration>"
        )
        result = f"<AssumeRoleWithWebIdentityResult><Credentials>{keys}</Credentials></AssumeRoleWithWebIdentityResult>"
        body = f"<AssumeRoleWithWebIdentityResponse>{result}</AssumeRoleWithWebIdentityResponse>"
        return Reply(200, body.encode(), {"Content-Type": "text/xml"})
    if seen.path == "/latest/api/token":
        return Reply(200, b"imds-token")
    if seen.path == "/latest/meta-data/iam/security-credentials/":
        return Reply(200, b"node-role")
    if seen.path == "/latest/meta-data/iam/security-credentials/node-role":
        expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
        keys_of_node = {"Code": "Success", "AccessKeyId": "ASIA", "SecretAccessKey": "s", "Token": "t"}
        return Reply(200, {**keys_of_node, "Expiration": expires, "LastUpdated": expires, "Type": "AWS-HMAC"})
    return Reply(400, {"__type": "Unexpected"})


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    with run_fake(amazon) as fake:
        for service in ("ECR", "ECR_PUBLIC", "STS"):
            monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", fake.url)
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", fake.url)
        yield fake


@pytest.fixture
def aws_keys(aws: FakeServer, monkeypatch: pytest.MonkeyPatch) -> FakeServer:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted")
    return aws


@pytest.mark.parametrize("host", [ECR, "public.ecr.aws", "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn"])
def test_keys_in_the_environment_give_a_login_of_ecr(aws_keys: FakeServer, host: str) -> None:
    registry = CloudRegistry(basic("AWS", PASSWORD))
    assert scan(host, "aws", registry).tags == ("1.0.0",)
    assert len(aws_keys.seen) == 1
    region = aws_keys.seen[0].authorization.partition("Credential=AKIA/")[2].split("/")[1]
    assert region == {ECR: "eu-west-1", "public.ecr.aws": "us-east-1"}.get(host, "cn-north-1")


def test_a_token_of_kubernetes_or_of_a_ci_job_gives_a_role(
    aws: FakeServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("the-job's-token")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/reader")
    assert scan(ECR, "aws", CloudRegistry(basic("AWS", PASSWORD))).tags == ("1.0.0",)
    assert [b"AssumeRoleWithWebIdentity" in seen.body for seen in aws.seen] == [True, False]


def test_one_exchange_is_for_a_host_and_a_run(aws_keys: FakeServer) -> None:
    transport = httpx.MockTransport(CloudRegistry(basic("AWS", PASSWORD)))
    options = ScanOptions(provider="aws")
    with Client(ClientSettings(transport=transport)) as client:
        images = [parse_flux_image(f"{ECR}/app{number}") for number in range(20)]
        found = dict(client.scan_each([(image, options) for image in images]))
        assert {getattr(scan, "tags", scan) for scan in found.values()} == {("1.0.0",)}
    assert len(aws_keys.seen) == 1


def test_a_login_that_expires_is_renewed(aws_keys: FakeServer) -> None:
    clock = FakeClock()
    identities = CloudIdentities(clock=clock)
    host = parse_host(ECR)
    for later in (0.0, 43000.0, 200.0):
        clock.now += later
        credential = identities.find("aws", host, lambda url, form: {})
        assert credential is not None and credential.secret == PASSWORD
    assert len(aws_keys.seen) == 2


def test_instance_metadata_is_asked_only_with_leave(aws: FakeServer) -> None:
    registry = CloudRegistry(basic("AWS", PASSWORD))
    with pytest.raises(CredentialError) as caught:
        scan(ECR, "aws", registry)
    assert aws.seen == []
    assert str(caught.value) == (
        f"there is no aws identity for {ECR}: the profile default, or that of the container or instance"
    )
    assert caught.value.hint == (
        "set up the identity, allow instance metadata (--allow-cloud-metadata), or log in with docker or a credential"
        " helper"
    )
    assert scan(ECR, "aws", registry, cloud=CloudIdentities(allow_metadata=True)).tags == ("1.0.0",)
    assert any("meta-data" in seen.path for seen in aws.seen)


def test_a_refusal_of_the_cloud_is_an_error_in_its_words(aws_keys: FakeServer) -> None:
    denied = {"__type": "AccessDeniedException", "message": "User is not authorized"}
    aws_keys.respond = lambda seen: Reply(400, denied, {"Content-Type": "application/x-amz-json-1.1"})
    with pytest.raises(CredentialError, match=r"aws gives no login for .*: ClientError: .*User is not authorized"):
        scan(ECR, "aws", CloudRegistry(basic("AWS", PASSWORD)))


# --- Azure -----------------------------------------------------------------------------------------------------------


def entra(seen: Seen) -> Reply:
    """The token server of a tenant."""
    base = f"https://{seen.headers['host']}/tenant"
    if seen.path.endswith("/openid-configuration"):
        urls = {"authorization_endpoint": f"{base}/authorize", "token_endpoint": f"{base}/oauth2/v2.0/token"}
        return Reply(200, {**urls, "issuer": base})
    if seen.path.endswith("/token"):
        return Reply(200, {"access_token": ACCESS_TOKEN, "expires_in": 3600, "token_type": "Bearer"})
    return Reply(404)


@pytest.fixture
def azure(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    with run_fake(entra, tls=authority) as fake:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.certificate))
        monkeypatch.setenv("AZURE_AUTHORITY_HOST", f"https://localhost:{fake.port}")
        monkeypatch.setenv("AZURE_CLIENT_ID", "the-client")
        monkeypatch.setenv("AZURE_TENANT_ID", "tenant")
        yield fake


def test_a_federated_token_gives_a_login_of_acr(
    azure: FakeServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("the-job's-token")
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(tmp_path / "token"))
    registry = CloudRegistry(refresh=IDENTITY_TOKEN)
    assert scan(ACR, "azure", registry).tags == ("1.0.0",)
    form = azure.seen[-1]
    assert (form.argument("client_assertion"), form.argument("scope").split()[0]) == (
        "the-job's-token",
        "https://management.azure.com/.default",
    )
    exchange = next(body for url, _, body in registry.requests if url == f"https://{ACR}/oauth2/exchange")
    assert parse_qs(exchange) == {"grant_type": ["access_token"], "service": [ACR], "access_token": [ACCESS_TOKEN]}


def test_a_service_principal_gives_a_login_of_acr(azure: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", PASSWORD)
    assert scan(ACR, "azure", CloudRegistry(refresh=IDENTITY_TOKEN)).tags == ("1.0.0",)
    assert azure.seen[-1].argument("client_secret") == PASSWORD


def test_a_registry_that_exchanges_nothing_is_an_error(azure: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", PASSWORD)

    def refuse(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth2/exchange":
            words = f"denied: {ACCESS_TOKEN}"
            return httpx.Response(403, json={"errors": [{"code": "DENIED", "message": words}]})
        return httpx.Response(
            401, headers={"WWW-Authenticate": 'Bearer realm="https://example.azurecr.io/oauth2/token"'}
        )

    with pytest.raises(CredentialError) as caught:
        scan(ACR, "azure", refuse)
    assert str(caught.value) == "https://example.azurecr.io/oauth2/exchange responded with 403: DENIED: denied: ***"


def test_an_exchange_is_not_redirected(azure: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", PASSWORD)
    hosts = set()

    def away(request: httpx.Request) -> httpx.Response:
        hosts.add(request.url.host)
        if request.url.path == "/oauth2/exchange":
            return httpx.Response(307, headers={"Location": "https://evil.example/oauth2/exchange"})
        return httpx.Response(
            401, headers={"WWW-Authenticate": 'Bearer realm="https://example.azurecr.io/oauth2/token"'}
        )

    with pytest.raises(CredentialError, match="responded with 307"):
        scan(ACR, "azure", away)
    assert hosts <= {ACR}


def test_no_azure_identity_is_an_error_that_says_which_there_could_be() -> None:
    with pytest.raises(CredentialError, match="the login of az, or the managed identity of this machine"):
        scan(ACR, "azure", CloudRegistry(refresh=IDENTITY_TOKEN))


# --- Google ----------------------------------------------------------------------------------------------------------


def google(seen: Seen) -> Reply:
    if seen.path.startswith("/computeMetadata/") and seen.path.endswith("/token"):
        return Reply(200, {"access_token": ACCESS_TOKEN, "expires_in": 3600, "token_type": "Bearer"})
    if seen.path.startswith("/computeMetadata/"):
        flavor = {"Metadata-Flavor": "Google"}
        return Reply(200, {"email": "node@project", "scopes": [], "aliases": ["default"]}, flavor)
    token = {"access_token": ACCESS_TOKEN, "expires_in": 3600, "token_type": "Bearer"}
    return Reply(200, {**token, "issued_token_type": "urn:ietf:params:oauth:token-type:access_token"})


def test_a_service_account_gives_a_login_of_artifact_registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    key = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with run_fake(google) as fake:
        account = {"type": "service_account", "client_email": "ci@project", "private_key": key.decode()}
        (tmp_path / "account.json").write_text(json.dumps({**account, "token_uri": f"{fake.url}/token"}))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "account.json"))
        assert scan(GAR, "gcp", CloudRegistry(basic("oauth2accesstoken", ACCESS_TOKEN))).tags == ("1.0.0",)
        assert fake.seen[0].argument("grant_type") == "urn:ietf:params:oauth:grant-type:jwt-bearer"


def test_a_federated_token_gives_a_login_of_artifact_registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("the-job's-token")
    with run_fake(google) as fake:
        pool = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/ci/providers/github"
        account = {
            "type": "external_account", "audience": pool, "token_url": f"{fake.url}/v1/token",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "credential_source": {"file": str(tmp_path / "token")},
        }  # fmt: skip
        (tmp_path / "account.json").write_text(json.dumps(account))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "account.json"))
        assert scan(GAR, "gcp", CloudRegistry(basic("oauth2accesstoken", ACCESS_TOKEN))).tags == ("1.0.0",)
        assert fake.seen[0].argument("subject_token") == "the-job's-token"


def test_a_file_that_is_not_there_is_an_error_that_names_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    with pytest.raises(CredentialError, match=r"GOOGLE_APPLICATION_CREDENTIALS: .*none\.json "):
        scan(GAR, "gcp", CloudRegistry(basic("oauth2accesstoken", ACCESS_TOKEN)))


@pytest.mark.parametrize("allowed", [False, True])
def test_the_service_account_of_a_machine_is_used_only_with_leave(allowed: bool) -> None:
    """In a Python of its own: google-auth reads the variable once, when it is imported."""
    code = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[2] / "fn")!r})
from imagesetter.registry.auth.cloud.identity import CloudIdentities
from imagesetter.registry.http.hosts import parse_host
login = CloudIdentities(allow_metadata={allowed}).find("gcp", parse_host("{GAR}"), lambda url, form: {{}})
print(login and login.username)
"""
    with run_fake(google) as fake:
        environment = {**os.environ, "GCE_METADATA_HOST": fake.host}
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        assert done.stdout.strip() == ("oauth2accesstoken" if allowed else "None")
        assert bool(fake.seen) == allowed


def test_no_google_identity_is_an_error_and_asks_nobody() -> None:
    with pytest.raises(CredentialError, match="the login of gcloud auth application-default"):
        scan(GAR, "gcp", CloudRegistry(basic("oauth2accesstoken", ACCESS_TOKEN)))


# --- all of them -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "host"),
    [
        ("aws", ECR),
        ("aws", "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com"),
        ("aws", "123456789012.dkr-ecr.eu-west-1.on.aws"),
        ("aws", "public.ecr.aws"),
        ("azure", ACR),
        ("azure", "example.westeurope.data.azurecr.io"),
        ("azure", "example.azurecr.cn"),
        ("gcp", GAR),
        ("gcp", "gcr.io"),
        ("gcp", "eu.gcr.io"),
        ("generic", "ghcr.io"),
        ("generic", ECR),
    ],
)
def test_a_provider_fits_its_registries(provider: str, host: str) -> None:
    check_provider(provider, parse_host(host))


@pytest.mark.parametrize(
    ("provider", "host", "fitting"),
    [
        ("aws", "ghcr.io", "generic"),
        ("aws", GAR, "gcp"),
        ("azure", ECR, "aws"),
        ("gcp", ACR, "azure"),
        ("aws", f"{ECR}.evil.example", "generic"),
        ("aws", "evil.amazonaws.com", "generic"),
        ("aws", "s3.dkr.ecr.eu-west-1.amazonaws.com", "generic"),
        ("azure", "azurecr.io.evil.example", "generic"),
        ("azure", "evil-azurecr.io", "generic"),
        ("gcp", "pkg.dev", "generic"),
        ("gcp", "evilgcr.io", "generic"),
        ("gcp", "gcr.io.evil.example", "generic"),
        ("aws", "localhost:5000", "generic"),
    ],
)
def test_a_provider_that_does_not_fit_is_refused_before_anything_is_sent(
    aws_keys: FakeServer, provider: str, host: str, fitting: str
) -> None:
    requests: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json={"tags": []})

    with pytest.raises(CredentialError, match=f"spec.provider is {provider}, and {host} is not an?") as caught:
        scan(host, provider, respond)
    assert caught.value.hint == f"remove the field, or write {fitting}"
    assert requests == aws_keys.seen == []


def test_the_logins_of_this_machine_are_used_where_there_is_no_identity(aws: FakeServer) -> None:
    assert scan(ECR, "aws", CloudRegistry(basic("AWS", PASSWORD)), keychain=Always("AWS")).tags == ("1.0.0",)


def test_a_public_image_needs_no_identity_and_gives_a_warning() -> None:
    result = scan("public.ecr.aws", "aws", lambda request: httpx.Response(200, json={"tags": ["1"]}))
    assert result.tags == ("1",)
    assert result.warnings[0].startswith("public.ecr.aws was requested without credentials: there is no aws identity")


def test_an_identity_does_not_go_over_a_proxy_of_the_input(aws_keys: FakeServer) -> None:
    transport = httpx.MockTransport(CloudRegistry(basic("AWS", PASSWORD)))
    options = ScanOptions(provider="aws", proxy=Proxy("http://proxy.evil.example:3128", from_input=True))
    with Client(ClientSettings(transport=transport)) as client, pytest.raises(Unauthorized):
        client.scan(parse_flux_image(f"{ECR}/app"), options=options)
    assert aws_keys.seen == []


def test_where_the_login_came_from_is_a_note(aws_keys: FakeServer) -> None:
    events: list[Event] = []
    scan(ECR, "aws", CloudRegistry(basic("AWS", PASSWORD)), listener=events.append)
    assert Note(f"{ECR}: credentials from the AWS identity of this machine") in events


def test_a_cached_scan_asks_no_cloud(aws_keys: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = CloudRegistry(basic("AWS", PASSWORD))

    def run() -> Any:
        cloud = CloudIdentities(dict(os.environ))
        return scan(ECR, "aws", registry, cache_folder=tmp_path / "cache", cloud=cloud)

    assert not run().from_cache
    assert run().from_cache
    assert len(aws_keys.seen) == 1
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ANOTHER")
    assert not run().from_cache, "another identity has a cache of its own"


def test_a_library_that_is_not_installed_is_named_with_what_to_install(tmp_path: Path) -> None:
    code = f"""
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("botocore", "azure", "google"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Hidden())
sys.path.insert(0, {str(Path(__file__).parents[2] / "fn")!r})
from imagesetter.registry.auth.cloud.identity import CloudIdentities
from imagesetter.registry.http.hosts import parse_host
for provider in ("aws", "azure", "gcp"):
    identities = CloudIdentities()
    assert identities.find(provider, parse_host("x.example"), lambda url, form: {{}}) is None
    error = identities.missing(provider, parse_host("x.example"))
    print(error, "|", error.hint)
"""
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        f"there is no {provider} identity for x.example: the login of this machine, because {library} is not installed"
        f" | pip install 'imagesetter[{provider}]', or log in with docker or a credential helper"
        for provider, library in (("aws", "botocore"), ("azure", "azure-identity"), ("gcp", "google-auth"))
    ]
