"""Platforms, spelt and compared as containerd's module ``platforms`` (v0.2.1) does; departures are marked."""

from __future__ import annotations

import pytest

from imagesetter.policy.platform import parse_platform, parse_platforms, unknown_part

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


PORTS = (  # noqa: SIM905 - `go tool dist list` of Go 1.26
    "aix/ppc64 android/386 android/amd64 android/arm android/arm64 darwin/amd64 darwin/arm64 dragonfly/amd64 "
    "freebsd/386 freebsd/amd64 freebsd/arm freebsd/arm64 illumos/amd64 ios/amd64 ios/arm64 js/wasm linux/386 "
    "linux/amd64 linux/arm linux/arm64 linux/loong64 linux/mips linux/mips64 linux/mips64le linux/mipsle linux/ppc64 "
    "linux/ppc64le linux/riscv64 linux/s390x netbsd/386 netbsd/amd64 netbsd/arm netbsd/arm64 openbsd/386 openbsd/amd64 "
    "openbsd/arm openbsd/arm64 openbsd/ppc64 openbsd/riscv64 plan9/386 plan9/amd64 plan9/arm solaris/amd64 wasip1/wasm "
    "windows/386 windows/amd64 windows/arm64"
).split()
VARIED = ["linux/arm/v5", "linux/arm/v6", "linux/arm/v8", "linux/arm64/v8.0", "linux/arm64/v9.5", "linux/amd64/v4"]
UNKNOWN = {
    "linux/amd46": "'amd46' is not a known architecture (did you mean linux/amd64?)",
    "linux/x64": "'x64' is not a known architecture",
    "linux/arm64v8": "'arm64v8' is not a known architecture (did you mean linux/arm64?)",
    "linux/armv7": "'armv7' is not a known architecture (did you mean linux/arm?)",
    "linx/arm/v6": "'linx' is not a known operating system (did you mean linux/arm/v6?)",
    "amd64/linux": "the architecture is before the operating system (did you mean linux/amd64?)",
    "unknown/unknown": "'unknown' is not a known operating system",
    "linux/amd64/v5": "'v5' is not a known variant of amd64: write one of v1, v2, v3, v4",
    "linux/arm/v9": "'v9' is not a known variant of arm: write one of v5, v6, v7, v8",
    "linux/arm64/v9.6": "'v9.6' is not a known variant of arm64",
    "linux/s390x/v1": "'v1' is not a known variant of s390x",
}


@pytest.mark.parametrize("text", [*PORTS, *VARIED, "linux/riscv64/rva23u64", "linux/ppc64le/power9", "macOS/aarch64"])
def test_what_go_builds_for_is_known(text: str) -> None:
    assert unknown_part(parse_platform(text)) == ""


@pytest.mark.parametrize("text", UNKNOWN)
def test_what_is_not_known_is_named_with_what_was_meant(text: str) -> None:
    assert unknown_part(parse_platform(text)) == UNKNOWN[text]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("amd64", "linux/amd64"),
        ("linux-amd64", "linux/amd64"),
        ("linux_arm64_v8", "linux/arm64"),
        ("x86_64", "linux/amd64"),
        ("windows\\amd64", "windows/amd64"),
        ("linuxarm64", "linux/arm64"),
        ("arm/v6", "linux/arm/v6"),
        ("arm/arm", None),
        ("linux/amd64/", None),
        ("*", None),
        ("", None),
        ("x" * 4096, None),
    ],
)
def test_what_is_not_a_platform_gets_a_suggestion_where_it_is_clear(text: str, meant: str | None) -> None:
    try:
        found = unknown_part(parse_platform(text))
    except ValueError as error:
        found = str(error)
    assert (f"(did you mean {meant}?)" in found) if meant else ("did you mean" not in found)
