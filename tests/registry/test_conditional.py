"""A repository that has not changed costs one small answer, where its registry sends an ETag."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from imagesetter.errors import ProtocolError
from imagesetter.registry.client import Client
from imagesetter.registry.reference import parse_flux_image
from imagesetter.registry.scan import Scan, ScanOptions
from imagesetter.registry.settings import ClientSettings
from support.clocks import FakeClock
from support.fakes import FakeServer, Reply, Respond, Seen, run_fake
from support.logins import Always
from support.scanning import scan_all
from support.waiting import PATIENCE

DAY = 86400.0


def tagged(tags: list[str], etag: str = '"one"') -> Respond:
    def respond(seen: Seen) -> Reply:
        if seen.headers.get("if-none-match") == etag:
            return Reply(304, b"", {"ETag": etag})
        return Reply(200, {"name": "x", "tags": tags}, {"ETag": etag})

    return respond


class Runs:
    """Runs that share a cache, an hour apart unless told otherwise."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock = folder / "cache", FakeClock()

    def scan(self, server: FakeServer, *, later: float = 3600.0, path: str = "team/app", **settings: Any) -> Scan:
        self.clock.now += later
        with Client(ClientSettings(cache_folder=self.folder, clock=self.clock, **settings)) as client:
            return client.scan(parse_flux_image(f"{server.host}/{path}"))


def sent(server: FakeServer) -> list[str]:
    return [seen.headers.get("if-none-match", "") for seen in server.seen]


@pytest.mark.parametrize("etag", ['"one"', 'W/"one"', '""', "one", '"a,b"'])
def test_the_second_run_sends_the_etag_and_uses_the_list_it_has(tmp_path: Path, etag: str) -> None:
    runs = Runs(tmp_path)
    with run_fake(tagged(["1", "2"], etag)) as fake:
        assert runs.scan(fake).tags == ("1", "2")
        again = runs.scan(fake)
        assert (again.tags, again.from_cache) == (("1", "2"), False)
        assert again.scanned_at == runs.clock.time()
        assert runs.scan(fake, later=5.0).from_cache, "it is as young as a list that was sent"
    assert sent(fake) == ["", etag]


def test_a_list_that_changed_is_sent_whole(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    with run_fake(tagged(["1"])) as fake:
        runs.scan(fake)
        fake.respond = tagged(["1", "2"], '"two"')
        assert runs.scan(fake).tags == ("1", "2")
        assert runs.scan(fake).tags == ("1", "2")
    assert sent(fake) == ["", '"one"', '"two"']


def test_a_registry_that_says_unchanged_for_ever_is_not_believed_for_more_than_a_day(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    with run_fake(tagged(["1"])) as fake:
        runs.scan(fake)
        runs.scan(fake, later=DAY / 2)
        runs.scan(fake, later=DAY / 2)
        runs.scan(fake, later=DAY / 2)
    assert sent(fake) == ["", '"one"', "", '"one"']


@pytest.mark.parametrize("etag", ["", "a b", "x" * 300, "caf\u00e9"])
def test_an_etag_that_cannot_be_sent_back_is_none(tmp_path: Path, etag: str) -> None:
    runs = Runs(tmp_path)
    with run_fake(lambda seen: Reply(200, {"tags": ["1"]}, {"ETag": etag})) as fake:
        runs.scan(fake)
        runs.scan(fake)
    assert sent(fake) == ["", ""]


def test_a_list_of_several_pages_is_sent_whole(tmp_path: Path) -> None:
    """The ETag of a page says nothing about the pages after it."""

    def respond(seen: Seen) -> Reply:
        link = {} if "last" in seen.query else {"Link": '</x?last=1>; rel="next"'}
        return Reply(200, {"tags": ["2" if "last" in seen.query else "1"]}, {"ETag": '"p"', **link})

    runs = Runs(tmp_path)
    with run_fake(respond) as fake:
        assert runs.scan(fake).tags == runs.scan(fake).tags == ("1", "2")
    assert sent(fake) == [""] * 4


def test_refresh_and_another_login_ask_for_all(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    with run_fake(tagged(["1"])) as fake:
        runs.scan(fake)
        runs.scan(fake, refresh=True)
        runs.scan(fake, keychain=Always())
    assert set(sent(fake)) == {""}


def test_an_unasked_304_is_an_error(tmp_path: Path) -> None:
    with run_fake(lambda seen: Reply(304)) as fake, pytest.raises(ProtocolError, match="responded with 304"):
        Runs(tmp_path).scan(fake)


def test_the_etag_goes_along_a_redirect_and_through_a_token(tmp_path: Path) -> None:
    listing = tagged(["1"])

    def with_token(seen: Seen) -> Reply:
        if seen.path == "/token":
            return Reply(200, {"token": "t"})
        if not seen.authorization:
            return Reply(401, {}, {"WWW-Authenticate": f'Bearer realm="{target.url}/token"'})
        return listing(seen) or Reply(500)

    runs = Runs(tmp_path)
    with run_fake(with_token) as target:
        location = f"{target.url}/v2/team/app/tags/list"
        with run_fake(lambda seen: Reply(307, b"", {"Location": location})) as front:
            assert runs.scan(front).tags == runs.scan(front).tags == ("1",)
        assert sent(target)[-1] == '"one"'


def test_uploads_of_an_unchanged_list_are_kept(tmp_path: Path) -> None:
    def respond(seen: Seen) -> Reply:
        if seen.headers.get("if-none-match"):
            return Reply(304)
        manifest = {"sha256:" + "a" * 64: {"tag": ["1"], "timeUploadedMs": "1714564800123"}}
        return Reply(200, {"tags": ["1"], "manifest": manifest}, {"ETag": '"x"'})

    runs = Runs(tmp_path)
    with run_fake(respond) as fake:
        assert dict(runs.scan(fake).uploaded) == dict(runs.scan(fake).uploaded) == {"1": 1714564800.123}


def test_six_hosts_are_asked_side_by_side_each_with_its_own_limit() -> None:
    """Eighteen requests wait for one another: a limit over all hosts below that would never let them go."""
    together = threading.Barrier(18)

    def respond(seen: Seen) -> Reply:
        together.wait(PATIENCE)
        return Reply(200, {"tags": ["1"]})

    with ExitStack() as stack:
        servers = [stack.enter_context(run_fake(respond)) for _ in range(6)]
        client = stack.enter_context(Client(ClientSettings(connections_per_host=3)))
        images = [parse_flux_image(f"{server.host}/app{n}") for n in range(6) for server in servers]
        found = scan_all(client, [(image, ScanOptions()) for image in images])
        assert all(isinstance(scan, Scan) for scan in found)
        assert [server.most_at_once for server in servers] == [3] * 6
