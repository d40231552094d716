"""A policy for an image that has none, from the shape of its tag; or why none can be proposed.

A proposal selects tags of the same shape only (the same words around the same numbers), and it always allows the tag
that it was made from. It is as narrow as a person would write it first:

* a version stays within its major (of 0.x, which promises nothing between minors, within its minor),
* a date as a version (``2024.1.15``) may go on to later years,
* a timestamp, a date or a build number ranks by it, and the words and commit hashes around it do not count.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from imagesetter.errors import PolicyError
from imagesetter.policy.alphabetical import AlphabeticalRule
from imagesetter.policy.numerical import NumericalRule
from imagesetter.policy.rule import Rule
from imagesetter.policy.select import select
from imagesetter.policy.semver import SemverRule
from imagesetter.policy.tag_policy import FilterTags, TagPolicy
from krm_functions.messages import shown

_VERSION = re.compile(
    r"(?P<prefix>(?:[A-Za-z][A-Za-z0-9]*[-_.])*?)(?P<v>v?)(?P<numbers>[0-9]+(?:\.[0-9]+)+)(?:-(?P<suffix>[A-Za-z0-9.-]+))?"
)
_PRERELEASE = re.compile(
    r"(?:alpha|beta|rc|pre|preview|dev|snapshot|canary|next|nightly|m|cr|ea)(?:[.-]?[0-9]+)*(?![A-Za-z0-9])", re.I
)
_REVISION = re.compile(r"[A-Za-z]{0,2}[0-9]+")
_HASH = re.compile(r"(?=[a-f]*[0-9])(?=[0-9]*[a-f])[0-9a-f]{7,64}|g[0-9a-f]{7,40}")
_ISO = re.compile(
    r"(?P<before>.*?)(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})(?P<time>T[0-9]{2}[:-]?[0-9]{2}[:-]?[0-9]{2}Z?)?(?P<after>.*)"
)
_YEARS = range(2000, 2100)
_STRAY = 1000
"""Beside small versions, a major from here on is a date or a build that somebody pushed once."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A policy that fits a tag, and the same without its upper bound: the newest tag of that shape."""

    policy: TagPolicy
    newest: TagPolicy


@dataclass(frozen=True, slots=True)
class NoProposal:
    """Why a tag gives no policy: one sentence, without a final full stop."""

    reason: str


def propose(tag: str) -> Proposal | NoProposal:
    """The policy that a tag suggests, or why it suggests none."""
    if not tag:
        return NoProposal("it has no tag, so it is whatever latest is; write the tag that you run")
    found = _version(tag) or _date(tag) or _number(tag)
    if isinstance(found, NoProposal):
        return found
    try:
        if found and select(found.policy, [tag]) == select(found.newest, [tag]) == tag:
            return found
    except PolicyError:
        pass
    return NoProposal(f"{shown(tag)} has no version, date or number that could be ranked; write the policy by hand")


def _version(tag: str) -> Proposal | NoProposal | None:
    """A policy for a version, with words before or behind it."""
    match = _VERSION.fullmatch(tag)
    if match is None:
        return None
    prefix, v, numbers, suffix = match["prefix"], match["v"], match["numbers"].split("."), match["suffix"] or ""
    if len(numbers) > 3:
        return NoProposal(f"{shown(tag)} has {len(numbers)} numbers, and a version has three; write the policy by hand")
    if len(numbers[0]) > 6:
        return None  # a date or a timestamp
    major, minor = int(numbers[0]), int(numbers[1])
    if not suffix and not prefix and len(numbers) == 3:
        return _semver(major, minor, None)
    if _PRERELEASE.match(suffix) and not _PRERELEASE.fullmatch(suffix):
        return NoProposal(f"{shown(tag)} is a prerelease of a variant ({suffix}); write the policy by hand")
    if _PRERELEASE.match(suffix) and not prefix and len(numbers) == 3:
        bound = f"0.{minor + 1}.0-0" if major == 0 else f"{major + 1}.0.0-0"
        within = f">={major}.{minor}.{int(numbers[2])}-0" + ("" if major in _YEARS else f" <{bound}")
        word = re.match("[A-Za-z]+", suffix)
        same = rf"^v?[0-9]+\.[0-9]+\.[0-9]+(-{word[0] if word else ''}[0-9.-]*)?$"
        filter_tags = FilterTags(same)  # of the same kind of prerelease, or a release
        newest = ">=0.0.0-0" if major >= _STRAY else f">=0.0.0-0 <{_STRAY}.0.0"
        return Proposal(TagPolicy(SemverRule(within), filter_tags), TagPolicy(SemverRule(newest), filter_tags))
    words = suffix.split("-") if suffix else []
    if words and (_REVISION.fullmatch(words[-1]) or any(_HASH.fullmatch(word) for word in words)):
        what = f"a revision or hash of its own behind the version ({suffix})"
        return NoProposal(f"{shown(tag)} has {what}, and no rule ranks both; write the policy by hand")
    version = r"\.".join(["[0-9]+"] * len(numbers))
    pattern = f"^{_escaped(prefix)}{v}(?P<version>{version}){f'-{_escaped(suffix)}' if suffix else ''}$"
    extract = "$version" if len(numbers) == 3 else "${version}.0"
    return _semver(major, minor, FilterTags(pattern, extract))


