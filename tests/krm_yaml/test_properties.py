"""The laws of ``laws.py`` on random texts, under both of PyYAML's parsers.

``IMAGESETTER_EXAMPLES=100000`` makes it a long run.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from krm_yaml import laws
from krm_yaml.documents import Document, document

EXAMPLES = int(os.environ.get("IMAGESETTER_EXAMPLES", "200"))
PARSERS = pytest.mark.parametrize("pure", [False, True], ids=["libyaml", "pure python"])
SEEDS = st.integers(min_value=0, max_value=2**40)
# The pure parser is some twenty times slower than libyaml, and the laws are the same.
many = settings(max_examples=EXAMPLES)
some = settings(max_examples=max(20, EXAMPLES // 20))


def texts(seed: int, *, pure: bool, broken: bool = False) -> Document:
    return document(random.Random(seed), tabs=not pure, broken=broken)


@pytest.mark.parametrize("law", laws.LAWS, ids=lambda law: law.__name__)
@many
@given(seed=SEEDS)
def test_law_holds_under_libyaml(law: Callable[[Document, bool], None], seed: int) -> None:
    law(texts(seed, pure=False), False)


@pytest.mark.parametrize("law", laws.LAWS, ids=lambda law: law.__name__)
@some
@given(seed=SEEDS)
def test_law_holds_under_the_pure_parser(law: Callable[[Document, bool], None], seed: int) -> None:
    law(texts(seed, pure=True), True)


@PARSERS
@some
@given(seed=SEEDS)
def test_documents_around_broken_ones_are_followed(pure: bool, seed: int) -> None:
    laws.marked_scalars_change_and_no_other_byte(texts(seed, pure=pure, broken=True), pure)


@PARSERS
@some
@given(seed=SEEDS)
def test_nothing_to_do_changes_nothing(pure: bool, seed: int) -> None:
    laws.nothing_to_do_changes_nothing(texts(seed, pure=pure).text, pure)


@PARSERS
@some
@given(seed=SEEDS)
def test_damaged_texts_are_refused_or_followed_exactly(pure: bool, seed: int) -> None:
    laws.unmarked_scalars_read_as_before(laws.mutated(texts(seed, pure=pure).text, random.Random(seed)), pure)


@many
@given(text=st.text(alphabet=st.characters(codec="utf-8"), max_size=60), data=st.data())
def test_any_text_can_be_scanned(text: str, data: st.DataObject) -> None:
    """Whatever stands before and behind a marker, scanning ends, and what it finds lies in the text."""
    marker = ' # {"$imagepolicy": "ns:p1"}'
    at = data.draw(st.integers(0, len(text)))
    whole = text[:at] + marker + text[at:]
    from krm_functions.yaml.scan import scan

    for comment in scan(whole).comments:
        assert whole.startswith(comment.text, comment.start)
        if comment.scalar:
            assert 0 <= comment.scalar.node <= comment.scalar.start <= comment.scalar.end <= len(whole)
    laws.unmarked_scalars_read_as_before(whole, False)
