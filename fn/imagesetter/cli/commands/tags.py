"""``imagesetter tags``: the tags of a repository, and the digest, age and platforms of each."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from imagesetter.cli.exit_status import FAILED, OK
from imagesetter.cli.help_page import GroupedCommand
from imagesetter.cli.network_options import NetworkOptions
from imagesetter.cli.options import (
    Output,
    network_options,
    output_option,
)
from imagesetter.cli.registry_client import image_argument, open_client
from imagesetter.cli.reports.json_text import json_text
from imagesetter.cli.reports.table import aligned
from imagesetter.cli.terminal import echo, print_error, styled, write
from imagesetter.config.options import API_VERSION
from imagesetter.golang.semver.version import Key, parse_tag
from imagesetter.registry.reference import Repository
from imagesetter.registry.scan import Scan, ScanOptions
from krm_functions.errors import InputError, ReportedError
from krm_functions.messages import shown

if TYPE_CHECKING:
    from imagesetter.registry.client import Client


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag and its details; None if a detail was not requested or is not available."""

    name: str
    digest: str | None = None
    created: str | None = None
    platforms: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns are shown beside the tag."""

    digest: bool
    created: bool
    platform: bool

    @property
    def any(self) -> bool:
        """Whether there are any."""
        return self.digest or self.created or self.platform


@click.command("tags", cls=GroupedCommand)
@click.argument("image")
@click.option(
    "--sort",
    type=click.Choice(["bytes", "semver"]),
    default="bytes",
    show_default=True,
    help="Order of the tags; semver lists versions first, the highest at the top.",
)
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Print only the first N tags.")
@click.option("--digest", is_flag=True, help="Print the digest of each tag; one request per tag.")
@click.option(
    "--created", is_flag=True, help="Print the creation time that the image states; up to four requests per tag."
)
@click.option("--platform", is_flag=True, help="Print the platforms of the image; up to four requests per tag.")
@click.option("--insecure", is_flag=True, help="Allow plain HTTP.")
@output_option
@network_options
def command(
    image: str,
    sort: str,
    limit: int | None,
    digest: bool,
    created: bool,
    platform: bool,
    insecure: bool,
    output: Output,
    network: NetworkOptions,
) -> int:
    """List the tags of an image in its registry.

    IMAGE is a repository as in an ImageRepository: registry and path, without scheme or tag. Without columns, prints
    one tag per line and nothing else, ready for a pipe.

    \b
    Examples:
      imagesetter tags ghcr.io/org/app
      imagesetter tags ghcr.io/org/app --sort semver --limit 5 --digest
      imagesetter tags ghcr.io/org/app --output json > tags.json
      imagesetter explain --semver 6.x --tags-file tags.json
    """
    repository = image_argument(image)
    options = ScanOptions(insecure=insecure)
    columns = Columns(digest, created, platform)
    with open_client(network, named=repository.registry) as client:
        scan = client.scan(repository, options=options)
        names = (scan.tags if sort == "bytes" else newest_first(scan.tags))[:limit]
        tags, errors = _looked_up(client, repository, options, names, columns)
    if output == "json":
        write(f"{json_text(_as_json(repository, scan, names, tags if columns.any else None))}\n")
    elif columns.any:
        _print(tags, columns)
    elif names:
        write("\n".join((*names, "")))  # the grammar of tags has nothing that a terminal or a log would obey
    for warning in scan.warnings:
        echo(f"{styled('warning', sys.stderr, fg='yellow', bold=True)}: {warning}", err=True)
    if not scan.tags:
        echo(f"{repository} has no tags", err=True)
    for error in errors:
        print_error(error)
    return FAILED if errors else OK


def newest_first(tags: Iterable[str]) -> list[str]:
    """Tags that Flux reads as versions, the highest first, then the others in byte order."""
    versions: list[tuple[Key, str]] = []
    others: list[str] = []
    for tag in tags:
        try:
            versions.append((parse_tag(tag).key, tag))
        except InputError:
            others.append(tag)
    return [tag for _, tag in sorted(versions, reverse=True)] + sorted(others)


def _looked_up(
    client: Client, repository: Repository, options: ScanOptions, names: Sequence[str], columns: Columns
) -> tuple[list[Tag], list[ReportedError]]:
    """The tags with the requested details, and an error for each detail that is not available."""
    if not columns.any:
        return [], []
    requests = [(repository, name, options) for name in names]
    tags: list[Tag] = []
    errors: list[ReportedError] = []
    if columns.created or columns.platform:
        for name, image in zip(names, client.inspect_all(requests), strict=True):
            if isinstance(image, ReportedError):
                errors.append(image)
                tags.append(Tag(name))
            else:
                platforms = image.platforms or ((image.platform,) if image.platform else ())
                tags.append(Tag(name, image.digest, image.created, platforms))
    elif columns.digest:
        for name, digest in zip(names, client.digest_all(requests), strict=True):
            if isinstance(digest, ReportedError):
                errors.append(digest)
                tags.append(Tag(name))
            else:
                tags.append(Tag(name, digest))
    return tags, errors


def _print(tags: Sequence[Tag], columns: Columns) -> None:
    rows = []
    if tags:
        rows.append(_row("TAG", "CREATED", "DIGEST", "PLATFORMS", columns))
    for tag in tags:
        created, platforms = shown(tag.created or "-"), shown(" ".join(tag.platforms or ("-",)))
        rows.append(_row(tag.name, created, tag.digest or "-", platforms, columns))
    for line in aligned(rows):
        echo(line)


def _row(name: str, created: str, digest: str, platforms: str, columns: Columns) -> list[str]:
    wanted = ((created, columns.created), (digest, columns.digest), (platforms, columns.platform))
    return [name, *(cell for cell, asked in wanted if asked)]


def _as_json(repository: Repository, scan: Scan, names: Sequence[str], tags: Sequence[Tag] | None) -> dict[str, object]:
    """The JSON document: ``tags`` as a registry returns them, for ``--tags-file``; ``images`` has their details."""
    document: dict[str, object] = {
        "apiVersion": API_VERSION,
        "kind": "TagList",
        "image": repository.written,
        "total": len(scan.tags),
        "tags": list(names),
    }
    if tags is not None:
        document["images"] = [_image_as_json(tag) for tag in tags]
    return document


def _image_as_json(tag: Tag) -> dict[str, object]:
    platforms = None if tag.platforms is None else list(tag.platforms)
    return {"tag": tag.name, "digest": tag.digest, "created": tag.created, "platforms": platforms}
