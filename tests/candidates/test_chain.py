"""The chain: the best candidate that every rule allows, found with as few questions as that needs."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagesetter.candidates.chain import LIMIT, YES, Candidate, Decision, PassedOver, Verdict, choose, no, not_yet
from imagesetter.errors import RegistryError


@dataclass
class Table:
    """A rule that has a verdict for some tags, and yes for the others."""

    verdicts: dict[str, Verdict] = field(default_factory=dict)
    name: str = "table"
    asks: bool = False
    asks_registry: bool = False
    judged: list[str] = field(default_factory=list)
    unmet = "is in the table"
    hint = "add one"

    def judge(self, candidate: Candidate) -> Verdict:
        self.judged.append(candidate.tag)
        if self.asks:
            assert candidate.digest == f"sha256:{candidate.tag}"
        return self.verdicts.get(candidate.tag, YES)


@dataclass
class Registry:
    """Digests, and how often they were asked for."""

    asked: list[str] = field(default_factory=list)

    def digest(self, tag: str) -> str:
        self.asked.append(tag)
        return f"sha256:{tag}"


def test_the_best_candidate_is_taken_and_none_below_it_is_looked_at() -> None:
    first, second, registry = Table(), Table(), Registry()
    assert choose(["3", "2", "1"], [first, second], registry.digest) == Decision("3")
    assert (first.judged, second.judged, registry.asked) == (["3"], ["3"], [])


def test_each_better_candidate_is_passed_over_with_the_rule_and_the_reason() -> None:
    first = Table({"4": no("4 is bad")}, name="first")
    second = Table({"3": not_yet("3 is young", 7.0)}, name="second")
    decision = choose(["4", "3", "2"], [first, second], Registry().digest)
    assert decision.tag == "2"
    assert decision.passed_over == (
        PassedOver("4", "first", "4 is bad"),
        PassedOver("3", "second", "3 is young", 7.0),
    )
    assert second.judged == ["3", "2"]


def test_a_digest_is_requested_once_however_many_rules_need_it() -> None:
    registry = Registry()
    decision = choose(["2"], [Table(asks=True), Table(asks=True)], registry.digest)
    assert (decision.known_digest, registry.asked) == ("sha256:2", ["2"])


def test_a_rule_may_fix_the_digest_and_say_why() -> None:
    vouched = Table({"2": Verdict(allowed=True, reason="2 is signed", digest="sha256:other")})
    decision = choose(["2"], [vouched, Table()], Registry().digest)
    assert (decision.tag, decision.digest, decision.notes) == ("2", "sha256:other", ("2 is signed",))


def test_a_rule_that_cannot_decide_ends_the_walk() -> None:
    """An outage must not make a lower tag the best one."""

    def fails(tag: str) -> str:
        raise RegistryError("it fails")

    with pytest.raises(RegistryError, match="it fails"):
        choose(["2", "1"], [Table(asks=True)], fails)


def test_a_walk_is_bounded_and_looks_at_the_tag_in_use_last() -> None:
    tags = [str(number) for number in range(1000, 0, -1)]
    rule = Table({tag: no(f"{tag} is bad") for tag in tags})
    assert choose(tags, [rule], Registry().digest).tag == ""
    assert len(rule.judged) == LIMIT
    rule = Table({tag: no(f"{tag} is bad") for tag in tags[:-1]})
    assert choose(tags, [rule], Registry().digest, locked="1").tag == "1"


@pytest.mark.parametrize(("better", "expected"), [(not_yet("young", 7.0), "1"), (no("bad"), "")])
def test_a_tag_in_use_that_is_no_candidate_stays_only_while_a_better_one_waits(better: Verdict, expected: str) -> None:
    assert choose(["2"], [Table({"2": better})], Registry().digest, locked="1").tag == expected


TAGS = [str(number) for number in range(70, 0, -1)]
VERDICTS = st.sampled_from([YES, YES, no("bad"), not_yet("young", 7.0)])
RULES = st.lists(st.fixed_dictionaries(dict.fromkeys(TAGS[:12], VERDICTS)), max_size=4)


@given(RULES, st.sampled_from(["", *TAGS]), st.integers(0, 70))
def test_whatever_the_rules_the_first_candidate_that_all_allow_is_taken(
    tables: list[dict[str, Verdict]], locked: str, count: int
) -> None:
    tags, rules = TAGS[:count], [Table(dict(table), name=f"rule {number}") for number, table in enumerate(tables)]
    decision = choose(tags, rules, Registry().digest, locked=locked)
    allowed = [tag for tag in tags[:LIMIT] if all(table.get(tag, YES).allowed for table in tables)]
    refused = [each.tag for each in decision.passed_over]
    if allowed:
        assert decision.tag == allowed[0]
        assert refused == tags[: tags.index(allowed[0])]
    else:
        assert decision.tag in ("", locked)
        assert refused[: len(tags)] == tags[:LIMIT]
    for each in decision.passed_over:
        assert not tables[int(each.rule.split()[1])][each.tag].allowed
    assert choose(tags, rules, Registry().digest, locked=locked) == decision
