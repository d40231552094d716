"""The KRM function as a program: standard input to standard output, without any command-line library.

An orchestrator passes no arguments, so the operator's options come from the environment. They override the
functionConfig, as options of a command line would.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from functools import partial

from imagesetter.cli import clock
from imagesetter.cli.exit_status import TRACKER
from imagesetter.cli.network_options import FALSE, TRUE, from_environment
from imagesetter.cli.source import source_for
from imagesetter.config.function_config import is_flag, parse_function_config, with_options
from imagesetter.config.options import INPUTS_VARIABLE, FunctionOptions
from imagesetter.fields.resource_list import FIELDS_ANNOTATION
from imagesetter.selection.sources import MakeSource
from imagesetter.update.resource_list import (
    ListUpdate,
    lock_among_items,
    require_lock_among_items,
    update_resource_list,
)
from krm_functions.function import Output
from krm_functions.function_config import read_function_config
from krm_functions.main import run
from krm_functions.messages import one_line
from krm_functions.resource_list import ResourceList
from krm_functions.result import Result
from krm_functions.yaml.scan import NEEDLE

# environment variable -> functionConfig option
ENVIRONMENT = {
    "IMAGESETTER_FROM": "from",
    "IMAGESETTER_ON_ERROR": "onError",
    "IMAGESETTER_CHECK": "check",
    "IMAGESETTER_STRICT": "strict",
    "IMAGESETTER_ALLOW_DOWNGRADE": "allowDowngrade",
    "IMAGESETTER_ALLOW_UNPIN": "allowUnpin",
    "IMAGESETTER_BIND_BY_IMAGE": "bindByImage",
    "IMAGESETTER_SOURCE_SCAN": "sourceScan",
    "IMAGESETTER_STRIP_ANNOTATIONS": "stripAnnotations",
    "IMAGESETTER_NESTED": "nested",
    "IMAGESETTER_NAMESPACE": "namespace",
}


_STATIC = ("NotScanned", "OtherValue", "UnusedMarker")
"""What is said about fields that reading the sources alone cannot follow."""


def main(data: bytes | None = None) -> int:
    """Run the function and return the exit status.

    Args:
        data: the ResourceList; None reads standard input.
    """
    stdin = io.BytesIO(data) if data is not None else None
    return run(process, argv=(), stdin=stdin, needle=NEEDLE, report_to=TRACKER)


def process(listing: ResourceList, environment: Mapping[str, str] = os.environ) -> Output:
    """Update one ResourceList; see `imagesetter.update.resource_list.update_resource_list`."""
    config = parse_function_config(read_function_config(listing.function_config))
    for name, option in ENVIRONMENT.items():
        if environment.get(name):
            config = with_options(config, {option: _option_value(environment[name], option)}, where=name)
    if environment.get(INPUTS_VARIABLE) and listing.by_kustomize:
        from imagesetter.kustomize.recording import record

        record(listing.text.encode(), environment[INPUTS_VARIABLE])
        if not (config.targets or config.bind_by_image or FIELDS_ANNOTATION in listing.text):
            return Output()
        config = config._replace(source_scan="off", strict=False)
    lock, present = partial(require_lock_among_items, listing), partial(lock_among_items, listing)
    with source_for(config.source, lock, from_environment(environment), present=present) as source:
        updated = _update(listing, config, source, now=clock.now())
    return Output(edits=updated.edits, results=[_on_one_line(result) for result in updated.results])


def _update(listing: ResourceList, config: FunctionOptions, source: MakeSource, *, now: float) -> ListUpdate:
    """The update of a list; under kustomize by a build of updated sources, where that is possible."""
    reason = ""
    if config.source_scan == "exact" and listing.by_kustomize:
        from imagesetter.kustomize.exact import NotExact, update_exactly

        updated = update_exactly(listing, config, source, now=now)
        if not isinstance(updated, NotExact):
            return updated
        reason = updated.reason
    updated = update_resource_list(listing, config, source, now=now)
    if reason and any(result.tags.get("error") in _STATIC for result in updated.results):
        message = (
            f"the markers were read from the source files, since {reason}; run the function as exec on Linux, or use "
            "imagesetter build, and these fields are right"
        )
        note = Result(message, severity="info", tags={"error": "NotExact"})
        updated = updated._replace(results=(*updated.results, note))
    return updated


def _on_one_line(result: Result) -> Result:
    """The result with a message that an orchestrator can print into a log."""
    message = one_line(result.message)
    return result if message == result.message else result._replace(message=message)


def _option_value(text: str, option: str) -> str:
    """A variable's value as in a functionConfig; a flag may also be ``1`` or ``yes``, as on the command line."""
    if not is_flag(option):
        return text
    return "true" if text.lower() in TRUE else "false" if text.lower() in FALSE else text
