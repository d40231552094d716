"""What has to hold for every text; the property tests and the long run both ask here.

The long run, ``PYTHONPATH=fn:tests python -m krm_yaml.laws 100000``, prints how many texts were tried, and how many of
them broke a law.
"""

from __future__ import annotations

import random
import sys
import zlib
from collections.abc import Callable

from imagesetter.flux.markers import Marker
from krm_functions.errors import SpliceError, TextError
from krm_functions.yaml import proof
from krm_functions.yaml.edits import splice
from krm_functions.yaml.encoding import DecodedText, decode_text, encode_text
from krm_functions.yaml.scan import scalars, scan
from krm_functions.yaml.scan_result import Scalar, ScanResult
from krm_yaml.documents import Document, Field, document
from krm_yaml.following import marked, plan
from krm_yaml.lists import resource_list

DIGEST = "@sha256:" + "0a" * 32
VALUES = {
    "new:2": False,
    "ghcr.io/acme/app:v2" + DIGEST: False,
    "v2.0.0-rc.1": False,
    "1.20": True,
    "1e3": True,
    "on": True,
    "2024-02-29": True,
    "0x1f": True,
    "123e456": True,
    "007": True,
}
"""New values, and whether plain text needs quotes for them. Written down here so that the tool is not asked."""

TAILS = (":", ": x", " #", "#", "'", '"', ",", "]", "}", "\\", "\n", "\n  x", "\n    x", "\n- x", "\n#", "\n---\n")
"""What could make of a scalar more than it should be."""


def value_of(policy: str) -> str:
    """The same value for the same policy at each run."""
    return list(VALUES)[zlib.crc32(policy.encode()) % len(VALUES)]


def edited(before: Document) -> str:
    """What the generator says that the text has to become."""

    def value(field: Field) -> tuple[str, bool]:
        new = value_of(field.policy)
        return new, VALUES[new]

    return before.edited(value)


def planned(found: ScanResult) -> list[tuple[Scalar, str]]:
    def value(marker: Marker) -> str:
        return value_of(marker.policy.name)

    return plan(found, value)


def nothing_to_do_changes_nothing(text: str, pure: bool) -> None:
    assert splice(text, []) == text
    assert proof.rewrite(text, [], pure=pure) == text
    for bom in (False, True):
        assert decode_text(encode_text(text, bom=bom)) == DecodedText(text, bom)


def marked_scalars_change_and_no_other_byte(before: Document, pure: bool) -> None:
    found = scan(before.text, pure=pure)
    assert proof.rewrite(before.text, planned(found), scan=found, pure=pure) == edited(before)


def the_edited_text_reads_as_planned(before: Document, pure: bool) -> None:
    found = scan(before.text, pure=pure)
    old = [(scalar.document, scalar.path, value_of(marker.policy.name)) for _, scalar, marker in marked(found)]
    again = scan(edited(before), pure=pure)
    new = [(scalar.document, scalar.path, scalar.value) for _, scalar, _ in marked(again)]
    assert new == old
    assert planned(again) == [], "a second run plans something"
    assert [(each.place, each.text) for each in again.comments] == [(each.place, each.text) for each in found.comments]


def nothing_passes_that_the_whole_text_refuses(text: str, rng: random.Random, pure: bool) -> None:
    """For any text and whatever takes a scalar's place: what is proved by a few lines holds for all of them."""
    found = scan(text, pure=pure)
    for scalar, value in [] if found.broken else planned(found):
        if value == scalar.value:
            continue
        right = proof._plan(text, scalar, value)
        *before, edit = right.edits
        content = mutated(edit.replacement, rng) if rng.random() < 0.5 else edit.replacement + rng.choice(TAILS)
        wrong = right._replace(
            edits=(*before, edit._replace(replacement=content)),
            growth=right.growth + len(content) - len(edit.replacement),
        )
        try:
            proof._prove(text, [wrong], found.events, pure)
        except SpliceError:
            continue
        assert proof._compare(text, splice(text, wrong.edits), {scalar.node: wrong}, pure) is None


def unmarked_scalars_read_as_before(text: str, pure: bool) -> None:
    """For any text, also one that no generator vouches for: it is refused, or only the planned scalars change."""
    found = scan(text, pure=pure)
    wanted = planned(found)
    try:
        after = proof.rewrite(text, wanted, scan=found, pure=pure)
    except SpliceError as err:
        assert found.broken or "overlap" in err.what, err.what
        return
    try:
        old = {(each.document, each.path): (each.value, each.style, each.anchor) for each in scalars(text, pure=pure)}
    except TextError:
        assert found.broken or not found.comments
        return
    new = {(each.document, each.path): (each.value, each.style, each.anchor) for each in scalars(after, pure=pure)}
    changes = {(scalar.document, scalar.path): value for scalar, value in wanted}
    assert old.keys() == new.keys()
    for place, (value, style, anchor) in new.items():
        if place in changes:
            assert (value, anchor) == (changes[place], old[place][2])
        else:
            assert (value, style, anchor) == old[place]


def mutated(text: str, rng: random.Random) -> str:
    """A text with a few characters gone, doubled, or exchanged: most of what comes out is still YAML, of a kind."""
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(text) + 1)
        text = (
            text[:at]
            + rng.choice(("", "", " ", "\n", "-", ":", "#", "'", '"', "{", "]", ",", "&a ", "\t"))
            + text[at + rng.choice((0, 0, 1, 2)) :]
        )
    return text


LAWS: tuple[Callable[[Document, bool], None], ...] = (
    marked_scalars_change_and_no_other_byte,
    the_edited_text_reads_as_planned,
)


def hold(seed: int, *, pure: bool) -> None:
    """All laws for the texts that come of one seed."""
    before = document(random.Random(seed), tabs=not pure)
    broken = document(random.Random(seed), tabs=not pure, broken=True)
    for law in LAWS:
        law(before, pure)
    marked_scalars_change_and_no_other_byte(broken, pure)
    nothing_to_do_changes_nothing(before.text, pure)
    listed = resource_list(random.Random(seed))
    odd = mutated(before.text, random.Random(seed))
    for text in (odd, listed, mutated(listed, random.Random(seed))):
        unmarked_scalars_read_as_before(text, pure)
    for text in (before.text, odd):
        nothing_passes_that_the_whole_text_refuses(text, random.Random(seed), pure)


def main(examples: int, start: int) -> int:
    failures = fields = 0
    for seed in range(start, start + examples):
        fields += len(document(random.Random(seed)).fields)
        try:
            hold(seed, pure=False)
            if seed % 10 == 0:
                hold(seed, pure=True)
        except AssertionError as err:
            failures += 1
            print(f"seed {seed}: {err}", file=sys.stderr)
    print(f"documents: {examples}, marked scalars: {fields}, failures: {failures}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000, int(sys.argv[2]) if len(sys.argv) > 2 else 0))
