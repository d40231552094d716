"""Tags, ranges, patterns and policies that are dense in odd spellings."""

from __future__ import annotations

from itertools import product

from hypothesis import strategies as st

from imagesetter.policy.alphabetical import AlphabeticalRule
from imagesetter.policy.numerical import NumericalRule
from imagesetter.policy.semver import SemverRule
from imagesetter.policy.tag_policy import FilterTags, TagPolicy

_NUMBERS = ["0", "1", "2", "3", "10", "01"]
_LARGE = ["18446744073709551615", "18446744073709551616"]
_CORES = [".".join(numbers) for count in (1, 2, 3) for numbers in product(_NUMBERS, repeat=count)]
_CORES += [
    ".".join(numbers) for large in _LARGE for numbers in ((large, "0", "0"), ("1", large, "0"), ("1", "2", large))
]
_PARTS = ["0", "1", "rc", "rc1", "alpha", "a-1", "-", "A", "01", "18446744073709551616"]
_PRERELEASES = ["", "", "", *(f"-{part}" for part in _PARTS), *(f"-{a}.{b}" for a, b in product(_PARTS, repeat=2))]

versions = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "", "v"]),
    st.sampled_from(_CORES),
    st.sampled_from(["", ""]) | st.sampled_from(_PRERELEASES),
    st.sampled_from(["", "", "", "", "+a", "+b.01"]),
)
"""Texts that look like versions; most of them are."""

_OPERATORS = ["", "=", "!=", ">", "<", ">=", "=>", "<=", "=<", "~", "~>", "^"]
_WITH_WILDCARDS = [".".join(parts) for count in (1, 2, 3) for parts in product("0123xX*", repeat=count)]
comparisons = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(_OPERATORS),
    st.sampled_from(["", "", "", " ", "v"]),
    st.sampled_from(_WITH_WILDCARDS),
    st.sampled_from(["", "", ""]) | st.sampled_from(_PRERELEASES),
)
_DIVIDERS = st.sampled_from([" ", ", ", " , ", " - ", " || ", "||"])
ranges = st.builds(
    lambda first, others: first + "".join(map("".join, others)),
    comparisons,
    st.lists(st.tuples(_DIVIDERS, comparisons), max_size=4),
)
"""Texts that look like ranges; most of them are."""

_TIES = [
    "1",
    "01",
    "1.0",
    "1e0",
    "+1",
    "0x1p0",
    "1_0",
    "10",
    "1e1",
    "0",
    "-0",
    "1e-400",
    "inf",
    "Infinity",
    "-inf",
    "NaN",
    "nan",
]
_COLLAPSES = [
    "9007199254740992",
    "9007199254740993",
    "9007199254740992.5",
    "0x20000000000001p0",
    "1" * 30,
    "1" * 29 + "2",
]
numerals = st.sampled_from([*_TIES, *_COLLAPSES, "2", "-1", ".5", "5.", "16", "0x_1p3", "1000", "1_000"])
not_numerals = st.sampled_from(["1e400", "0x10", "", "1__0", "+nan", "٣"])
words = st.text(st.sampled_from("ab-._19Zé\n"), max_size=4)
tags = st.one_of(
    versions,
    numerals,
    not_numerals,
    words,
    st.builds(str.__add__, st.sampled_from(["main-", "r", "main-ab-"]), st.one_of(versions, numerals)),
    words.map(lambda word: f"{word}.sig"),
)
tag_lists = st.lists(tags, max_size=9)

filters = st.builds(
    FilterTags,
    pattern=st.sampled_from(
        [
            "",
            "^main-(?P<v>.+)$",
            "^r(.*)",
            r"(\d+)",
            r"(?P<v>\d+)|(?P<v>a)",
            "^(.)",
            r"^(?:r|main-)(.+)$",
            "-ab-",
            "(?i)MAIN",
        ]
    ),
    extract=st.sampled_from(["", "$1", "$v", "${1}", "$0", "1.0.$1", "same", "$1$1", "$nope"]),
)
rules = st.one_of(
    st.builds(SemverRule, ranges),
    st.sampled_from(
        [
            SemverRule("*"),
            SemverRule(">=0.0.0-0"),
            SemverRule("1.x"),
            SemverRule(">=1.0.0 <2.0.0"),
            SemverRule("^1.0.0-0"),
        ]
    ),
    st.builds(AlphabeticalRule, st.sampled_from(["", "asc", "DESC"])),
    st.builds(NumericalRule, st.sampled_from(["", "asc", "desc"])),
)
exclusion_lists = st.sampled_from([(), ("^main",), ("1", r"\.sig$"), (r"(?:a|b)$",)])
policies = st.builds(
    TagPolicy,
    rule=rules,
    filter_tags=st.none() | filters,
    exclusion_list=exclusion_lists,
)


@st.composite
def fitting(draw: st.DrawFn, fewest: int = 1, most: int = 8) -> tuple[TagPolicy, list[str]]:
    """A policy and tags most of which it can rank."""
    rule, texts = draw(
        st.sampled_from(
            [
                (SemverRule("*"), versions),
                (SemverRule(">=0.0.0-0"), versions),
                (SemverRule("<2.0.0 || 3.x"), versions),
                (SemverRule("~1 || ^2-0, !=2.1.x-0"), versions),
                (NumericalRule("asc"), numerals),
                (NumericalRule("desc"), numerals),
                (AlphabeticalRule("asc"), words.filter(bool)),
                (AlphabeticalRule("desc"), tags),
            ]
        )
    )
    prefixes, filter_tags = draw(
        st.sampled_from(
            [
                ([""], None),
                (["r", "main-"], FilterTags(r"^(?:r|main-)(.+)$", "$1")),
                (["r", "ra-", "rb-"], FilterTags("^r(?:[a-z]-)?(?P<v>[^z]+)$", "${v}")),
                (["r-", "main-"], FilterTags("-(?P<v>.*)$", "$v")),
            ]
        )
    )
    given = draw(st.lists(st.builds(str.__add__, st.sampled_from(prefixes), texts), min_size=fewest, max_size=most))
    return TagPolicy(rule, filter_tags, ("no tag has this",)), given
