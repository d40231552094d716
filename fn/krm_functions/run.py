"""Running a function: standard input to standard output, and the exit status.

The contract that kpt and kustomize rely on, and what they do where it is broken (measured with kpt 1.0.0-beta.56 and
kustomize 5.8.2):

* **The whole list is written whenever one was read**, results included, also when the function failed. An empty answer
  with exit status 0 makes kpt delete every file of the package.
* **An error result means exit status 1.** Neither orchestrator looks at severities; only the status stops them.
* **Standard output is the answer's alone**, written at once at the very end. A function that wants to say something
  returns results.
* **kustomize build throws results away.** So they are also printed on standard error when it runs the function. kpt
  shows results itself; there standard error stays empty.

Exit status: 0 done · 1 a result is an error · 2 no ResourceList, or the function is configured wrongly · 3 a bug of the
function · 130 interrupted.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, TextIO

from krm_functions.errors import ReportedError, UsageError
from krm_functions.item import Item
from krm_functions.messages import log_line
from krm_functions.resource_list import ResourceList
from krm_functions.result import Result, failed, sort_results

if TYPE_CHECKING:
    from krm_functions.yaml.edits import Edit

DONE, FAILED, MISUSED, BUG, INTERRUPTED = 0, 1, 2, 3, 130


class Output(NamedTuple):
    """What a function wants done.

    Attributes:
        edits: replacements in the list's text.
        results: what to report; they are sorted before they are written.
        items: all items to give back, where some are new, gone, or given as data; None leaves them as they are.
    """

    edits: Sequence[Edit] = ()
    results: Sequence[Result] = ()
    items: Sequence[Item | Mapping[str, Any]] | None = None


Process = Callable[[ResourceList], Output]
"""A function: it looks at a ResourceList and says what to do. It raises an ReportedError where it cannot go on."""


class Response(NamedTuple):
    """What a run comes to.

    Attributes:
        stdout: the ResourceList to give back; empty only where none was read.
        stderr: lines for a person, or empty.
        status: the exit status.
    """

    stdout: bytes
    stderr: str
    status: int


def run(
    process: Process,
    *,
    stdin: BinaryIO | None = None,
    stdout: BinaryIO | None = None,
    stderr: TextIO | None = None,
    env: Mapping[str, str] | None = None,
    needle: str = "",
    report_to: str = "",
) -> int:
    """Run a function on standard input and give the exit status: ``sys.exit(run(process))``.

    Args:
        process: the function.
        stdin: where the ResourceList is read from, to its end.
        stdout: where the answer is written.
        stderr: where results are printed for kustomize, and the traceback of a bug.
        env: the environment; of interest is only ``LOG_TO_STDERR``.
        needle: collect the comments that contain this text, for ``ResourceList.comments``.
        report_to: where a bug is to be reported.
    """
    errors = sys.stderr if stderr is None else stderr
    try:
        data = _input(stdin).read()
        answer = respond(process, data, env=os.environ if env is None else env, needle=needle, report_to=report_to)
        _print(answer.stderr, errors)
        return answer.status if _write(answer.stdout, stdout, errors) else answer.status or FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


def respond(
    process: Process,
    data: bytes,
    *,
    env: Mapping[str, str] | None = None,
    needle: str = "",
    report_to: str = "",
) -> Response:
    """What a function answers to an input, without touching standard input, output or the exit status."""
    try:
        resources = ResourceList.parse(data, needle=needle)
    except ReportedError as err:
        return Response(b"", f"{Result.from_error(err)}\n", MISUSED)
    except Exception as err:  # noqa: BLE001 an orchestrator needs the exit status, whatever happened
        return Response(b"", _traceback(err, report_to), BUG)
    trace = ""
    try:
        output = process(resources)
        results = sort_results(output.results)
        text = resources.render(output.edits, results, items=output.items)
        status = FAILED if failed([*resources.results, *results]) else DONE
    except ReportedError as err:
        results = [Result.from_error(err)]
        status = MISUSED if isinstance(err, UsageError) else FAILED
        text = _unchanged(resources, data, results)
    except Exception as err:  # noqa: BLE001 a bug must not cost the list
        results = [Result(f"internal error: {type(err).__name__}: {err}; this is a bug of the function")]
        status, trace = BUG, _traceback(err, report_to)
        text = _unchanged(resources, data, results)
    by_kustomize = resources.by_kustomize or (env or {}).get("LOG_TO_STDERR", "").lower() in ("1", "t", "true")
    shown_nowhere_else = by_kustomize or text is data
    lines = "".join(f"{result}\n" for result in results) if shown_nowhere_else else ""
    return Response(text, trace + lines, status)


def _unchanged(resources: ResourceList, data: bytes, results: list[Result]) -> bytes:
    """The input with results and no edits; the bare input where its own ``results`` make even that impossible."""
    try:
        return resources.render((), results)
    except ReportedError as err:
        if (result := Result.from_error(err)) not in results:
            results.append(result)
        return data


def _input(stdin: BinaryIO | None) -> BinaryIO:
    if stdin is not None:
        return stdin
    return sys.stdin.buffer if sys.stdin is not None else io.BytesIO()


def _print(text: str, stderr: TextIO | None) -> None:
    """Say something on standard error; there is nobody to tell when that fails."""
    if text and stderr is not None:
        with suppress(OSError, ValueError):
            stderr.write(text)
            stderr.flush()


def _write(data: bytes, stdout: BinaryIO | None, stderr: TextIO | None) -> bool:
    """Write the whole answer at once; False where it did not arrive."""
    if not data:
        return True
    if stdout is None and sys.stdout is None:
        _print(f"{Result('standard output: is closed')}\n", stderr)
        return False
    out = sys.stdout.buffer if stdout is None else stdout
    try:
        out.write(data)
        out.flush()
    except OSError as err:
        _print(f"{Result(f'standard output: {err.strerror or err}')}\n", stderr)
        if stdout is None:
            # Python flushes standard output once more when it ends, and would complain again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    return True


def _traceback(err: Exception, report_to: str) -> str:
    import traceback

    at = f" at {report_to}" if report_to else ""
    lines = "".join(f"{log_line(line)}\n" for line in "".join(traceback.format_exception(err)).splitlines())
    return f"{lines}This is a bug of the function, not of your configuration. Please report the lines above{at}.\n"
