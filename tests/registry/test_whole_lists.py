"""A list of tags is whole or it is an error: registries that cut it, and those that say so in unusual ways."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest

from imagesetter.errors import NotFound, ProtocolError, RegistryError
from imagesetter.registry.client import Client
from imagesetter.registry.reference import parse_flux_image
from imagesetter.registry.settings import ClientSettings
from support.clocks import FakeClock
from support.fakes import FakeServer, Reply, Seen, run_fake


def scan(server: FakeServer, path: str = "team/web", **settings: Any) -> Any:
    with Client(ClientSettings(clock=FakeClock(), **settings)) as client:
        return client.scan(parse_flux_image(f"{server.host}/{path}"))


def numbered(count: int) -> list[str]:
    return sorted(f"0.{number}.0" for number in range(count))


@dataclass
class CuttingRegistry:
    """Sends at most ``cut`` tags (or ``n``), honours ``last``, and sends a ``Link`` only where it is told how."""

    tags: list[str]
    cut: int | None = None
    link: Callable[[str], str] | None = None
    inclusive: bool = False
    requests: list[str] = field(default_factory=list)

    def __call__(self, seen: Seen) -> Reply:
        self.requests.append(seen.query)
        last = seen.argument("last")
        rest = [tag for tag in self.tags if tag > last or (self.inclusive and tag == last)]
        size = self.cut or int(seen.argument("n") or len(rest))
        page = rest[:size]
        more = {"Link": self.link(f"n={size}&last={page[-1]}")} if self.link and len(rest) > size else {}
        return Reply(200, {"name": "team/web", "tags": page}, more)


@pytest.mark.parametrize(
    ("count", "cut"),
    [
        (1201, None), (2000, None), (1000, None), (3000, None), (151, 100), (200, 100), (100, 100), (1201, 1000),
        (51, 50), (999, 500), (2500, 250), (401, 200), (300, 128), (1025, 256), (600, 512), (5000, 1024), (5000, 4096),
    ],
)  # fmt: skip
@pytest.mark.parametrize("inclusive", [False, True])
def test_a_list_that_is_cut_without_a_link_is_read_to_its_end(count: int, cut: int | None, inclusive: bool) -> None:
    registry = CuttingRegistry([*numbered(count), "2.0.0"], cut, inclusive=inclusive)
    with run_fake(registry) as fake:
        result = scan(fake)
    assert result.tags == tuple(sorted(registry.tags))
    assert result.warnings == ()


def test_what_follows_a_full_page_is_requested_by_its_last_tag() -> None:
    registry = CuttingRegistry([*numbered(1000), "2.0.0"])
    with run_fake(registry) as fake:
        assert scan(fake).tags[-1] == "2.0.0"
    assert registry.requests == ["n=1000", "n=1000&last=0.999.0", "n=1000&last=2.0.0"]


@pytest.mark.parametrize("count", [1, 10, 31, 32, 99, 101, 999, 1001, 1050])
def test_a_list_that_is_not_cut_costs_one_request(count: int) -> None:
    tags = numbered(count)
    with run_fake(lambda seen: Reply(200, {"name": "x", "tags": tags})) as fake:
        assert scan(fake).tags == tuple(tags)
        assert len(fake.seen) == 1


def test_a_registry_that_ignores_last_is_recognised_once_for_all_its_repositories() -> None:
    tags = numbered(100)
    with (
        run_fake(lambda seen: Reply(200, {"name": "x", "tags": tags})) as fake,
        Client(ClientSettings(clock=FakeClock())) as client,
    ):
        for number in range(5):
            assert client.scan(parse_flux_image(f"{fake.host}/app{number}")).tags == tuple(tags)
        assert len(fake.seen) == 6


@pytest.mark.parametrize("cut", [1500, 2000, 5000, 10_000])
def test_a_list_that_is_cut_beyond_n_is_read_to_its_end(cut: int) -> None:
    """A proxy that has a size of its own, and neither honours ``n`` nor sends a Link."""
    registry = CuttingRegistry([*numbered(cut), "2.0.0"], cut)
    with run_fake(registry) as fake:
        result = scan(fake)
    assert (result.tags[-1], len(result.tags), result.warnings) == ("2.0.0", cut + 1, ())


@pytest.mark.parametrize("first", [100, 1000, 7])
def test_a_list_that_is_cut_at_n_by_a_registry_that_ignores_last_is_requested_with_a_larger_n(first: int) -> None:
    """And so is the next one, after which it is known that ``last`` is ignored."""
    lists = {"first": numbered(first), "second": [*numbered(1400), "2.0.0"], "third": numbered(1000)}

    def respond(seen: Seen) -> Reply:
        return Reply(200, {"name": "x", "tags": lists[seen.path.split("/")[2]][: int(seen.argument("n"))]})

    with run_fake(respond) as fake, Client(ClientSettings(clock=FakeClock())) as client:
        for name, tags in lists.items():
            result = client.scan(parse_flux_image(f"{fake.host}/{name}"))
            assert (result.tags, result.warnings) == (tuple(tags), ())
        assert [seen.query for seen in fake.seen][-2:] == ["n=1000", "n=10000"]


def test_a_list_of_exactly_n_whose_registry_refuses_a_larger_one_has_a_warning() -> None:
    def respond(seen: Seen) -> Reply:
        if int(seen.argument("n")) > 1000:
            return Reply(400, {"errors": [{"code": "PAGINATION_NUMBER_INVALID"}]})
        return Reply(200, {"name": "x", "tags": numbered(1400)[: int(seen.argument("n"))]})

    with run_fake(respond) as fake:
        result = scan(fake)
    assert len(result.tags) == 1000
    cut = "the tag list may have been cut: it has exactly 1,000 tags, and the registry lists no others"
    assert result.warnings == (cut,)


@pytest.mark.parametrize("count", [100, 1000, 5000])
def test_a_list_of_a_round_length_that_is_whole_has_no_warning(count: int) -> None:
    tags = numbered(count)
    with run_fake(lambda seen: Reply(200, {"name": "x", "tags": tags})) as fake:
        result = scan(fake)
    assert (result.tags, result.warnings) == (tuple(tags), ())
    queries = ["n=1000", f"n=1000&last={tags[-1]}", *(["n=10000"] if count == 1000 else [])]
    assert [seen.query for seen in fake.seen] == queries


@pytest.mark.parametrize("status", [400, 404, 405, 422])
@pytest.mark.parametrize("count", [100, 1000])
def test_a_registry_that_refuses_last_has_a_whole_list_or_a_warning(count: int, status: int) -> None:
    """ECR takes a cursor of its own for ``last``, and sends a Link wherever there is more."""
    tags = numbered(count)

    def respond(seen: Seen) -> Reply:
        return Reply(status, {"errors": []}) if "last" in seen.query else Reply(200, {"name": "x", "tags": tags})

    with run_fake(respond) as fake:
        result = scan(fake)
    assert result.tags == tuple(tags)
    cut = "the tag list may have been cut: it has exactly 1,000 tags, and the registry lists no others"
    assert result.warnings == ((cut,) if count == 1000 else ())


@pytest.mark.parametrize("status", [401, 403, 500])
def test_trouble_with_what_follows_a_full_page_is_an_error(status: int) -> None:
    def respond(seen: Seen) -> Reply:
        return Reply(status) if "last" in seen.query else Reply(200, {"name": "x", "tags": numbered(1000)})

    with run_fake(respond) as fake, pytest.raises(RegistryError):
        scan(fake)


def test_a_full_page_without_n_is_continued_without_n() -> None:
    tags = numbered(130)

    def respond(seen: Seen) -> Reply:
        if "n=" in seen.query:
            return Reply(400, {"errors": [{"code": "PAGINATION_NUMBER_INVALID"}]})
        return Reply(200, {"name": "x", "tags": [tag for tag in tags if tag > seen.argument("last")][:100]})

    with run_fake(respond) as fake:
        assert scan(fake).tags == tuple(tags)
        assert [seen.query for seen in fake.seen] == ["n=1000", "", f"last={tags[99]}", f"last={tags[-1]}"]


def test_a_page_of_nothing_but_digests_is_continued_by_its_last_entry() -> None:
    digests = [f"sha256:{number:064}" for number in range(1000)]
    entries = [*digests, "v1.0.0"]

    def respond(seen: Seen) -> Reply:
        return Reply(200, {"name": "x", "tags": [entry for entry in entries if entry > seen.argument("last")][:1000]})

    with run_fake(respond) as fake:
        assert scan(fake).tags == ("v1.0.0",)
        assert fake.seen[1].query == "n=1000&last=sha256%3A" + f"{999:064}"


@pytest.mark.parametrize(
    "form",
    [
        '</v2/team/web/tags/list?{}>; rel="next"',
        "</v2/team/web/tags/list?{}>; rel='next'",
        "</v2/team/web/tags/list?{}>",
        '"</v2/team/web/tags/list?{}>; rel=next"',
        '/v2/team/web/tags/list?{}; rel="next"',
        'https://elsewhere.example/other?{}; rel="next"',
        '<?{}>; rel="next"',
        '</v2/team/web/tags/list?n=1>; rel="first", </v2/team/web/tags/list?{}>; rel="next"',
    ],
)
def test_a_link_is_read_for_what_it_plainly_says(form: str) -> None:
    registry = CuttingRegistry([*numbered(1200), "2.0.0"], link=lambda query: form.format(query))
    with run_fake(registry) as fake:
        assert scan(fake).tags == tuple(sorted(registry.tags))
    assert registry.requests == ["n=1000", f"n=1000&last={numbered(1200)[999]}"]


def test_several_link_headers_in_any_case_are_one_list() -> None:
    def respond(seen: Seen) -> Reply:
        if "last" in seen.query:
            return Reply(200, {"name": "x", "tags": ["2"]})
        return Reply(200, {"name": "x", "tags": ["1"]}, {"link": ['</x?p=0>; rel="prev"', '</x?last=1>; rel="next"']})

    with run_fake(respond) as fake:
        assert scan(fake).tags == ("1", "2")


@pytest.mark.parametrize("form", ["</v2/x?{}", "{}", "<<?{}>>; rel=next", "</v2/x?{}> rel=next"])
def test_a_link_that_cannot_be_read_is_an_error(form: str) -> None:
    registry = CuttingRegistry([*numbered(1200), "2.0.0"], link=lambda query: form.format(query))
    with run_fake(registry) as fake, pytest.raises(ProtocolError, match="cannot be read, so the list is not whole"):
        scan(fake)


def test_a_last_empty_page_with_a_link_to_itself_is_the_end() -> None:
    tags = [*numbered(1200), "2.0.0"]

    def respond(seen: Seen) -> Reply:
        last = seen.argument("last")
        page = [tag for tag in sorted(tags) if tag > last][:1000]
        link = f'</v2/team/web/tags/list?last={page[-1] if page else last}&n=1000>; rel="next"'
        return Reply(200, {"name": "team/web", "tags": page or None}, {"Link": link})

    with run_fake(respond) as fake:
        assert scan(fake).tags == tuple(sorted(tags))


def test_a_last_empty_page_with_a_link_to_the_beginning_is_the_end() -> None:
    tags = sorted([*numbered(30), "2.0.0"])

    def respond(seen: Seen) -> Reply:
        page = [tag for tag in tags if tag > seen.argument("last")]
        link = f'</v2/team/web/tags/list?last={page[-1] if page else ""}&n=1000>; rel="next"'
        return Reply(200, {"name": "team/web", "tags": page}, {"Link": link})

    with run_fake(respond) as fake:
        assert scan(fake).tags == tuple(tags)


def test_an_empty_page_in_the_middle_is_not_the_end() -> None:
    pages = {"n=1000": (["1"], "c=1"), "c=1": ([], "c=2"), "c=2": (["2"], "c=3"), "c=3": (["3"], "")}

    def respond(seen: Seen) -> Reply:
        tags, cursor = pages[seen.query]
        return Reply(200, {"name": "x", "tags": tags}, {"Link": f'</x?{cursor}>; rel="next"'} if cursor else {})

    with run_fake(respond) as fake:
        assert scan(fake).tags == ("1", "2", "3")


def test_a_registry_that_repeats_its_first_page_is_an_error_and_not_a_short_list() -> None:
    """A cursor that is ignored: what follows the first page is never seen."""

    def respond(seen: Seen) -> Reply:
        return Reply(200, {"name": "x", "tags": numbered(100)}, {"Link": '</x?n=100&last=0.99.0>; rel="next"'})

    with run_fake(respond) as fake, pytest.raises(ProtocolError, match="lead in a circle"):
        scan(fake)


def test_pages_in_any_order_make_the_same_list() -> None:
    pages = {"n=1000": (["3", "5"], "c=1"), "c=1": (["4", "1"], "c=2"), "c=2": (["2", "1"], "")}

    def respond(seen: Seen) -> Reply:
        tags, cursor = pages[seen.query]
        return Reply(200, {"name": "x", "tags": tags}, {"Link": f'</x?{cursor}>; rel="next"'} if cursor else {})

    with run_fake(respond) as fake:
        assert scan(fake).tags == ("1", "2", "3", "4", "5")


def test_a_refusal_of_a_later_page_is_an_error_and_not_the_end() -> None:
    def respond(seen: Seen) -> Reply:
        if "last" in seen.query:
            return Reply(400, {"errors": [{"code": "UNSUPPORTED", "message": "bad cursor"}]})
        return Reply(200, {"name": "x", "tags": ["1"]}, {"Link": '</x?n=1000&last=1>; rel="next"'})

    with run_fake(respond) as fake, pytest.raises(ProtocolError, match="responded with 400: UNSUPPORTED: bad cursor"):
        scan(fake)


@pytest.mark.parametrize("tags", [{}, {"tags": None}, {"tags": []}, {"tags": ["1"]}])
def test_errors_with_status_200_are_an_error_in_the_registrys_words(tags: dict[str, object]) -> None:
    body = {"name": "x", "errors": [{"code": "DENIED", "message": "quota exceeded"}], **tags}
    with run_fake(lambda seen: Reply(200, body)) as fake, pytest.raises(ProtocolError) as caught:
        scan(fake)
    message = "the registry responded with an error in place of tags: DENIED: quota exceeded"
    assert str(caught.value) == f"{fake.host}/team/web: {message}"


@pytest.mark.parametrize("body", [{}, {"message": "welcome"}, {"repositories": ["x"]}])
def test_an_object_that_is_no_tag_list_is_an_error(body: object) -> None:
    with run_fake(lambda seen: Reply(200, body)) as fake, pytest.raises(ProtocolError, match="neither name nor tags"):
        scan(fake)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"tags": ["9.0"], "tags": ["1.0"]}', "the tag list has 'tags' twice"),
        (b'{"tags": ["9.0"], "tags": null}', "the tag list has 'tags' twice"),
        (b'{"tags": ["1.0", 9]}', "the tag list has entries that are not the names of tags"),
        (b'{"tags": [{"name": "9.0"}]}', "the tag list has entries that are not the names of tags"),
        (b'{"tags": ["1.0", ["9.0"]]}', "the tag list has entries that are not the names of tags"),
        (b'{"tags": [true]}', "the tag list has entries that are not the names of tags"),
        (
            b'{"name": "UnauthorizedError", "message": "token expired"}',
            "the registry responded with an error in place of tags: token expired",
        ),
        (b'{"name": "x", "error": "busy"}', "the registry responded with an error in place of tags: busy"),
        (
            b'{"name": "x", "tags": null, "message": "quota exceeded"}',
            "the registry responded with an error in place of tags: quota exceeded",
        ),
        (b'{"tags": [], "error": "busy"}', "the registry responded with an error in place of tags: busy"),
        (b'{"errors": "busy", "tags": []}', "the registry responded with an error in place of tags: busy"),
        (
            b'{"errors": {"code": "DENIED", "message": "no"}, "tags": []}',
            "the registry responded with an error in place of tags: DENIED: no",
        ),
    ],
)
def test_a_list_of_which_a_part_cannot_be_read_is_an_error(body: bytes, message: str) -> None:
    with run_fake(lambda seen: Reply(200, body)) as fake, pytest.raises(ProtocolError) as caught:
        scan(fake)
    assert str(caught.value) == f"{fake.host}/team/web: {message}"


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "text/plain", "application/octet-stream", "x"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_list_is_read_whatever_it_calls_itself(kind: str, encoding: str) -> None:
    body = json.dumps({"name": "team/web", "tags": ["1.0", "2.0"]}).encode(encoding)
    with run_fake(lambda seen: Reply(200, body, {"Content-Type": kind})) as fake:
        assert scan(fake).tags == ("1.0", "2.0")


@pytest.mark.parametrize("kind", ["text/html", "application/json", "application/xhtml+xml", ""])
@pytest.mark.parametrize("body", [b"<!DOCTYPE html><html>", b"\n  <html>", b'<?xml version="1.0"?><html/>'])
def test_a_web_page_is_called_one_whatever_it_calls_itself(body: bytes, kind: str) -> None:
    headers = {"Content-Type": kind} if kind else {}
    with (
        run_fake(lambda seen: Reply(200, body, headers)) as fake,
        pytest.raises(ProtocolError, match="came as a web page, which a proxy or a login page would send"),
    ):
        scan(fake)


def test_the_same_page_under_ever_new_links_is_an_error_soon() -> None:
    numbers = count()
    with run_fake(lambda seen: Reply(200, {"tags": ["1.0"]}, {"Link": f"</a?c={next(numbers)}>; rel=next"})) as fake:
        with pytest.raises(ProtocolError, match="the tag list repeats the same page under other links"):
            scan(fake)
        assert len(fake.seen) == 21


def test_an_unknown_repository_stays_an_error() -> None:
    with run_fake(lambda seen: Reply(404, {"errors": [{"code": "NAME_UNKNOWN"}]})) as fake, pytest.raises(NotFound):
        scan(fake)


def test_more_tags_than_allowed_are_an_error_that_names_the_option() -> None:
    with run_fake(lambda seen: Reply(200, {"tags": numbered(120)})) as fake:
        with pytest.raises(ProtocolError) as caught:
            scan(fake, max_tags=119)
        assert scan(fake, max_tags=120).tags == tuple(numbered(120))
    assert str(caught.value) == f"{fake.host}/team/web has more than 119 tags or 64 MiB of them"
    assert caught.value.hint == "if that is right, allow more: --max-tags, or IMAGESETTER_MAX_TAGS"
