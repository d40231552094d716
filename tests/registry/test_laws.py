"""Laws over many honest servers: a list is whole however it is paged, and a login works however it is requested.

``python tests/registry/test_laws.py COUNT`` tries more of them than the suite does.
"""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass
from urllib.parse import parse_qs, quote

import httpx

from imagesetter.registry.client import Client
from imagesetter.registry.reference import parse_flux_image
from imagesetter.registry.scan import ScanOptions
from imagesetter.registry.settings import ClientSettings
from imagesetter.registry.tags import list_tags
from krm_functions.errors import ReportedError
from support.clocks import FakeClock
from support.fakes import Reply, Seen, run_fake
from support.logins import Always

LENGTHS = (0, 1, 7, 50, 64, 99, 100, 101, 128, 256, 499, 500, 999, 1000, 1001, 1024, 1500, 2048, 3000, 5000, 10_001)
CUTS = (None, None, 50, 100, 128, 200, 256, 500, 512, 1000, 1024, 2000, 5000, 10_000)


@dataclass
class Paging:
    """A registry that can give all of its tags, in pages of any kind: by ``Link``, or by ``last`` alone."""

    rng: random.Random

    def __post_init__(self) -> None:
        rng = self.rng
        self.tags = [f"1.{number}.{rng.randrange(9)}" for number in range(rng.choice(LENGTHS))]
        self.link = rng.choice(["", "", "/v2/app/tags/list?n=100&last=", "https://r.example/x?last=", "?cursor="])
        self.inclusive = not self.link and rng.random() < 0.3
        if self.link:
            rng.shuffle(self.tags)
        else:
            self.tags.sort()
        self.cut, self.honours_n = rng.choice(CUTS), rng.random() < 0.7
        self.refuses_n, self.empty_page = rng.random() < 0.2, bool(self.link) and rng.random() < 0.2

    def __call__(self, query: str, expected: tuple[int, ...], etag: str) -> httpx.Response:
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        if "n" in asked and self.refuses_n and int(asked["n"]) >= 1000:
            assert 400 in expected
            return httpx.Response(400)
        start = int(asked.get("cursor", 0))
        if "last" in asked:
            start = self.tags.index(asked["last"]) + (not self.inclusive)
        size = min(self.cut or len(self.tags), int(asked["n"]) if "n" in asked and self.honours_n else len(self.tags))
        page = self.tags[start : start + size]
        end = start + len(page)
        headers = {}
        if self.link and (end < len(self.tags) or (self.empty_page and page)):
            following = str(end) if self.link.endswith("cursor=") else quote(page[-1])
            headers["Link"] = f'<{self.link}{following}>; rel="next"'
        return httpx.Response(200, json={"name": "app", "tags": page}, headers=headers)


def check_list(seed: int) -> None:
    """The list of one registry is whole."""
    registry = Paging(random.Random(seed))
    listing = list_tags(registry, "app", lambda count: None)
    assert listing.tags == sorted(registry.tags), (seed, vars(registry))


class LoggingIn:
    """A registry that requests a login, or shows a part without, in one of the ways that servers do."""

    def __init__(self, rng: random.Random) -> None:
        self.scheme = rng.choice(["basic", "bearer", "two lines", "one line", "403", "404", "part"])
        self.quote, self.separator = rng.choice(['"', "'"]), rng.choice([",", ", ", " , ", ";", " "])
        self.realm = rng.choice(["/token", "//HOST/token", "token", "http://HOST/token?a=b", "http://HOST/token#x"])
        self.scope = rng.choice(["", "scope=Qrepository:app:pull,pushQ", "scope=Qregistry:catalog:*Q", "scope=Q*Q"])
        self.redirects, self.lifetime = rng.random() < 0.2, rng.choice([0, -1, 60, "300", None])
        self.name = rng.choice(["token", "access_token"])
        self.login = Always().find("r", "app").credential

    def challenges(self, host: str) -> list[str]:
        parts = [f"Bearer realm=Q{self.realm}Q", "service=QsQ", *([self.scope] if self.scope else [])]
        bearer, basic = self.separator.join(parts), "Basic realm=QxQ"
        lines = {
            "basic": [basic], "bearer": [bearer], "two lines": [basic, bearer], "one line": [f"{basic}, {bearer}"]
        }  # fmt: skip
        return [line.replace("Q", self.quote).replace("HOST", host) for line in lines.get(self.scheme, [])]

    def __call__(self, seen: Seen) -> Reply:
        assert self.login is not None
        if seen.path.rstrip("/").endswith("token"):
            if self.redirects and not seen.path.endswith("/"):
                return Reply(307, b"", {"Location": f"{seen.path}/"})
            granted = seen.authorization == self.login.basic
            return Reply(200, {self.name: "T", "expires_in": self.lifetime}) if granted else Reply(401)
        if seen.authorization == "Bearer T" or (self.scheme != "bearer" and seen.authorization == self.login.basic):
            return Reply(200, {"name": "app", "tags": ["1.0", "2.0"]})
        if self.scheme == "part":
            return Reply(200, {"name": "app", "tags": ["1.0"]})
        status = int(self.scheme) if self.scheme.isdigit() else 401
        return Reply(status, b"", {"WWW-Authenticate": self.challenges(seen.headers["host"])})


def check_login(seed: int) -> None:
    """The login leads to all tags; without it there is an error, or what everybody sees."""
    registry = LoggingIn(random.Random(seed))
    with run_fake(registry) as fake:
        image = parse_flux_image(f"{fake.host}/app")
        with Client(ClientSettings(clock=FakeClock())) as client:
            found = client.scan(image, options=ScanOptions(keychain=Always()))
        assert found.tags == ("1.0", "2.0"), (seed, vars(registry))
        assert len(fake.seen) <= 5, (seed, fake.paths())
        with Client(ClientSettings(clock=FakeClock())) as client:
            try:
                assert client.scan(image).tags == ("1.0",), (seed, vars(registry))
            except ReportedError:
                assert registry.scheme != "part", (seed, vars(registry))


def test_a_list_is_whole_however_it_is_paged() -> None:
    for seed in range(150):
        check_list(seed)


def test_a_login_works_however_it_is_requested() -> None:
    for seed in range(60):
        check_login(seed)


if __name__ == "__main__":
    for number in range(int(sys.argv[1])):
        check_list(number)
        check_login(number)
    print(f"{int(sys.argv[1]):,} registries of each kind: no list was cut, and each login worked")
