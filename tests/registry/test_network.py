"""Which proxy, which authority: the variables and folders that operators know from Go, curl, Docker and podman."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from imagesetter.errors import CredentialError, EgressRefused, Unreachable
from imagesetter.registry.client import Client
from imagesetter.registry.http.network import NetworkSettings
from imagesetter.registry.http.proxies import Proxies, Proxy, parse_proxy, proxies_from
from imagesetter.registry.http.tls import Contexts, Tls, certificate_folders, find_certificates, make_context
from imagesetter.registry.reference import parse_flux_image
from imagesetter.registry.scan import ScanOptions
from imagesetter.registry.settings import ClientSettings
from support.certificates import Authority
from support.clocks import FakeClock
from support.fakes import Reply, run_fake
from support.logins import PASSWORD
from support.registries import closed_port

# --- variables -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "url", "expected"),
    [
        ({"HTTPS_PROXY": "http://p:1"}, "https://a.example", "http://p:1"),
        ({"https_proxy": "http://p:1"}, "https://a.example", "http://p:1"),
        ({"https_proxy": "http://p:1", "HTTPS_PROXY": "http://p:2"}, "https://a.example", "http://p:1"),
        ({"HTTPS_PROXY": "p:1"}, "https://a.example", "http://p:1"),
        ({"HTTPS_PROXY": "https://p"}, "https://a.example", "https://p:443"),
        ({"HTTPS_PROXY": "socks5://p"}, "https://a.example", "socks5://p:1080"),
        ({"HTTP_PROXY": "http://p:1"}, "https://a.example", None),
        ({"HTTP_PROXY": "http://p:1"}, "http://a.example", "http://p:1"),
        ({"HTTP_PROXY": "http://p:1", "REQUEST_METHOD": "GET"}, "http://a.example", None),
        ({"http_proxy": "http://p:1", "REQUEST_METHOD": "GET"}, "http://a.example", "http://p:1"),
        ({"ALL_PROXY": "http://p:1"}, "https://a.example", "http://p:1"),
        ({"ALL_PROXY": "http://p:1", "HTTPS_PROXY": "http://p:2"}, "https://a.example", "http://p:2"),
        ({"HTTPS_PROXY": ""}, "https://a.example", None),
        ({"HTTPS_PROXY": "http://p:1"}, "https://localhost:5000", None),
        ({"HTTPS_PROXY": "http://p:1"}, "https://127.0.0.1", None),
        ({"HTTPS_PROXY": "http://p:1"}, "https://[::1]", None),
    ],
)
def test_variable_names_the_proxy(environment: dict[str, str], url: str, expected: str | None) -> None:
    proxy = proxies_from(environment).find(url)
    assert (proxy.url if proxy is not None else None) == expected


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        ("*", "https://a.example"),
        ("a.example", "https://a.example"),
        ("A.Example", "https://a.example"),
        ("example", "https://a.example"),
        (".example", "https://a.example"),
        ("*.example", "https://a.example"),
        ("a.example:443", "https://a.example"),
        ("a.example:8443", "https://a.example:8443"),
        ("a.example:80", "http://a.example"),
        ("10.0.0.0/8", "https://10.1.2.3"),
        ("10.1.2.3", "https://10.1.2.3"),
        ("10.1.2.3:5000", "https://10.1.2.3:5000"),
        ("fd00::/8", "https://[fd12::1]"),
        ("[fd12::1]:443", "https://[fd12::1]"),
        ("x, y ,a.example", "https://a.example"),
        ("x a.example", "https://a.example"),
    ],
)
def test_entry_of_no_proxy_covers(entry: str, url: str) -> None:
    assert proxies_from({"HTTPS_PROXY": "http://p:1", "HTTP_PROXY": "http://p:1", "NO_PROXY": entry}).find(url) is None


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        (".example.com", "https://example.com"),
        ("example.com", "https://badexample.com"),
        ("a.example:8443", "https://a.example"),
        ("10.0.0.0/8", "https://11.1.2.3"),
        ("10.0.0.0/8", "https://a.example"),
        ("10.0.0.0/99", "https://10.1.2.3"),
        ("10.1.2", "https://10.1.2.3"),
        ("", "https://a.example"),
        (",,", "https://a.example"),
    ],
)
def test_entry_of_no_proxy_does_not_cover(entry: str, url: str) -> None:
    assert proxies_from({"HTTPS_PROXY": "http://p:1", "no_proxy": entry}).find(url) is not None


@pytest.mark.parametrize(
    "text",
    [
        "ftp://p",
        f"ftp://u:{PASSWORD}@p",
        "http://",
        "http://p:port",
        "http://a b",
        f"http://u:{PASSWORD}@p/path/x",
        "::",
    ],
)
def test_proxy_that_is_none_is_an_error_without_its_text(text: str) -> None:
    with pytest.raises(CredentialError, match="HTTPS_PROXY is not a proxy's URL") as caught:
        proxies_from({"HTTPS_PROXY": text})
    assert PASSWORD not in str(caught.value)


def test_login_of_a_proxy_is_taken_out_of_its_url() -> None:
    proxy = parse_proxy(f"http://us%40er:{PASSWORD}%21@proxy.example:3128", where="x")
    assert (proxy.url, proxy.username, proxy.password) == ("http://proxy.example:3128", "us@er", f"{PASSWORD}!")
    assert PASSWORD not in repr(proxy)


# --- through a proxy -------------------------------------------------------------------------------------------------


@dataclass
class Tunnel:
    """A proxy that remembers what it was asked, and leads everywhere to one place."""

    port: int
    heads: list[bytes] = field(default_factory=list)


@contextmanager
def run_tunnel(target: int, answer: bytes = b"HTTP/1.1 200 OK\r\n\r\n") -> Iterator[Tunnel]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        tunnel = Tunnel(listener.getsockname()[1])

        def pump(source: socket.socket, sink: socket.socket) -> None:
            try:
                while data := source.recv(65536):
                    sink.sendall(data)
                sink.shutdown(socket.SHUT_WR)
            except OSError:
                pass

        def serve(client: socket.socket) -> None:
            with client, socket.create_connection(("127.0.0.1", target)) as server:
                head = b""
                while b"\r\n\r\n" not in head:
                    head += client.recv(4096)
                tunnel.heads.append(head)
                client.sendall(answer)
                back = threading.Thread(target=pump, args=(server, client), daemon=True)
                back.start()
                pump(client, server)
                back.join(5)

        def accept() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(client,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield tunnel
        listener.shutdown(socket.SHUT_RDWR)


def test_https_goes_through_the_proxy_with_its_login_and_stays_encrypted(authority: Authority) -> None:
    certificate = authority.issue("registry.example.com")
    with (
        run_fake(lambda seen: Reply(200, {"tags": ["1.0"]}), tls=authority, certificate=certificate) as fake,
        run_tunnel(fake.port) as tunnel,
    ):
        proxy = Proxy(f"http://127.0.0.1:{tunnel.port}", "user", PASSWORD)
        tls = Tls(ca=authority.certificate.read_bytes())
        with Client(ClientSettings(network=NetworkSettings(Proxies(https=proxy)))) as client:
            scan = client.scan(parse_flux_image("registry.example.com/app"), options=ScanOptions(tls=tls))
    assert scan.tags == ("1.0",)
    (head,) = tunnel.heads
    assert head.startswith(b"CONNECT registry.example.com:443 HTTP/1.1\r\n")
    assert b"Proxy-Authorization: Basic " + base64.b64encode(f"user:{PASSWORD}".encode()) in head
    assert all("proxy-authorization" not in seen.headers for seen in fake.seen)


def test_proxy_that_refuses_is_named_without_its_login() -> None:
    refusal = Reply(407, b"", {"Proxy-Authenticate": "Basic"})
    with run_fake(lambda seen: refusal) as fake:
        proxy = Proxy(fake.url, "user", PASSWORD)
        settings = ClientSettings(clock=FakeClock(), network=NetworkSettings(Proxies(https=proxy)))
        with Client(settings) as client, pytest.raises(Unreachable) as caught:
            client.scan(parse_flux_image("registry.example.com/app"))
    assert str(caught.value).startswith(f"the proxy {fake.url} does not connect to registry.example.com: 407")
    assert PASSWORD not in repr(caught.value)
    assert caught.value.hint == "its login is wrong or has expired"


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        (407, "write its login into HTTPS_PROXY, or into the Secret of proxySecretRef"),
        (403, "check that the proxy may connect to that host, or name the host in NO_PROXY"),
    ],
)
def test_proxy_that_does_not_connect_has_a_hint(status: int, hint: str) -> None:
    with run_fake(lambda seen: Reply(status)) as fake:
        settings = ClientSettings(clock=FakeClock(), network=NetworkSettings(Proxies(https=Proxy(fake.url))))
        with Client(settings) as client, pytest.raises(Unreachable) as caught:
            client.scan(parse_flux_image("registry.example.com/app"))
    assert caught.value.hint == hint


def test_proxy_that_is_not_there_is_what_refuses_and_not_the_registry() -> None:
    with closed_port() as port:
        settings = ClientSettings(
            clock=FakeClock(), network=NetworkSettings(Proxies(https=Proxy(f"http://127.0.0.1:{port}")))
        )
        with Client(settings) as client, pytest.raises(Unreachable) as caught:
            client.scan(parse_flux_image("registry.example.com/app"))
    assert str(caught.value) == f"the proxy http://127.0.0.1:{port} refuses connections"
    assert caught.value.hint == "check that a proxy listens on that port"


def test_socks_proxy_without_its_package_is_an_error_that_names_it() -> None:
    proxies = Proxies(https=Proxy("socks5://127.0.0.1:9"))
    with Client(ClientSettings(network=NetworkSettings(proxies))) as client, pytest.raises(Unreachable) as caught:
        client.scan(parse_flux_image("registry.example.com/app"))
    assert caught.value.hint == "install the package socksio, or name an http proxy"


def test_private_address_is_not_asked_for_through_a_proxy_either() -> None:
    with run_fake(lambda seen: Reply(200)) as fake:
        network = NetworkSettings(Proxies(https=Proxy(fake.url), http=Proxy(fake.url)))
        for name in ("10.0.0.1", "169.254.169.254", "metadata.google.internal"):
            with Client(ClientSettings(network=network)) as client, pytest.raises(EgressRefused):
                client.scan(parse_flux_image(f"{name}/app"))
        assert fake.connections == 0


# --- authorities -----------------------------------------------------------------------------------------------------


def certs(folder: Path, host: str, **files: bytes) -> Path:
    place = folder / host
    place.mkdir(parents=True)
    for name, data in files.items():
        (place / name.replace("_", ".")).write_bytes(data)
    return folder


def test_folder_of_a_host_gives_authorities_and_a_client_certificate(tmp_path: Path) -> None:
    folder = certs(tmp_path, "reg.example:5000", ca_crt=b"CA", b_crt=b"CB", client_cert=b"C", client_key=b"K")
    found = find_certificates("reg.example:5000", [folder])
    assert found == Tls(b"CB\nCA", b"C", b"K")
    assert "K'" not in repr(found)
    assert find_certificates("reg.example", [folder]) is None
    assert find_certificates("other.example:5000", [folder]) is None


def test_first_folder_wins_and_a_folder_without_files_gives_nothing(tmp_path: Path) -> None:
    first, second = certs(tmp_path / "1", "reg.example", ca_crt=b"1"), certs(tmp_path / "2", "reg.example", ca_crt=b"2")
    assert find_certificates("reg.example", [first, second]) == Tls(b"1")
    assert find_certificates("a.example", [certs(tmp_path / "3", "a.example", readme=b"x")]) is None


def test_client_certificate_without_its_key_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CredentialError, match=r"has no client\.key beside it"):
        find_certificates("reg.example", [certs(tmp_path, "reg.example", client_cert=b"C")])


def test_certificate_as_large_as_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CredentialError, match="is larger than 1 MiB"):
        find_certificates("reg.example", [certs(tmp_path, "reg.example", ca_crt=b"x" * (1 << 20) + b"x")])


def test_folders_are_those_of_docker_and_podman() -> None:
    folders = [str(path) for path in certificate_folders({}, Path("/home/x"))]
    assert folders == [
        "/home/x/.config/containers/certs.d",
        "/home/x/.config/docker/certs.d",
        "/etc/containers/certs.d",
        "/etc/docker/certs.d",
    ]


def test_input_and_folder_are_both_trusted(tmp_path: Path) -> None:
    network = NetworkSettings(folders=(certs(tmp_path, "reg.example", ca_crt=b"F", c_cert=b"FC", c_key=b"FK"),))
    assert network.certificates("reg.example", Tls(b"I")) == Tls(b"I\nF", b"FC", b"FK")
    assert network.certificates("reg.example", Tls(b"I", b"IC", b"IK")) == Tls(b"I\nF", b"IC", b"IK")
    assert network.certificates("other.example", Tls(b"I")) == Tls(b"I")
    assert network.certificates("other.example", None) is None


@pytest.mark.parametrize(
    "tls",
    [Tls(b"no certificate", source="Secret a/b"), Tls(b"", b"no", b"no", source="Secret a/b")],
    ids=["authority", "client"],
)
def test_certificate_that_is_none_is_an_error_that_names_its_source(tls: Tls) -> None:
    with pytest.raises(CredentialError, match="the certificates of Secret a/b cannot be used"):
        make_context(tls)


def test_machine_without_a_system_store_has_the_bundled_one(monkeypatch: pytest.MonkeyPatch) -> None:
    import ssl

    bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    monkeypatch.setattr(ssl, "create_default_context", lambda: bare)
    assert make_context(None, {}).cert_store_stats()["x509_ca"] > 50


def test_loopback_host_with_certificates_is_spoken_to_in_tls_at_once(tmp_path: Path, authority: Authority) -> None:
    trusted = authority.certificate.read_bytes()
    for given in ("certSecretRef", "certs.d"):
        with run_fake(lambda seen: Reply(200, {"tags": ["1.0"]}), tls=authority) as fake:
            network = NetworkSettings(
                folders=(certs(tmp_path, fake.host, ca_crt=trusted),) if given == "certs.d" else ()
            )
            options = ScanOptions(tls=Tls(trusted) if given == "certSecretRef" else None)
            with Client(ClientSettings(network=network)) as client:
                assert client.scan(parse_flux_image(f"{fake.host}/app"), options=options).tags == ("1.0",)
            assert fake.connections == 1, given


def test_loopback_host_that_speaks_no_tls_is_asked_plainly_whatever_certificates_there_are(
    authority: Authority,
) -> None:
    options = ScanOptions(tls=Tls(authority.certificate.read_bytes()))
    with run_fake(lambda seen: Reply(200, {"tags": ["1.0"]})) as fake, Client() as client:
        assert client.scan(parse_flux_image(f"{fake.host}/app"), options=options).tags == ("1.0",)


def test_certificates_are_read_once_for_all_hosts_that_have_the_same(authority: Authority) -> None:
    contexts, tls = Contexts(), Tls(authority.certificate.read_bytes())
    contexts.begin(tls)
    assert contexts.find(tls) is contexts.find(Tls(authority.certificate.read_bytes()))
    assert contexts.find(tls) is not contexts.find(None)


def test_certificates_that_cannot_be_read_are_an_error_for_every_host_that_needs_them() -> None:
    contexts, tls = Contexts(), Tls(b"no certificate", source="Secret a/b")
    for _ in range(2):
        with pytest.raises(CredentialError, match="the certificates of Secret a/b cannot be used"):
            contexts.find(tls)
