"""The real programs that end-to-end tests drive: found, or missed out loud.

``require_tool("kpt")`` gives the path of the binary. Where there is none, the test is skipped with a reason that names
the tool and ``make tools``, and the run ends with a list of what was missing (``conftest.py``). With
``IMAGESETTER_REQUIRE_TOOLS=1``, as in CI, the same test fails, so that no end-to-end test can quietly stop running.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import NoReturn

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent

_MISSING = "missing tool: "


def find_tool(name: str) -> str | None:
    """The absolute path of the program *name*, or None.

    Searched in this order: ``.tools/bin`` of the checkout, so that the pinned kustomize and registry win over what a
    machine happens to have; the environment that runs the tests; ``PATH``; and the sbin folders, which people's
    ``PATH`` often lacks.
    """
    places = [CHECKOUT / ".tools" / "bin", Path(sys.executable).parent]
    path = os.pathsep.join([*map(str, places), os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
    found = shutil.which(name, path=path)
    return str(Path(found).absolute()) if found else None


def require_tool(name: str) -> str:
    """The absolute path of the program *name*; without it the calling test is skipped, or fails in CI.

    May also be called at the top of a test module or in a fixture.
    """
    return find_tool(name) or cannot_run(f"{_MISSING}{name} (`make tools` installs it)")


def cannot_run(reason: str) -> NoReturn:
    """Skip the calling test, which this machine cannot run, or fail it in CI."""
    if os.environ.get("IMAGESETTER_REQUIRE_TOOLS") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason, allow_module_level=True)


def missing_tool(reason: str) -> str | None:
    """The tool that a skip reason of `require_tool` names; None for any other reason."""
    _, found, rest = reason.partition(_MISSING)
    return rest.split(" ", 1)[0] if found else None
