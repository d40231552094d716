"""The options that commands share, each with its environment variable."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from imagesetter.cli.completion import files, policies
from imagesetter.cli.network_options import DEFAULT_DEADLINE, DEFAULT_MAX_TAGS, NetworkOptions, time_limit
from imagesetter.cli.option_names import option_name
from imagesetter.cli.output_options import Format, Outputs, outputs_option, shared_output
from imagesetter.cli.project import note_project, project_of
from imagesetter.cli.value_options import value_options
from imagesetter.flux.markers import PolicyName
from imagesetter.flux.resources import DEFAULT_NAMESPACE
from krm_functions.errors import UsageError

if TYPE_CHECKING:
    from imagesetter.config.options import SourceName

Output = Literal["text", "json"]
OnError = Literal["fail", "keep"] | None
"""What an error does: it stops everything, it is a warning, or (None) it holds up only what it is about."""
DEFAULT_OUTPUTS = Outputs()
_Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
_Command = TypeVar("_Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The shared options of a run, as given on the command line or in the environment."""

    source: SourceName
    policies: tuple[str, ...]
    namespace: str
    only: frozenset[PolicyName]
    exclude: tuple[str, ...]
    on_error: OnError
    output: Output
    quiet: bool
    outputs: Outputs = DEFAULT_OUTPUTS
    """For commands that write several reports; the others use ``output``."""
    values: Mapping[str, str] | None = None
    """The values of variables that are given on the command line."""


def policy_name(text: str, namespace: str, *, where: str = "") -> PolicyName:
    """``NS:NAME``, or ``NAME`` in the default namespace; *where* is the option that has it.

    Raises:
        UsageError: the text has another form.
    """
    parts = text.split(":")
    if len(parts) == 1 and parts[0]:
        return PolicyName(namespace, parts[0])
    if len(parts) == 2 and all(parts):
        return PolicyName(parts[0], parts[1])
    hint = "write NAMESPACE:NAME, or NAME in the default namespace"
    raise UsageError(f"{text!r} is not the name of a policy", where=where, hint=hint)


class SharedOutput(click.Option):
    """``--output`` of a command with one report: from IMAGESETTER_OUTPUT, it uses a format that it can print."""

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        """The format for standard output, if this command has it; formats and files of other commands are ignored."""
        value = super().resolve_envvar_value(ctx)
        return value and shared_output(value, ("text", "json"), where=str(self.envvar))


def together(*options: Callable[[_Command], _Command]) -> Callable[[_Command], _Command]:
    """Several options as one decorator, in the order of the help page."""

    def add(command: _Command) -> _Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


# Options that commands with few options use one by one.
policies_option = click.option(
    "--policies",
    multiple=True,
    metavar="PATH",
    shell_complete=files,
    envvar="IMAGESETTER_POLICIES",
    help="File or directory with ImagePolicies and ImageRepositories, or - for a rendered stream. Repeatable.",
)
namespace_option = click.option(
    "--namespace",
    default=DEFAULT_NAMESPACE,
    show_default=True,
    envvar="IMAGESETTER_NAMESPACE",
    help="Namespace of policies without one.",
)


