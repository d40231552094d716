"""Tags to one tag: what a policy chooses, exactly as Flux does, and always the same.

The order of things is Flux's (image-reflector-controller, ``imagepolicy_controller.go``): the exclusion list, then
filterTags, then the rule. Messages are Flux's too; what to do about them is in ``hint``.
"""

from __future__ import annotations

from collections.abc import Iterable

from imagesetter.errors import InputError, InvalidFilter, InvalidPolicy, NoTags, NothingSelected
from imagesetter.policy.expand import parse_template
from imagesetter.policy.number import Exact, exact, parse_number
from imagesetter.policy.ranges import parse_range
from imagesetter.policy.regexp import compile_pattern, encode
from imagesetter.policy.rules import DEFAULT_EXCLUSIONS, Alphabetical, Numerical, Semver, TagPolicy
from imagesetter.policy.version import parse_tag


def select(policy: TagPolicy, tags: Iterable[str]) -> str:
    """The tag that the policy chooses."""
    return ranking(policy, tags)[0]


def ranking(policy: TagPolicy, tags: Iterable[str]) -> list[str]:
    """The tags that the policy could choose, best first."""
    check(policy)
    kept = sorted(set(tags), reverse=True)
    for pattern in policy.exclusion_list or DEFAULT_EXCLUSIONS:
        search = compile_pattern(pattern).search
        kept = [tag for tag in kept if search(encode(tag)) is None]
    if not kept:
        raise NoTags("no tags in database")
    keys = {tag: tag for tag in kept}
    if policy.filter_tags:
        keys = {}
        regexp = compile_pattern(policy.filter_tags.pattern)
        template = parse_template(policy.filter_tags.extract, regexp)
        for tag in kept:
            data = encode(tag)
            spans = regexp.search(data)
            if spans is not None:
                keys[template.expand(data, spans) if policy.filter_tags.extract else tag] = tag
    if not keys:
        raise NothingSelected("version list argument cannot be empty")
    match policy.rule:
        case Semver(range=text):
            wanted = parse_range(text)
            versions = []
            for key, tag in keys.items():
                try:
                    version = parse_tag(key)
                except InputError:
                    continue
                if wanted.admits(version):
                    versions.append((version.key, tag))
            if not versions:
                raise NothingSelected("unable to determine latest version from provided list")
            return [tag for _, tag in sorted(versions, reverse=True)]
        case Alphabetical(order=order):
            return [keys[key] for key in sorted(keys, reverse=order.upper() != "DESC")]
        case Numerical(order=order):
            numbers: list[tuple[float, Exact, str]] = []
            for key in sorted(keys, key=keys.__getitem__, reverse=True):
                try:
                    number = parse_number(key)
                except InputError as err:
                    raise NothingSelected(f"failed to parse invalid numeric value '{key}'") from err
                numbers.append((number, exact(key, number), keys[key]))
            numbers.sort(key=lambda row: row[2])
            return [row[2] for row in sorted(numbers, key=lambda row: row[:2], reverse=order.upper() != "DESC")]
    raise AssertionError(policy.rule)


def compare(policy: TagPolicy, a: str, b: str) -> int | None:
    """1 if the policy ranks *a* above *b*, -1 if below, 0 if neither; ``None`` when it cannot rank one of them."""
    raise NotImplementedError


def check(policy: TagPolicy) -> None:
    """Compile everything that the policy holds."""
    match policy.rule:
        case Semver(range=text):
            try:
                parse_range(text)
            except InvalidPolicy as err:
                raise InvalidPolicy(f"invalid policy: {err}", hint=err.hint) from err
        case Alphabetical(order=order) | Numerical(order=order):
            if order.upper() not in ("", "ASC", "DESC"):
                raise InvalidPolicy(
                    f"invalid policy: invalid order argument provided: '{order.upper()}', must be one of: ASC, DESC"
                )
        case _:
            raise InvalidPolicy("invalid policy: given ImagePolicyChoice object is invalid")
    for pattern in policy.exclusion_list:
        try:
            compile_pattern(pattern)
        except InvalidFilter as err:
            raise InvalidFilter(f"failed to compile regex {pattern}: {err}", hint=err.hint) from err
    if policy.filter_tags:
        try:
            regexp = compile_pattern(policy.filter_tags.pattern)
        except InvalidFilter as err:
            raise InvalidFilter(
                f"failed to filter tags: invalid regular expression pattern '{policy.filter_tags.pattern}': {err}",
                hint=err.hint,
            ) from err
        parse_template(policy.filter_tags.extract, regexp)
