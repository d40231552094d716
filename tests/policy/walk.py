"""Flux's policies as its controller runs them: one tag at a time, down the tags in byte order.

Slow and plain on purpose. The one thing that is not Flux's is the exact value beside each float64.
"""

from __future__ import annotations

import re2

from imagesetter.golang.regexp.expand import parse_expansion
from imagesetter.golang.regexp.pattern import Regexp, compile_pattern
from imagesetter.golang.semver.constraints import parse_constraints
from imagesetter.golang.semver.version import Version, parse_tag
from imagesetter.golang.strconv import exact, parse_float
from imagesetter.policy.alphabetical import AlphabeticalRule
from imagesetter.policy.numerical import NumericalRule
from imagesetter.policy.semver import SemverRule
from imagesetter.policy.tag_policy import TagPolicy
from krm_functions.errors import InputError


def searched(pattern: str, text: str) -> list[object] | None:
    """The leftmost match and its groups, from RE2 itself."""
    options = re2.Options()
    options.log_errors = False
    match = re2.compile(pattern, options).search(text)
    return None if match is None else [match.group(), *match.groups()]


def walk(policy: TagPolicy, tags: list[str]) -> str | None:
    """The tag that is chosen, or ``None``."""
    stored = sorted(tags, reverse=True)
    for pattern in policy.exclusion_list or (r"^.*\.sig$",):
        stored = [tag for tag in stored if searched(pattern, tag) is None]
    keys: dict[str, str] = {}
    for tag in stored:
        if policy.filter_tags is None:
            keys[tag] = tag
            continue
        groups = searched(policy.filter_tags.pattern, tag)
        if groups is not None:
            regexp: Regexp = compile_pattern(policy.filter_tags.pattern)
            template = parse_expansion(policy.filter_tags.extract, regexp)
            keys[template.expand_all([(tag, *groups)])[0] if policy.filter_tags.extract else tag] = tag
    texts = sorted(keys, key=keys.__getitem__, reverse=True)
    match policy.rule:
        case SemverRule(value=text):
            key = latest(text, texts)
        case AlphabeticalRule(value=order):
            key = (min if order.lower() == "desc" else max)(texts, default=None)
        case NumericalRule(value=order):
            key = largest(order.lower() == "desc", texts)
        case None:
            raise AssertionError
    return None if key is None else keys[key]


def latest(text: str, texts: list[str]) -> str | None:
    wanted = parse_constraints(text)
    best: Version | None = None
    for each in texts:
        try:
            version = parse_tag(each)
        except InputError:
            continue
        if wanted.admits(version) and (best is None or version.key > best.key):
            best = version
    return best.original if best else None


def largest(descending: bool, texts: list[str]) -> str | None:
    pick: str | None = None
    before = 0.0
    for each in texts:
        try:
            number = parse_float(each)
        except InputError:
            return None
        if pick is not None:
            lower, higher = number < before, number > before
            if number == before:
                lower, higher = exact(each, number) < exact(pick, before), exact(each, number) > exact(pick, before)
            if (descending and higher) or (not descending and lower):
                continue
        pick, before = each, number
    return pick
