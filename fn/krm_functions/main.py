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

`krm_functions.function` decides what the answer is; here it is read and written.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, BinaryIO, TextIO

from krm_functions.function import FAILED, INTERRUPTED, Configured, Process, respond
from krm_functions.result import Result


def run(
    process: Process | Configured,
    *,
    config: type[Any] | None = None,
    argv: Sequence[str] | None = None,
    stdin: BinaryIO | None = None,
    stdout: BinaryIO | None = None,
    stderr: TextIO | None = None,
    env: Mapping[str, str] | None = None,
    needle: str = "",
    report_to: str = "",
) -> int:
    """Run a function and give the exit status: ``sys.exit(run(process))``.

    Without arguments it reads a ResourceList from standard input, as kpt and kustomize want it. With arguments a person
    runs it, on files and folders: ``--help`` says how.

    Args:
        process: the function.
        config: a pydantic model. The function is called with the functionConfig as an object of it.
        argv: the arguments; those of the process where neither they nor *stdin* are given.
        stdin: where the ResourceList is read from, to its end.
        stdout: where the answer is written.
        stderr: where results are printed for kustomize, and the traceback of a bug.
        env: the environment; of interest is only ``LOG_TO_STDERR``.
        needle: collect the comments that contain this text, for ``ResourceList.comments``.
        report_to: where a bug is to be reported.
    """
    errors = sys.stderr if stderr is None else stderr
    arguments = sys.argv[1:] if argv is None and stdin is None else argv or ()
    try:
        if arguments or (stdin is None and sys.stdin is not None and sys.stdin.isatty()):
            from krm_functions.command_line import answer_arguments

            response = answer_arguments(process, config, arguments, needle=needle, report_to=report_to)
        else:
            environment = os.environ if env is None else env
            response = respond(
                process, _input(stdin).read(), config=config, env=environment, needle=needle, report_to=report_to
            )
        written = _write(response.stdout, stdout, errors)
        _print(response.stderr, errors)
        return response.status if written else response.status or FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


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
