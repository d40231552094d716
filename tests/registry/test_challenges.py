"""``WWW-Authenticate`` as servers really write it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagesetter.registry.auth.challenge import Challenge, parse_challenges

REALM = "https://auth.example/token"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(
            [f'Bearer realm="{REALM}",service="reg",scope="repository:a/b:pull"'],
            [Challenge("bearer", {"realm": REALM, "service": "reg", "scope": "repository:a/b:pull"})],
            id="docker-hub",
        ),
        pytest.param(
            [f'Bearer realm="{REALM}",service="reg",scope="*",Basic realm="Gitea"'],
            [
                Challenge("bearer", {"realm": REALM, "service": "reg", "scope": "*"}),
                Challenge("basic", {"realm": "Gitea"}),
            ],
            id="two-in-one-line",
        ),
        pytest.param(
            ['Basic realm="x"', f'Bearer realm="{REALM}"'],
            [Challenge("basic", {"realm": "x"}), Challenge("bearer", {"realm": REALM})],
            id="two-lines",
        ),
        pytest.param(
            ['Bearer scope="repository:a:pull,push",realm="x"'],
            [Challenge("bearer", {"scope": "repository:a:pull,push", "realm": "x"})],
            id="comma-in-quotes",
        ),
        pytest.param(
            [r'Basic realm="a \"quoted\" \\ realm"'],
            [Challenge("basic", {"realm": r'a "quoted" \ realm'})],
            id="escapes",
        ),
        pytest.param(["Basic realm=plain"], [Challenge("basic", {"realm": "plain"})], id="without-quotes"),
        pytest.param(["BASIC Realm=x"], [Challenge("basic", {"realm": "x"})], id="any-case"),
        pytest.param(
            ["Bearer realm = x , service\t=\ty"], [Challenge("bearer", {"realm": "x", "service": "y"})], id="spaces"
        ),
        pytest.param(["Negotiate", "NTLM"], [Challenge("negotiate"), Challenge("ntlm")], id="bare-schemes"),
        pytest.param(
            ["Negotiate YWJj=, Basic realm=x"],
            [Challenge("negotiate"), Challenge("basic", {"realm": "x"})],
            id="token68",
        ),
        pytest.param(
            ["Negotiate, Basic realm=x"],
            [Challenge("negotiate"), Challenge("basic", {"realm": "x"})],
            id="bare-then-basic",
        ),
        pytest.param(["Bearer realm=a,realm=b"], [Challenge("bearer", {"realm": "a"})], id="first-of-two-counts"),
        pytest.param(
            ["Bearer realm='https://a/b?c=1,2',scope='repository:a:pull,push' , service='s'"],
            [Challenge("bearer", {"realm": "https://a/b?c=1,2", "scope": "repository:a:pull,push", "service": "s"})],
            id="single-quotes",
        ),
        pytest.param(
            ["Bearer realm='https://a/b' service='s'"],
            [Challenge("bearer", {"realm": "https://a/b", "service": "s"})],
            id="single-quotes-without-commas",
        ),
        pytest.param(["Basic realm=it's"], [Challenge("basic", {"realm": "it's"})], id="apostrophe"),
        pytest.param(
            ['Bearer realm="https://a/b;c";service="s"; scope=x'],
            [Challenge("bearer", {"realm": "https://a/b;c", "service": "s", "scope": "x"})],
            id="semicolons",
        ),
        pytest.param([f"Bearer realm={REALM}"], [Challenge("bearer", {"realm": REALM})], id="url-without-quotes"),
        pytest.param([", ,Basic realm=x, ,"], [Challenge("basic", {"realm": "x"})], id="empty-elements"),
        pytest.param(['Basic realm="never closed'], [Challenge("basic")], id="never-closed"),
        pytest.param([""], [], id="empty"),
        pytest.param(["=x"], [], id="nonsense"),
        pytest.param([], [], id="no-header"),
    ],
)
def test_challenge_is_read(lines: list[str], expected: list[Challenge]) -> None:
    assert list(parse_challenges(lines)) == expected


WORDS = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,8}", fullmatch=True)
VALUES = st.text(st.characters(codec="latin-1"), max_size=20)
PARAMETERS = st.dictionaries(WORDS.map(str.lower), VALUES, min_size=1, max_size=4)
CHALLENGES = st.lists(st.tuples(WORDS, PARAMETERS), min_size=1, max_size=4)


@given(CHALLENGES)
def test_whatever_is_written_by_the_rules_is_read_back(challenges: list[tuple[str, dict[str, str]]]) -> None:
    def quote(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    line = ", ".join(
        f"{scheme} " + ",".join(f"{name}={quote(value)}" for name, value in parameters.items())
        for scheme, parameters in challenges
    )
    expected = [Challenge(scheme.lower(), parameters) for scheme, parameters in challenges]
    assert list(parse_challenges([line])) == expected


@given(st.text(max_size=200))
def test_no_header_is_a_crash(line: str) -> None:
    parse_challenges([line])


def test_header_without_end_takes_no_time_without_end() -> None:
    for line in ("a " * 100_000, "a=" * 100_000, 'a="' * 100_000, "Basic " + "a=b," * 100_000, "\\" * 100_000):
        assert len(parse_challenges([line])) < 20_000
