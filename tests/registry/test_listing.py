"""Links and pages, for whatever a registry splits its list into."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagesetter.errors import ProtocolError
from imagesetter.registry.link_header import WRONG, next_query
from imagesetter.registry.reference import is_tag
from imagesetter.registry.tags import list_tags


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('</v2/a/tags/list?last=x&n=1000>; rel="next"', "last=x&n=1000"),
        ("</v2/a?last=x>;rel=next", "last=x"),
        ('</v2/a?last=x>; REL="Next"', "last=x"),
        ('</v2/a?last=x>; rel="last next"', "last=x"),
        ('</v2/a?last=x>; title="a, b; rel=prev"; rel="next"', "last=x"),
        ('</a?p=1>; rel="prev", </a?p=3>; rel="next"', "p=3"),
        ('</a?p=1>; rel="prev"', None),
        ('</a?p=1>; rel="nextfoo"', None),
        ("", None),
        ("  ", None),
        ("</a?p=1>", "p=1"),
        ("<?last=x>; rel=next", "last=x"),
        ("<tags/list?last=x>; rel=next", "last=x"),
        ("<https://other.example/elsewhere?last=x>; rel=next", "last=x"),
        ("</a?p=1>; rel='next'", "p=1"),
        ("</a?p=1>; rel='prev'", None),
        ("</a?p=1>; rel=''", "p=1"),
        ("</a?p=1>; rel", "p=1"),
        ("</a?p=1>; rel=next, </b?p=1>; rel=next", "p=1"),
        ("</a?p=1> ; rel = next", "p=1"),
        ("</a?p=1>; rel=next; title=x", "p=1"),
        ("</a?p=1>; rel=prev; rel=next", None),
        ('/a?n=1000&last=1; rel="next"', "n=1000&last=1"),
        ("https://registry.example/a?last=1;rel=next", "last=1"),
        ('"</a?p=1>; rel=next"', "p=1"),
        (r'"</a?p=1>; rel=\"next\""', "p=1"),
        ('</a?p=1>, </a?p=2>; rel="prev"', None),
        ('</a?p=1>; rel="first",</a?p=2>; rel="next",</a?p=9>; rel="last"', "p=2"),
        ('</a?c=%2B%3D&d=a+b/c>; rel="next"', "c=%2B%3D&d=a+b/c"),
        ('</a?c=1#fragment>; rel="next"', "c=1"),
    ],
)
def test_link_gives_the_query_of_the_next_page(header: str, expected: str | None) -> None:
    assert next_query(header, "x") == expected


@pytest.mark.parametrize(
    "header",
    [
        "nonsense",
        "<",
        "</a?p=1",
        "</a?p=1; rel=next",
        "/a?p=1>; rel=next",
        "next",
        "</a?p=1> rel=next",
        "{}",
        "</a?p=1>; rel=next x",
        "</a?p=1>; rel=“next”",
    ],
)
def test_a_header_that_nobody_can_read_is_an_error(header: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        next_query(header, "x")
    message = f"x: the Link header of the tag list, '{header}', cannot be read, so the list is not whole"
    assert str(caught.value) == message
    assert caught.value.hint.endswith('it should be <URL>; rel="next"')


def test_links_to_several_next_pages_are_an_error() -> None:
    with pytest.raises(ProtocolError) as caught:
        next_query("</a?p=1>; rel=next, </a?p=2>; rel=next", "x")
    assert str(caught.value) == (
        "x: the Link header of the tag list, '</a?p=1>; rel=next, </a?p=2>; rel=next', names several next pages"
    )
    assert caught.value.hint == WRONG


@pytest.mark.parametrize("query", ["n=0", "last=x&n=0", "n=00&last=x", "n=-1"])
def test_a_next_page_without_tags_is_an_error(query: str) -> None:
    with pytest.raises(ProtocolError, match="names no page"):
        next_query(f"</a?{query}>; rel=next", "x")


@given(st.text(max_size=300))
def test_no_link_is_a_crash(header: str) -> None:
    try:
        next_query(header, "x")
    except ProtocolError:
        return


def test_link_without_end_takes_no_time_without_end() -> None:
    for header in ("<" * 50_000, "<a>" + ";a " * 50_000, "<a>;" + " " * 50_000 + "x", "<a>" + '; a="b"' * 20_000):
        with pytest.raises(ProtocolError):
            next_query(header, "x")


TAGS = st.lists(st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,6}", fullmatch=True), max_size=40)
JUNK = st.one_of(st.none(), st.text(max_size=3), st.just("sha256:" + "a" * 64))


@given(TAGS, st.lists(JUNK, max_size=5), st.integers(1, 7), st.randoms())
def test_list_is_the_same_however_it_is_ordered_and_split(
    tags: list[str], junk: list[object], size: int, random: object
) -> None:
    everything: list[object] = [*tags, *junk]
    random.shuffle(everything)  # type: ignore[attr-defined]
    pages = [everything[start : start + size] for start in range(0, len(everything), size)] or [[]]
    seen: list[int] = []

    def ask(query: str, expected: tuple[int, ...], etag: str) -> httpx.Response:
        number = 0 if query == "n=1000" else int(query)
        link = {"link": f'</x?{number + 1}>; rel="next"'} if number + 1 < len(pages) else {}
        return httpx.Response(200, headers=link, json={"tags": pages[number]})

    listing = list_tags(ask, "x", seen.append)
    assert listing.tags == sorted({entry for entry in everything if isinstance(entry, str) and is_tag(entry)})
    assert len(seen) == len(pages)
