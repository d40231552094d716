"""What verifying costs in requests, what the cache keeps, and where no request goes."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from imagesetter.errors import RegistryError, SignatureError
from imagesetter.registry.client import Client
from imagesetter.registry.reference import parse_flux_image
from imagesetter.registry.scan import ScanOptions
from imagesetter.registry.settings import ClientSettings
from imagesetter.verification.keys import read_public_keys
from imagesetter.verification.trust import CosignKeys
from imagesetter.verification.verify import verify
from support.fakes import FakeServer, Reply, Seen, run_fake
from support.signing import (
    BUNDLE,
    Image,
    attach,
    attach_payloads,
    bundle,
    new_key,
    payload,
    public_pem,
    push_signed_image,
    simple_signature,
)

NUMBERS = count()
KEY, OTHER = new_key(), new_key()
TRUST = CosignKeys(read_public_keys(public_pem(KEY), "cosign.pub"))


@contextmanager
def watched(host: str) -> Iterator[FakeServer]:
    """A proxy before a registry, which shows what is requested."""

    def forward(seen: Seen) -> Reply:
        connection = http.client.HTTPConnection(host)
        headers = {name: text for name, text in seen.headers.items() if name in ("accept", "authorization")}
        connection.request(seen.method, f"{seen.path}?{seen.query}" if seen.query else seen.path, headers=headers)
        response = connection.getresponse()
        body = response.read()
        kept = ("content-type", "docker-content-digest", "link", "location")
        answer = Reply(
            response.status, body, {name: text for name, text in response.getheaders() if name.lower() in kept}
        )
        connection.close()
        return answer

    with run_fake(forward) as fake:
        yield fake


def new_image(host: str) -> Image:
    number = next(NUMBERS)
    return push_signed_image(host, f"counted{number}", "1.0.0", labels={"number": str(number)})


def by_bundle(image: Image, *, api: bool) -> None:
    attach(image, bundle(KEY, image.digest), referrers_api=api)


def by_payload(image: Image, *, api: bool) -> None:
    attach_payloads(image, simple_signature(KEY, payload(image.digest)))


def requests(settings: ClientSettings, fake: FakeServer, image: Image) -> list[str]:
    """What one run requests to verify an image."""
    fake.seen.clear()
    repository = parse_flux_image(f"{fake.host}/{image.path}")
    with Client(settings) as client:
        verify(client.puller(repository, ScanOptions()), repository, image.digest, TRUST, 0.0)
    return [f"{seen.method} {seen.path.removeprefix(f'/v2/{image.path}/').partition('/')[0]}" for seen in fake.seen]


@pytest.mark.parametrize(
    ("registry", "sign", "most"),
    [
        ("with_api", by_bundle, 3),
        ("without_api", by_bundle, 4),
        ("with_api", by_payload, 3),
        ("without_api", by_payload, 4),
    ],
    ids=["referrers API", "fallback tag", "cosign 2 with the API", "cosign 2 without it"],
)
def test_an_image_is_verified_in_a_few_requests_and_later_in_none(
    request: pytest.FixtureRequest, caching: ClientSettings, registry: str, sign: Callable[..., None], most: int
) -> None:
    host = request.getfixturevalue(registry)
    image = new_image(host)
    sign(image, api=registry == "with_api")
    with watched(host) as fake:
        cold = requests(caching, fake, image)
        assert len(cold) == most, cold
        assert requests(caching, fake, image) == []


def test_what_the_cache_holds_is_verified_again(with_api: str, caching: ClientSettings, tmp_path: Path) -> None:
    """A signature by another key in the place of the kept one makes the run look at the registry again."""
    image = new_image(with_api)
    by_bundle(image, api=True)
    with watched(with_api) as fake:
        requests(caching, fake, image)
        (note,) = (tmp_path / "cache/notes").iterdir()
        kept = note.read_bytes()
        for forged in (b"", b"[", b"{}", kept.replace(b'"bundle"', b'"other"'), kept[:-10], b"\xff\xfe"):
            note.write_bytes(forged)
            assert requests(caching, fake, image)[0] == "GET referrers"
            assert note.read_bytes() == kept


def test_a_signature_that_another_policy_accepted_is_not_accepted_by_this_one(
    with_api: str, caching: ClientSettings
) -> None:
    image = new_image(with_api)
    by_bundle(image, api=True)
    repository = parse_flux_image(f"{image.host}/{image.path}")
    other = CosignKeys(read_public_keys(public_pem(OTHER), "other.pub"))
    with Client(caching) as client:
        puller = client.puller(repository, ScanOptions())
        verify(puller, repository, image.digest, TRUST, 0.0)
        with pytest.raises(SignatureError, match="not by a trusted key"):
            verify(puller, repository, image.digest, other, 0.0)


def answering(image: Image, **replies: Reply) -> Callable[[Seen], Reply]:
    """A registry that answers a kind of request so, and nothing else."""

    def respond(seen: Seen) -> Reply:
        kind = seen.path.removeprefix(f"/v2/{image.path}/").partition("/")[0]
        return replies.get(kind, Reply(404, {"errors": [{"code": "MANIFEST_UNKNOWN"}]}))

    return respond


IMAGE = Image("", "app", "sha256:" + "a" * 64, 1)
INDEX = {"Content-Type": "application/vnd.oci.image.index.v1+json"}
EMPTY = {"schemaVersion": 2, "manifests": []}


def outcome(respond: Callable[[Seen], Reply], settings: ClientSettings) -> tuple[str, list[str]]:
    """Why an image is not verified, and what was requested."""
    with run_fake(respond) as fake, Client(settings) as client:
        repository = parse_flux_image(f"{fake.host}/{IMAGE.path}")
        with pytest.raises((SignatureError, RegistryError)) as raised:
            verify(client.puller(repository, ScanOptions()), repository, IMAGE.digest, TRUST, 0.0)
        where = f"{fake.host}/app@{IMAGE.digest}"
        return str(raised.value).replace(where, "IMAGE").replace(fake.host, "HOST"), [seen.path for seen in fake.seen]


@pytest.fixture
def plain(caching: ClientSettings) -> ClientSettings:
    return replace(caching, cache_folder=None)


def test_a_registry_that_fails_does_not_make_an_image_unsigned(plain: ClientSettings) -> None:
    respond = answering(IMAGE, referrers=Reply(200, EMPTY, INDEX), manifests=Reply(401, {}))
    shown, _ = outcome(respond, plain)
    assert shown.startswith("HOST/app:sha256-")
    assert " refuses (401) " in shown


def test_pages_without_end_are_an_error(plain: ClientSettings) -> None:
    numbers = count()

    def respond(seen: Seen) -> Reply:
        link = f'</v2/app/referrers/x?page={next(numbers)}>; rel="next"'
        return Reply(200, EMPTY, {**INDEX, "Link": link})

    shown, paths = outcome(respond, plain)
    assert shown == "IMAGE: the list of referrers has more than 20 pages"
    assert len(paths) == 20


def test_a_next_page_on_another_host_is_requested_from_the_registry_itself(plain: ClientSettings) -> None:
    """Only the query of the link is taken: neither a request nor a credential goes to a second host."""
    with run_fake(lambda seen: Reply(200, EMPTY, INDEX)) as second:

        def respond(seen: Seen) -> Reply:
            if "referrers" not in seen.path:
                return Reply(404, {})
            more = {} if "page=2" in seen.query else {"Link": f'<http://{second.host}/steal?page=2>; rel="next"'}
            return Reply(200, EMPTY, {**INDEX, **more})

        shown, paths = outcome(respond, plain)
        assert shown == "it has no signature of cosign"
        assert paths[:2] == [f"/v2/app/referrers/{IMAGE.digest}"] * 2
        assert second.seen == []


@pytest.mark.parametrize("status", [400, 403, 404, 405, 406])
def test_a_registry_without_the_api_is_asked_for_the_fallback_tag(plain: ClientSettings, status: int) -> None:
    shown, paths = outcome(answering(IMAGE, referrers=Reply(status, {})), plain)
    tag = IMAGE.digest.replace(":", "-")
    assert shown == "it has no signature of cosign"
    assert [path.rpartition("/")[2] for path in paths] == [IMAGE.digest, tag, f"{tag}.sig"]


def test_a_page_that_is_not_an_index_counts_as_a_registry_without_the_api(plain: ClientSettings) -> None:
    page = Reply(200, b"<html>", {"Content-Type": "text/html"})
    shown, paths = outcome(answering(IMAGE, referrers=page), plain)
    assert shown == "it has no signature of cosign"
    assert len(paths) == 3


def test_too_many_referrers_are_an_error(plain: ClientSettings) -> None:
    many = {"schemaVersion": 2, "manifests": [{}] * 10_001}
    shown, _ = outcome(answering(IMAGE, referrers=Reply(200, many, INDEX)), plain)
    assert shown == "IMAGE: the list of referrers has 10,001 entries; 10,000 is the most"


def test_a_list_that_is_larger_than_agreed_is_an_error(plain: ClientSettings) -> None:
    shown, _ = outcome(answering(IMAGE, referrers=Reply(200, b" " * (4 * 1024 * 1024 + 1), INDEX)), plain)
    assert shown.endswith("the response is larger than 4096 KiB, which none should be")


@pytest.mark.parametrize(
    "descriptor",
    [
        {},
        {"digest": 1},
        {"digest": "sha256:x"},
        {"digest": "../../x"},
        {"digest": IMAGE.digest, "artifactType": BUNDLE},
    ],
)
def test_a_descriptor_without_a_manifest_is_not_a_signature(
    plain: ClientSettings, descriptor: dict[str, object]
) -> None:
    listed = {"schemaVersion": 2, "manifests": [descriptor]}
    shown, _ = outcome(answering(IMAGE, referrers=Reply(200, listed, INDEX)), plain)
    assert shown == "its signatures are not accepted: a signature is listed, but its manifest was not found"


def test_a_manifest_that_is_not_what_its_digest_says_is_not_a_signature(plain: ClientSettings) -> None:
    listed = {"schemaVersion": 2, "manifests": [{"digest": IMAGE.digest, "artifactType": BUNDLE}]}

    def respond(seen: Seen) -> Reply:
        if "referrers" in seen.path:
            return Reply(200, listed, INDEX)
        return Reply(404, {}) if seen.path.endswith(".sig") else Reply(200, {"layers": []})

    shown, _ = outcome(respond, plain)
    assert shown.startswith("its signatures are not accepted: a signature cannot be read: IMAGE: manifests sha256:")
