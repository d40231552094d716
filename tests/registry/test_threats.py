"""What a hostile registry, or an input written by a stranger, can do to us: nothing.

One test or more for each row of the threat table: what comes out, and which requests were never made.
"""

from __future__ import annotations

import base64
import gzip
import json
import socket
import subprocess
import sys
import textwrap
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imagesetter.errors import (
    EgressRefused,
    ImageReferenceError,
    ProtocolError,
    RegistryError,
    Unauthorized,
    Unreachable,
)
from imagesetter.registry.cache import Cache, CacheIdentity
from imagesetter.registry.client import Client
from imagesetter.registry.events import Event, Note
from imagesetter.registry.http.address_rules import AddressRules
from imagesetter.registry.http.proxies import Proxy
from imagesetter.registry.http.tls import Tls, find_certificates
from imagesetter.registry.reference import Repository, parse_flux_image
from imagesetter.registry.scan import ScanOptions
from imagesetter.registry.settings import ClientSettings
from registry.conftest import Names
from support.certificates import Authority
from support.clocks import FakeClock
from support.fakes import FakeServer, Reply, Seen, run_fake
from support.logins import PASSWORD, Always
from support.waiting import PATIENCE

TAGS = Reply(200, {"name": "app", "tags": ["1.0.0"]})
FN = str(Path(__file__).parents[2] / "fn")


def scan(
    server: FakeServer | str, path: str = "team/app", *, options: ScanOptions | None = None, **settings: Any
) -> Any:
    host = server if isinstance(server, str) else server.host
    with Client(ClientSettings(clock=FakeClock(), **settings)) as client:
        return client.scan(parse_flux_image(f"{host}/{path}"), options=options)


def refuses(error: type[RegistryError], text: str) -> Any:
    return pytest.raises(error, match=text)


# --- the input names the host ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "image",
    [
        "169.254.169.254/latest/meta-data",
        "metadata.google.internal/computemetadata/v1",
        "10.0.0.1:8080/app",
        "[fe80::1]:5000/app",
        "[fd00:ec2::254]/app",
    ],
)
def test_image_at_an_internal_address_is_never_asked_for(image: str) -> None:
    with pytest.raises(EgressRefused):
        scan(*image.split("/", 1))


def test_name_that_resolves_to_a_private_address_is_not_connected_to(names: Names) -> None:
    with run_fake(lambda seen: TAGS) as inside:
        names("registry.evil.example", "127.0.0.1")
        with refuses(EgressRefused, "is at the loopback address 127.0.0.1"):
            scan(f"registry.evil.example:{inside.port}")
        assert inside.connections == 0


def test_name_that_resolves_to_a_metadata_address_is_refused_even_when_allowed(names: Names) -> None:
    names("registry.evil.example", "169.254.169.254")
    address_rules = AddressRules.parse(("registry.evil.example",))
    with refuses(EgressRefused, "link-local, metadata or unroutable address"):
        scan("registry.evil.example", address_rules=address_rules)


