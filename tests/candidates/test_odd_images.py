"""Platforms of images and indexes of every shape that builders and strangers push, in a real registry."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.registries import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, push_artifact, run_registry_with_referrers
from support.runs import Ran, run_here, write_files
from support.sandbox import POLICIES
from support.signing import sha256

DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
NUMBERS = itertools.count()
UNKNOWN = {"os": "unknown", "architecture": "unknown"}
CHART = "application/vnd.cncf.helm.config.v1+json"
Part = tuple[bytes, str]
"""A manifest that was pushed, and its media type."""


class Shop:
    """Pushes manifests of a repository."""

    def __init__(self, host: str) -> None:
        self.host, self.path = host, "web"

    def image(self, config: object, kind: str = OCI_CONFIG) -> Part:
        blob = config if isinstance(config, bytes) else json.dumps(config).encode()
        named = {"mediaType": kind, "digest": sha256(blob), "size": len(blob)}
        manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": named, "layers": []}
        return self.pushed(manifest, blob)

    def index(self, *entries: tuple[Part, object], kind: str = OCI_INDEX, **more: object) -> Part:
        found = []
        for (data, media), platform in entries:
            entry: dict[str, Any] = {"mediaType": media, "digest": sha256(data), "size": len(data)}
            found.append(entry if platform is None else {**entry, "platform": platform})
        return self.pushed({"schemaVersion": 2, "mediaType": kind, "manifests": found, **more})

    def pushed(self, manifest: dict[str, Any], *blobs: bytes) -> Part:
        data = json.dumps(manifest).encode()
        push_artifact(self.host, self.path, sha256(data), data, blobs)
        return data, manifest["mediaType"]

    def tag(self, tag: str, part: Part) -> None:
        push_artifact(self.host, self.path, tag, part[0])


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with run_registry_with_referrers(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture
def shop(host: str) -> Shop:
    """A repository of this test's own, whose 1.0.0 is for linux/amd64."""
    made = Shop(host)
    made.path = f"web{next(NUMBERS)}"
    made.tag("1.0.0", made.image({"os": "linux", "architecture": "amd64"}))
    return made


@pytest.fixture
def run(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ran]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMAGESETTER_ALLOW_LOOPBACK", "true")

    def ran(value: str, *arguments: str, annotation: str = "platforms") -> Ran:
        text = POLICIES.replace("registry.example.com/web", f"{shop.host}/{shop.path}")
        text = text.replace("interval: 5m", "interval: 5m, insecure: true")
        text = text.replace("annotations: {}", f"annotations: {{imagesetter.dev/{annotation}: '{value}'}}")
        write_files(tmp_path, {"policies.yaml": text})
        done = run_here(capsys, *arguments)
        name = f"{shop.host}/{shop.path}"
        return Ran(done.status, done.out.replace(name, "WEB"), done.err.replace(name, "WEB"))

    return ran


def config(os: object, architecture: object, **more: object) -> dict[str, object]:
    return {"os": os, "architecture": architecture, **more}


AMD64, ARM64 = config("linux", "amd64"), config("linux", "arm64")
Make = Callable[[Shop], Part]


def two_hundred(index: Callable[..., Part], other: Part, wanted: Part) -> Part:
    return index(*((other, config("linux", "arm64", variant=f"v9.{n}")) for n in range(199)), (wanted, AMD64))


