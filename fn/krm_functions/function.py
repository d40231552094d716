"""What a function answers to a ResourceList: the text to give back, the results and the exit status.

Exit status: 0 done · 1 a result is an error · 2 no ResourceList, or the function is configured wrongly · 3 a bug of the
function · 130 interrupted.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from krm_functions.errors import ReportedError, SpliceError, UsageError, UsageErrors
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

    edits: Sequence["Edit"] = ()
    results: Sequence[Result] = ()
    items: Sequence[Item | Mapping[str, Any]] | None = None


Process = Callable[[ResourceList], Output | None]
"""A function: it changes the items of a ResourceList and reports to its results, or says in an `Output` what to do.

It raises a ReportedError where it cannot go on.
"""
Configured = Callable[[ResourceList, Any], Output | None]
"""A function that also takes its configuration, as an object of a model."""


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


class Answer(NamedTuple):
    """What a function has made of a list.

    Attributes:
        text: the list to give back.
        results: what the function reports, sorted.
        status: the exit status.
        trace: the traceback of a bug, or empty.
        items: what is given back, in the order of the text; None where these are the items of the input.
    """

    text: bytes
    results: list[Result]
    status: int
    trace: str = ""
    items: Sequence[Item | Mapping[str, Any]] | None = None


def chain(*processes: Process | Configured) -> Callable[..., Output]:
    """One function that does what several do, one after the other, each on what the others left.

    They all get the same configuration, if there is one.

    Raises:
        SpliceError: when it runs: two of them give back a list of items (`Output.items`) of their own.
    """

    def chained(*arguments: Any) -> Output:
        edits: list[Edit] = []
        results: list[Result] = []
        items: Sequence[Item | Mapping[str, Any]] | None = None
        for process in processes:
            output = process(*arguments) or Output()
            edits += output.edits
            results += output.results
            if output.items is not None:
                if items is not None:
                    raise SpliceError("two functions of a chain give back items of their own", hint="run them apart")
                items = output.items
        return Output(edits, results, items)

    return chained


def respond(
    process: Process | Configured,
    data: bytes,
    *,
    config: type[Any] | None = None,
    function_config: Mapping[str, Any] | None = None,
    env: Mapping[str, str] | None = None,
    needle: str = "",
    report_to: str = "",
) -> Response:
    """What a function answers to an input, without touching standard input, output or the exit status.

    Args:
        process: as for `run`, and so are config, env, needle and report_to.
        data: a ResourceList.
        function_config: the functionConfig, in place of the list's own.
    """
    try:
        resources = ResourceList.parse(data, needle=needle)
    except ReportedError as err:
        return Response(b"", f"{Result.from_error(err)}\n", MISUSED)
    except Exception as err:  # noqa: BLE001 an orchestrator needs the exit status, whatever happened
        return Response(b"", _traceback(err, report_to), BUG)
    if function_config is not None:
        resources.function_config = dict(function_config)
    answer = answer_list(process, resources, data, config=config, report_to=report_to)
    by_kustomize = resources.by_kustomize or (env or {}).get("LOG_TO_STDERR", "").lower() in ("1", "t", "true")
    shown_nowhere_else = by_kustomize or answer.text is data
    lines = "".join(f"{result}\n" for result in answer.results) if shown_nowhere_else else ""
    return Response(answer.text, answer.trace + lines, answer.status)


def answer_list(
    process: Process | Configured,
    resources: ResourceList,
    data: bytes,
    *,
    config: type[Any] | None = None,
    report_to: str = "",
) -> Answer:
    """What a function makes of a list that was read from *data*."""
    try:
        output = _called(process, resources, config)
        given = resources.items if output.items is None and resources.is_rearranged else output.items
        resources.keep_borrowed(given)
        results = sort_results([*resources.results.added, *output.results, *resources.edit_results])
        if given is None and results and "items" not in resources.layout.parts:
            given = ()  # kyaml takes a ResourceList without items for a resource
        text = resources.render(output.edits, results, items=given)
        status = FAILED if failed([*resources.results, *results]) else DONE
        return Answer(text, results, status, items=given)
    except ReportedError as err:
        errors = err.errors if isinstance(err, UsageErrors) else (err,)
        results = sort_results([*resources.results.added, *map(Result.from_error, errors)])
        status, trace = MISUSED if isinstance(err, UsageError) else FAILED, ""
    except Exception as err:  # noqa: BLE001 a bug must not cost the list
        results = [Result(f"internal error: {type(err).__name__}: {err}; this is a bug of the function")]
        status, trace = BUG, _traceback(err, report_to)
    return Answer(_unchanged(resources, data, results), results, status, trace)


def _called(process: Process | Configured, resources: ResourceList, config: type[Any] | None) -> Output:
    arguments: tuple[Any, ...] = ()
    if config is not None:
        from krm_functions.typed_config import read_config

        arguments = (read_config(config, resources.function_config),)
    output: object = process(resources, *arguments)
    if output is None or isinstance(output, Output):
        return output or Output()
    raise TypeError(f"the function returned {type(output).__name__}, expected None or an Output")


def _unchanged(resources: ResourceList, data: bytes, results: list[Result]) -> bytes:
    """The input with results and no edits; the bare input where its own ``results`` make even that impossible."""
    resources.discard_edits()
    try:
        return resources.render((), results)
    except ReportedError as err:
        if (result := Result.from_error(err)) not in results:
            results.append(result)
        return data


def _traceback(err: Exception, report_to: str) -> str:
    import traceback

    at = f" at {report_to}" if report_to else ""
    lines = "".join(f"{log_line(line)}\n" for line in "".join(traceback.format_exception(err)).splitlines())
    return f"{lines}This is a bug of the function, not of your configuration. Please report the lines above{at}.\n"
