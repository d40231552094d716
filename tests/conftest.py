"""What every test gets: an environment of its own, and a closing word on the tools that were missing."""

from __future__ import annotations

import gc
import importlib
import os
import pkgutil
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tools import CHECKOUT, missing_tool

# Shared machines are slow at random, so no example is timed, nor how long it takes to make; CI repeats the same
# examples, people get new ones.
_UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("people", _UNTIMED)
settings.register_profile("ci", _UNTIMED, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "people")

# As in the command itself: few objects make cycles, and to look for them after every 700 takes a tenth of the time.
gc.set_threshold(100_000)

# A shell that runs a job in the background has it ignore Ctrl-C, and so would all that the tests interrupt.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

_PERSONAL = ("IMAGESETTER_", "GIT_", "DOCKER_", "REGISTRY_", "KPT_", "KUBE", "XDG_")
_PERSONAL_NAMES = (
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("LOG_TO_STDERR", "NO_COLOR", "FORCE_COLOR", "SOURCE_DATE_EPOCH", "PYTHONDONTWRITEBYTECODE"),
)
_KEPT = ("IMAGESETTER_REQUIRE_TOOLS", "IMAGESETTER_UPDATE_GOLDENS", "GIT_SSL_CAINFO")

# Files that mostly wait, for a package index or a build, for minutes. They come first: last, all others would be done.
_FIRST = ("tests/image/test_image.py", "tests/test_installations.py")

_GIT_CONFIG = """\
[user]
\tname = Tester
\temail = tester@example.com
[init]
\tdefaultBranch = main
[maintenance]
\tauto = false
[receive]
\tautogc = false
[core]
\tfsync = none
"""


@pytest.fixture(scope="session", autouse=True)
def _environment_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests neither read a person's credentials, Git settings or proxies nor write to a person's cache."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if (name.startswith(_PERSONAL) or name in _PERSONAL_NAMES) and name not in _KEPT:
                patch.delenv(name)
        patch.setenv("PIP_CACHE_DIR", os.environ.get("PIP_CACHE_DIR") or str(Path.home() / ".cache" / "pip"))
        patch.setenv("HOME", str(home))
        (home / ".gitconfig").write_text(_GIT_CONFIG, encoding="utf-8")
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        # The servers of the tests are on loopback; who tests the rule takes this away.
        patch.setenv("IMAGESETTER_ALLOW_LOOPBACK", "true")
        yield


@pytest.fixture(scope="session", autouse=True)
def _same_examples_in_any_order(_environment_of_its_own: None) -> None:
    """Examples hold constants of the modules imported so far, so which tests ran before would decide what CI tries."""
    if os.environ.get("CI"):
        sys.path.append(str(CHECKOUT))
        for package in ("krm_functions", "imagesetter", "benchmarks", "fuzz"):
            for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
                if not module.name.endswith((".guided", ".launcher")):  # programs that begin where they are imported
                    importlib.import_module(module.name)
        sys.path.remove(str(CHECKOUT))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(_FIRST))


def pytest_collection_finish() -> None:
    gc.freeze()  # what was collected stays until the end, and need not be looked through for garbage again and again


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    missing = Counter(
        tool
        for report in terminalreporter.stats.get("skipped", [])
        if (tool := missing_tool(str(report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr)))
    )
    if missing:
        terminalreporter.section("missing tools", yellow=True)
        for tool, count in sorted(missing.items()):
            terminalreporter.line(f"{tool}: {count} skipped for want of it")
        terminalreporter.line("`make tools` installs what the end-to-end tests need.")