def _semver(major: int, minor: int, filter_tags: FilterTags | None) -> Proposal:
    within = f">={major}.0.0" if major in _YEARS else f"0.{minor}.x" if major == 0 else f"{major}.x"
    newest = ">=0.0.0" if major >= _STRAY else f">=0.0.0 <{_STRAY}.0.0"
    return Proposal(TagPolicy(SemverRule(within), filter_tags), TagPolicy(SemverRule(newest), filter_tags))


def _date(tag: str) -> Proposal | None:
    """A policy for a date with dashes, perhaps with a time: as text, since all its numbers have a fixed length."""
    match = _ISO.fullmatch(tag)
    if match is None or int(match["date"][:4]) not in _YEARS or not _is_date(match["date"].replace("-", "")):
        return None
    after = _tokens(match["after"])
    before = _tokens(match["before"])
    if any(kind in ("number", "time") for kind, _ in (*before, *after)):
        return None
    date = "[0-9]{4}-[0-9]{2}-[0-9]{2}" + re.sub("[0-9]{2}", "[0-9]{2}", match["time"] or "")
    if not (match["before"] or match["after"]):
        return _same(AlphabeticalRule("asc"), FilterTags(f"^{date}$"))
    pattern = f"^{_around(before)}(?P<date>{date}){_around(after)}$"
    return _same(AlphabeticalRule("asc"), FilterTags(pattern, "$date"))


def _number(tag: str) -> Proposal | NoProposal | None:
    """A policy for a timestamp, a date without dashes, or a build number."""
    tokens = _tokens(tag)
    ranked = [index for index, (kind, _) in enumerate(tokens) if kind == "time"]
    numbers = [index for index, (kind, _) in enumerate(tokens) if kind == "number"]
    words = [text for kind, text in tokens if kind == "word"]
    hashes = any(kind == "hash" for kind, _ in tokens)
    if not ranked and len(numbers) == 1 and (words or hashes) and (hashes or _begins_with_words(tokens)):
        ranked, numbers = numbers, []
    if len(ranked) + len(numbers) > 1:
        return NoProposal(f"{shown(tag)} has several numbers, and no rule ranks them all; write the policy by hand")
    if not ranked:
        if numbers:
            return NoProposal(f"{shown(tag)} is one number: a moving tag of that version, or a build; write the policy")
        if hashes:
            return NoProposal(f"{shown(tag)} names a commit, and hashes have no order; add a timestamp to your tags")
        return NoProposal(f"{shown(tag)} is a moving tag: the same name, again and again; write the tag that you run")
    index = ranked[0]
    kind, text = tokens[index]
    digits = f"[0-9]{{{len(text)}}}" if kind == "time" else "[0-9]+"
    before, after = _around(tokens[:index]), _around(tokens[index + 1 :])
    if not before and not after:
        return _same(NumericalRule("asc"), FilterTags(f"^{digits}$"))
    name = "ts" if kind == "time" else "number"
    return _same(NumericalRule("asc"), FilterTags(f"^{before}(?P<{name}>{digits}){after}$", f"${name}"))


def _begins_with_words(tokens: list[tuple[str, str]]) -> bool:
    """Whether a number is one of builds, such as ``build-12``; ``v3`` and ``3-alpine`` move within a major version."""
    return tokens[0][0] == "word" and tokens[0][1] != "v"


def _same(rule: Rule, filter_tags: FilterTags) -> Proposal:
    policy = TagPolicy(rule, filter_tags)
    return Proposal(policy, policy)


def _tokens(text: str) -> list[tuple[str, str]]:
    """The parts of a tag with their kinds: ``time``, ``number``, ``hash``, ``word`` and ``sign`` (what separates)."""
    return [(_kind(part), part) for part in re.findall(r"[A-Za-z]*[0-9]+(?:[A-Za-z]+[0-9]*)*|[A-Za-z]+|[._-]", text)
            for part in _split(part)]  # fmt: skip


def _split(part: str) -> list[str]:
    """A build such as ``b123`` as its letters and its number; a hash, a timestamp or a word as it is."""
    match = re.fullmatch(r"([A-Za-z]+)([0-9]+)", part)
    return [part] if match is None or _HASH.fullmatch(part) else [match[1], match[2]]


def _kind(part: str) -> str:
    if part.isdigit():
        return "time" if _is_timestamp(part) else "number"
    if _HASH.fullmatch(part):
        return "hash"
    return "sign" if part in "._-" else "word"


def _around(tokens: list[tuple[str, str]]) -> str:
    """The pattern of what is around a number: words as they are, any commit hash."""
    return "".join("[a-f0-9]+" if kind == "hash" and not text.startswith("g")
                   else "g[a-f0-9]+" if kind == "hash" else _escaped(text) for kind, text in tokens)  # fmt: skip


def _escaped(text: str) -> str:
    """A text as a pattern of Go's; of a tag's signs only the dot means something there."""
    return text.replace(".", r"\.")


def _is_timestamp(digits: str) -> bool:
    match len(digits):
        case 8 | 12 | 14:
            return int(digits[:4]) in _YEARS and _is_date(digits[:8])
        case 10 | 13:
            return digits[:2] in ("10", "11", "12", "13", "14", "15", "16", "17", "18", "19", "20")
        case _:
            return False


def _is_date(digits: str) -> bool:
    return 1 <= int(digits[4:6]) <= 12 and 1 <= int(digits[6:8]) <= 31
