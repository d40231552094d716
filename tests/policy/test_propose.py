"""What a tag suggests: a policy that selects tags of its shape, and this tag among them; or why there is none."""

from __future__ import annotations

import pytest

from imagesetter.policy.propose import NoProposal, Proposal, propose
from imagesetter.policy.select import select

V3 = r"[0-9]+\.[0-9]+\.[0-9]+"
PROPOSED = {
    "1.2.3": ("semver 1.x", "", ""),
    "v1.2.3": ("semver 1.x", "", ""),
    "0.4.1": ("semver 0.4.x", "", ""),
    "v10.11.6": ("semver 10.x", "", ""),
    "1.25": ("semver 1.x", r"^(?P<version>[0-9]+\.[0-9]+)$", "${version}.0"),
    "v2.19": ("semver 2.x", r"^v(?P<version>[0-9]+\.[0-9]+)$", "${version}.0"),
    "1.25.3-alpine": ("semver 1.x", rf"^(?P<version>{V3})-alpine$", "$version"),
    "1.25-alpine3.19": ("semver 1.x", r"^(?P<version>[0-9]+\.[0-9]+)-alpine3\.19$", "${version}.0"),
    "3.6.8-management": ("semver 3.x", rf"^(?P<version>{V3})-management$", "$version"),
    "1.2.3-bookworm-slim": ("semver 1.x", rf"^(?P<version>{V3})-bookworm-slim$", "$version"),
    "release-1.2.3": ("semver 1.x", rf"^release-(?P<version>{V3})$", "$version"),
    "1.2.0-rc.1": ("semver >=1.2.0-0 <2.0.0-0", rf"^v?{V3}(-rc[0-9.-]*)?$", ""),
    "v0.12.0-beta2": ("semver >=0.12.0-0 <0.13.0-0", rf"^v?{V3}(-beta[0-9.-]*)?$", ""),
    "2024.1.15": ("semver >=2024.0.0", "", ""),
    "2024.01": ("semver >=2024.0.0", r"^(?P<version>[0-9]+\.[0-9]+)$", "${version}.0"),
    "2024-01-15": ("alphabetical asc", "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", ""),
    "main-2024-01-15": ("alphabetical asc", "^main-(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})$", "$date"),
    "RELEASE.2024-01-16T16-07-38Z": (
        "alphabetical asc",
        r"^RELEASE\.(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}-[0-9]{2}-[0-9]{2}Z)$",
        "$date",
    ),
    "20240115": ("numerical asc", "^[0-9]{8}$", ""),
    "main-1699999999-abc1234": ("numerical asc", "^main-(?P<ts>[0-9]{10})-[a-f0-9]+$", "$ts"),
    "main-abc1234-1699999999": ("numerical asc", "^main-[a-f0-9]+-(?P<ts>[0-9]{10})$", "$ts"),
    "20240115123456-abcdef0": ("numerical asc", "^(?P<ts>[0-9]{14})-[a-f0-9]+$", "$ts"),
    "build-123": ("numerical asc", "^build-(?P<number>[0-9]+)$", "$number"),
    "master-123-gabcdef0": ("numerical asc", "^master-(?P<number>[0-9]+)-g[a-f0-9]+$", "$number"),
}
REFUSED = {
    "": "it has no tag",
    "latest": "is a moving tag",
    "main": "is a moving tag",
    "7": "is one number",
    "v3": "is one number",
    "3-alpine": "is one number",
    "abc1234": "names a commit",
    "sha-0a1b2c3": "names a commit",
    "1.2.3.4": "has 4 numbers",
    "4.0.9.2244-ls250": "has 4 numbers",
    "1.2.3-ls12": "a revision or hash of its own",
    "1.2.3-4": "a revision or hash of its own",
    "1.2.3-abc1234": "a revision or hash of its own",
    "v2.1.3-debian-12-r5": "a revision or hash of its own",
    "1.2.3-rc1-alpine": "a prerelease of a variant",
    "20240115.3": "several numbers",
    "dev-20240115-12": "several numbers",
    "v0.5.6_v1": "several numbers",
    "1.99999999999999999999.0": "has no version, date or number",
}
CHOSEN = {
    "1.2.3": ("1.9.0", "3.0.0"),
    "0.4.1": ("0.4.9", "3.0.0"),
    "1.25": ("1.26", "2.0"),
    "1.25.3-alpine": ("1.27.0-alpine", "2.1.0-alpine"),
    "1.2.0-rc.1": ("1.9.0", "3.0.0"),
    "main-1699999999-abc1234": ("main-1800000000-ffff000", "main-1800000000-ffff000"),
}
TAGS = [
    "latest",
    "1",
    "1.2",
    "1.2.0-rc.1",
    "1.2.3",
    "1.9.0",
    "1.9.1-zzz",
    "3.0.0",
    "0.4.1",
    "0.4.9",
    "0.5.0",
    "20240101.0.0",
    "1.25",
    "1.26",
    "2.0",
    "1.25.3-alpine",
    "1.27.0-alpine",
    "2.1.0-alpine",
    "sha256-aa.sig",
    "main-1699999999-abc1234",
    "main-1800000000-ffff000",
    "main-1900000000",
    "dev-1900000000-ffff000",
]


@pytest.mark.parametrize("tag", PROPOSED)
def test_a_tag_suggests_a_policy_of_its_shape(tag: str) -> None:
    found = propose(tag)
    assert isinstance(found, Proposal)
    rule, filter_tags = found.policy.rule, found.policy.filter_tags
    assert rule is not None
    shape = (filter_tags.pattern, filter_tags.extract) if filter_tags else ("", "")
    assert (f"{rule.kind} {rule.value}", *shape) == PROPOSED[tag]


@pytest.mark.parametrize("tag", [*PROPOSED, *CHOSEN])
def test_a_proposed_policy_selects_the_tag_that_it_was_made_from(tag: str) -> None:
    found = propose(tag)
    assert isinstance(found, Proposal)
    assert (select(found.policy, [tag, "latest"]), select(found.newest, [tag, "latest"])) == (tag, tag)


@pytest.mark.parametrize("tag", REFUSED)
def test_a_tag_without_an_order_suggests_none_and_says_why(tag: str) -> None:
    found = propose(tag)
    assert isinstance(found, NoProposal)
    assert REFUSED[tag] in found.reason


@pytest.mark.parametrize("tag", CHOSEN)
def test_of_many_tags_it_selects_the_best_of_its_shape_within_the_major_and_beyond(tag: str) -> None:
    found = propose(tag)
    assert isinstance(found, Proposal)
    assert (select(found.policy, TAGS), select(found.newest, TAGS)) == CHOSEN[tag]
