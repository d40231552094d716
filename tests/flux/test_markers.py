"""Marker comments: kyaml's grammar, and for everything near it the reason why it is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagesetter.errors import MarkerError
from imagesetter.flux.markers import Marker, PolicyName, parse_marker

MARKERS = {
    '# {"$imagepolicy": "ns:app"}': Marker(PolicyName("ns", "app")),
    '# {"$imagepolicy": "ns:app:tag"}': Marker(PolicyName("ns", "app"), "tag"),
    '# {"$imagepolicy": "ns:app:name"}': Marker(PolicyName("ns", "app"), "name"),
    '# {"$imagepolicy": "ns:app:digest"}': Marker(PolicyName("ns", "app"), "digest"),
    '#{"$imagepolicy":"ns:app"}': Marker(PolicyName("ns", "app")),
    '###{"$imagepolicy":"ns:app"}': Marker(PolicyName("ns", "app")),
    '#\t{ "$imagepolicy" : "ns:app" } \t': Marker(PolicyName("ns", "app")),
    '# {"$imagepolicy": "ns:app", "note": "why", "x": null}': Marker(PolicyName("ns", "app")),
    '# {"$imagepolicy": "a:b", "$imagepolicy": "ns:app"}': Marker(PolicyName("ns", "app")),
    '# {"\\u0024imagepolicy": "ns:app"}': Marker(PolicyName("ns", "app")),
    '# {"$imagepolicy": "n\\u0073:app"}': Marker(PolicyName("ns", "app")),
    '# {"$imagepolicy": "ns:%61pp:t%61g"}': Marker(PolicyName("ns", "app"), "tag"),
    '# {"$imagepolicy": "ns%3Aapp"}': Marker(PolicyName("ns", "app")),
    '# {"$ref": "#/definitions/io.k8s.cli.setters.ns:app:tag"}': Marker(PolicyName("ns", "app"), "tag"),
    '# {"$ref": "#/definitions/io.k8s.cli.setters.ns:app", "type": "string", "x": 1}': Marker(PolicyName("ns", "app")),
    '# {"$imagepolicy": "", "$ref": "#/definitions/io.k8s.cli.setters.ns:app"}': Marker(PolicyName("ns", "app")),
    '# {"$ref": "#/definitions/io.k8s.cli.setters.ns:app"} # why': Marker(PolicyName("ns", "app")),
    '# {"$imagepolicy": "podinfo:tag"}': Marker(PolicyName("podinfo", "tag")),
}


@pytest.mark.parametrize(("comment", "marker"), MARKERS.items())
def test_markers_are_read_as_kyaml_reads_them(comment: str, marker: Marker) -> None:
    assert parse_marker(comment) == marker


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("a%3%37b:app", "a%2537b:app"),
        ("ns:%2537", "ns:%2537"),
        ("ns:100%:tag", "ns:100%25:tag"),
        ("ns:a%5cb:name", "ns:a%5Cb:name"),
        ("ns:a%01b%7F", "ns:a%01b%7F"),
        ("n%61me:app", "name:app"),
    ],
)
def test_the_value_of_a_marker_reads_as_the_same_marker(written: str, value: str) -> None:
    marker = parse_marker(f'# {{"$imagepolicy": "{written}"}}')
    assert str(marker) == value
    assert parse_marker(f'# {{"$imagepolicy": "{marker}"}}') == marker


@pytest.mark.parametrize(
    "comment",
    [
        "# prose",
        "#",
        "# {}",
        '# {"x": 1}',
        "# [1]",
        "# null",
        "# 5",
        '# {"$ref": "#/definitions/other"}',
        '# {"$ref": 5}',
        '# {"$ref": "#/definitions/io.k8s.cli.setters.replicas"}',
        '# {"$setter": "ns:app"}',
        '# {"x-k8s-cli": {"setter": {"name": "zz", "value": "injected"}}}',
        "# {" * 3000,
    ],
)
def test_comments_about_something_else_are_no_markers(comment: str) -> None:
    assert parse_marker(comment) is None


REFUSED = {
    '# $imagepolicy: "ns:app"': "no JSON object",
    '# "$imagepolicy"': "not a JSON object",
    '# ["$imagepolicy"]': "not a JSON object",
    '# [["$imagepolicy", "ns:app"]]': "not a JSON object",
    '# # {"$imagepolicy": "ns:app"}': "text before the JSON object",
    '# see {"$imagepolicy": "ns:app"}': "text before the JSON object",
    '# {"$imagepolicy": "ns:app"} # why': "text after the JSON object: '# why'",
    '# {"$imagepolicy": "ns:app"},': "text after the JSON object: ','",
    '# {"$imagepolicy": "ns:app"} {"$imagepolicy": "ns:b"}': "text after the JSON object",
    "# {'$imagepolicy': 'ns:app'}": "does not parse",
    '# {"$imagepolicy": "ns:app"': "does not parse",
    '# {"$imagepolicy": "ns:app",}': "does not parse",
    '# {$imagepolicy: "ns:app"}': "does not parse",
    '# {"$imagepolicy":\u00a0"ns:app"}': "does not parse",
    '# {"$imagepolicy": "ns:app", "n": 1}': 'the value of "n" is not a string',
    '# {"$imagepolicy": "ns:app", "n": {}}': 'the value of "n" is not a string',
    '# {"$imagepolicy": "ns:app", "n": 1, "n": "x"}': 'the value of "n" is not a string',
    '# {"$imagepolicy": ["ns:app"]}': 'the value of "$imagepolicy" is not a string',
    '# {"note": "$imagepolicy"}': 'no key "$imagepolicy"',
    '# {"a": {"$imagepolicy": "ns:app"}}': 'no key "$imagepolicy"',
    '# {"$imagepolicy": ""}': "does not name a policy",
    '# {"$imagepolicy": null}': "does not name a policy",
    '# {"$imagepolicy": "a:b", "$imagepolicy": null}': "does not name a policy",
    '# {"$imagepolicy": "app"}': "no namespace",
    '# {"$imagepolicy": "ns/app"}': "a slash",
    '# {"$imagepolicy": "ns/app:tag"}': "a slash",
    '# {"$imagepolicy": ":app"}': "an empty namespace",
    '# {"$imagepolicy": "ns:"}': "an empty name",
    '# {"$imagepolicy": "ns::tag"}': "an empty name",
    '# {"$imagepolicy": "ns: app"}': "' app' cannot be a name",
    '# {"$imagepolicy": "ns:a/b"}': "'a/b' cannot be a name",
    '# {"$imagepolicy": "ns:app:version"}': "has the suffix 'version'",
    '# {"$imagepolicy": "ns:app:Tag"}': "has the suffix 'Tag'",
    '# {"$imagepolicy": "ns:app:tag:x"}': "has the suffix 'tag:x'",
    '# {"$imagepolicy": "ns:app:"}': "has the suffix ''",
    '# {"$imagepolicy": "ns:\\ud800"}': "",
}


@pytest.mark.parametrize(("comment", "reason"), REFUSED.items())
def test_what_names_the_key_but_is_no_marker_is_refused_with_the_reason(comment: str, reason: str) -> None:
    if not reason:
        assert parse_marker(comment) == Marker(PolicyName("ns", "\ud800"))
        return
    with pytest.raises(MarkerError) as caught:
        parse_marker(comment)
    assert reason in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("value", "instead"), [("app", "NAMESPACE:app"), ("ns/app", "ns:app"), ("ns/app:tag", "ns:app:tag")]
)
def test_the_hint_shows_how_to_write_it(value: str, instead: str) -> None:
    with pytest.raises(MarkerError) as caught:
        parse_marker(f'# {{"$imagepolicy": "{value}"}}')
    assert parse_marker("# " + caught.value.hint.removeprefix("write ")) is not None
    assert instead in caught.value.hint


NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,8}[a-z0-9])?", fullmatch=True)


@given(NAMES, NAMES, st.sampled_from(["", "tag", "name", "digest"]))
def test_a_marker_reads_back_from_its_text(namespace: str, name: str, part: str) -> None:
    marker = Marker(PolicyName(namespace, name), part)  # type: ignore[arg-type]
    assert parse_marker(f'# {{"$imagepolicy": "{marker}"}}') == marker
    assert str(marker.policy) == f"{namespace}:{name}"
    assert marker.policy == PolicyName(namespace, name)


@given(st.text(st.characters(codec="utf-8"), max_size=30), st.integers(0, 30))
def test_any_comment_is_a_marker_or_none_or_an_error(text: str, at: int) -> None:
    comment = "#" + text[:at] + "$imagepolicy" + text[at:]
    try:
        assert parse_marker(comment)
    except MarkerError as err:
        assert str(err)
