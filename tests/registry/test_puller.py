"""What rules ask a registry about one repository: manifests and blobs, by digest or tag."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from imagesetter.errors import ProtocolError, RegistryError
from imagesetter.registry.client import Client, ClientSettings
from imagesetter.registry.puller import OfflinePuller, Puller
from imagesetter.registry.reference import parse_flux_image
from imagesetter.registry.scan import ScanOptions
from support.fakes import Reply, run_fake
from support.registries import OCI_MANIFEST, Kind, push_image, run_registry

KINDS: tuple[Kind, ...] = ("2.8", "v3")


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


Open = Callable[[str], Puller]


@pytest.fixture
def puller(tmp_path: Path) -> Iterator[Open]:
    """Opens a puller of ``HOST/app`` with a cache."""
    clients: list[Client] = []

    def opened(host: str) -> Puller:
        settings = ClientSettings(cache_folder=tmp_path / "cache")
        clients.append(Client(settings))
        return clients[-1].puller(parse_flux_image(f"{host}/app"), ScanOptions(insecure=True))

    yield opened
    for client in clients:
        client.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_real_registry_gives_what_is_there_and_none_for_what_is_not(kind: Kind, tmp_path: Path, puller: Open) -> None:
    with run_registry(kind, folder=tmp_path / "registry") as running:
        pushed = push_image(running, "app", ["1.0.0"], platforms=["linux/amd64", "linux/arm64"])
        asked = puller(running.host)
        index = asked.manifest("1.0.0")
        assert index is not None
        assert (index.digest, index.is_index) == (pushed.digest, True)
        assert asked.digest("1.0.0") == pushed.digest
        image = asked.manifest(pushed.platforms["linux/arm64"])
        assert image is not None
        assert not image.is_index
        config: Any = image.document["config"]
        assert json.loads(asked.blob(config["digest"]) or b"")["architecture"] == "arm64"
        assert asked.manifest("2.0.0") is None
        assert asked.manifest(digest(b"nothing")) is None
        assert asked.blob(digest(b"nothing")) is None
        assert list(asked.referrers(pushed.digest)) == []


SUBJECT = digest(b"subject")


def test_a_body_that_does_not_match_its_digest_is_an_error_and_is_not_kept(puller: Open) -> None:
    data = json.dumps({"schemaVersion": 2, "mediaType": OCI_MANIFEST}).encode()
    bodies = [b'{"forged": true}', data]
    with run_fake(lambda seen: Reply(200, bodies.pop(0))) as fake:
        asked = puller(fake.host)
        with pytest.raises(ProtocolError, match="was announced as"):
            asked.manifest(digest(data))
        found = asked.manifest(digest(data))
        assert found is not None
        assert found.data == data
        assert asked.manifest(digest(data)) == found
        assert len(fake.seen) == 2


def test_an_outage_is_an_error_and_not_a_missing_manifest(puller: Open) -> None:
    with run_fake(lambda seen: Reply(403, {"errors": []})) as fake, pytest.raises(RegistryError):
        puller(fake.host).manifest(SUBJECT)


def test_without_a_registry_only_known_digests_are_there() -> None:
    asked = OfflinePuller({"1.0.0": SUBJECT}.__getitem__)
    assert (asked.online, asked.digest("1.0.0")) == (False, SUBJECT)
    for call in (asked.manifest, asked.blob, asked.referrers):
        with pytest.raises(RegistryError, match="which is not asked here"):
            call(SUBJECT)
