"""Running a function: the list is always written, the status says how it went, and who sees what."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from imagesetter.errors import PolicyError
from krm_functions import annotations
from krm_functions.errors import UsageError
from krm_functions.function import Output, respond
from krm_functions.main import run
from krm_functions.resource_list import ResourceList
from krm_functions.result import Result
from krm_functions.yaml.edits import Edit

ROOT = Path(__file__).resolve().parents[2]
LIST = b"kind: ResourceList\nitems:\n- kind: A\n"
BY_KUSTOMIZE = LIST + f"  metadata: {{annotations: {{{annotations.KUSTOMIZE_ID}: '1'}}}}\n".encode()


def say(*results: Result) -> Callable[[ResourceList], Output]:
    return lambda resources: Output(results=results)


def fail(error: BaseException) -> Callable[[ResourceList], Output]:
    def process(resources: ResourceList, **options: object) -> Output:
        raise error

    return process


class Broken(io.BytesIO):
    """A reader that has gone away."""

    def write(self, data: object) -> int:
        raise BrokenPipeError(32, "Broken pipe")


def start(
    process: Callable[[ResourceList], Output], data: bytes, env: dict[str, str] | None = None
) -> tuple[int, bytes, str]:
    stdout, stderr = io.BytesIO(), io.StringIO()
    status = run(process, stdin=io.BytesIO(data), stdout=stdout, stderr=stderr, env=env or {})
    return status, stdout.getvalue(), stderr.getvalue()


def test_function_that_does_nothing_gives_back_the_input() -> None:
    assert start(say(), LIST) == (0, LIST, "")


@pytest.mark.parametrize(("severity", "status"), [("info", 0), ("warning", 0), ("error", 1)])
def test_only_an_error_result_fails_and_the_list_is_written_all_the_same(severity: str, status: int) -> None:
    found, stdout, stderr = start(say(Result("m", severity)), LIST)  # type: ignore[arg-type]
    assert (found, stderr) == (status, "")
    assert ResourceList.parse(stdout).results == (Result("m", severity),)  # type: ignore[arg-type]
    assert ResourceList.parse(stdout).items[0].load() == {"kind": "A"}


def test_an_error_of_the_function_before_fails_too() -> None:
    data = LIST + b"results:\n- message: m\n  severity: error\n"
    assert start(say(), data) == (1, data, "")


def test_results_are_written_in_order() -> None:
    stdout = start(say(Result("b", "info"), Result("a", "info"), Result("c", "warning")), LIST)[1]
    assert [result.message for result in ResourceList.parse(stdout).results] == ["c", "a", "b"]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        pytest.param(PolicyError("no tag", where="web", hint="push one"), 1, id="it cannot go on"),
        pytest.param(UsageError("no tag", where="web", hint="push one"), 2, id="it is configured wrongly"),
    ],
)
def test_failing_function_gives_back_the_list_with_the_reason(error: Exception, status: int) -> None:
    found, stdout, stderr = start(fail(error), LIST)
    assert (found, stderr) == (status, "")
    assert ResourceList.parse(stdout).results == (Result("web: no tag; push one"),)
    assert [item.load() for item in ResourceList.parse(stdout).items] == [{"kind": "A"}]


def test_a_bug_does_not_cost_the_list_and_its_traceback_goes_to_standard_error() -> None:
    stdout, stderr = io.BytesIO(), io.StringIO()
    status = run(
        fail(KeyError("x")),
        stdin=io.BytesIO(LIST),
        stdout=stdout,
        stderr=stderr,
        env={},
        report_to="https://example.com/issues",
    )
    assert status == 3
    (result,) = ResourceList.parse(stdout.getvalue()).results
    assert result == Result("internal error: KeyError: 'x'; this is a bug of the function")
    assert b"Traceback" not in stdout.getvalue()
    assert "Traceback (most recent call last)" in stderr.getvalue()
    assert stderr.getvalue().endswith("Please report the lines above at https://example.com/issues.\n")


@pytest.mark.parametrize("output", [{}, Output(edits=[Edit(0, 4, "a"), Edit(2, 5, "b")]), Output(items=[1])])  # type: ignore[list-item]
def test_function_that_answers_nonsense_gives_back_the_list(output: Output) -> None:
    status, stdout, _ = start(lambda resources: output, LIST)
    assert status in (1, 3)
    assert [result.severity for result in ResourceList.parse(stdout).results] == ["error"]
    assert [item.load() for item in ResourceList.parse(stdout).items] == [{"kind": "A"}]


@pytest.mark.parametrize("data", [b"", b"kind: List\n", b"a: [", b"\xff"])
def test_what_is_no_list_is_told_on_standard_error_and_nothing_is_written(data: bytes) -> None:
    status, stdout, stderr = start(say(), data)
    assert (status, stdout) == (2, b"")
    assert stderr.startswith("[error]: stdin")
    assert stderr.count("\n") == 1


def test_a_bug_in_reading_has_the_status_of_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ResourceList, "parse", fail(ValueError("unforeseen")))
    status, stdout, stderr = start(say(), LIST)
    assert (status, stdout) == (3, b"")
    assert "ValueError: unforeseen" in stderr


def test_kustomize_shows_no_results_so_they_are_printed() -> None:
    results = (Result("one\nline", "warning"), Result("two", "info"))
    assert start(say(*results), BY_KUSTOMIZE)[2] == "[warning]: one line\n[info]: two\n"
    assert start(fail(UsageError("no")), BY_KUSTOMIZE)[2] == "[error]: no\n"


@pytest.mark.parametrize(("value", "printed"), [("true", True), ("1", True), ("false", False), ("", False)])
def test_lines_on_standard_error_can_be_asked_for(value: str, printed: bool) -> None:
    assert start(say(Result("m", "info")), LIST, {"LOG_TO_STDERR": value})[2] == ("[info]: m\n" if printed else "")


def test_results_before_are_not_printed_again() -> None:
    data = BY_KUSTOMIZE + b"results:\n- message: before\n  severity: info\n"
    assert start(say(Result("m", "info")), data)[2] == "[info]: m\n"


def test_results_that_cannot_be_added_are_printed_and_fail() -> None:
    data = LIST + b"results: {items: []}\n"
    status, stdout, stderr = start(say(Result("m", "info")), data)
    assert (status, stdout) == (1, data)
    assert stderr == "[error]: stdin:4: results is a mapping, expected a list\n"
    assert start(say(), data) == (0, data, "")


def test_broken_pipe_is_told_and_fails() -> None:
    stderr = io.StringIO()
    status = run(say(), stdin=io.BytesIO(LIST), stdout=Broken(), stderr=stderr, env={})
    assert (status, stderr.getvalue()) == (1, "[error]: standard output: Broken pipe\n")
    stderr = io.StringIO()
    assert run(fail(UsageError("no")), stdin=io.BytesIO(LIST), stdout=Broken(), stderr=stderr, env={}) == 2


def test_interruption_writes_nothing() -> None:
    assert start(fail(KeyboardInterrupt()), LIST) == (130, b"", "")


def test_respond_is_the_same_without_streams() -> None:
    answer = respond(say(Result("m")), LIST, env={"LOG_TO_STDERR": "true"})
    assert (answer.status, answer.stderr) == (1, "[error]: m\n")
    assert ResourceList.parse(answer.stdout).results == (Result("m"),)


FUNCTION = """\
import sys
from krm_functions.function import Output
from krm_functions.main import run
sys.exit(run(lambda resources: Output()))
"""


def spawn(redirection: str, data: bytes = LIST) -> subprocess.CompletedProcess[bytes]:
    env = {**os.environ, "PYTHONPATH": str(ROOT / "fn")}
    command = ["sh", "-c", f'exec "$0" -c "$1" {redirection}', sys.executable, FUNCTION]
    return subprocess.run(command, input=data, capture_output=True, env=env, check=False)


@pytest.mark.parametrize(
    ("redirection", "status", "stderr"),
    [
        pytest.param("", 0, b"", id="all there"),
        pytest.param(">&-", 1, b"[error]: standard output: is closed\n", id="standard output closed"),
        pytest.param("<&-", 2, b"[error]: stdin: is empty", id="standard input closed"),
        pytest.param("2>&-", 0, b"", id="standard error closed"),
        pytest.param(">&- 2>&-", 1, b"", id="output and error closed"),
    ],
)
def test_program_with_closed_streams(redirection: str, status: int, stderr: bytes) -> None:
    done = spawn(redirection)
    assert done.returncode == status
    assert done.stderr.startswith(stderr)
    assert (done.stderr == b"") == (stderr == b"")


def test_program_whose_reader_is_gone_fails_without_a_complaint_by_python() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    env = {**os.environ, "PYTHONPATH": str(ROOT / "fn")}
    done = subprocess.run(
        [sys.executable, "-c", FUNCTION], input=LIST, stdout=writer, stderr=subprocess.PIPE, env=env, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"[error]: standard output: Broken pipe\n")