def test_address_that_was_checked_is_the_one_connected_to(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: the second answer of the resolver would be ours; it is never asked for."""
    connected: list[str] = []

    def connect(address: tuple[str, int], *args: object, **kwargs: object) -> socket.socket:
        connected.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    names("registry.evil.example", "203.0.113.9 127.0.0.1", "127.0.0.1")
    names("registry.evil.example", "93.184.216.34 127.0.0.1")
    with pytest.raises(Unreachable, match="refuses connections"):
        scan("registry.evil.example")
    assert set(connected) == {"93.184.216.34"}


def test_allow_list_is_checked_before_anything_is_sent() -> None:
    with run_fake(lambda seen: TAGS) as fake:
        with refuses(EgressRefused, "is not among the allowed registries"):
            scan(fake, "evil/app", address_rules=AddressRules.parse((f"{fake.host}/team",)))
        assert fake.connections == 0
        assert scan(fake, "team/app", address_rules=AddressRules.parse((f"{fake.host}/team",))).tags == ("1.0.0",)


@pytest.mark.parametrize("image", ["127.0.0.1:5000/a/../../v2/_catalog", "127.0.0.1:5000/..", "127.0.0.1:5000/a//b"])
def test_path_that_would_reach_another_endpoint_is_refused(image: str) -> None:
    with refuses(EgressRefused, "is not a repository"):
        scan(*image.split("/", 1))


# --- the registry names the token server -----------------------------------------------------------------------------


def bearer(realm: str, scheme: str = "Bearer") -> Reply:
    return Reply(
        401, {}, {"WWW-Authenticate": f'{scheme} realm="{realm}",service="s",scope="repository:team/app:pull"'}
    )


def test_realm_on_another_site_gets_no_credentials(names: Names) -> None:
    with (
        run_fake(lambda seen: Reply(200, {"token": "t"})) as evil,
        run_fake(lambda seen: bearer(f"https://login.evil.example:{evil.port}/token")) as fake,
    ):
        names("registry.example.com", "127.0.0.1")
        names("login.evil.example", "127.0.0.1")
        address_rules = AddressRules.parse(("*.example.com:*", "*.evil.example:*"), http_credentials=True)
        options = ScanOptions(insecure=True)
        with refuses(EgressRefused, "sends the credentials for it to login.evil.example, another site"):
            scan(f"registry.example.com:{fake.port}", address_rules=address_rules, keychain=Always(), options=options)
        assert evil.connections == 0
        assert [seen.authorization for seen in fake.seen] == [""]


def test_realm_without_https_gets_nothing(names: Names) -> None:
    with (
        run_fake(lambda seen: Reply(200, {"token": "t"})) as evil,
        run_fake(lambda seen: bearer(f"http://sso.example.com:{evil.port}/token")) as fake,
    ):
        names("registry.example.com", "127.0.0.1")
        names("sso.example.com", "127.0.0.1")
        address_rules = AddressRules.parse(("*.example.com:*",))
        with refuses(EgressRefused, "a token server without https"):
            scan(f"registry.example.com:{fake.port}", address_rules=address_rules, options=ScanOptions(insecure=True))
        assert evil.connections == 0


def test_realm_on_this_machine_is_not_asked_for_a_registry_elsewhere(names: Names) -> None:
    with (
        run_fake(lambda seen: Reply(200, {"token": "t"})) as local,
        run_fake(lambda seen: bearer(f"http://localhost:{local.port}/token")) as fake,
    ):
        names("registry.example.com", "127.0.0.1")
        address_rules = AddressRules.parse(("registry.example.com:*",))
        with refuses(EgressRefused, "names a token server on this machine"):
            scan(f"registry.example.com:{fake.port}", address_rules=address_rules, options=ScanOptions(insecure=True))
        assert local.connections == 0


def test_realm_of_basic_is_a_label_and_never_fetched() -> None:
    with run_fake(lambda seen: TAGS) as other:
        with run_fake(lambda seen: TAGS if seen.authorization else bearer(f"{other.url}/login", "Basic")) as fake:
            assert scan(fake, keychain=Always()).tags == ("1.0.0",)
        assert other.connections == 0


def test_token_server_that_redirects_is_not_followed() -> None:
    with run_fake(lambda seen: Reply(200, {"token": "t"})) as other:

        def respond(seen: Seen) -> Reply:
            if seen.path == "/token":
                return Reply(302, b"", {"Location": f"{other.url}/token"})
            return bearer(f"http://{fake.host}/token")

        with (
            run_fake(respond) as fake,
            refuses(ProtocolError, "redirects, which is not followed"),
        ):
            scan(fake, keychain=Always())
        assert other.connections == 0


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"<html>", id="web-page"),
        pytest.param(b"[]", id="list"),
        pytest.param(b'{"token": ""}', id="empty"),
        pytest.param(b'{"token": 3}', id="number"),
        pytest.param(b'{"token": "a\\r\\nX-Evil: 1"}', id="header-injection"),
        pytest.param(b'{"token": "' + b"a" * 70_000 + b'"}', id="beyond-the-cap"),
        pytest.param(b"[" * 60_000, id="nested"),
    ],
)
def test_nonsense_from_the_token_server_is_no_token(body: bytes) -> None:
    def respond(seen: Seen) -> Reply:
        return Reply(200, body) if seen.path == "/token" else bearer(f"http://{fake.host}/token")

    with run_fake(respond) as fake, pytest.raises(ProtocolError):
        scan(fake)
    assert not any(seen.authorization for seen in fake.seen)


def test_challenges_without_end_are_answered_three_times() -> None:
    numbers = iter(range(1000))

    def respond(seen: Seen) -> Reply:
        if seen.path == "/token":
            return Reply(200, {"token": f"t{next(numbers)}"})
        return bearer(f"http://{fake.host}/token")

    with run_fake(respond) as fake, refuses(Unauthorized, "refuses"):
        scan(fake)
    assert len([seen for seen in fake.seen if seen.path != "/token"]) == 3


# --- credentials -----------------------------------------------------------------------------------------------------


def test_password_does_not_travel_over_plain_http(names: Names) -> None:
    with run_fake(lambda seen: Reply(401, {}, {"WWW-Authenticate": "Basic realm=x"})) as fake:
        names("registry.example.com", "127.0.0.1")
        address_rules = AddressRules.parse(("registry.example.com:*",))
        with refuses(EgressRefused, "asks for credentials over plain HTTP"):
            scan(
                f"registry.example.com:{fake.port}",
                address_rules=address_rules,
                keychain=Always(),
                options=ScanOptions(insecure=True),
            )
        assert [seen.authorization for seen in fake.seen] == [""]


def test_insecure_in_the_input_alone_does_not_give_plain_http(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    with run_fake(lambda seen: TAGS) as fake:
        names("registry.example.com", "93.184.216.34")
        real = socket.create_connection
        monkeypatch.setattr(socket, "create_connection", lambda where, *rest, **more: real(("127.0.0.1", fake.port)))
        with pytest.raises(Unreachable, match="does not speak TLS") as caught:
            scan(f"registry.example.com:{fake.port}", options=ScanOptions(insecure=True))
        assert "--allow-registry registry.example.com" in caught.value.hint
        assert fake.seen == []


def test_logins_of_this_machine_do_not_go_through_a_proxy_and_an_authority_of_the_input(authority: Authority) -> None:
    """A stranger's proxy with a stranger's authority could pose as any registry."""
    events: list[Event] = []
    machine = Always()
    tls = Tls(ca=authority.certificate.read_bytes())
    with run_fake(lambda seen: Reply(401, {}, {"WWW-Authenticate": "Basic realm=x"}), tls=authority) as fake:
        with refuses(Unauthorized, "without credentials"):
            scan(fake, keychain=machine, options=ScanOptions(tls=tls), listener=events.append)
        assert machine.asked == []
        assert all(not seen.authorization for seen in fake.seen)
        with refuses(Unauthorized, "with the credentials from the test"):  # a Secret of the same input may
            scan(fake, options=ScanOptions(tls=tls, keychain=Always()))
        with refuses(Unauthorized, "with the credentials from the test"):
            scan(fake, keychain=machine, options=ScanOptions(tls=tls), address_rules=AddressRules(trust_input=True))
    assert any(isinstance(event, Note) and "--trust-input" in event.text for event in events)


def test_proxy_of_the_input_is_under_the_rules_of_addresses() -> None:
    proxy = Proxy("http://169.254.169.254:80", from_input=True)
    with refuses(EgressRefused, "link-local, metadata"):
        scan("registry.example.com", options=ScanOptions(proxy=proxy))


def test_scan_that_came_by_a_way_of_the_input_is_not_shown_to_others(tmp_path: Path, authority: Authority) -> None:
    with run_fake(lambda seen: Reply(200, {"tags": ["9.9.9-forged"]}), tls=authority) as evil:
        repository = Repository(evil.host, "team/app")
        options = ScanOptions(tls=Tls(ca=authority.certificate.read_bytes()), interval=600)
        with Client(ClientSettings(cache_folder=tmp_path)) as client:
            assert client.scan(repository, options=options).tags == ("9.9.9-forged",)
            assert client.scan(repository, options=options).from_cache
    assert Cache(tmp_path).load_scan(repository.canonical, CacheIdentity(), 600) is None


def test_cookies_are_not_kept() -> None:
    with run_fake(lambda seen: Reply(200, {"tags": ["1"]}, {"Set-Cookie": "session=1; Path=/"})) as fake:
        with Client() as client:
            client.scan(parse_flux_image(f"{fake.host}/team/app"))
            client.scan(parse_flux_image(f"{fake.host}/team/other"))
        assert all("cookie" not in seen.headers for seen in fake.seen)


def test_netrc_and_proxy_variables_are_not_read_behind_our_back(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / ".netrc").write_text("machine 127.0.0.1 login alice password word\n")
    (home / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("NETRC", str(home / ".netrc"))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with run_fake(lambda seen: TAGS) as fake:
        scan(fake)
        assert [seen.authorization for seen in fake.seen] == [""]


def test_certificate_folder_is_not_left_by_a_registrys_name(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "ca.crt").write_text("x")
    folder = tmp_path / "certs.d"
    folder.mkdir()
    for name in ("../outside", "..", "outside/../../outside", "/etc", "a\0b"):
        assert find_certificates(name, [folder]) is None


# --- links and redirects ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "link",
    [
        "{other}/v2/team/app/tags/list?last=1.0.0&n=1000",
        "http://169.254.169.254/latest?last=1.0.0&n=1000",
        "//metadata.google.internal/x?last=1.0.0&n=1000",
        "/v2/other/secret/tags/list?last=1.0.0&n=1000",
        "file:///etc/passwd?last=1.0.0&n=1000",
    ],
)
def test_link_gives_a_cursor_and_nothing_else(link: str) -> None:
    with run_fake(lambda seen: TAGS) as other:

        def respond(seen: Seen) -> Reply:
            if "last" in seen.query:
                return Reply(200, {"tags": ["2.0.0"]})
            return Reply(200, {"tags": ["1.0.0"]}, {"Link": f'<{link.format(other=other.url)}>; rel="next"'})

        with run_fake(respond) as fake:
            assert scan(fake).tags == ("1.0.0", "2.0.0")
        assert fake.paths() == [
            "GET /v2/team/app/tags/list?n=1000",
            "GET /v2/team/app/tags/list?last=1.0.0&n=1000",
        ]
        assert other.connections == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("challenge", ["", "Basic realm=x", 'Bearer realm="{url}/token"'])
def test_list_that_is_redirected_to_another_host_gets_no_credentials(status: int, challenge: str) -> None:
    """Neither with the request, nor when that host asks for them, nor at its token server."""

    def elsewhere(seen: Seen) -> Reply:
        if seen.path == "/token":
            return Reply(200, {"token": "anonymous"})
        if challenge and seen.authorization != "Bearer anonymous":
            return Reply(401, {}, {"WWW-Authenticate": challenge.format(url=other.url)})
        return TAGS

    def front(seen: Seen) -> Reply:
        if seen.authorization:
            return Reply(status, b"", {"Location": f"{other.url}/v2/team/app/tags/list"})
        return Reply(401, {}, {"WWW-Authenticate": "Basic realm=x"})

    with run_fake(elsewhere) as other, run_fake(front) as fake:
        if challenge.startswith("Basic"):
            with refuses(Unauthorized, f"redirects to {other.host}, which responded with 401"):
                scan(fake, keychain=Always())
        else:
            assert scan(fake, keychain=Always()).tags == ("1.0.0",)
        assert fake.seen[-1].authorization == "Basic " + base64.b64encode(f"alice:{PASSWORD}".encode()).decode()
        assert {seen.authorization for seen in other.seen} <= {"", "Bearer anonymous"}
        assert PASSWORD not in "".join(f"{seen.path}{seen.query}{seen.headers}{seen.body!r}" for seen in other.seen)


@pytest.mark.parametrize(
    "target", ["http://10.1.2.3/v2/", "http://169.254.169.254/v2/", "http://metadata.google.internal/"]
)
@pytest.mark.parametrize("what", ["tags", "digest"])
def test_nothing_is_redirected_to_an_internal_address(target: str, what: str) -> None:
    with run_fake(lambda seen: Reply(307, b"", {"Location": f"{target}app/tags/list"})) as fake, Client() as client:
        image = parse_flux_image(f"{fake.host}/app")
        with pytest.raises(EgressRefused):
            client.scan(image) if what == "tags" else client.digest(image, "1.0")
        assert len(fake.seen) == 1


def test_redirect_to_a_name_that_resolves_to_a_private_address_is_not_followed(names: Names) -> None:
    names("inside.example", "10.0.0.7")
    with (
        run_fake(lambda seen: Reply(307, b"", {"Location": "http://inside.example/v2/app/tags/list"})) as fake,
        refuses(EgressRefused, "is at the private address 10.0.0.7"),
    ):
        scan(fake)


def test_list_that_is_redirected_on_its_own_host_is_followed() -> None:
    def respond(seen: Seen) -> Reply:
        return TAGS if seen.path.startswith("/v2/real") else Reply(302, b"", {"Location": "/v2/real/tags/list?n=1000"})

    with run_fake(respond) as fake:
        assert scan(fake).tags == ("1.0.0",)


def test_redirects_without_end_are_given_up() -> None:
    with run_fake(lambda seen: Reply(302, b"", {"Location": seen.path + "x"})) as fake:
        with refuses(ProtocolError, "more than 5 redirects"):
            scan(fake)
        assert len(fake.seen) == 6


@pytest.mark.parametrize(
    "location", ["http://[", "http://a b/", "http://\x80/", "https://user:word@127.0.0.1/", "ftp://a/"]
)
def test_redirect_to_what_is_no_url_is_an_error(location: str) -> None:
    with run_fake(lambda seen: Reply(302, b"", {"Location": location})) as fake, pytest.raises(RegistryError):
        scan(fake)
    assert len(fake.seen) == 1


# --- sizes and times -------------------------------------------------------------------------------------------------


def test_body_beyond_the_cap_is_an_error_and_not_read_to_its_end() -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        yield b'{"tags":["'
        while sent < 200:
            sent += 1
            yield b"a" * (1 << 20)

    with (
        run_fake(lambda seen: Reply(200, endless())) as fake,
        refuses(ProtocolError, "larger than 32768 KiB"),
    ):
        scan(fake)
    assert sent < 60


def test_body_of_an_error_is_read_to_its_cap_only() -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 1000:
            sent += 1
            yield b"x" * 65536

    with (
        run_fake(lambda seen: Reply(403, endless(), {"Content-Type": "text/plain"})) as fake,
        refuses(Unauthorized, "refuses \\(403\\)") as caught,
    ):
        scan(fake)
    assert sent < 200
    assert len(str(caught.value)) < 400


def test_gzip_bomb_stays_below_64_mib_of_memory() -> None:
    """1 GiB of zeros in 1 MiB: refused, by a process that never grows."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    first, more = (packer.compress(b"0" * (1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    packed = first + more * 1023  # after such a flush a block can be repeated; to compress them all takes seconds
    with run_fake(lambda seen: Reply(200, packed, {"Content-Encoding": "gzip"})) as fake:
        script = f"""
        import sys
        sys.path.insert(0, {FN!r})
        from imagesetter.errors import ProtocolError
        from imagesetter.registry.client import Client
        from imagesetter.registry.reference import parse_flux_image
        try:
            Client().scan(parse_flux_image("{fake.host}/team/app"))
        except ProtocolError as err:
            print(err)
        status = dict(line.split(":", 1) for line in open("/proc/self/status"))
        print(int(status["VmHWM"].split()[0]) // 1024)  # getrusage would count what this test's process had before
        """
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True
        )
    message, peak = done.stdout.splitlines()
    assert "larger than 16384 KiB" in message
    assert int(peak) < 64


