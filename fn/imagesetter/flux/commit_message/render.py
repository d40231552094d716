"""Renders the commit message of an ImageUpdateAutomation.

Go's text/template with the functions that Flux offers, in Flux's dialects (image-automation-controller
internal/source/source.go). Messages and errors are Flux's, word for word, but for these departures:

- ``auto``, the default dialect, lets a template name both ``.Changed`` and ``.Updated``. Flux 1.0 removed ``.Updated``
  and ``.Changed.ImageResult``, which most published templates use; under ``modern`` they are the error that Flux
  reports for them, and under ``legacy`` everything is as it was in Flux 0.41.
- What Flux does in random order is in order: see `flux.template.data` and `gotemplate.functions.dicts`.
- Functions that are random, ask the clock or make secrets are refused: see `gotemplate.catalogue`.
- Templates end in an error that need more than a commit message may: a million steps, 1 MiB of text, templates within
  a hundred templates. Flux has no such limits.
- A message is valid UTF-8: bytes that a function cut apart are U+FFFD. Flux commits them as they are.
"""

from __future__ import annotations

from imagesetter.errors import TemplateError
from imagesetter.flux.commit_message.data import Dialect, TemplateData
from imagesetter.golang.budget import MAX_TEXT, Budget
from imagesetter.golang.errors import LimitReached, PatternNeedsRe2
from imagesetter.golang.strings import length, quote, sanitize
from imagesetter.golang.template.catalogue import FUNCTIONS, REFUSED, library
from imagesetter.golang.template.evaluate import ExecFault
from imagesetter.golang.template.execute import execute
from imagesetter.golang.template.parser import ParseFault, Trees, parse_template
from krm_functions.suggestions import KnownNames

DEFAULT_MESSAGE = "Update from image update automation"
"""The message where the automation has no template."""

_NAME = "commit message"
_PARSING = "unable to create commit message template from spec"
_RUNNING = "failed to run template from spec"
_MANUAL = "https://fluxcd.io/flux/components/image/imageupdateautomations/#message-template"
_REMOVED = {
    "can't evaluate field Updated in type source.TemplateData": (
        "template uses removed '.Updated' field. Please use '.Changed' instead.",
        "write {{ range .Changed.Changes }}{{ .NewValue }}{{ end }}, or use the automation's v1beta2 form",
    ),
    "can't evaluate field ImageResult in type update.Result": (
        "template uses removed '.Changed.ImageResult' field."
        " Please use '.Changed.FileChanges' or '.Changed.Objects' instead.",
        "",
    ),
}
_LONGEST = 4000
_LIMITS = "imagesetter bounds what a template may do; Flux would run it"


def render_message(template: str, data: TemplateData, *, dialect: Dialect = "auto") -> str:
    """The commit message that a template makes of the changes; the default message for an empty template.

    Args:
        template: Go's text/template, as in ``spec.git.commit.messageTemplate``.
        data: the automation and its changes.
        dialect: which Flux the template was written for.

    Raises:
        TemplateError: it does not parse, does not run, needs too much, or a library that is not installed. ``str()`` is
            Flux's message; *where* is ``line:column`` in the template, counted from 1, or the line alone.
    """
    text = sanitize(template) or DEFAULT_MESSAGE
    if length(text) > MAX_TEXT:
        raise TemplateError(f"{_PARSING}: the template is larger than {MAX_TEXT:,} bytes", hint=_LIMITS)
    try:
        trees = _parsed(text)
        return _executed(text, trees, data, dialect)
    except LimitReached as limit:
        raise TemplateError(f"{_RUNNING}: {limit.message}", hint=_LIMITS) from limit
    except PatternNeedsRe2 as missing:
        raise TemplateError(f"{_RUNNING}: {missing}", hint=missing.hint) from missing
    except RecursionError as err:
        raise TemplateError(f"{_RUNNING}: the template or its data is nested too deeply", hint=_LIMITS) from err


def _parsed(text: str) -> Trees:
    try:
        return parse_template(_NAME, text, FUNCTIONS)
    except ParseFault as fault:
        message = f"{_PARSING}: template: {_NAME}:{fault.line}: {_shortened(fault.message)}"
        hint = ""
        if fault.function in REFUSED:
            name = quote(fault.function)
            message = f"{_PARSING}: template: {_NAME}:{fault.line}: function {name} is not offered by imagesetter"
            hint = f"Flux has it, but {REFUSED[fault.function]}"
        elif fault.function:
            hint = _names_like(fault.function)
        raise TemplateError(message, where=str(fault.line), hint=hint) from fault


def _names_like(name: str) -> str:
    """Which functions there are, those with a similar name first."""
    near = KnownNames(FUNCTIONS).close_to(name, most=5)
    there_are = f"there are {', '.join(sorted(FUNCTIONS))}"
    return f"did you mean {' or '.join(near)}? {there_are}" if near else there_are


def _executed(text: str, trees: Trees, data: TemplateData, dialect: Dialect) -> str:
    budget = Budget()
    try:
        return sanitize(execute(trees, _NAME, data.build(dialect), library(budget), budget))
    except ExecFault as fault:
        before = text[: fault.node.position]
        line = before.count("\n") + 1
        column = len(before) - (before.rfind("\n") + 1)
        column_in_bytes = length(before[len(before) - column :])
        message = (
            f"template: {_NAME}:{line}:{column_in_bytes}: executing {quote(fault.template)}"
            f" at <{_shortened(str(fault.node))}>: {_shortened(fault.message)}"
        )
        where = f"{line}:{column + 1}"
        for sign, (removed, hint) in _REMOVED.items():
            if dialect == "modern" and sign in message:
                raise TemplateError(f"{removed} See: {_MANUAL}", where=where, hint=hint) from fault
        raise TemplateError(f"{_RUNNING}: {message}", where=where) from fault


def _shortened(text: str) -> str:
    """A text that fits into a message; templates can make errors of a megabyte."""
    half = _LONGEST // 2
    return text if len(text) <= _LONGEST else f"{text[:half]} … {text[-half:]}"
