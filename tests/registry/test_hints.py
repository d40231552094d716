"""What an error says to do: mirrors of Docker Hub, certificates, and hosts that do not respond."""

from __future__ import annotations

import pytest

from imagesetter.errors import NotFound, RegistryError, Unreachable
from imagesetter.registry.client import Client
from imagesetter.registry.reference import parse_flux_image
from imagesetter.registry.scan import ScanOptions
from imagesetter.registry.settings import ClientSettings
from support.certificates import Authority
from support.clocks import FakeClock
from support.fakes import Reply, run_fake
from support.registries import closed_port
from support.scanning import scan_all

LIBRARY = "; if this is an official image of Docker Hub behind a mirror or proxy, its name there is "


@pytest.mark.parametrize(
    ("path", "official"),
    [
        ("nginx", "library/nginx"),
        ("dockerhub/nginx", "dockerhub/library/nginx"),
        ("proxy-cache/team/nginx", "proxy-cache/team/library/nginx"),
        ("docker-remote/nginx", "docker-remote/library/nginx"),
        ("docker-remote/library/nginx", ""),
        ("library/nginx", ""),
        ("team/app", ""),
    ],
)
def test_a_name_that_is_not_there_may_lack_library(path: str, official: str) -> None:
    with run_fake(lambda seen: Reply(404)) as fake, Client() as client, pytest.raises(NotFound) as caught:
        client.scan(parse_flux_image(f"{fake.host}/{path}"))
    hint = "requested without credentials; registries respond so, too, for what these must not see"
    assert caught.value.hint == hint + (f"{LIBRARY}{fake.host}/{official}" if official else "")


def test_a_certificate_for_another_name_gets_no_advice_about_authorities(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    for names, host in ((("registry.example.com",), "localhost"), (("localhost",), "127.0.0.1")):
        with (
            run_fake(lambda seen: Reply(200), tls=authority, certificate=authority.issue(*names)) as fake,
            Client(ClientSettings(clock=FakeClock())) as client,
            pytest.raises(Unreachable) as caught,
        ):
            client.scan(parse_flux_image(f"{host}:{fake.port}/app"))
        assert "is not valid for" in str(caught.value)
        assert caught.value.hint == (
            "the certificate is for other names: check the name of the registry, and whether a proxy responds for it"
        )


def test_a_certificate_of_an_unknown_authority_gets_advice_about_authorities(authority: Authority) -> None:
    with run_fake(lambda seen: Reply(200), tls=authority) as fake, Client() as client:
        with pytest.raises(Unreachable) as caught:
            client.scan(parse_flux_image(f"localhost:{fake.port}/app"))
        assert caught.value.hint.startswith("for a certificate authority of your own: certSecretRef")


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        (402, "is there a registry at this address, or a proxy or login page before it?"),
        (410, "is there a registry at this address, or a proxy or login page before it?"),
        (501, "is there a registry at this address, or a proxy or login page before it?"),
        (511, "is there a registry at this address, or a proxy or login page before it?"),
        (507, "try again later"),
    ],
)
def test_a_response_that_no_registry_gives_has_a_hint(status: int, hint: str) -> None:
    with run_fake(lambda seen: Reply(status)) as fake, Client() as client, pytest.raises(RegistryError) as caught:
        client.scan(parse_flux_image(f"{fake.host}/app"))
    assert caught.value.hint == hint


def test_a_server_that_breaks_every_connection_has_a_hint() -> None:
    with (
        run_fake(lambda seen: None) as fake,
        Client(ClientSettings(clock=FakeClock())) as client,
        pytest.raises(Unreachable) as caught,
    ):
        client.scan(parse_flux_image(f"{fake.host}/app"))
    assert caught.value.what == f"the connection to {fake.host} broke: Server disconnected without sending a response."
    assert caught.value.hint == (
        "check that a registry listens on that port, and whether another server before it breaks connections"
    )


def test_a_host_that_does_not_respond_is_tried_by_a_few_and_not_by_all() -> None:
    clock = FakeClock()
    with closed_port() as port, Client(ClientSettings(clock=clock, connections_per_host=1)) as client:
        images = [parse_flux_image(f"localhost:{port}/app{number}") for number in range(11)]
        found = scan_all(client, [(image, ScanOptions()) for image in images])
        assert {str(error) for error in found} == {f"localhost:{port} refuses connections"}
        assert {error.hint for error in found if isinstance(error, RegistryError)} == {
            "check that a registry listens on that port"
        }
        assert len(clock.waits) == 3, "one repository tried four times, the others not at all"
        clock.now += 31
        scan_all(client, [(images[0], ScanOptions())])
        assert len(clock.waits) == 6


def test_a_storage_server_that_does_not_respond_says_nothing_about_its_registry() -> None:
    def respond(seen: object) -> Reply:
        if "manifests" in getattr(seen, "path", ""):
            return Reply(307, b"", {"Location": f"http://localhost:{port}/x"})
        return Reply(200, {"tags": ["1"]})

    with closed_port() as port, run_fake(respond) as fake, Client(ClientSettings(clock=FakeClock())) as client:
        image = parse_flux_image(f"{fake.host}/app")
        with pytest.raises(Unreachable, match=f"localhost:{port} refuses connections"):
            client.digest(image, "1")
        assert client.scan(image).tags == ("1",)
