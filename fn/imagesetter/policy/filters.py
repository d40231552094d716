"""The filters before a rule: tags of signatures, the repository's exclusion list, then the policy's filterTags.

Source: image-reflector-controller, ``imagerepository_controller.go`` (exclusion) and ``internal/policy/filter.go``.
Departures from Flux:

* Tags of signatures and attestations never pass (`is_signature`); Flux excludes those with ``.sig`` unless there is an
  exclusion list.
* Of the rest the same tags pass, but Flux passes the extracted texts to the rule in random order; here the order does
  not matter.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from imagesetter.errors import InvalidFilter
from imagesetter.golang.errors import InvalidExpansion, InvalidPattern, PatternNeedsRe2
from imagesetter.golang.regexp.expand import Expansion, parse_expansion
from imagesetter.golang.regexp.pattern import Found, Regexp, compile_pattern
from imagesetter.policy.rule import DEFAULT_EXCLUSIONS, Keys
from imagesetter.policy.tag_policy import FilterTags

_SHOWN = 4096
_HASHES = ("sha256-", "sha384-", "sha512-")
_SIGNATURE = re.compile(r"sha(?:256|384|512)-[0-9a-f]{64}(?:\.(?:sig|att|sbom))?")


class Exclusion(NamedTuple):
    """One pattern of an exclusion list; without *regexp* it is the pattern of :data:`DEFAULT_EXCLUSIONS`."""

    pattern: str
    regexp: Regexp | None

    def keep(self, tags: list[str]) -> list[str]:
        """The tags that do not match the pattern."""
        if self.regexp is None:
            if ".sig" not in "\n".join(tags):
                return tags
            # "." does not match a newline
            return [tag for tag in tags if not tag.endswith(".sig") or "\n" in tag]
        found = {match[0] for match in _find_all(self.regexp, tags)}
        return [tag for tag in tags if tag not in found]


def is_signature(tag: str) -> bool:
    """Whether a tag belongs to cosign: a signature, an attestation or an SBOM of the image with that digest.

    cosign 3 writes its bundles under the digest alone, where a registry has no referrers; of a longer digest such a tag
    has the first 64 digits (distribution-spec, "Referrers Tag Schema").
    """
    return _SIGNATURE.fullmatch(tag) is not None


def without_signatures(tags: list[str]) -> list[str]:
    """The tags that may be those of images."""
    text = "\n".join(tags)
    if not any(start in text for start in _HASHES):
        return tags
    return [tag for tag in tags if not tag.startswith(_HASHES) or not is_signature(tag)]


class CompiledFilter(NamedTuple):
    """A compiled filterTags: which tags pass, and the text of each that the rule ranks."""

    pattern: str
    extract: str
    regexp: Regexp
    template: Expansion | None

    def keys(self, tags: Sequence[str]) -> Keys:
        """The texts for the rule. If several tags give the same text, the first in byte order is used, as in Flux."""
        found = _find_all(self.regexp, tags)
        passed: list[str] = [match[0] for match in found]
        if self.template is None:
            return Keys.of_tags(passed)
        texts = self.template.expand_all(found)
        tag_of = dict(zip(texts, passed, strict=True))
        if len(tag_of) < len(passed):
            tag_of = {text: tag for tag, text in sorted(zip(passed, texts, strict=True), reverse=True)}
        return Keys.of_texts(tag_of)

    def key(self, tag: str) -> str | None:
        """The text for the rule, or ``None`` if *tag* does not match the pattern."""
        return next(iter(self.keys([tag]).texts), None)


def _find_all(regexp: Regexp, tags: Sequence[str]) -> Sequence[Found]:
    """The tags that match the pattern.

    Raises:
        InvalidFilter: google-re2 is needed for these tags and is not installed.
    """
    try:
        return regexp.find_all(tags)
    except PatternNeedsRe2 as err:
        raise InvalidFilter(err.what, hint=err.hint) from err


def compile_exclusions(patterns: tuple[str, ...]) -> tuple[Exclusion, ...]:
    """An exclusion list, compiled; the default list if it is empty.

    Raises:
        InvalidFilter: with Flux's message, or because google-re2 is needed and is not installed.
    """
    return tuple(_compile_exclusion(pattern) for pattern in patterns or DEFAULT_EXCLUSIONS)


def _compile_exclusion(pattern: str) -> Exclusion:
    if pattern in DEFAULT_EXCLUSIONS:
        return Exclusion(pattern, None)
    try:
        return Exclusion(pattern, compile_pattern(pattern))
    except PatternNeedsRe2 as err:
        raise InvalidFilter(f"exclusionList: {err}", hint=err.hint) from err
    except InvalidPattern as err:
        raise InvalidFilter(f"failed to compile regex {pattern[:_SHOWN]}: {err}", hint=err.hint) from err


def compile_filter(filter_tags: FilterTags) -> CompiledFilter:
    """A filterTags, compiled.

    Raises:
        InvalidFilter: with Flux's message, or because google-re2 is needed and is not installed.
    """
    pattern, extract = filter_tags.pattern, filter_tags.extract
    try:
        regexp = compile_pattern(pattern)
    except PatternNeedsRe2 as err:
        raise InvalidFilter(f"filterTags.pattern: {err}", hint=err.hint) from err
    except InvalidPattern as err:
        what = f"failed to filter tags: invalid regular expression pattern '{pattern[:_SHOWN]}': {err}"
        raise InvalidFilter(what, hint=err.hint) from err
    try:
        template = parse_expansion(extract, regexp) if extract else None
    except InvalidExpansion as err:
        raise InvalidFilter(f"filterTags.extract {err}", hint=err.hint) from err
    return CompiledFilter(pattern, extract, regexp, template)