_LIST = json.dumps({"tags": ["1.0.0"]}).encode()


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        pytest.param("gzip", gzip.compress(_LIST), id="gzip"),
        pytest.param("GZip", gzip.compress(_LIST), id="in-capitals"),
        pytest.param("gzip", gzip.compress(_LIST[:9]) + gzip.compress(_LIST[9:]), id="of-two-members"),
        pytest.param("gzip", gzip.compress(_LIST) + bytes(512), id="padded"),
        pytest.param("identity, gzip", gzip.compress(_LIST), id="beside-identity"),
        pytest.param("deflate", zlib.compress(_LIST), id="deflate"),
        pytest.param("deflate", zlib.compress(_LIST)[2:-4], id="deflate-without-a-header"),
        pytest.param("identity", _LIST, id="identity"),
        pytest.param("aws-chunked", _LIST, id="as-uploaded"),
        pytest.param("gzip,aws-chunked", gzip.compress(_LIST), id="gzip-as-uploaded"),
        pytest.param("UTF-8", _LIST, id="character-set"),
    ],
)
def test_packing_of_an_honest_server_is_undone(encoding: str, body: bytes) -> None:
    with run_fake(lambda seen: Reply(200, body, {"Content-Encoding": encoding})) as fake:
        assert scan(fake).tags == ("1.0.0",)
        assert fake.seen[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("encoding", "body", "text"),
    [
        pytest.param("br", b"x", "compressed as 'br', which was not requested", id="unknown"),
        pytest.param("zstd, none", b"x", "compressed as 'zstd', which was not requested", id="unknown-and-none"),
        pytest.param("gzip", b"not gzip", "claims to be compressed as gzip and is not", id="not-gzip"),
        pytest.param("gzip", gzip.compress(b"{}" * 1000)[:-9], "ends early", id="cut-off"),
        pytest.param("gzip", gzip.compress(b"{}") + gzip.compress(b"{}")[:-9], "ends early", id="second-cut-off"),
        pytest.param("gzip, gzip", gzip.compress(gzip.compress(b"{}")), "compressed as 'gzip, gzip'", id="twice"),
    ],
)
def test_packing_that_cannot_be_undone_is_an_error(encoding: str, body: bytes, text: str) -> None:
    with run_fake(lambda seen: Reply(200, body, {"Content-Encoding": encoding})) as fake, refuses(ProtocolError, text):
        scan(fake)


