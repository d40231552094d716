"""What is behind a tag, when registries leave headers out, answer wrongly, or keep blobs elsewhere."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from imagesetter.errors import EgressRefused, NotFound, ProtocolError, RegistryError
from imagesetter.registry.client import Client
from imagesetter.registry.manifests import ACCEPT, Descriptor, choose_platform, is_digest
from imagesetter.registry.reference import parse_flux_image
from imagesetter.registry.settings import ClientSettings
from support.clocks import FakeClock
from support.fakes import FakeServer, Reply, Seen, run_fake
from support.logins import Always

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def digest_of(data: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def encode(value: object) -> bytes:
    return json.dumps(value).encode()


CONFIG = encode(
    {"os": "linux", "architecture": "amd64", "created": "2024-05-01T12:00:00Z", "config": {"Labels": {"a": "b"}}}
)
IMAGE = encode({"schemaVersion": 2, "mediaType": MANIFEST, "config": {"digest": digest_of(CONFIG)}, "layers": []})


def shelf(*things: bytes, tag: bytes = IMAGE, **headers: str) -> Callable[[Seen], Reply]:
    """A registry that holds these blobs and manifests by digest, and one of them under every tag."""
    known = {digest_of(thing): thing for thing in (*things, tag)}

    def respond(seen: Seen) -> Reply:
        name = seen.path.rpartition("/")[2]
        data = known.get(name, b"" if name.startswith("sha256:") else tag)
        if not data:
            return Reply(404, {"errors": [{"code": "BLOB_UNKNOWN"}]})
        kind = json.loads(data).get("mediaType", "") if "/manifests/" in seen.path else "application/octet-stream"
        return Reply(200, data, {"Content-Type": kind, "Docker-Content-Digest": digest_of(data), **headers})

    return respond


def ask(fake: FakeServer, method: str = "digest", **more: Any) -> Any:
    with Client(ClientSettings(clock=FakeClock(), keychain=more.pop("keychain", None))) as client:
        return getattr(client, method)(parse_flux_image(f"{fake.host}/app"), "1.0", **more)


def without(respond: Callable[[Seen], Reply], *names: str) -> Callable[[Seen], Reply]:
    def stripped(seen: Seen) -> Reply:
        reply = respond(seen)
        return Reply(
            reply.status, reply.body, {name: text for name, text in reply.headers.items() if name not in names}
        )

    return stripped


def test_digest_is_asked_for_with_head_and_all_media_types_in_one_line() -> None:
    with run_fake(shelf()) as fake:
        assert ask(fake) == digest_of(IMAGE)
        (seen,) = fake.seen
    assert seen.method == "HEAD"
    assert seen.headers["accept"] == ACCEPT
    assert ACCEPT.count(",") == 3


@pytest.mark.parametrize("given", ["", "md5:abc", "sha256:abc", "sha256:" + "A" * 64, "sha256:" + "a" * 64 + "\tx"])
def test_digest_is_computed_where_the_header_gives_none(given: str) -> None:
    respond = without(shelf(), "Docker-Content-Digest")

    def answer(seen: Seen) -> Reply:
        reply = respond(seen)
        return Reply(reply.status, reply.body, {**reply.headers, **({"Docker-Content-Digest": given} if given else {})})

    with run_fake(answer) as fake:
        assert ask(fake) == digest_of(IMAGE)
        assert [seen.method for seen in fake.seen] == ["HEAD", "GET"]


@pytest.mark.parametrize("status", [204, 302, 400, 403, 404, 405, 406, 410, 411, 415, 418, 500, 501, 502])
def test_digest_is_computed_where_head_is_not_known(status: int) -> None:
    respond = shelf()
    with run_fake(lambda seen: Reply(status) if seen.method == "HEAD" else respond(seen)) as fake:
        assert ask(fake) == digest_of(IMAGE)


@pytest.mark.parametrize(("status", "requests"), [(401, 1), (429, 4), (503, 4), (504, 4)])
def test_a_refused_login_a_quota_and_an_outage_are_not_requested_by_get(status: int, requests: int) -> None:
    with run_fake(lambda seen: Reply(status)) as fake, pytest.raises(RegistryError):
        ask(fake)
    assert [seen.method for seen in fake.seen] == ["HEAD"] * requests


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        (
            b"<html>log in</html>",
            "text/html",
            "the manifest came as a web page, which a proxy or a login page would send",
        ),
        (b"<html>log in</html>", ACCEPT.partition(",")[0], "the manifest came as a web page"),
        (b"", "application/json", "the manifest is not JSON"),
        (b"[]", "application/json", "the manifest is not a JSON object"),
        (b'{"message": "welcome"}', "application/json", "the registry responded with something else than a manifest"),
        (
            b'{"errors": [{"code": "DENIED", "message": "no"}]}',
            "application/json",
            "the registry responded with something else than a manifest: DENIED: no",
        ),
        (b'{"schemaVersion": 2, "config": {}, "config": {}}', "application/json", "the manifest has 'config' twice"),
    ],
)
@pytest.mark.parametrize("redirected", [False, True])
def test_no_digest_is_computed_of_what_is_not_a_manifest(
    body: bytes, kind: str, message: str, redirected: bool
) -> None:
    """A login page in place of a manifest: its digest must not get into a lock."""

    def respond(seen: Seen) -> Reply:
        if redirected and seen.path != "/login":
            return Reply(302, b"", {"Location": "/login"})
        return Reply(200, body, {"Content-Type": kind})

    with run_fake(respond) as fake, pytest.raises(ProtocolError, match=re.escape(message)):
        ask(fake)


def test_digest_that_does_not_fit_the_manifest_is_an_error() -> None:
    wrong = "sha256:" + "0" * 64
    respond = shelf()

    def answer(seen: Seen) -> Reply:
        if seen.method == "HEAD":
            return Reply(405)
        reply = respond(seen)
        return Reply(200, reply.body, {**reply.headers, "Docker-Content-Digest": wrong})

    with run_fake(answer) as fake, pytest.raises(ProtocolError, match=f"was announced as {wrong} and is sha256:"):
        ask(fake)


def test_digest_by_sha512_is_verified_by_sha512() -> None:
    digest = digest_of(IMAGE, "sha512")
    with run_fake(
        lambda seen: Reply(200, CONFIG if "blobs" in seen.path else IMAGE, {"Docker-Content-Digest": digest})
    ) as fake:
        assert ask(fake, "inspect").digest == digest


def test_image_is_read_to_its_labels() -> None:
    with run_fake(shelf(CONFIG)) as fake:
        image = ask(fake, "inspect")
    assert (image.digest, image.platform_digest) == (digest_of(IMAGE), digest_of(IMAGE))
    assert (image.platform, image.created, image.labels) == ("linux/amd64", "2024-05-01T12:00:00Z", {"a": "b"})


def test_manifest_that_was_replaced_by_another_is_an_error() -> None:
    def respond(seen: Seen) -> Reply:
        if seen.method == "HEAD":
            return Reply(200, b"", {"Docker-Content-Digest": digest_of(b"another"), "Content-Length": "7"})
        return Reply(200, IMAGE)

    with run_fake(respond) as fake, pytest.raises(ProtocolError, match="was announced as"):
        ask(fake, "inspect")


def test_config_that_was_replaced_by_another_is_an_error() -> None:
    respond = shelf()
    with (
        run_fake(lambda seen: Reply(200, b"{}") if "blobs" in seen.path else respond(seen)) as fake,
        pytest.raises(ProtocolError, match=r"blobs sha256:.* was announced as"),
    ):
        ask(fake, "inspect")


def test_blob_is_fetched_from_storage_elsewhere_without_credentials() -> None:
    respond = shelf()
    with run_fake(lambda seen: Reply(200, CONFIG)) as storage:

        def answer(seen: Seen) -> Reply:
            if not seen.authorization:
                return Reply(401, {}, {"WWW-Authenticate": "Basic realm=x"})
            if "blobs" in seen.path:
                return Reply(307, b"", {"Location": f"{storage.url}/bucket/blob?signature=abc"})
            return respond(seen)

        with run_fake(answer) as fake:
            assert ask(fake, "inspect", keychain=Always()).created == "2024-05-01T12:00:00Z"
    assert [seen.authorization for seen in storage.seen] == [""]
    assert storage.paths() == ["GET /bucket/blob?signature=abc"]


@pytest.mark.parametrize(
    ("location", "error"),
    [
        ("http://169.254.169.254/latest", EgressRefused),
        ("http://10.0.0.1/blob", EgressRefused),
        ("file:///etc/passwd", ProtocolError),
    ],
)
def test_blob_is_not_fetched_from_an_internal_address(location: str, error: type[RegistryError]) -> None:
    respond = shelf()
    with (
        run_fake(
            lambda seen: Reply(307, b"", {"Location": location}) if "blobs" in seen.path else respond(seen)
        ) as fake,
        pytest.raises(error),
    ):
        ask(fake, "inspect")


@pytest.mark.parametrize("size", [4 * 1024 * 1024 + 1])
def test_manifest_and_config_have_a_largest_size(size: int) -> None:
    with (
        run_fake(lambda seen: Reply(405) if seen.method == "HEAD" else Reply(200, b" " * size)) as fake,
        pytest.raises(ProtocolError, match="larger than 4096 KiB"),
    ):
        ask(fake)


def index(*entries: object, **more: object) -> bytes:
    return encode({"schemaVersion": 2, "mediaType": INDEX, "manifests": list(entries), **more})


def descriptor(digest: str, platform: Mapping[str, str] | None) -> dict[str, object]:
    return {"digest": digest, "mediaType": MANIFEST, **({"platform": dict(platform)} if platform is not None else {})}


AMD = {"os": "linux", "architecture": "amd64"}


def test_attestations_are_no_platform() -> None:
    whole = index(
        descriptor(digest_of(b"x"), {"os": "unknown", "architecture": "unknown"}), descriptor(digest_of(IMAGE), AMD)
    )
    with run_fake(shelf(CONFIG, IMAGE, tag=whole)) as fake:
        image = ask(fake, "inspect")
    assert (image.digest, image.platform_digest, image.platforms) == (
        digest_of(whole),
        digest_of(IMAGE),
        ("linux/amd64",),
    )


def test_index_is_recognised_without_its_media_type() -> None:
    whole = encode({"schemaVersion": 2, "manifests": [descriptor(digest_of(IMAGE), AMD)]})
    with run_fake(without(shelf(CONFIG, IMAGE, tag=whole), "Content-Type")) as fake:
        assert ask(fake, "inspect").platform_digest == digest_of(IMAGE)


def test_platform_that_the_index_does_not_name_comes_from_the_config() -> None:
    whole = index(descriptor(digest_of(IMAGE), None))
    with run_fake(shelf(CONFIG, IMAGE, tag=whole)) as fake:
        assert ask(fake, "inspect").platform == "linux/amd64"


@pytest.mark.parametrize(
    ("whole", "error"),
    [
        pytest.param(index("x"), ProtocolError, id="entry-is-text"),
        pytest.param(index({"digest": "../../x"}), ProtocolError, id="digest-is-a-path"),
        pytest.param(index(manifests=None), ProtocolError, id="no-list"),
        pytest.param(index(), NotFound, id="empty"),
        pytest.param(b"[]", ProtocolError, id="no-object"),
        pytest.param(b"{", ProtocolError, id="no-json"),
    ],
)
def test_index_that_is_none_is_an_error(whole: bytes, error: type[RegistryError]) -> None:
    headers = {"Docker-Content-Digest": digest_of(whole), "Content-Type": INDEX}
    with run_fake(lambda seen: Reply(200, whole, headers)) as fake, pytest.raises(error):
        ask(fake, "inspect")


@pytest.mark.parametrize(
    "config",
    [
        {"created": 5, "config": None, "os": 3},
        {"created": None, "config": {"Labels": ["x"]}},
        {"config": {"Labels": {"a": 1, "b": None}}},
        [1],
        b"\0asm",
        {},
    ],
)
def test_config_with_odd_parts_shows_what_it_has(config: object) -> None:
    data = config if isinstance(config, bytes) else encode(config)
    manifest = encode({"mediaType": MANIFEST, "config": {"digest": digest_of(data)}})
    with run_fake(shelf(data, tag=manifest)) as fake:
        image = ask(fake, "inspect")
    assert (image.created, dict(image.labels), image.platform) == ("", {}, "")


def test_what_is_no_image_has_a_digest_and_no_more() -> None:
    chart = encode({"mediaType": MANIFEST, "config": {}, "layers": []})
    with run_fake(shelf(tag=chart)) as fake:
        image = ask(fake, "inspect")
    assert (image.digest, image.created) == (digest_of(chart), "")


def test_creation_time_cannot_drive_a_terminal() -> None:
    data = encode({"created": "\x1b[2J" + "x" * 500})
    manifest = encode({"mediaType": MANIFEST, "config": {"digest": digest_of(data)}})
    with run_fake(shelf(data, tag=manifest)) as fake:
        created = ask(fake, "inspect").created
    assert created.isprintable()
    assert len(created) < 80


@pytest.mark.parametrize(
    ("known", "wanted", "expected"),
    [
        (["linux/arm64", "linux/amd64"], "", "linux/amd64"),
        (["windows/amd64", "linux/arm64"], "", "windows/amd64"),
        (["linux/arm/v6", "linux/arm/v7"], "linux/arm", "linux/arm/v6"),
        (["linux/arm/v6", "linux/arm/v7"], "linux/arm/v7", "linux/arm/v7"),
        (["linux/arm64/v8", "linux/arm64"], "linux/arm64", "linux/arm64"),
    ],
)
def test_platform_is_chosen(known: list[str], wanted: str, expected: str) -> None:
    descriptors = tuple(Descriptor("sha256:" + "0" * 64, platform) for platform in known)
    assert choose_platform(descriptors, wanted, "x").platform == expected


@pytest.mark.parametrize("wanted", ["linux/arm", "linux/amd6", "linux"])
def test_platform_that_is_not_there_is_not_found(wanted: str) -> None:
    with pytest.raises(NotFound):
        choose_platform(
            (Descriptor("sha256:" + "0" * 64, "linux/amd64"),), wanted if wanted != "linux" else "linux/", "x"
        )


@pytest.mark.parametrize(
    "text", ["sha256:" + "g" * 64, "sha256:" + "a" * 65, "sha512:" + "a" * 64, "", None, "sha256:" + "a" * 64 + "\n"]
)
def test_what_is_no_digest_is_none(text: object) -> None:
    assert not is_digest(text)
