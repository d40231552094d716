"""Links for a change: the source of an image, and the comparison of its old and new revision.

Read from the labels ``org.opencontainers.image.source`` and ``.revision`` (OCI image-spec, annotations.md). Labels are
untrusted text, and people click on the links, so only plain HTTPS URLs and plain revisions are used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from imagesetter.cli.reports.update import Links, Move, move_of
from imagesetter.flux.image_policy import ImagePolicy
from imagesetter.flux.markers import PolicyName
from imagesetter.registry.client import Client
from imagesetter.registry.manifests import Image
from imagesetter.registry.reference import Repository, is_tag
from imagesetter.registry.scan import ScanOptions
from imagesetter.selection.registry_source import scan_options
from imagesetter.update.plan import Change
from krm_functions.errors import ReportedError

SOURCE = "org.opencontainers.image.source"
REVISION = "org.opencontainers.image.revision"

_ADDRESS = re.compile(r"https://([a-z0-9-]+(?:\.[a-z0-9-]+)+(?::[0-9]{1,5})?)((?:/[\w.~+-]+)+)/?", re.ASCII | re.I)
_REVISION = re.compile(r"[0-9a-f]{7,64}|[\w][\w.+-]{0,127}", re.ASCII)
_COMMIT = {"gitlab": "/-/commit/", "bitbucket": "/commits/"}
_COMPARE = {"gitlab": "/-/compare/{old}...{new}", "bitbucket": "/branches/compare/{new}%0D{old}"}
# Hosts with a known URL of the comparison; for other hosts, the host name tells which software runs there.
_KINDS = ("github", "gitlab", "bitbucket", "codeberg", "gitea", "forgejo")


def find_links(
    client: Client, policy_of: Callable[[PolicyName], ImagePolicy], changes: Iterable[Change]
) -> tuple[dict[Move, Links], list[str]]:
    """Read the labels of the old and the new images of changes.

    Args:
        client: any registry client.
        question: returns the policy of a name.
        changes: the changes of one update.

    Returns:
        the links, and a sentence for each image whose labels could not be read, which is not an error of the update.
    """
    moves = list(dict.fromkeys(map(move_of, changes)))
    wanted: dict[tuple[PolicyName, str], tuple[Repository, str, ScanOptions]] = {}
    notes: list[str] = []
    for policy, *tags in moves:
        try:
            found = policy_of(policy)
            options = scan_options(found)
        except ReportedError as error:
            notes.append(f"{policy}: no links: {error}")
            continue
        for tag in tags:
            if is_tag(tag):
                wanted[policy, tag] = (found.image, tag, options)
    images: dict[tuple[PolicyName, str], Image] = {}
    for key, image in zip(wanted, client.inspect_all(list(wanted.values())), strict=True):
        if isinstance(image, ReportedError):
            notes.append(f"{key[0]}: no links for {key[1]}: {image}")
        else:
            images[key] = image
    return {
        (policy, old, new): links_between(_labels(images.get((policy, old))), _labels(images.get((policy, new))))
        for policy, old, new in moves
    }, notes


def _labels(image: Image | None) -> Mapping[str, str]:
    return image.labels if image else {}


def links_between(old: Mapping[str, str], new: Mapping[str, str]) -> Links:
    """The links that the labels of the old and the new image give."""
    source = _address(new.get(SOURCE, ""))
    if not source:
        return Links()
    kind = next((kind for kind in _KINDS if kind in source.split("/")[2].lower()), "")
    after, before = _revision(new), _revision(old)
    commit = f"{source}{_COMMIT.get(kind, '/commit/')}{after}" if kind and after else ""
    compare = ""
    if kind and after and before and after != before and _address(old.get(SOURCE, "")) == source:
        compare = source + _COMPARE.get(kind, "/compare/{old}...{new}").format(old=before, new=after)
    return Links(source, after, commit, compare)


def _address(text: str) -> str:
    """The URL in a label without ``.git``; empty if it is not a safe link."""
    match = _ADDRESS.fullmatch(text.strip())
    if match is None or any(set(part) == {"."} for part in match[2].split("/") if part):
        return ""
    return f"https://{match[1].lower()}{match[2].removesuffix('.git')}"


def _revision(labels: Mapping[str, str]) -> str:
    text = labels.get(REVISION, "").strip()
    return text if _REVISION.fullmatch(text) and ".." not in text else ""