TAKEN: dict[str, tuple[str, Make]] = {
    "an image": ("linux/amd64", lambda shop: shop.image(AMD64)),
    "an image of an older variant": ("linux/arm/v7", lambda shop: shop.image(config("linux", "arm", variant="v6"))),
    "an image for arm without a variant": ("linux/arm/v7", lambda shop: shop.image(config("linux", "arm"))),
    "arm64 with a variant": ("linux/arm64", lambda shop: shop.image({**ARM64, "variant": "v8"})),
    "arm64 asked for with a variant": ("linux/arm64/v8", lambda shop: shop.image(ARM64)),
    "arm64 of a newer node": ("linux/arm64/v9", lambda shop: shop.image(ARM64)),
    "amd64 of a newer node": ("linux/amd64/v3", lambda shop: shop.image({**AMD64, "variant": "v2"})),
    "capitals": ("linux/amd64", lambda shop: shop.image(config("Linux", "AMD64"))),
    "another spelling": ("linux/arm64", lambda shop: shop.image(config("linux", "aarch64"))),
    "a variant without its v": ("linux/arm/v6", lambda shop: shop.image(config("linux", "arm", variant="6"))),
    "windows with a version": (
        "windows/amd64",
        lambda shop: shop.image({**config("windows", "amd64"), "os.version": "10.0.1"}),
    ),
    "an index": (
        "linux/amd64,linux/arm64",
        lambda shop: shop.index((shop.image(AMD64), AMD64), (shop.image(ARM64), ARM64)),
    ),
    "a list of docker": ("linux/amd64", lambda shop: shop.index((shop.image(AMD64), AMD64), kind=DOCKER_INDEX)),
    "attestations beside the image": (
        "linux/amd64",
        lambda shop: shop.index((shop.image({}), UNKNOWN), (shop.image(AMD64), AMD64), (shop.image({"a": 1}), UNKNOWN)),
    ),
    "an index that does not say the platform": ("linux/amd64", lambda shop: shop.index((shop.image(AMD64), None))),
    "an entry with an empty platform": ("linux/amd64", lambda shop: shop.index((shop.image(AMD64), {}))),
    "an entry that says the system only": (
        "linux/amd64",
        lambda shop: shop.index((shop.image(AMD64), {"os": "linux"})),
    ),
    "an index in an index": (
        "linux/amd64,linux/arm64",
        lambda shop: shop.index(
            (shop.index((shop.image(AMD64), AMD64)), None), (shop.index((shop.image(ARM64), ARM64)), None)
        ),
    ),
    "an index in an index in an index": (
        "linux/amd64",
        lambda shop: shop.index((shop.index((shop.index((shop.image(AMD64), AMD64)), None)), None)),
    ),
    "an index in an index that says the platform": (
        "linux/amd64",
        lambda shop: shop.index((shop.index((shop.image(AMD64), AMD64)), AMD64)),
    ),
    "two hundred platforms": (
        "linux/amd64",
        lambda shop: two_hundred(shop.index, shop.image(ARM64), shop.image(AMD64)),
    ),
    "the image at the end of many without a platform": (
        "linux/amd64",
        lambda shop: shop.index(*((shop.image({"n": n}), None) for n in range(7)), (shop.image(AMD64), None)),
    ),
}
PASSED_OVER: dict[str, tuple[str, Make, str]] = {
    "an image of a newer variant": (
        "linux/amd64",
        lambda shop: shop.image({**AMD64, "variant": "v3"}),
        "has no image for linux/amd64 (it has linux/amd64/v3)",
    ),
    "another architecture that the node could run": (
        "linux/amd64",
        lambda shop: shop.image(config("linux", "386")),
        "has no image for linux/amd64 (it has linux/386)",
    ),
    "another system": (
        "linux/amd64",
        lambda shop: shop.image(config("windows", "amd64")),
        "has no image for linux/amd64 (it has windows/amd64)",
    ),
    "attestations only": (
        "linux/amd64",
        lambda shop: shop.index((shop.image({}), UNKNOWN)),
        "has no image for linux/amd64 (it has none for any platform)",
    ),
    "an empty index": ("linux/amd64", lambda shop: shop.index(), "(it has none for any platform)"),
    "a config without a platform": ("linux/amd64", lambda shop: shop.image({}), "(it has none for any platform)"),
    "a config with a system only": (
        "linux/amd64",
        lambda shop: shop.image({"os": "linux"}),
        "(it has none for any platform)",
    ),
    "a config with numbers": ("linux/amd64", lambda shop: shop.image(config(1, 2)), "(it has 1/2)"),
    "a config that is not JSON": ("linux/amd64", lambda shop: shop.image(b"\0"), "(it has none for any platform)"),
    "a config that is a list": ("linux/amd64", lambda shop: shop.image([1]), "(it has none for any platform)"),
    "a chart": ("linux/amd64", lambda shop: shop.image({"name": "web"}, CHART), "(it has none for any platform)"),
    "a missing config": (
        "linux/amd64",
        lambda shop: shop.pushed({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": []}),
        "(it has none for any platform)",
    ),
    "one platform is missing": (
        "linux/amd64,linux/arm64,linux/s390x",
        lambda shop: shop.index((shop.image(ARM64), ARM64)),
        "has no image for linux/amd64 and linux/s390x (it has linux/arm64)",
    ),
    "an index that lists nothing": (
        "linux/amd64",
        lambda shop: shop.pushed({"schemaVersion": 2, "mediaType": OCI_INDEX}),
        "is an index without manifests",
    ),
    "an index whose entries have no digest": (
        "linux/amd64",
        lambda shop: shop.pushed({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [{"platform": AMD64}]}),
        "is an index with an entry that has no digest",
    ),
    "a broken index in an index": (
        "linux/amd64",
        lambda shop: shop.index((shop.pushed({"schemaVersion": 2, "mediaType": OCI_INDEX}), None)),
        "is an index without manifests",
    ),
    "the ninth of many without a platform": (
        "linux/amd64",
        lambda shop: shop.index(*((shop.image({"n": n}), None) for n in range(8)), (shop.image(AMD64), None)),
        "(it has none for any platform)",
    ),
    "an escape in a platform": (
        "linux/amd64",
        lambda shop: shop.index((shop.image({}), config("\x1b[2J", "x\n"))),
        "has no image for linux/amd64",
    ),
}


@pytest.mark.parametrize("case", TAKEN)
def test_an_image_for_the_platform_is_taken(case: str, shop: Shop, run: Callable[..., Ran]) -> None:
    platforms, make = TAKEN[case]
    shop.tag("1.1.0", make(shop))
    ran = run(platforms, "explain", "web", "--limit", "0")
    assert (ran.status, "→ WEB:1.1.0\n" in ran.out) == (0, True), str(ran)


@pytest.mark.parametrize("case", PASSED_OVER)
def test_what_has_no_image_for_it_is_passed_over_with_its_reason(
    case: str, shop: Shop, run: Callable[..., Ran]
) -> None:
    platforms, make, reason = PASSED_OVER[case]
    shop.tag("1.1.0", make(shop))
    ran = run(platforms, "explain", "web", "--limit", "0")
    assert "note: 1.1.0 " in ran.out, str(ran)
    assert reason in ran.out, str(ran)
    assert "\x1b" not in ran.out
    assert ("→ WEB:1.0.0\n" in ran.out) == (platforms == "linux/amd64"), str(ran)


def test_an_index_that_is_too_large_fails_the_policy_by_name(shop: Shop, run: Callable[..., Ran]) -> None:
    large = shop.index((shop.image(AMD64), AMD64), annotations={"a": "x" * (5 << 20)})
    shop.tag("1.1.0", large)
    ran = run("linux/amd64", "lock")
    assert (ran.status, ran.err) == (
        1,
        "error: flux-system:web: the response is larger than 4096 KiB, which none should be "
        f"(WEB@{sha256(large[0])})\n",
    )


def test_an_index_that_is_not_valid_is_the_oldest(shop: Shop, run: Callable[..., Ran]) -> None:
    shop.tag("1.1.0", shop.image({**AMD64, "created": "2020-01-01T00:00:00Z"}))
    shop.tag("1.2.0", shop.pushed({"schemaVersion": 2, "mediaType": OCI_INDEX}))
    shop.tag("1.3.0", shop.pushed({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [{}]}))
    ran = run("created", "lock", annotation="newest")
    assert (ran.status, "locked to WEB:1.1.0" in ran.out) == (0, True), str(ran)