def drip(kind: str, listener: socket.socket, left: threading.Event) -> None:
    """Answer in drops, each well within every timeout of a single read, for minutes; *left*: the client went before."""
    connection, _ = listener.accept()
    connection.recv(65536)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n"
    try:
        connection.sendall(head if kind == "headers" else head + b"\r\n")
        for number in range(int(PATIENCE / 0.05)):
            connection.sendall(f"X-{number}: 1\r\n".encode() if kind == "headers" else b" ")
            time.sleep(0.05)
    except OSError:
        left.set()
    connection.close()


@pytest.mark.parametrize("kind", ["headers", "body"])
def test_answer_in_drops_ends_with_the_deadline(kind: str) -> None:
    left = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=drip, args=(kind, listener, left), daemon=True).start()
        host = f"127.0.0.1:{listener.getsockname()[1]}"
        with Client() as client, pytest.raises(Unreachable) as caught:
            client.scan(parse_flux_image(f"{host}/app"), options=ScanOptions(timeout=0.6))
        assert left.wait(PATIENCE), "it was read to its end"
    assert "did not respond in time" in str(caught.value)
    assert "spec.timeout" in caught.value.hint


@pytest.mark.parametrize("links", [["n=1000"], ["last=b", "last=a", "last=b"]])
def test_pages_that_lead_in_a_circle_are_an_error(links: list[str]) -> None:
    answers = iter(links)
    with (
        run_fake(lambda seen: Reply(200, {"tags": ["1"]}, {"Link": f'</x?{next(answers)}>; rel="next"'})) as fake,
        refuses(ProtocolError, "lead in a circle"),
    ):
        scan(fake)


