"""Whole files, byte for byte: ``in.yaml`` becomes ``out.yaml``, and ``out.yaml`` stays what it is.

``places.txt`` says where each comment stands: line, place, and the path of its scalar. A file without ``out.yaml`` does
not change. ``IMAGESETTER_UPDATE_GOLDENS=1`` writes both anew; read the difference before committing it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from krm_functions.yaml.encoding import decode_text, encode_text
from krm_functions.yaml.field_path import format_path
from krm_functions.yaml.scan import scan
from krm_yaml.following import Ref, follow

GOLDEN = Path(__file__).resolve().parent / "golden"
CASES = sorted(path.name for path in GOLDEN.iterdir())
ONLY_LIBYAML = ("tabs-before-comments", "tight-block-header")
"""What PyYAML's own parser refuses, unlike libyaml and yaml.v3."""
REFS = {
    ("flux-system", "web"): Ref("ghcr.io/acme/web", "2.0.0"),
    ("flux-system", "pinned"): Ref("ghcr.io/acme/web", "2.0.0", "sha256:" + "a1" * 32),
    ("flux-system", "odd"): Ref("busybox", "1.10"),
}


def updated(data: bytes, *, pure: bool = False) -> bytes:
    source = decode_text(data)
    return encode_text(follow(source.text, REFS, pure=pure), bom=source.bom)


def places(data: bytes) -> str:
    found = scan(decode_text(data).text)
    lines = [
        " ".join(
            (str(comment.line), comment.place, format_path(comment.scalar.path) if comment.scalar else "")
        ).rstrip()
        for comment in found.comments
    ]
    lines += [f"lines {broken.start_line}-{broken.end_line} broken: {broken.problem}" for broken in found.broken]
    return "".join(f"{line}\n" for line in lines)


def test_the_forms_that_only_libyaml_takes_are_still_refused_by_the_other() -> None:
    for case in ONLY_LIBYAML:
        assert scan(decode_text((GOLDEN / case / "in.yaml").read_bytes()).text, pure=True).broken


def golden(case: str) -> tuple[bytes, bytes]:
    folder = GOLDEN / case
    before, after = folder / "in.yaml", folder / "out.yaml"
    data = before.read_bytes()
    if os.environ.get("IMAGESETTER_UPDATE_GOLDENS"):
        (folder / "places.txt").write_text(places(data), encoding="utf-8")
        after.unlink(missing_ok=True)
        if (new := updated(data)) != data:
            after.write_bytes(new)
    return data, after.read_bytes() if after.exists() else data


@pytest.mark.parametrize("case", CASES)
def test_a_file_follows_its_policies_byte_for_byte(case: str) -> None:
    before, after = golden(case)
    assert updated(before) == after


@pytest.mark.parametrize("case", CASES)
def test_a_second_run_changes_nothing(case: str) -> None:
    _, after = golden(case)
    assert updated(after) == after


@pytest.mark.parametrize("case", CASES)
def test_every_comment_stands_where_it_is_said_to(case: str) -> None:
    before, _ = golden(case)
    assert places(before) == (GOLDEN / case / "places.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("case", [case for case in CASES if case not in ONLY_LIBYAML])
def test_pyyamls_own_parser_gives_the_same_bytes(case: str) -> None:
    before, after = golden(case)
    assert updated(before, pure=True) == after
