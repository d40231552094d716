"""Remote text in messages: one line, printable, short, and without what a URL hides."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagesetter.registry.http.limits import duration_in_words
from imagesetter.registry.http.redaction import error_reason, printable, redacted_origin, redacted_url


@given(st.text())
def test_safe_text_is_printable_and_short(text: str) -> None:
    assert printable(text).isprintable()
    assert len(printable(text, 50)) <= 10 * 50


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P", "Zs"]), max_size=100))
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://user:word@a.example/path?sig=1#f", "https://a.example/path"),
        ("https://a.example:5000/v2/", "https://a.example:5000/v2/"),
        ("https://[bad", "https://[bad"),
    ],
)
def test_own_url_is_shown_without_what_is_secret(url: str, expected: str) -> None:
    assert redacted_url(url) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://user:word@a.example/secret?secret#secret", "https://a.example"),
        ("//a.example/secret", "a.example"),
        ("a.example?secret", "a.example"),
        ("https://a.example\\secret", "https://a.example"),
        ("secret@a.example", "a.example"),
    ],
)
def test_url_of_a_stranger_is_shown_as_its_origin(url: str, expected: str) -> None:
    assert redacted_origin(url) == expected


@given(st.text(max_size=50))
def test_origin_of_anything_holds_no_secret_behind_a_slash(text: str) -> None:
    assert "planted" not in redacted_origin(f"https://a.example/{text}planted")


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        ({"errors": [{"code": "DENIED", "message": "no access"}]}, "application/json", "DENIED: no access"),
        ({"errors": [{"code": "A"}, {"message": "b"}, {"code": "C"}, {"code": "D"}]}, "application/json", "A; b; C"),
        ({"message": "gone"}, "application/json; charset=utf-8", "gone"),
        ({"details": "incorrect password"}, "", "incorrect password"),
        ({"code": "X", "message": "X"}, "application/vnd.x+json", "X"),
        ({"errors": "x"}, "application/json", "x"),
        ({"errors": ["x", {"message": "y"}]}, "application/json", "x; y"),
        ({"error": {"code": "A", "message": "b"}}, "application/json", "A: b"),
        ({"error": "invalid_grant", "error_description": "expired"}, "application/json", "invalid_grant: expired"),
        ({"title": "Forbidden", "detail": "no seat", "status": 403}, "application/problem+json", "Forbidden: no seat"),
        ({"Message": "not authorized", "__type": "X"}, "application/x-amz-json-1.1", "not authorized"),
        ({"errors": {"code": "A", "message": "b"}}, "application/json", "A: b"),
        ({"errors": [3, None, []]}, "application/json", ""),
        ([], "application/json", ""),
        ("plain\n  words ", "text/plain; charset=utf-8", "plain words"),
        ("<html>sign in</html>", "text/html", ""),
        ("{broken", "application/json", ""),
        ("[" * 100_000, "application/json", ""),
        ("", "", ""),
        ("you sent Authorization: Bearer abc.def-ghi", "text/plain", "you sent Authorization: Bearer ***"),
        ("password hunter22 is wrong", "text/plain", "password *** is wrong"),
    ],
)
def test_reason_is_what_the_registry_says_in_words(body: object, kind: str, expected: str) -> None:
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    assert error_reason(data, kind, ["hunter22", ""]) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.1, "1 s"), (12, "12 s"), (120, "120 s"), (121, "3 min"), (3600, "60 min"), (7201, "3 h"), (21600, "6 h")],
)
def test_waiting_time_is_in_words(seconds: float, expected: str) -> None:
    assert duration_in_words(seconds) == expected