def test_pages_without_end_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from imagesetter.registry import tags as listing

    monkeypatch.setattr(listing, "MOST_PAGES", 20)
    numbers = iter(range(1000))
    with run_fake(lambda seen: Reply(200, {"tags": ["1"]}, {"Link": f'</x?c={next(numbers)}>; rel="next"'})) as fake:
        with refuses(ProtocolError, "more than 20 pages"):
            scan(fake, max_tags=1000)
        assert len(fake.seen) == 20


def test_more_tags_than_any_repository_has_are_an_error() -> None:
    with (
        run_fake(lambda seen: Reply(200, {"tags": [f"t{n}" for n in range(101)]})) as fake,
        refuses(ProtocolError, "has more than 100 tags"),
    ):
        scan(fake, max_tags=100)


@pytest.mark.parametrize("link", ["</x>", "</x?>", "</x?a b>", "</x?a\x80>", "</x?" + "a" * 9000 + ">"])
def test_link_to_the_next_page_that_names_none_is_an_error(link: str) -> None:
    with (
        run_fake(lambda seen: Reply(200, {"tags": ["1"]}, {"Link": f'{link}; rel="next"'})) as fake,
        refuses(ProtocolError, "names no page"),
    ):
        scan(fake)


def test_failing_page_fails_the_scan() -> None:
    def respond(seen: Seen) -> Reply:
        if "last" in seen.query:
            return Reply(500, b"")
        return Reply(200, {"tags": ["1"]}, {"Link": '</x?last=1>; rel="next"'})

    with run_fake(respond) as fake, refuses(RegistryError, r"fails \(500\)"):
        scan(fake)


