"""A policy as data: a rule that ranks tags, and the filters that decide which tags it ranks.

These values have no behaviour. They are the fields ``policy``, ``filterTags`` and ``exclusionList`` of Flux's
ImagePolicy and ImageRepository. Nothing is validated here, so that an invalid resource can be represented, too;
:func:`imagesetter.policy.select.check` validates.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from imagesetter.policy.kinds import unchecked_rule
from imagesetter.policy.rule import DEFAULT_EXCLUSIONS, Rule


class FilterTags(NamedTuple):
    r"""Only tags that match *pattern*; *extract*, if not empty, gives the text that the rule ranks.

    Both are Go's: an unanchored RE2 search, and the templates of ``Regexp.Expand`` (``$ts``, ``${1}``).
    """

    pattern: str = ""
    extract: str = ""


class TagPolicy(NamedTuple):
    """A rule and its filters: everything that is needed to select one of a repository's tags.

    Args:
        rule: how to rank; ``None`` if the resource has no rule, which is an error when it selects.
        filter_tags: ``spec.filterTags`` of the ImagePolicy, or ``None``.
        exclusion_list: ``spec.exclusionList`` of the ImageRepository; empty means :data:`DEFAULT_EXCLUSIONS`;
            any other list replaces them.
        chart_tags: the tags are those of Helm charts, in which ``_`` stands for the ``+`` of a version.
    """

    rule: Rule | None
    filter_tags: FilterTags | None = None
    exclusion_list: tuple[str, ...] = DEFAULT_EXCLUSIONS
    chart_tags: bool = False


def unchecked_tag_policy(
    spec: Mapping[str, Any], exclusion_list: object = None, *, chart_tags: bool = False
) -> TagPolicy | None:
    """The rule and the filters of an ImagePolicy's spec as loaded, without validation; None where there is no rule.

    For comparing tags only: whoever selects by it has to validate it first.
    """
    rule = unchecked_rule(spec.get("policy"))
    if rule is None:
        return None
    filter_tags, filters = spec.get("filterTags"), None
    if isinstance(filter_tags, Mapping):
        filters = FilterTags(str(filter_tags.get("pattern") or ""), str(filter_tags.get("extract") or ""))
    given = tuple(map(str, exclusion_list)) if isinstance(exclusion_list, list) else ()
    return TagPolicy(rule, filters, given or DEFAULT_EXCLUSIONS, chart_tags)
