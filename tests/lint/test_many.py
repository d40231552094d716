"""Many findings take time in proportion to their number. Calls are counted: a clock would measure the machine."""

from __future__ import annotations

import cProfile
import pstats
from collections.abc import Callable

import pytest

from krm_functions.suggestions import KnownNames
from lint.conftest import FIELD, POLICIES, POLICY, REPOSITORY, Lint


def policy(name: str, spec: str = "") -> str:
    text = POLICY.replace("name: web, namespace", f"name: {name}, namespace")
    return text.replace("spec: {", f"spec: {{{spec}") if spec else text


def documents(texts: list[str]) -> str:
    return "---\n".join(texts)


def unknown_policies(number: int) -> dict[str, str]:
    names = [f"team-{index:04d}-service" for index in range(number)]
    return {
        "policies.yaml": documents([REPOSITORY, *map(policy, names)]),
        "fields.yaml": documents([FIELD.replace(":web", f":{name[:-7]}srevice") for name in names]),
    }


def broken_policies(number: int) -> dict[str, str]:
    return {"policies.yaml": documents([REPOSITORY, *(policy(f"p{index}", "rang: 1, ") for index in range(number))])}


def incomplete_policies(number: int) -> dict[str, str]:
    odd = "policy: {numerical: {order: up}}, imageRepositoryRef: {name: web}"
    texts = [f"{POLICY.partition('spec:')[0].replace('web', f'p{index}')}spec: {{{odd}}}\n" for index in range(number)]
    return {"policies.yaml": documents([REPOSITORY, *texts])}


def policies_in_a_circle(number: int) -> dict[str, str]:
    def follower(index: int) -> str:
        annotation = f"annotations: {{imagesetter.dev/follows: p{(index + 1) % number}}}"
        return policy(f"p{index}").replace("namespace: flux-system", f"namespace: flux-system, {annotation}")

    return {"policies.yaml": documents([REPOSITORY, *map(follower, range(number))])}


MANY = {
    "unknown policies": (unknown_policies, "did you mean flux-system:team-0007-service?"),
    "unknown fields": (broken_policies, "v1.3.0 has no such field (did you mean range?)"),
    "broken fields": (incomplete_policies, "spec.policy.numerical.order"),
    "policies that follow each other in a circle": (
        policies_in_a_circle,
        "p1 follows flux-system:p2, which follows flux-system:p3, which follows flux-system:p4, which follows "
        "flux-system:p5 …, so none of them is ever locked; let one of them follow no other",
    ),
}


@pytest.mark.parametrize(("files", "expected"), MANY.values(), ids=MANY)
def test_twice_as_many_findings_take_twice_as_many_calls(
    files: Callable[[int], dict[str, str]], expected: str, lint: Lint
) -> None:
    def calls(number: int) -> int:
        profile = cProfile.Profile()
        ran = profile.runcall(lint, files(number))
        assert ran.out.count(expected) >= 1
        statistics = pstats.Stats(profile)
        return int(statistics.total_calls)  # type: ignore[attr-defined]

    calls(20)  # what is imported and compiled once
    few, many = calls(50), calls(100)
    assert many < 2.1 * few


def test_a_few_of_the_known_names_are_compared_however_many_there_are() -> None:
    known = KnownNames(f"team-{number}-service" for number in range(20_000))
    for name in ("team-77-srevice", "taem-12345-service", "a", "zzzz", "service"):
        assert len(known.candidates(name)) <= KnownNames.MOST_COMPARED


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        pytest.param("team-77-srevice", "team-77-service", id="a slip near the end"),
        pytest.param("taem-12345-service", "team-12345-service", id="a slip near the beginning"),
        pytest.param("eam-7-service", "team-7-service", id="without its first letter"),
        pytest.param("team-19999-servic", "team-19999-service", id="without its last letter"),
        pytest.param("wbe", "web", id="another name among many alike"),
    ],
)
def test_the_name_that_was_meant_is_found_among_thousands(name: str, meant: str) -> None:
    known = KnownNames(["web", *(f"team-{number}-service" for number in range(20_000))])
    assert known.close_to(name) == [meant]


def test_a_name_of_any_length_is_not_compared() -> None:
    long = "a" * 100_000
    assert KnownNames([long, "a" * 99_999]).close_to(long) == []
    assert KnownNames(["web"]).candidates(long) == []


def test_small_trees_get_the_suggestion_as_before(lint: Lint) -> None:
    ran = lint({"policies.yaml": POLICIES, "a.yaml": FIELD.replace(":web", ":wbe")}, "--disable", "unused-policy")
    assert "did you mean flux-system:web?" in ran.out
