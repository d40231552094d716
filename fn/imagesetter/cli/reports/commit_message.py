"""The commit message of an ``update``, from a template in the language of Flux's messageTemplate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from imagesetter.errors import TemplateError
from imagesetter.flux.commit_message.render import render_message
from imagesetter.flux.markers import PolicyName
from imagesetter.git.message_data import template_data
from imagesetter.update.plan import Change
from krm_functions.errors import InputError
from krm_functions.messages import os_error_hint

DEFAULT = """\
Update {{ len .Changed.Changes }} image{{ if ne (len .Changed.Changes) 1 }}s{{ end }}

{{ range .Changed.Changes }}- {{ .OldValue }} → {{ .NewValue }}
{{ end }}"""


def write_message(path: Path, template: str, changes: Sequence[Change]) -> None:
    """Write the commit message of the changes, for ``git commit -F``.

    ``.AutomationObject`` is ``/``, since there is no automation; files are relative to the working directory.

    Raises:
        TemplateError: the template does not parse or run.
        InputError: the file cannot be written.
    """
    try:
        text = render_message(template or DEFAULT, template_data(PolicyName("", ""), changes, Path()))
    except TemplateError as error:
        error.where = ":".join(filter(None, ("--message-template", error.where)))
        raise
    try:
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=str(path), hint=os_error_hint(error)) from error
