"""The latest ref, and what older clusters wrote instead of it."""

from __future__ import annotations

import pytest

from imagesetter.flux.latest_ref import LatestRef, from_status

DIGEST = "sha256:" + "a" * 64

STATUSES = {
    "v1 with digest": (
        {"latestRef": {"name": "r/app", "tag": "1.2", "digest": DIGEST}},
        LatestRef("r/app", "1.2", DIGEST),
    ),
    "v1 without digest": ({"latestRef": {"name": "r/app", "tag": "1.2"}}, LatestRef("r/app", "1.2")),
    "v1beta1": ({"latestImage": "r:5000/app:1.2"}, LatestRef("r:5000/app", "1.2")),
    "both forms: the ref counts": (
        {"latestImage": "r/app:1.1", "latestRef": {"name": "r/app", "tag": "1.2"}},
        LatestRef("r/app", "1.2"),
    ),
    "image without a tag": ({"latestImage": "r:5000/app"}, None),
    "nothing selected yet": ({"conditions": []}, None),
    "no status": (None, None),
}


@pytest.mark.parametrize(("status", "ref"), STATUSES.values(), ids=STATUSES)
def test_status_gives_the_ref_that_the_cluster_reported(status: object, ref: LatestRef | None) -> None:
    assert from_status(status) == ref


def test_each_part_of_a_ref_is_what_its_marker_writes() -> None:
    ref = LatestRef("ghcr.io/org/app", "1.2.3", DIGEST)
    assert [ref.part(part) for part in ("", "name", "tag", "digest")] == [
        f"ghcr.io/org/app:1.2.3@{DIGEST}",
        "ghcr.io/org/app",
        "1.2.3",
        DIGEST,
    ]
    assert str(LatestRef("app", "1")) == "app:1"