def _with_project(context: click.Context, _: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """The patterns of the command line; without any, those of the project file; and its paths in any case."""
    project = project_of(context)
    return (*project.scope, *(value or project.exclude)) if project else value


exclude_option = click.option(
    "--exclude",
    multiple=True,
    metavar="GLOB",
    envvar="IMAGESETTER_EXCLUDE",
    callback=_with_project,
    help="Skip files that match a .gitignore pattern, in addition to .krmignore files. Repeatable.",
)
output_option = click.option(
    "--output",
    cls=SharedOutput,
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    envvar="IMAGESETTER_OUTPUT",
    help="Format of the report.",
)
source_option = click.option(
    "--from",
    "source",
    type=click.Choice(["registry", "lock", "status"]),
    default="registry",
    show_default=True,
    envvar="IMAGESETTER_FROM",
    help="Where latest refs come from: the registry, the lock, or the status of exported policies.",
)
quiet_option = click.option(
    "-q", "--quiet", is_flag=True, envvar="IMAGESETTER_QUIET", help="Print only warnings and errors."
)
diff_option = click.option(
    "--diff", is_flag=True, envvar="IMAGESETTER_DIFF", help="Print a unified diff of the changes."
)
allow_downgrade_option = click.option(
    "--allow-downgrade",
    is_flag=True,
    envvar="IMAGESETTER_ALLOW_DOWNGRADE",
    help="Allow a field to change to a tag that its policy ranks lower.",
)
allow_unpin_option = click.option(
    "--allow-unpin",
    is_flag=True,
    envvar="IMAGESETTER_ALLOW_UNPIN",
    help="Allow a pinned field to lose its digest if there is none for its new tag.",
)
nested_option = click.option(
    "--nested",
    is_flag=True,
    envvar="IMAGESETTER_NESTED",
    help="Follow markers inside the text of values, too; Flux does not.",
)
# Options of most commands: where policies are found, and which files are skipped.
reading_options = together(policies_option, namespace_option, exclude_option, value_options)
# Options of a command with one report.
report_options = together(output_option, quiet_option)


def run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the shared options to a command, which gets them as one ``options`` value."""
    return _with_run_options(command, output_options=output_option)


def reporting_run_options(*formats: Format) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The same for a command that writes several reports, in these formats."""
    return functools.partial(_with_run_options, output_options=outputs_option(*formats))


def stream_run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The same for a command that prints no report, but a stream."""
    return _with_run_options(command, output_options=lambda command: command)


def _with_run_options(command: Callable[..., Any], *, output_options: _Decorator) -> Callable[..., Any]:
    @source_option
    @reading_options
    @click.option(
        "--only",
        multiple=True,
        metavar="NS:NAME",
        shell_complete=policies,
        envvar="IMAGESETTER_ONLY",
        help="Update only this policy. Repeatable.",
    )
    @click.option(
        "--on-error",
        type=click.Choice(["fail", "keep"]),
        envvar="IMAGESETTER_ON_ERROR",
        help="If something fails: write nothing at all (fail), or report it as a warning (keep).  [default: leave what "
        "fails as it is, write the rest, exit with 1]",
    )
    @output_options
    @quiet_option
    @functools.wraps(command)
    def wrapper(
        *arguments: Any,
        source: SourceName,
        only: tuple[str, ...],
        on_error: OnError,
        namespace: str,
        output: Output = "text",
        outputs: Outputs = DEFAULT_OUTPUTS,
        **others: Any,
    ) -> Any:
        options = RunOptions(
            source=source,
            namespace=namespace,
            only=frozenset(policy_name(text, namespace, where=option_name("only")) for text in only),
            on_error=on_error,
            output=output,
            outputs=outputs,
            **{name: others.pop(name) for name in ("policies", "exclude", "quiet", "values")},
        )
        return command(*arguments, options=options, **others)

    return wrapper


def with_quiet(network: NetworkOptions, options: RunOptions) -> NetworkOptions:
    """The network options of a user who may not want to see progress."""
    return network._replace(quiet=options.quiet)


def network_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the network options to a command, which gets them as one ``network`` value."""

    @click.option(
        "--allow-registry",
        multiple=True,
        metavar="PATTERN",
        envvar="IMAGESETTER_ALLOW_REGISTRY",
        help="Contact only registries that match HOST, HOST/PATH or *.SUFFIX; also allows private addresses. "
        "Repeatable.",
    )
    @click.option(
        "--allow-auth-host",
        multiple=True,
        metavar="REGISTRY=HOST",
        envvar="IMAGESETTER_ALLOW_AUTH_HOST",
        help="Send a registry's credentials to a token server on another site. Repeatable.",
    )
    @click.option(
        "--allow-http-credentials",
        is_flag=True,
        envvar="IMAGESETTER_ALLOW_HTTP_CREDENTIALS",
        help="Allow credentials over plain HTTP.",
    )
    @click.option(
        "--trust-input",
        is_flag=True,
        envvar="IMAGESETTER_TRUST_INPUT",
        help="Allow a proxy or certificate authority from a Secret to see credentials of this machine.",
    )
    @click.option(
        "--allow-loopback",
        is_flag=True,
        envvar="IMAGESETTER_ALLOW_LOOPBACK",
        help="Allow servers on this machine that the files name, such as a registry on localhost:5000.",
    )
    @click.option(
        "--allow-cloud-metadata",
        is_flag=True,
        envvar="IMAGESETTER_ALLOW_CLOUD_METADATA",
        help="For spec.provider: allow to ask the instance metadata service for this machine's identity.",
    )
    @click.option(
        "--cache-dir",
        type=click.Path(file_okay=False, path_type=Path),
        envvar="IMAGESETTER_CACHE_DIR",
        help="Directory that caches scans for spec.interval.  [default: the user's cache directory]",
    )
    @click.option(
        "--refresh", is_flag=True, envvar="IMAGESETTER_REFRESH", help="Scan again, even if the cached scan is fresh."
    )
    @click.option(
        "--no-cache", is_flag=True, envvar="IMAGESETTER_NO_CACHE", help="Neither read nor write cached scans."
    )
    @click.option(
        "--max-tags",
        type=click.IntRange(1),
        metavar="N",
        default=DEFAULT_MAX_TAGS,
        show_default=True,
        envvar="IMAGESETTER_MAX_TAGS",
        help="Upper limit of the tags of one repository; more are an error.",
    )
    @click.option(
        "--timeout",
        metavar="DURATION",
        envvar="IMAGESETTER_TIMEOUT",
        help="Upper limit of the time for one repository, also of its spec.timeout.  [default: spec.timeout up to 5m, "
        "else 60s]",
    )
    @click.option(
        "--deadline",
        metavar="DURATION",
        envvar="IMAGESETTER_DEADLINE",
        help="Time limit of the whole run.  [default: 10m]",
    )
    @click.option(
        "-v",
        "--verbose",
        is_flag=True,
        envvar="IMAGESETTER_VERBOSE",
        callback=note_project,
        help="Print what is being done.",
    )
    @functools.wraps(command)
    def wrapper(*arguments: Any, timeout: str | None, deadline: str | None, **others: Any) -> Any:
        taken = (
            "allow_registry",
            "allow_auth_host",
            "allow_http_credentials",
            "trust_input",
            "allow_loopback",
            "allow_cloud_metadata",
            "cache_dir",
            "refresh",
            "no_cache",
            "max_tags",
            "verbose",
        )
        network = NetworkOptions(
            timeout=time_limit(timeout, option_name("timeout")) if timeout else None,
            deadline=time_limit(deadline, option_name("deadline")) if deadline else DEFAULT_DEADLINE,
            **{name: others.pop(name) for name in taken},
        )
        return command(*arguments, network=network, **others)

    return wrapper


def ledger_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--ledger`` to a command with network options, which gets it with these."""

    @click.option(
        "--ledger",
        type=click.Path(dir_okay=False, path_type=Path),
        envvar="IMAGESETTER_LEDGER",
        help="File in which several locks share when a tag was first seen; `lock` adds to it.",
    )
    @functools.wraps(command)
    def wrapper(*arguments: Any, network: NetworkOptions, ledger: Path | None, **others: Any) -> Any:
        return command(*arguments, network=network._replace(ledger=ledger), **others)

    return wrapper


def read_stdin() -> bytes:
    """All of standard input, for the path ``-``."""
    return sys.stdin.buffer.read()
