"""Change sets: the changes that go into one commit, and the branch for it.

Flux makes one commit of everything. ``--per image``, ``policy``, ``group`` or ``release`` makes one of each; with a
template for the branch, each also goes to a branch of its own, to be reviewed and merged by itself. The policies of a
release are always in one: in two, one of them could be merged without the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from imagesetter.errors import TemplateError
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.commit_message.data import TemplateData
from imagesetter.flux.commit_message.render import render_message
from imagesetter.flux.latest_ref import LatestRef
from imagesetter.flux.markers import PolicyName
from imagesetter.flux.releases import releases_of
from imagesetter.git.automation import labels_of
from imagesetter.update.plan import Change

Per = Literal["all", "group", "policy", "image", "release"]
GROUP_LABEL = "imagesetter.dev/group"

_ODD = re.compile(r"[^A-Za-z0-9._/+=-]+")


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """The policies whose changes go into one commit; ``key`` is the image, policy, group or release that they share."""

    key: str
    policies: frozenset[PolicyName]


def change_sets(changes: Iterable[Change], per: Per, catalog: Catalog) -> list[ChangeSet]:
    """The changes by what they share, sorted.

    A group is the policy's label ``imagesetter.dev/group``; a policy without one is a group of its own, and so is one
    without a release.

    Raises:
        ReportedError: a release is not valid.
    """
    changes = list(changes)
    releases = releases_of(catalog, [change.field.marker.policy for change in changes]) if per != "all" else []
    release_of = {name: str(release.name) for release in releases for name in release.policies}
    policies: dict[tuple[str, bool], set[PolicyName]] = {}
    for change in changes:
        name = change.field.marker.policy
        key = release_of.get(name) or _key(name, change.ref, per, catalog)
        policies.setdefault((key, name in release_of), set()).add(name)
    return [ChangeSet(key[0], frozenset(policies[key])) for key in sorted(policies)]


def _key(name: PolicyName, ref: LatestRef, per: Per, catalog: Catalog) -> str:
    match per:
        case "image":
            return ref.name
        case "policy" | "release":
            return str(name)
        case "group":
            groups = (labels_of(found).get(GROUP_LABEL) for found in catalog.named("ImagePolicy", name))
            return next(filter(None, groups), str(name))
        case "all":
            return ""


def check_branches(names: Iterable[str]) -> None:
    """Check that git can have all these branches at once, before the first is pushed.

    Raises:
        TemplateError: one is a folder of another, as ``images`` is of ``images/web``.
    """
    known = set(names)
    for name in sorted(known):
        parts = name.split("/")
        for count in range(1, len(parts)):
            if (folder := "/".join(parts[:count])) in known:
                raise TemplateError(
                    f"the branches {folder} and {name} cannot exist beside each other",
                    where="--branch",
                    hint="change the template so that no name is the beginning of another, for example with a suffix",
                )


def check_taken(name: str, taken: Mapping[str, str]) -> None:
    """Refuse a branch that another automation of this run has made: each would undo the other's.

    Raises:
        TemplateError: it has.
    """
    if name in taken:
        raise TemplateError(
            f"the branch {name} is already the one of {taken[name]} in this run",
            where="--branch",
            hint="name a value that differs, such as one of spec.git.commit.messageTemplateValues: "
            "'{{ .Values.cluster }}/{{ .Values.set }}'",
        )


def branch_name(template: str, key: str, data: TemplateData) -> str:
    """The branch of a change set.

    The template is Go's, with the data of the commit message and, among ``.Values``, ``set`` (the image, policy or
    group, with ``-`` for ``/``) and ``tag`` (the new tags, joined by ``-``). Characters that a branch cannot have
    become ``-``.

    Raises:
        TemplateError: it does not parse or run, or gives no name.
    """
    tags = dict.fromkeys(record.ref.tag for record in data.records)
    # Git cannot have a branch images/web beside a branch images/web/debug.
    values = {"set": key.replace("/", "-"), "tag": "-".join(tags), **(data.values or {})}
    try:
        text = render_message(template, TemplateData(data.namespace, data.name, data.records, values))
    except TemplateError as error:
        error.where = ":".join(filter(None, ("--branch", error.where)))
        raise
    if "<no value>" in text:  # what Go's templates print for a value that there is not
        hint = "there are .Values.set, .Values.tag, and the values of messageTemplateValues"
        raise TemplateError(f"{template!r} names a value that there is not", where="--branch", hint=hint)
    parts = [_ODD.sub("-", part).strip("-.") for part in text.strip().split("/")]
    name = re.sub(r"\.{2,}", ".", "/".join(part.removesuffix(".lock") for part in parts if part))
    if not name:
        hint = "write a template such as 'images/{{ .Values.set }}'"
        raise TemplateError(f"{template!r} does not give a branch name", where="--branch", hint=hint)
    return name