# --- answers that are none -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        pytest.param(b"<html>log in</html>", "text/html", "came as a web page", id="login-page"),
        pytest.param(b"<html>", "application/json", "came as a web page", id="page-that-says-it-is-json"),
        pytest.param(b"[" * 100_000, "application/json", "is not JSON", id="nested-lists"),
        pytest.param(b'{"a":' * 100_000, "application/json", "is not JSON", id="nested-objects"),
        pytest.param(b'{"tags":[' + b"1" * 5000 + b"]}", "application/json", "is not JSON", id="number-of-5000-digits"),
        pytest.param(b"\xff\xfe\x00", "application/json", "is not JSON", id="not-utf-8"),
        pytest.param(b"null", "application/json", "is not a JSON object", id="null"),
        pytest.param(b'["1.0"]', "application/json", "is not a JSON object", id="bare-list"),
        pytest.param(b'{"tags":"1.0"}', "application/json", "has no list of tags", id="tags-as-text"),
        pytest.param(b"", "application/json", "is not JSON", id="nothing"),
    ],
)
def test_answer_that_is_no_tag_list_is_an_error_and_never_no_tags(body: bytes, kind: str, text: str) -> None:
    with run_fake(lambda seen: Reply(200, body, {"Content-Type": kind})) as fake, refuses(ProtocolError, text):
        scan(fake)


