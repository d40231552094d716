"""The client against real registries: what they list is what we list."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagesetter.registry.client import Client, ScanOptions
from imagesetter.registry.credentials import Credential, Lookup
from imagesetter.registry.reference import parse_flux_image
from imagesetter.registry.trust import Tls
from support.certificates import make_authority
from support.registries import KINDS, Kind, push_image, run_registry, write_tags

ALICE = ("alice", "s3cret")


class Always:
    """A keychain that has one login for everything."""

    def __init__(self, username: str, password: str) -> None:
        self._credential = Credential(username, password, source="the test")

    def find(self, registry: str, path: str) -> Lookup:
        return Lookup(self._credential)


@pytest.mark.parametrize("kind", KINDS)
def test_five_thousand_tags_are_listed_whole_and_sorted(kind: Kind, tmp_path: Path) -> None:
    with run_registry(kind, folder=tmp_path) as registry:
        pushed = push_image(registry, "team/app", ["latest"])
        tags = [f"1.0.{number}" for number in range(5000)]
        write_tags(registry, "team/app", tags, pushed.digest)
        repository = parse_flux_image(f"{registry.host}/team/app")
        with Client() as client:
            assert client.scan(repository).tags == tuple(sorted([*tags, "latest"]))
            assert client.digest(repository, "latest") == pushed.digest


@pytest.mark.parametrize("kind", KINDS)
def test_password_and_own_authority_open_a_private_registry(kind: Kind, tmp_path: Path) -> None:
    authority = make_authority(tmp_path / "ca")
    with run_registry(kind, folder=tmp_path, users=dict([ALICE]), tls=authority) as registry:
        push_image(registry, "team/app", ["1.0.0"], user=ALICE)
        options = ScanOptions(keychain=Always(*ALICE), tls=Tls(ca=authority.certificate.read_bytes()))
        with Client() as client:
            assert client.scan(parse_flux_image(f"{registry.host}/team/app"), options=options).tags == ("1.0.0",)
