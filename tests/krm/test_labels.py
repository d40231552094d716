"""Label selectors: what they match, how they read, and what is refused."""

from __future__ import annotations

import pytest

from krm_functions.errors import UsageError
from krm_functions.label_selector import LabelSelector

WEB = {"app": "web", "tier": "front", "replicas": "3", "example.com/team": "blue", "empty": ""}


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "app",
        "app=web",
        "app==web",
        " app = web ",
        "app=web,tier=front",
        "app!=api",
        "other!=x",
        "!other",
        "! other",
        "app in (web)",
        "app in (api,web)",
        "app in(web)",
        "app notin (api)",
        "other notin (web)",
        "empty=",
        "empty in (,x)",
        "empty in (x,)",
        "empty",
        "replicas>2",
        "replicas<4",
        "replicas > -9",
        "example.com/team=blue",
        "app in (web),tier notin (back),!other,replicas>1",
    ],
)
def test_selector_matches(text: str) -> None:
    assert LabelSelector.parse(text).matches(WEB)


@pytest.mark.parametrize(
    "text",
    [
        "other",
        "app=api",
        "app=",
        "other=",
        "app!=web",
        "!app",
        "app in (api,ui)",
        "app notin (web,api)",
        "replicas>3",
        "replicas<3",
        "app>1",
        "other<1",
        "app=web,tier=back",
    ],
)
def test_selector_does_not_match(text: str) -> None:
    assert not LabelSelector.parse(text).matches(WEB)


@pytest.mark.parametrize(
    ("text", "what", "pointer"),
    [
        pytest.param("app=web,", "expected a label after the comma at the end", "        ^", id="comma at the end"),
        pytest.param(",app", "expected a label, found ','", "^", id="comma first"),
        pytest.param("app web", "expected one of = == != < > in notin, found 'web'", "    ~~^", id="no operator"),
        pytest.param("!app=web", "expected ',', found '='", "    ^", id="absent and equal"),
        pytest.param("app in web", "expected '(', found 'web'", "       ~~^", id="in without list"),
        pytest.param("app in ()", "expected at least one value, found ')'", "        ^", id="empty list"),
        pytest.param("app in (web", "expected ',' at the end", "           ^", id="open list"),
        pytest.param("app=a=b", "expected ',', found '='", "     ^", id="two equals signs"),
        pytest.param("app>web", "label app: 'web' is not an integer", "~~^", id="greater than a word"),
        pytest.param("-app", "'-app' is not a label key", "~~~^", id="key begins with a dash"),
        pytest.param("UP.com/x=y", "'UP.com/x' is not a label key", "~~~~~~~^", id="upper case domain"),
        pytest.param("app=-x", "label app: '-x' is not a label value", "~~^", id="value begins with a dash"),
        pytest.param("a" * 64, f"'{'a' * 64}' is not a label key", "~" * 63 + "^", id="key too long"),
    ],
)
def test_what_is_no_selector_is_refused_with_a_pointer(text: str, what: str, pointer: str) -> None:
    with pytest.raises(UsageError) as caught:
        LabelSelector.parse(text)
    assert caught.value.what == f"label selector: {what}"
    assert caught.value.hint == f"{text}\n{pointer}"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        pytest.param({}, "", id="nothing"),
        pytest.param({"matchLabels": None, "matchExpressions": None}, "", id="nulls"),
        pytest.param({"matchLabels": {"tier": "front", "app": "web"}}, "app=web,tier=front", id="labels"),
        pytest.param(
            {
                "matchExpressions": [
                    {"key": "app", "operator": "In", "values": ["web", "api"]},
                    {"key": "tier", "operator": "NotIn", "values": ["back", ""]},
                    {"key": "a", "operator": "Exists"},
                    {"key": "b", "operator": "DoesNotExist", "values": []},
                ]
            },
            "app in (web,api),tier notin (back,),a,!b",
            id="expressions",
        ),
    ],
)
def test_two_field_form_means_the_same_as_the_string(data: dict[str, object], text: str) -> None:
    selector = LabelSelector.from_dict(data)
    assert str(selector) == text
    assert [r.key for r in LabelSelector.parse(text).requirements] == [r.key for r in selector.requirements]


@pytest.mark.parametrize(
    ("data", "where", "what"),
    [
        ({"labels": {}}, "select", "unknown field 'labels': expected matchLabels or matchExpressions"),
        ({"matchLabels": [1]}, "select.matchLabels", "expected a mapping of labels to values"),
        ({"matchLabels": {"app": True}}, "select.matchLabels", "label app: True is not a string"),
        ({"matchLabels": {1: "x"}}, "select.matchLabels", "1 is not a label key"),
        ({"matchExpressions": {"a": 1}}, "select.matchExpressions", "expected a list of expressions"),
        ({"matchExpressions": ["a"]}, "select.matchExpressions[0]", "expected a mapping with key, operator and values"),
        (
            {"matchExpressions": [{"key": "a", "op": "In"}]},
            "select.matchExpressions[0]",
            "unknown field 'op': expected key, operator or values",
        ),
        (
            {"matchExpressions": [{"key": "a", "operator": "Gt"}]},
            "select.matchExpressions[0]",
            "unknown operator 'Gt': use In, NotIn, Exists, DoesNotExist",
        ),
        (
            {"matchExpressions": [{"key": "a", "operator": "In"}]},
            "select.matchExpressions[0]",
            "operator In needs at least one value",
        ),
        (
            {"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["x"]}]},
            "select.matchExpressions[0]",
            "operator Exists takes no values",
        ),
        (
            {"matchExpressions": [{"key": "a", "operator": "In", "values": "x"}]},
            "select.matchExpressions[0].values",
            "expected a list of values",
        ),
    ],
)
def test_broken_two_field_form_is_refused_with_its_place(data: dict[str, object], where: str, what: str) -> None:
    with pytest.raises(UsageError) as caught:
        LabelSelector.from_dict(data, where="select")
    assert (caught.value.where, caught.value.what) == (where, what)


def test_selector_prints_as_text_that_means_the_same() -> None:
    text = "app=web,tier in (back,front),a,!b,c!=d,n>1,m<2"
    assert str(LabelSelector.parse(text)) == text
