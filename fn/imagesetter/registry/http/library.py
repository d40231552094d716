"""httpx, imported without its command line: ``from imagesetter.registry.http.library import httpx``.

``import httpx`` imports ``httpx._main`` where click is installed, as it is beside us, and with it click, rich and
pygments: as much processor time as the rest of httpx. None in `sys.modules` makes that one import fail, and httpx
takes such a failure for "click is not installed". Afterwards the entry is removed, so that other code may still import
the command line.

``tests/registry/test_library.py`` tells which release of httpx this no longer works with; then httpx is imported whole.
"""

from __future__ import annotations

import sys

_COMMAND_LINE = "httpx._main"


def _import_without_command_line() -> None:
    if "httpx" in sys.modules or _COMMAND_LINE in sys.modules:
        return
    sys.modules[_COMMAND_LINE] = None  # type: ignore[assignment]
    try:
        import httpx  # noqa: F401
    except ImportError:  # a release that needs the module: the import below takes all of it
        pass
    finally:
        del sys.modules[_COMMAND_LINE]


_import_without_command_line()

import httpx as httpx  # noqa: E402

__all__ = ["httpx"]
