"""Many policies with one failure give one line that names them."""

from __future__ import annotations

import pytest

from imagesetter.cli.terminal import print_results
from krm_functions.result import File, Result


def failed(number: int, message: str) -> Result:
    name = f"apps:web{number}"
    return Result(f"{name}: {message}", file=File("a.yaml"), tags={"error": "Unreachable", "policy": name, "line": "7"})


def test_five_policies_and_more_with_the_same_failure_are_one_error(capsys: pytest.CaptureFixture[str]) -> None:
    print_results(failed(number, "r.example:443 refuses connections") for number in range(11))
    assert capsys.readouterr().err == (
        "a.yaml:7: error: apps:web0: r.example:443 refuses connections"
        " (the same for apps:web1, apps:web2, apps:web3, apps:web4 and 6 more)\n"
    )


def test_fewer_have_a_line_each_and_so_have_others_between_them(capsys: pytest.CaptureFixture[str]) -> None:
    print_results(
        [failed(0, "no"), Result("a warning", "warning"), failed(1, "no"), failed(2, "other"), failed(3, "no")]
    )
    assert capsys.readouterr().err.splitlines() == [
        "a.yaml:7: error: apps:web0: no",
        "warning: a warning",
        "a.yaml:7: error: apps:web1: no",
        "a.yaml:7: error: apps:web2: other",
        "a.yaml:7: error: apps:web3: no",
    ]


def test_a_warning_about_one_registry_is_one_line_for_all_of_its_policies(capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"apps:web{number}" for number in range(6)]
    print_results(Result(f"{name}: no login for r.example", "warning", tags={"policy": name}) for name in names)
    assert capsys.readouterr().err == (
        "warning: apps:web0: no login for r.example"
        " (the same for apps:web1, apps:web2, apps:web3, apps:web4 and 1 more)\n"
    )


def test_results_of_one_policy_about_several_fields_stay_apart(capsys: pytest.CaptureFixture[str]) -> None:
    print_results(
        Result("apps:web: stays at 1.0.0", "warning", file=File(f"{number}.yaml"), tags={"policy": "apps:web"})
        for number in range(6)
    )
    assert capsys.readouterr().err.splitlines() == [f"{n}.yaml: warning: apps:web: stays at 1.0.0" for n in range(6)]
