"""Platforms, spelt and compared as containerd's module ``platforms`` (v0.2.1) does; departures are marked."""

from __future__ import annotations

import pytest

from imagesetter.policy.platform import parse_platform, parse_platforms

NORMAL = {
    "linux/amd64": "linux/amd64",
    "linux/amd64/v1": "linux/amd64",
    "linux/amd64/v2": "linux/amd64/v2",
    "linux/386": "linux/386",
    "linux/arm64": "linux/arm64",
    "linux/arm64/v8": "linux/arm64",
    "linux/arm64/8": "linux/arm64",
    "linux/arm64/v9": "linux/arm64/v9",
    "linux/arm": "linux/arm/v7",
    "linux/arm/7": "linux/arm/v7",
    "linux/arm/v6": "linux/arm/v6",
    "linux/x86_64": "linux/amd64",
    "linux/x86-64": "linux/amd64",
    "linux/aarch64": "linux/arm64",
    "linux/armhf": "linux/arm/v7",
    "linux/armel": "linux/arm/v6",
    "linux/i386": "linux/386",
    "Linux/AMD64": "linux/amd64",
    "macos/arm64": "darwin/arm64",
    "linux/s390x": "linux/s390x",
    "windows/amd64": "windows/amd64",
}


@pytest.mark.parametrize(("text", "expected"), NORMAL.items())
def test_a_platform_has_one_normal_form(text: str, expected: str) -> None:
    assert str(parse_platform(text)) == expected


@pytest.mark.parametrize("text", ["", "linux", "amd64", "linux/", "/amd64", "linux/amd 64", "a/b/c/d", "linux/amd64/"])
def test_what_is_no_platform_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a platform such as linux/amd64 or linux/arm64/v8"):
        parse_platform(text)


RUNS_ON = {
    "linux/amd64": ["linux/amd64"],
    "linux/amd64/v3": ["linux/amd64", "linux/amd64/v2", "linux/amd64/v3"],
    "linux/arm64": ["linux/arm64"],
    "linux/arm64/v9": ["linux/arm64", "linux/arm64/v9"],
    "linux/arm": ["linux/arm/v5", "linux/arm/v6", "linux/arm/v7"],
    "linux/arm/v6": ["linux/arm/v5", "linux/arm/v6"],
    "linux/386": ["linux/386"],
    "windows/amd64": ["windows/amd64"],
}
"""node → the images that it runs: containerd's, without those for other architectures (386 on amd64, arm on arm64)."""


@pytest.mark.parametrize("node", RUNS_ON)
def test_a_node_runs_images_for_its_own_and_for_older_variants(node: str) -> None:
    images = parse_platforms([*NORMAL, "linux/amd64/v3", "linux/arm/v5"])
    assert [str(image) for image in images if image.runs_on(parse_platform(node))] == RUNS_ON[node]


def test_platforms_are_sorted_and_each_is_there_once() -> None:
    assert [str(each) for each in parse_platforms(["linux/arm64/v8", "linux/aarch64", "linux/amd64"])] == [
        "linux/amd64",
        "linux/arm64",
    ]