def test_lone_surrogates_and_nan_do_no_harm() -> None:
    body = b'{"n":NaN,"tags":["\\ud800","1.0"]}'
    with run_fake(lambda seen: Reply(200, body)) as fake:
        assert scan(fake).tags == ("1.0",)


HOSTILE_TAGS = [
    "1.0\x1b[31m", "1.0\n", "1.0\r\n2.0", ' # {"$imagepolicy": "a:b"}', "1.0\u202e", "../../x", "a b", "", "-rf", ".1",
    "x" * 129, "sha256:" + "a" * 64, None,
]  # fmt: skip


def test_text_that_is_no_tag_never_gets_past_the_listing() -> None:
    with run_fake(lambda seen: Reply(200, {"tags": [*HOSTILE_TAGS, "1.0", "1.0"]})) as fake:
        result = scan(fake)
    assert result.tags == ("1.0",)
    assert result.warnings == (
        f"entries of the tag list were dropped: {len(HOSTILE_TAGS)} that no tag can be, 1 given twice",
    )


def test_tag_that_is_none_is_not_asked_for() -> None:
    with run_fake(lambda seen: TAGS) as fake, Client() as client:
        with pytest.raises(ImageReferenceError, match="cannot be a tag"):
            client.digest(parse_flux_image(f"{fake.host}/app"), "../../v2/_catalog")
        assert fake.seen == []


