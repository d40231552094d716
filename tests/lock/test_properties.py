"""Whatever the policies and the tags: a lock gives what the registry gave, and a second run changes nothing."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from imagesetter.flux.catalog import Catalog
from imagesetter.flux.resources import resource
from imagesetter.lock.document import Lock, parse_lock
from imagesetter.lock.render import render_lock
from imagesetter.policy.select import compare
from imagesetter.selection.choose import Chooser
from imagesetter.selection.lock_source import LockSource
from imagesetter.selection.registry_source import RegistrySource
from imagesetter.selection.sources import LatestRefSource
from imagesetter.update.downgrades import downgrade_guard
from imagesetter.update.files import update_files, write_files
from imagesetter.update.lock import update_lock
from imagesetter.update.read_tree import read_tree
from krm_functions.yaml.load import load
from support.sandbox import IMAGE, Days

NOW = 1_772_366_400.0
RULES: list[dict[str, Any]] = [
    {"semver": {"range": "1.x"}},
    {"semver": {"range": ">=0.1.0-0"}},
    {"alphabetical": {"order": "asc"}},
    {"alphabetical": {"order": "desc"}},
    {"numerical": {"order": "asc"}},
]
TAGS = st.lists(
    st.sampled_from(["0.9.0", "1.0.0", "1.0.1", "1.2.0-rc.1", "1.10.0", "2.0.0", "7", "12", "latest", "main-3"]),
    min_size=1,
    unique=True,
)
POLICIES = st.lists(
    st.tuples(st.sampled_from(RULES), st.sampled_from(["Never", "IfNotPresent", "Always"])), min_size=1, max_size=3
)
FIELDS = st.lists(
    st.tuples(
        st.integers(0, 2), st.sampled_from([("", f"{IMAGE}:0.1.0"), ("tag", "0.1.0"), ("name", "x"), ("digest", "y")])
    ),
    max_size=5,
)


def resources(policies: list[tuple[dict[str, Any], str]]) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = [{"kind": "ImageRepository", "metadata": {"name": "r"}, "spec": {"image": IMAGE}}]
    for number, (rule, reflection) in enumerate(policies):
        spec = {"imageRepositoryRef": {"name": "r"}, "policy": rule, "digestReflectionPolicy": reflection}
        spec |= {"interval": "1m"} if reflection == "Always" else {}
        made.append({"kind": "ImagePolicy", "metadata": {"name": f"p{number}"}, "spec": spec})
    return [{"apiVersion": "image.toolkit.fluxcd.io/v1", **each} for each in made]


def catalog(found: list[dict[str, Any]]) -> Catalog:
    made = Catalog()
    made.add(each for number, data in enumerate(found) if (each := resource(data, f"p.yaml:{number}")))
    return made


def registry(tags: list[str]) -> Days:
    days = Days()
    days.push(*tags)
    return days


def locked(known: Catalog, days: Days, before: str = "", now: float = NOW) -> str:
    lock = parse_lock(before, "x") if before else Lock({})
    source = RegistrySource(known, days, pin=True, choose=Chooser(lock, now, "accept"))
    made = update_lock(known, lock, source, now=now)
    return render_lock(before, made.entries, made.seen)


def updated(root: Path, known: Catalog, source: LatestRefSource) -> tuple[bytes, int]:
    """The bytes after an update and how many fields it changed; fields without an answer stay."""
    outcome = update_files(
        read_tree([root]),
        lambda fields: source,
        keep_on_error=True,
        guards_of=lambda fields: [downgrade_guard(known, fields)],
    )
    assert write_files(outcome.rewrites) == []
    return (root / "app.yaml").read_bytes(), len(outcome.changes)


@given(POLICIES, TAGS, FIELDS)
def test_a_lock_gives_the_bytes_of_the_registry_and_a_second_time_none(
    policies: list[tuple[dict[str, Any], str]], tags: list[str], fields: list[tuple[int, tuple[str, str]]]
) -> None:
    known, days = catalog(resources(policies)), registry(tags)
    lines = [
        f'f{number}: {value} # {{"$imagepolicy": "flux-system:p{policy % len(policies)}{part and ":"}{part}"}}\n'
        for number, (policy, (part, value)) in enumerate(fields)
    ]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "app.yaml").write_text("".join(lines))
        online, _ = updated(root, known, RegistrySource(known, days))
        (root / "app.yaml").write_text("".join(lines))
        source = LockSource(known, parse_lock(locked(known, days), "x"))
        offline, _ = updated(root, known, source)
        assert offline == online
        assert updated(root, known, source) == (offline, 0)


@given(POLICIES, TAGS, st.randoms())
def test_a_lock_made_from_any_order_of_inputs_is_the_same_bytes(
    policies: list[tuple[dict[str, Any], str]], tags: list[str], order: random.Random
) -> None:
    found = resources(policies)
    text = locked(catalog(found), registry(tags))
    order.shuffle(found)
    order.shuffle(tags)
    assert locked(catalog(found), registry(tags)) == text


@given(POLICIES, TAGS)
def test_locking_again_later_changes_no_byte(policies: list[tuple[dict[str, Any], str]], tags: list[str]) -> None:
    known, days = catalog(resources(policies)), registry(tags)
    text = locked(known, days)
    assert locked(known, days, text, NOW + 1e6) == text


@given(POLICIES, TAGS, TAGS)
def test_a_lock_never_goes_back(policies: list[tuple[dict[str, Any], str]], tags: list[str], later: list[str]) -> None:
    """What any subset of tags gives afterwards is at least what was locked, by the policy's own order."""
    known = catalog(resources(policies))
    before = locked(known, registry(tags))
    after = parse_lock(locked(known, registry(later), before, NOW + 1), "x").entries
    for name, entry in parse_lock(before, "x").entries.items():
        compared = known.policy(name).tags
        assert compare(compared, after[name].tag, entry.tag) in (0, 1)


def test_the_lock_of_a_property_is_a_lock() -> None:
    data = load(locked(catalog(resources([(RULES[0], "Never")])), registry(["1.0.0"])))
    assert isinstance(data, dict)
    assert data["spec"]["entries"][0]["tag"] == "1.0.0"
