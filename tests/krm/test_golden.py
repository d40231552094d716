"""The helper for golden folders: what it notices, and what it writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from krm_functions.errors import UsageError
from krm_functions.function import Output
from krm_functions.resource_list import ResourceList
from krm_functions.result import Result
from krm_functions.testing import check_case, find_cases

IN = "kind: ResourceList\nitems:\n- kind: A # a\n"


def rename(resources: ResourceList) -> Output:
    if resources.function_config is None:
        raise UsageError("to what?")
    for item in resources.items:
        with item.edit() as data:
            data["kind"] = resources.function_config["name"]
    return Output()


@pytest.fixture
def case(tmp_path: Path) -> Path:
    (tmp_path / "case").mkdir()
    (tmp_path / "case" / "in.yaml").write_text(IN)
    (tmp_path / "case" / "functionconfig.yaml").write_text("# to what\nname: B\n")
    return tmp_path / "case"


def test_update_writes_what_the_comparison_then_accepts(case: Path) -> None:
    with pytest.raises(AssertionError, match=r"out.yaml:\n--- expected\n\+\+\+ found\n.*\n\+kind: ResourceList"):
        check_case(case, rename)
    check_case(case, rename, update=True)
    assert (case / "out.yaml").read_text() == (
        IN.replace("kind: A", "kind: B") + "functionConfig:\n  # to what\n  name: B\n"
    )
    check_case(case, rename)
    assert sorted(path.name for path in case.iterdir()) == ["functionconfig.yaml", "in.yaml", "out.yaml"]


def test_failure_is_kept_in_files_of_its_own_and_removed_when_it_is_gone(case: Path) -> None:
    (case / "functionconfig.yaml").unlink()
    check_case(case, rename, env={"LOG_TO_STDERR": "true"}, update=True)
    assert (case / "status.txt").read_text() == "2\n"
    assert (case / "stderr.txt").read_text() == "[error]: to what?\n"
    check_case(case, rename, env={"LOG_TO_STDERR": "true"})
    with pytest.raises(AssertionError, match=r"stderr.txt:"):
        check_case(case, rename)
    (case / "functionconfig.yaml").write_text("name: B\n")
    check_case(case, rename, update=True)
    assert not (case / "status.txt").exists()
    assert not (case / "stderr.txt").exists()


def test_a_difference_in_line_ends_alone_is_a_difference(case: Path) -> None:
    check_case(case, rename, update=True)
    out = case / "out.yaml"
    out.write_bytes(out.read_bytes().replace(b"\n", b"\r\n"))
    with pytest.raises(AssertionError, match="only line ends differ"):
        check_case(case, rename)


def test_function_that_answers_differently_each_time_is_noticed(case: Path) -> None:
    count = iter(range(9))
    with pytest.raises(AssertionError, match="two different answers"):
        check_case(case, lambda resources: Output(results=[Result(f"run {next(count)}", "info")]), update=True)


def test_function_that_is_never_done_is_noticed_unless_it_may_be(case: Path) -> None:
    def grow(resources: ResourceList) -> Output:
        for item in resources.items:
            with item.edit() as data:
                data["kind"] += "A"
        return Output()

    with pytest.raises(AssertionError, match="the answer to the answer"):
        check_case(case, grow, update=True)
    check_case(case, grow, update=True, idempotent=False)
    check_case(case, grow, idempotent=False)


def test_cases_are_found_by_their_input(case: Path) -> None:
    (case.parent / "b" / "c").mkdir(parents=True)
    (case.parent / "b" / "c" / "in.yaml").touch()
    (case.parent / "empty").mkdir()
    assert find_cases(case.parent) == [case.parent / "b" / "c", case]