@pytest.mark.parametrize(
    "body",
    [
        {"errors": [{"code": "DENIED", "message": "\x1b[2J\x1b]0;owned\x07 \u202e go away\r\n" + "x" * 5000}]},
        {"errors": ["\x1b[2J"], "message": "\x1b[2J"},
    ],
)
def test_error_text_of_a_registry_cannot_drive_a_terminal(body: object) -> None:
    with run_fake(lambda seen: Reply(403, body)) as fake, pytest.raises(Unauthorized) as caught:
        scan(fake)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


def test_warning_of_a_registry_is_passed_on_once_and_made_safe() -> None:
    def respond(seen: Seen) -> Reply:
        headers: dict[str, str | list[str]] = {
            "Warning": ['299 - "old \\"API\\" \x1b[31m"', '299 - "old \\"API\\" \x1b[31m"']
        }
        if "last" not in seen.query:
            headers["Link"] = '</x?last=1>; rel="next"'
        return Reply(200, {"tags": ["1"]}, headers)

    with run_fake(respond) as fake:
        warnings = scan(fake).warnings
    assert warnings[0] == 'the registry says: old "API" \\x1b[31m'
    assert len(warnings) == 2  # and the duplicate tag


def test_signature_in_a_redirected_url_does_not_reach_the_message() -> None:
    blob = base64.b64encode(b"signature").decode()

    def respond(seen: Seen) -> Reply | None:
        if seen.path.startswith("/storage"):
            return Reply(302, b"", {"Location": f"http://user:{blob}@127.0.0.1/?X-Amz-Signature={blob}"})
        return Reply(302, b"", {"Location": f"/storage?X-Amz-Signature={blob}"})

    with run_fake(respond) as fake, pytest.raises(RegistryError) as caught:
        scan(fake)
    assert blob not in f"{caught.value}{caught.value.hint}{caught.value!r}"


@pytest.mark.parametrize("host", ["127.0.0.1:PORT", "localhost:PORT", "[::ffff:127.0.0.1]:PORT", "2130706433:PORT"])
def test_a_registry_on_this_machine_that_the_input_names_is_not_asked(host: str) -> None:
    with run_fake(lambda seen: TAGS) as inside:
        with pytest.raises(EgressRefused):
            scan(host.replace("PORT", str(inside.port)), address_rules=AddressRules.parse(loopback=False))
        assert inside.connections == 0
        assert scan(inside, address_rules=AddressRules.parse((f"127.0.0.1:{inside.port}",), loopback=False)).tags == (
            "1.0.0",
        )


def test_cookies_are_neither_kept_nor_sent() -> None:
    def respond(seen: Seen) -> Reply:
        more = {} if "last" in seen.query else {"Link": '</v2/team/app/tags/list?last=1>; rel="next"'}
        return Reply(200, {"tags": ["1.0.0"]}, {"Set-Cookie": "session=1; Path=/", **more})

    with run_fake(respond) as fake:
        assert scan(fake).tags == ("1.0.0",)
        assert len(fake.seen) == 2
        assert [seen.headers.get("cookie") for seen in fake.seen] == [None, None]


def test_nothing_of_the_environment_that_httpx_reads_is_heeded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """httpx has proxies and logins of its own from the environment; ours come from the settings alone."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login alice password from-netrc\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with run_fake(lambda seen: TAGS) as fake:
        assert scan(fake).tags == ("1.0.0",)
        assert [seen.authorization for seen in fake.seen] == [""]
