from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from imagesetter.registry.client import Client
from imagesetter.registry.http.address_rules import AddressRules
from imagesetter.registry.settings import ClientSettings
from support.registries import run_registry, run_registry_with_referrers


@pytest.fixture(scope="session")
def with_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry with the referrers API, go-containerregistry's: ``HOST:PORT``."""
    with run_registry_with_referrers(tmp_path_factory.mktemp("referrers")) as host:
        yield host


@pytest.fixture(scope="session")
def without_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry without the referrers API, distribution 3: ``HOST:PORT``."""
    with run_registry("v3", folder=tmp_path_factory.mktemp("distribution")) as registry:
        yield registry.host


@pytest.fixture(params=["with_api", "without_api"])
def host(request: pytest.FixtureRequest) -> str:
    """Each of the two registries."""
    return str(request.getfixturevalue(request.param))


@pytest.fixture
def client() -> Iterator[Client]:
    """A client without a cache, for registries on loopback."""
    with Client(ClientSettings(AddressRules())) as opened:
        yield opened


@pytest.fixture
def caching(tmp_path: Path) -> ClientSettings:
    """The settings of a client with a cache of its own."""
    return ClientSettings(AddressRules(), cache_folder=tmp_path / "cache")
