"""The answers of policies that are one release: tags with one key for all of them, or none of them changes.

A policy without an answer holds up the others, whatever the reason: so no outage leaves a release in two versions.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence

from imagesetter.candidates.chain import Decision, PassedOver
from imagesetter.candidates.release import RULE, Agreement, KeyOf, Member, agree, by_key, key_function
from imagesetter.candidates.rules import candidates
from imagesetter.candidates.situation import Situation
from imagesetter.errors import LockError, ResolveError
from imagesetter.flux.annotations import has_chart_tags
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.latest_ref import LatestRef
from imagesetter.flux.markers import PolicyName
from imagesetter.flux.releases import Release, releases_of
from imagesetter.policy.tag_policy import TagPolicy, unchecked_tag_policy
from imagesetter.selection.sources import Failed, Resolution, Resolved
from krm_functions.errors import ReportedError

_REASONS = 3
"""Of how many better tags a run says why they were not taken; the JSON of ``explain`` has more."""

Answers = dict[PolicyName, Resolution]


def settle(
    release: Release,
    catalog: Catalog,
    situations: Mapping[PolicyName, Situation],
    answers: Answers,
) -> Answers:
    """The answers of a release, from those that each of its policies would have by itself.

    Args:
        release: the release.
        catalog: its policies.
        situations: what decides about each policy; one that is suspended has none, and stays at its tag.
        answers: what each policy would choose by itself.
    """
    if any(isinstance(answers[name], Failed) for name in release.policies):
        return stay_together(release, answers)
    own = {name: answer for name in release.policies if isinstance(answer := answers[name], Resolved)}
    keys: dict[PolicyName, KeyOf] = {}
    members: list[Member] = []
    name = release.policies[0]
    try:
        for name in own:
            keys[name] = key_function(release.same, _tags(catalog, name, situations.get(name)))
        if _agree(own, keys):
            return stay_together(release, answers)
        for name, answer in own.items():
            members.append(_member(name, situations.get(name), answer.ref.tag, keys[name]))
    except ReportedError as error:
        return stay_together(release, {**answers, name: Failed(error)})
    found = agree(members)
    if found.failed:
        name, failure = found.failed
        return stay_together(release, {**answers, name: Failed(failure)})
    settled: Answers = {}
    for member in members:
        answer = own[member.name]
        over = tuple(dict.fromkeys((*answer.passed_over, *found.passed_over(member, members[0]))))
        seen = (*answer.too_young, *found.seen.get(member.name, ()))
        settled[member.name] = (
            _resolved(answer, found.decisions[member.name], over)._replace(too_young=seen, release=release)
            if found.key
            else Failed(_nothing_fits(release, found), seen, over, release)
        )
    return settled


def _tags(catalog: Catalog, name: PolicyName, situation: Situation | None) -> TagPolicy:
    return situation.policy.tags if situation else catalog.policy(name).tags


def _agree(answers: Mapping[PolicyName, Resolved], keys: Mapping[PolicyName, KeyOf]) -> bool:
    found = {keys[name](answer.ref.tag) for name, answer in answers.items()}
    return len(found) == 1 and all(found)


def _member(name: PolicyName, situation: Situation | None, tag: str, key_of: KeyOf) -> Member:
    if situation is None:
        return Member(name, by_key([tag], key_of), lambda tags: Decision(tags[0]), lambda key: True)
    found, listed = candidates(situation), situation.scan.tags
    return Member(
        name, by_key(found.ranked(), key_of), found.judge, lambda key: any(key_of(each) == key for each in listed)
    )


def _resolved(answer: Resolved, decision: Decision, over: tuple[PassedOver, ...]) -> Resolved:
    """The answer that a policy would have by itself, with the release's tag in place of its own."""
    if decision.tag == answer.ref.tag:
        return answer._replace(passed_over=over)
    said = {each.reason for each in over}
    reasons = [each for each in answer.reasons if each in said or not each.startswith(f"{answer.ref.tag} ")]
    reasons += [each.reason for each in over if each.rule != RULE]
    reasons += [each.reason for each in over if each.rule == RULE][:_REASONS]
    return answer._replace(
        ref=LatestRef(answer.ref.name, decision.tag, decision.digest),
        reasons=tuple(dict.fromkeys((*reasons, *decision.notes))),
        judged=decision.known_digest,
        passed_over=over,
        rules=decision.rules,
        signed_by=decision.signed_by,
        newest=decision.newest,
    )


def _nothing_fits(release: Release, found: Agreement) -> ResolveError:
    what = release.same.removeprefix("extract ")
    key, refusal = next(iter(found.refused.items()), ("", None))
    why = ""
    if refusal:
        why = f"; {key}: {refusal.member.name.name}{refusal.why(key)}"
    return ResolveError(
        f"no {what} is allowed by all policies of release {release.name}, so none of them changes{why}",
        where=release.origin,
        hint="push the missing images, or change the policies or the release",
    )


def stay_together(release: Release, answers: Answers) -> Answers:
    """The answers of a release of which none counts if one is missing; the others say which one that is."""
    members = {name: answers[name] for name in release.policies if name in answers}
    failed = next(((name, each) for name, each in members.items() if isinstance(each, Failed)), None)
    if failed is None:
        return {name: answer._replace(release=release) for name, answer in members.items()}
    who, cause = failed[0], failed[1].error
    error = ResolveError(
        f"stays as it is, since release {release.name} changes as a whole, and {who} cannot: {cause.what}",
        where=cause.where,
        hint=cause.hint,
    )
    return {
        name: answer._replace(release=release)
        if isinstance(answer, Failed)
        else Failed(error, answer.too_young or None, answer.passed_over, release)
        for name, answer in members.items()
    }


def answers_in_one_version(
    catalog: Catalog,
    names: Sequence[PolicyName],
    answer: Callable[[PolicyName], Resolution],
    remedy: str,
    recorded: Container[PolicyName] | None = None,
) -> Answers:
    """Recorded answers of policies and of the others of their releases, without releases that are in two versions.

    Args:
        catalog: the policies; of one that is not among them, nothing is compared.
        names: the policies that are wanted.
        answer: what is recorded of a policy.
        remedy: what to do about two versions.
        recorded: the others whose answers are wanted; None for all.
    """
    releases = releases_of(catalog, names)
    others = (name for release in releases for name in release.policies if recorded is None or name in recorded)
    answers = {name: answer(name) for name in dict.fromkeys((*names, *others))}
    for release in releases:
        found = stay_together(release, answers)
        try:
            keys = dict(_recorded_keys(catalog, release, found))
        except ReportedError:
            keys = {}  # a policy that cannot be read does not say what is the same
        if len(set(keys.values())) > 1:
            shown = ", ".join(f"{name.name} is at {key or 'none'}" for name, key in keys.items())
            what = f"release {release.name} is recorded in several versions ({shown}), so none of its policies changes"
            mixed = LockError(what, where=release.origin, hint=remedy)
            found = dict.fromkeys(found, Failed(mixed, release=release))
        answers = {**answers, **found}
    return answers


def _recorded_keys(catalog: Catalog, release: Release, answers: Answers) -> Iterator[tuple[PolicyName, str | None]]:
    for name, answer in answers.items():
        if isinstance(answer, Resolved) and catalog.has_policy(name):
            policy, repository = catalog.behind(name)
            exclusions = repository.spec.get("exclusionList")
            tags = unchecked_tag_policy(policy.spec, exclusions, chart_tags=has_chart_tags(policy))
            if tags:
                yield name, key_function(release.same, tags)(answer.ref.tag)
