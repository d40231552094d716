"""``imagesetter lsp``: a language server for editors."""

from __future__ import annotations

from pathlib import Path

import click

from imagesetter.cli.exit_status import OK
from imagesetter.cli.network_options import NetworkOptions
from imagesetter.cli.options import namespace_option
from imagesetter.cli.registry_client import settings_for
from imagesetter.registry.client import Client
from krm_functions.errors import UsageError


@click.command("lsp")
@click.option("--stdio", is_flag=True, hidden=True, help="What editors add; standard input and output are used anyway.")
@namespace_option
@click.option(
    "--cache-dir",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="IMAGESETTER_CACHE_DIR",
    help="Directory with the cached scans.  [default: the user's cache directory]",
)
def command(stdio: bool, namespace: str, cache_dir: Path | None) -> int:
    """Serve an editor: hover, completion, the linter and quick fixes, offline.

    Speaks the Language Server Protocol on standard input and output. It needs the extra: pip install
    'imagesetter[lsp]'. It contacts no registry: latest tags are those of the lock, and of scans in the cache. The
    editor's folder is the working directory.

    \b
    Example, for an editor's settings:
      imagesetter lsp
    """
    try:
        from imagesetter.cli.editor.server import serve
    except ImportError as error:
        hint = "pip install 'imagesetter[lsp]'"
        raise UsageError("the language server needs pygls, which is not installed", hint=hint) from error
    # No request is sent, so that scans of registries on this machine may be shown, too.
    with Client(settings_for(NetworkOptions(cache_dir=cache_dir, allow_loopback=True), None)) as client:
        serve(client, namespace)
    return OK
