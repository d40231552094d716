"""What holds for every policy and every list of tags."""

from __future__ import annotations

from typing import Any

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from imagesetter.errors import InvalidPolicy, PolicyError
from imagesetter.golang.errors import InvalidConstraint
from imagesetter.golang.semver.constraints import MAX_RANGE_BYTES, parse_constraints
from imagesetter.golang.semver.version import parse_version
from imagesetter.policy.explain import explain, why_not
from imagesetter.policy.numerical import NumericalRule
from imagesetter.policy.select import check, compare, ranking, select
from imagesetter.policy.semver import SemverRule
from imagesetter.policy.tag_policy import TagPolicy
from krm_functions.errors import InputError
from policy.strategies import fitting, policies, ranges, tag_lists, versions
from policy.walk import walk


def chosen(policy: TagPolicy, given_tags: Any) -> str | None:
    try:
        return select(policy, given_tags)
    except PolicyError:
        return None


def valid(policy: TagPolicy) -> bool:
    try:
        check(policy)
    except InvalidPolicy:
        return False
    return True


@given(policies, tag_lists)
@example(TagPolicy(SemverRule(">=1.0.0-0")), ["18446744073709551616.0.0", "1.0.0", "2.0.0-0"])
@example(TagPolicy(NumericalRule()), ["inf", "NaN", "5", "3"])
def test_choice_is_that_of_flux_walking_down_the_tags(policy: TagPolicy, given_tags: list[str]) -> None:
    assume(valid(policy))
    assert chosen(policy, given_tags) == walk(policy, given_tags)


@given(policies, tag_lists, st.randoms(use_true_random=False))
def test_choice_does_not_depend_on_the_order_of_tags(policy: TagPolicy, given_tags: list[str], random: Any) -> None:
    shuffled = [*given_tags, *given_tags[:3]]
    random.shuffle(shuffled)
    assert chosen(policy, iter(shuffled)) == chosen(policy, given_tags)


@given(fitting())
def test_choice_is_that_of_flux_where_most_tags_can_be_ranked(question: tuple[TagPolicy, list[str]]) -> None:
    assert chosen(*question) == walk(*question)


@given(fitting())
def test_choice_among_the_survivors_is_the_same(question: tuple[TagPolicy, list[str]]) -> None:
    policy, given_tags = question
    choice = chosen(policy, given_tags)
    assume(choice is not None)
    survivors = ranking(policy, given_tags)
    assert survivors[0] == choice
    assert ranking(policy, survivors) == survivors
    assert len(set(survivors)) == len(survivors)


@given(fitting())
def test_each_survivor_is_chosen_when_those_before_it_are_gone(question: tuple[TagPolicy, list[str]]) -> None:
    policy, given_tags = question
    assume(chosen(policy, given_tags) is not None)
    survivors = ranking(policy, given_tags)
    assert [chosen(policy, survivors[place:]) for place in range(len(survivors))] == survivors


@given(fitting(fewest=2, most=2))
def test_comparison_agrees_with_choice(question: tuple[TagPolicy, list[str]]) -> None:
    policy, (a, b) = question
    assume(chosen(policy, [a]) and chosen(policy, [b]))
    place, back = compare(policy, a, b), compare(policy, b, a)
    assert (place is None) == (back is None)
    if place is not None and back is not None:
        assert place == -back
        assert place == 0 or chosen(policy, [a, b]) == (a if place > 0 else b)


@given(st.one_of(st.tuples(policies, tag_lists), fitting()))
def test_explanation_and_choice_are_one(question: tuple[TagPolicy, list[str]]) -> None:
    policy, given_tags = question
    explanation = explain(policy, given_tags, limit=len(given_tags))
    assert explanation.chosen == chosen(policy, given_tags)
    assert (explanation.error is None) == (explanation.chosen is not None)
    funnel = explanation.funnel
    assert funnel.listed == len(set(given_tags))
    if valid(policy):
        dropped = (
            funnel.signatures
            + funnel.excluded
            + funnel.filtered_out
            + funnel.shadowed
            + funnel.unparsed
            + funnel.out_of_range
        )
        assert funnel.listed == dropped + funnel.candidates
        assert len(explanation.rejected) == dropped
        if explanation.chosen is not None:
            assert funnel.candidates == len(ranking(policy, given_tags))
        for rejected in explanation.rejected:
            assert why_not(policy, given_tags, rejected.tag) == rejected


@given(ranges, versions)
def test_range_admits_what_its_printed_form_admits(text: str, version: str) -> None:
    try:
        wanted, parsed = parse_constraints(text), parse_version(version)
    except InputError:
        assume(False)
        raise
    assert len(str(wanted)) <= MAX_RANGE_BYTES
    assert parse_constraints(str(wanted)).admits(parsed) == wanted.admits(parsed)
    assert str(parse_constraints(str(wanted))) == str(wanted)


@given(ranges, versions)
def test_intervals_of_a_range_hold_the_releases_it_admits(text: str, version: str) -> None:
    try:
        wanted, parsed = parse_constraints(text), parse_version(version)
    except InputError:
        assume(False)
        raise
    assume(not parsed.prerelease)
    inside = [low <= parsed.key[:3] < high for low, high in wanted.release_spans]
    assert sum(inside) == wanted.admits(parsed)


@settings(max_examples=30)
@given(st.text(max_size=30))
def test_any_text_is_a_range_or_an_error_with_advice(text: str) -> None:
    try:
        parse_constraints(text)
    except InvalidConstraint as err:
        assert str(err).isprintable()
        assert err.hint
