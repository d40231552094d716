"""The operator's network options, from the command line or from the environment alone.

The function is run without arguments, so every option has an environment variable; this module imports no command-line
library.
"""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from krm_functions.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from imagesetter.registry.http.limits import Deadline
else:
    Deadline = Path = object  # `typing` compiles an annotation in quotes, which takes longer than the class

TRUE = ("1", "true", "yes", "on")
FALSE = ("", "0", "false", "no", "off")
DEFAULT_DEADLINE = 600.0
"""The limit of the time, in seconds, that a run may spend on registries and Git servers in total."""
DEFAULT_MAX_TAGS = 1_000_000
"""The limit of the number of tags of one repository."""
_LONGEST = 86400.0


class NetworkOptions(NamedTuple):
    """Rules, cache and limits of a run's registry client.

    ``ledger`` is a file in which locks share when a tag was first seen. ``timeout`` is the limit for one repository,
    ``deadline`` for the whole run, both in seconds.
    """

    allow_registry: tuple[str, ...] = ()
    allow_auth_host: tuple[str, ...] = ()
    allow_http_credentials: bool = False
    trust_input: bool = False
    allow_loopback: bool = False
    allow_cloud_metadata: bool = False
    cache_dir: Path | None = None
    ledger: Path | None = None
    no_cache: bool = False
    refresh: bool = False
    timeout: float | None = None
    deadline: float = DEFAULT_DEADLINE
    max_tags: int = DEFAULT_MAX_TAGS
    verbose: bool = False
    quiet: bool = False
    ends: Deadline | None = None
    """The run's deadline, if it has started before the first request to a registry."""


def from_environment(environment: Mapping[str, str] = os.environ) -> NetworkOptions:
    """The options of a run without a command line.

    Raises:
        UsageError: a value is not valid; *where* is the variable.
    """
    cache = environment.get("IMAGESETTER_CACHE_DIR", "")
    ledger = environment.get("IMAGESETTER_LEDGER", "")
    timeout = environment.get("IMAGESETTER_TIMEOUT", "")
    deadline = environment.get("IMAGESETTER_DEADLINE", "")
    return NetworkOptions(
        allow_registry=tuple(environment.get("IMAGESETTER_ALLOW_REGISTRY", "").split()),
        allow_auth_host=tuple(environment.get("IMAGESETTER_ALLOW_AUTH_HOST", "").split()),
        allow_http_credentials=_flag(environment, "IMAGESETTER_ALLOW_HTTP_CREDENTIALS"),
        trust_input=_flag(environment, "IMAGESETTER_TRUST_INPUT"),
        allow_loopback=_flag(environment, "IMAGESETTER_ALLOW_LOOPBACK"),
        allow_cloud_metadata=_flag(environment, "IMAGESETTER_ALLOW_CLOUD_METADATA"),
        cache_dir=_path(cache) if cache else None,
        ledger=_path(ledger) if ledger else None,
        no_cache=_flag(environment, "IMAGESETTER_NO_CACHE"),
        refresh=_flag(environment, "IMAGESETTER_REFRESH"),
        timeout=time_limit(timeout, "IMAGESETTER_TIMEOUT") if timeout else None,
        deadline=time_limit(deadline, "IMAGESETTER_DEADLINE") if deadline else DEFAULT_DEADLINE,
        max_tags=_count(environment, "IMAGESETTER_MAX_TAGS", DEFAULT_MAX_TAGS),
        verbose=_flag(environment, "IMAGESETTER_VERBOSE"),
        quiet=_flag(environment, "IMAGESETTER_QUIET"),
    )


def time_limit(text: str, where: str) -> float:
    """A limit such as ``30s`` in seconds.

    Raises:
        UsageError: it is not a duration, or is zero or longer than a day.
    """
    from imagesetter.golang.duration import parse_duration

    try:
        limit = parse_duration(text)
    except ValueError as error:
        raise UsageError(str(error), where=where, hint="write a duration above 0s, up to 24h") from error
    if not 0 < limit <= _LONGEST:
        raise UsageError(f"{text!r} is not a time limit", where=where, hint="write a duration above 0s, up to 24h")
    return limit


def _path(text: str) -> Path:
    from pathlib import Path

    return Path(text)


def _count(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 16 and int(text)):
        raise UsageError(f"{text!r} is not a number of 1 or more", where=name, hint="write a number such as 1000")
    return int(text)


def _flag(environment: Mapping[str, str], name: str) -> bool:
    text = environment.get(name, "").lower()
    if text not in (*TRUE, *FALSE):
        raise UsageError(f"{text!r} is neither true nor false", where=name, hint="write true or false")
    return text in TRUE
