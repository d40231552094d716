"""``imagesetter doctor``: versions, tools, settings, and the credentials and proxy of each registry. Never a secret."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Collection, Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path

import click

from imagesetter import __version__
from imagesetter.cli.completion import paths_argument
from imagesetter.cli.exit_status import FAILED, OK
from imagesetter.cli.function import ENVIRONMENT
from imagesetter.cli.help_page import GroupedCommand
from imagesetter.cli.network_options import NetworkOptions
from imagesetter.cli.options import network_options, read_stdin, reading_options
from imagesetter.cli.project import project_of
from imagesetter.cli.registry_client import home_folder, open_client, settings_for
from imagesetter.cli.reports.table import aligned
from imagesetter.cli.terminal import echo
from imagesetter.cli.versions import has_re2
from imagesetter.flux.catalog import Catalog
from imagesetter.registry.auth.cloud.identity import GENERIC, check_provider
from imagesetter.registry.auth.docker_config import credential_files
from imagesetter.registry.client import ClientSettings
from imagesetter.registry.http.hosts import HUB_API, parse_host
from imagesetter.registry.reference import DOCKER_HUB, Repository
from imagesetter.registry.scan import ScanOptions
from imagesetter.registry.settings import cache_folder
from imagesetter.selection.registry_source import scan_options
from imagesetter.update.read_tree import read_tree
from imagesetter.update.tree_catalog import catalog_from_tree
from krm_functions.errors import ReportedError
from krm_functions.redaction import without_logins
from krm_functions.suggestions import did_you_mean

LIBRARIES = (
    "PyYAML",
    "ruamel.yaml",
    "pydantic",
    "httpx",
    "httpcore",
    "botocore",
    "azure-identity",
    "google-auth",
    "google-re2",
    "semver",
    "pathspec",
    "click",
    "rich",
)
TOOLS: Mapping[str, tuple[str, ...]] = {
    "git": ("--version",),
    "kpt": ("version",),
    "kustomize": ("version",),
    "kubectl": ("version", "--client"),
    "pre-commit": ("--version",),
}
# The values of these and of imagesetter's own variables are shown; for all other variables, only that they are set.
_HARMLESS = ("DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_", "SSL_CERT_", "NO_PROXY", "no_proxy")
_PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
_OURS = "IMAGESETTER_"

Row = tuple[str, str]


@click.command("doctor", cls=GroupedCommand)
@paths_argument
@click.option("--offline", is_flag=True, help="Do not contact the registries of the policies.")
@reading_options
@network_options
def command(
    paths: tuple[str, ...],
    offline: bool,
    policies: tuple[str, ...],
    namespace: str,
    exclude: tuple[str, ...],
    values: Mapping[str, str] | None,
    network: NetworkOptions,
) -> int:
    """Show versions, tools, settings and registries, ready to paste into a bug report.

    For each registry of a policy under PATH, it shows where the credentials come from, which proxy is used, and whether
    the registry responds. It never prints a secret.

    \b
    Examples:
      imagesetter doctor
      imagesetter doctor --offline clusters/prod
    """
    _print("Versions", _versions())
    _print("Tools on PATH", _tools())
    _print("Environment", _environment(os.environ, _variables(click.get_current_context().find_root())))
    settings: ClientSettings | None = None
    try:
        settings = settings_for(network, None)
        rows = list(_operator(settings, network))
    except ReportedError as error:
        rows = [("not available", _message(error))]
    _print("Registries", rows)
    project = project_of(click.get_current_context())
    _print("Project", [("file", project.path if project else "none")])
    tree = read_tree(paths or (".",), exclude=exclude)
    catalog = catalog_from_tree(
        tree,
        paths=paths,
        policies=policies,
        namespace=namespace,
        stdin=read_stdin,
        values=values,
    )
    repositories, problems = _repositories(catalog)
    problems += [(str(result.file.path if result.file else ""), result.message) for result in tree.invalid]
    _print("Policies", [(f"{len(catalog.policy_names)} found", f"{tree.files} files read"), *problems])
    if settings is None:
        return FAILED
    failed = bool(problems)
    with open_client(network) as client:
        for repository, options in repositories.items():
            rows = list(_access_to(repository, settings, options))
            if not offline:
                try:
                    scan = client.scan(repository, options=options)
                    rows.append(("responds", f"{len(scan.tags)} tags{' (from the cache)' if scan.from_cache else ''}"))
                except ReportedError as error:
                    failed = True
                    rows.append(("no response", _message(error)))
            _print(f"Repository {repository}", rows)
    return FAILED if failed else OK


def _message(error: ReportedError) -> str:
    return f"{error}; {error.hint}" if error.hint else str(error)


def _print(title: str, rows: Iterable[Row]) -> None:
    echo(title)
    for line in aligned(rows):
        echo(f"  {line}")
    echo()


def _versions() -> Iterator[Row]:
    yield "imagesetter", f"{__version__} in {Path(__file__).resolve().parents[2]}"
    python = f"{platform.python_version()} {platform.python_implementation()}"
    yield "Python", f"{python} on {platform.platform()}"
    for name in LIBRARIES:
        if name == "google-re2" and not has_re2():
            yield name, "not installed: only plain patterns work (pip install 'imagesetter[re2]')"
            continue
        try:
            yield name, metadata.version(name)
        except metadata.PackageNotFoundError:
            yield name, "not installed"


def _tools() -> Iterator[Row]:
    for name, arguments in TOOLS.items():
        path = shutil.which(name)
        yield name, f"{_first_line(path, arguments)} ({path})" if path else "not found"


def _first_line(path: str, arguments: tuple[str, ...]) -> str:
    try:
        done = subprocess.run((path, *arguments), capture_output=True, text=True, timeout=10, check=False)
    except subprocess.TimeoutExpired as error:
        return f"does not run: no answer within {error.timeout:.0f} s"
    except OSError as error:
        return f"does not run: {error.strerror or error}"
    return next(iter((done.stdout or done.stderr).strip().splitlines()), "prints nothing")


def _environment(environment: Mapping[str, str], ours: Collection[str]) -> Iterator[Row]:
    found = sorted(name for name in environment if name.startswith((_OURS, *_HARMLESS, *_PROXIES)))
    for name in found:
        if name in ours or name.startswith(_HARMLESS):
            yield name, without_logins(environment[name], is_host=True)
        elif name.startswith(_OURS):
            yield name, f"is not read by imagesetter{did_you_mean(name, sorted(ours))} (not shown)"
        else:
            yield name, "is set (not shown: it may contain a password)"
    if not found:
        yield "no relevant variables", ""


def _variables(root: click.Context) -> set[str]:
    """The environment variables that a command or the function reads."""
    assert isinstance(root.command, click.Group)
    found = {*ENVIRONMENT, *(str(each.envvar) for each in root.command.params if each.envvar)}
    for name in root.command.list_commands(root):
        command = root.command.get_command(root, name)
        for parameter in command.params if command else ():
            own = f"{_OURS}{name}_{parameter.name}".upper()
            found.add(parameter.envvar if isinstance(parameter.envvar, str) else own)
    return found


def _operator(settings: ClientSettings, network: NetworkOptions) -> Iterator[Row]:
    home = home_folder()
    for file in credential_files(os.environ, home):
        yield "credentials", f"{file}{'' if file.exists() else ' (does not exist)'}"
    yield "certs.d", ", ".join(str(folder) for folder in settings.network.folders if folder.is_dir()) or "none"
    yield "cache", "off" if network.no_cache else str(network.cache_dir or cache_folder(os.environ, home))
    yield (
        "allowed",
        ", ".join(network.allow_registry)
        or f"every public registry{', and loopback' if network.allow_loopback else ''}",
    )


def _repositories(catalog: Catalog) -> tuple[dict[Repository, ScanOptions], list[Row]]:
    """The repositories of the policies, each once, and the problems of the policies."""
    found: dict[Repository, ScanOptions] = {}
    problems: list[Row] = []
    for name in catalog.policy_names:
        try:
            policy = catalog.policy(name)
            found.setdefault(policy.image, scan_options(policy))
            problems += [(str(name), f"{missing} is not in the files") for missing in policy.missing]
        except ReportedError as error:
            problems.append((str(name), f"{error}{f' ({error.where})' if error.where else ''}"))
    return found, problems


def _access_to(repository: Repository, settings: ClientSettings, options: ScanOptions) -> Iterator[Row]:
    host = HUB_API if repository.registry == DOCKER_HUB else repository.registry
    if options.provider != GENERIC:
        yield "identity", f"{options.provider}: {settings.cloud.describe(options.provider)}"
    try:
        lookups = [
            keychain.find(repository.registry, repository.path)
            for keychain in (options.keychain, settings.keychain)
            if keychain is not None
        ]
        credential = next((lookup.credential for lookup in lookups if lookup.credential), None)
        nothing = "none: anonymous" if options.provider == GENERIC else "none besides that identity"
        yield "credentials", f"from {credential.source}" if credential else nothing
    except ReportedError as error:
        yield "credentials", str(error)
    proxy = options.proxy or settings.network.proxies.find(f"https://{host}")
    yield "proxy", proxy.url if proxy else "none"
    try:
        settings.address_rules.check_repository(repository.registry, repository.path)
        check_provider(options.provider, parse_host(repository.registry))
    except ReportedError as error:
        yield "refused", str(error)
