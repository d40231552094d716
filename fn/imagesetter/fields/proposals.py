"""Policies for the images of a tree that have none, from the tags that they have now, and the file that holds them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from imagesetter.config.options import API_VERSION, KIND
from imagesetter.fields.images import ImageUse
from imagesetter.flux.markers import PolicyName
from imagesetter.flux.resources import DEFAULT_NAMESPACE, GROUP
from imagesetter.policy.propose import NoProposal, Proposal, propose
from imagesetter.policy.tag_policy import TagPolicy
from imagesetter.registry.reference import Repository
from krm_functions.errors import InputError
from krm_functions.messages import shown
from krm_functions.yaml.load import load_all

FILE_NAME = "image-policies.yaml"
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9._/:-]*[A-Za-z0-9]|[0-9]+(?:\.[0-9]+)*\.x")
_NOT_IN_NAMES = re.compile(r"[^a-z0-9-]+")
_LONGEST = 63
INTERVAL = "10m"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What becomes of the images of one repository.

    ``proposal`` is None where there can be none; ``reason`` says why.
    """

    repository: Repository
    uses: tuple[ImageUse, ...]
    proposal: Proposal | None
    reason: str = ""
    name: PolicyName | None = None

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags in use, each once."""
        return tuple(dict.fromkeys(use.tag for use in self.uses))


def suggest(
    uses: Iterable[ImageUse], *, owned: Mapping[str, object], names: Iterable[PolicyName], namespace: str
) -> list[Suggestion]:
    """A suggestion for each repository that no policy selects from, by its name.

    Args:
        uses: the images of the tree.
        owned: the repositories that have a policy, by canonical name.
        names: the policies that there are; no new one gets such a name.
        namespace: of the new policies.
    """
    groups: dict[str, list[ImageUse]] = {}
    for use in uses:
        if use.repository.canonical not in owned and use.marker is None and not use.generated:
            groups.setdefault(use.repository.canonical, []).append(use)
    taken = {name.name for name in names if name.namespace == namespace}
    found: list[Suggestion] = []
    for _, group in sorted(groups.items()):
        written = Counter(use.repository.written for use in group).most_common(1)[0][0]
        repository = next(use.repository for use in group if use.repository.written == written)
        proposal, reason = _for_tags([use.tag for use in group], pinned=any(use.digest for use in group))
        name = None
        if proposal:
            name = PolicyName(namespace, _name(repository, taken))
            taken.add(name.name)
        found.append(Suggestion(repository, tuple(group), proposal, reason, name))
    return found


def _for_tags(tags: Sequence[str], *, pinned: bool) -> tuple[Proposal | None, str]:
    """The proposal that all tags give, or why there is none."""
    different = list(dict.fromkeys(tags))
    proposals = [propose(tag) for tag in different]
    first = proposals[0]
    if len(different) > 1 and any(each != first for each in proposals):
        used = ", ".join(shown(tag) or "no tag" for tag in different[:4])
        more = f" and {len(different) - 4} more" if len(different) > 4 else ""
        return None, f"it is used as {used}{more}, and one policy would give all of them one tag; write one for each"
    if isinstance(first, NoProposal):
        if pinned and not different[0]:
            return None, "it is pinned by a digest alone; write the tag before the digest"
        return None, first.reason
    return first, ""


def _name(repository: Repository, taken: set[str]) -> str:
    """A name for a repository's policy: its last part, and more of its path where that is taken."""
    parts = [part for part in (_NOT_IN_NAMES.sub("-", part.lower()).strip("-") for part in _path(repository)) if part]
    names = ["-".join(parts[start:])[-_LONGEST:].strip("-") for start in range(len(parts) - 1, -1, -1)]
    numbered = (f"{names[-1]}-{number}" for number in range(2, len(taken) + 3))
    return next(name for name in (*names, *numbered) if name not in taken)


def _path(repository: Repository) -> list[str]:
    return [repository.registry, *repository.path.split("/")]


def rule_words(policy: TagPolicy) -> str:
    """A policy in a few words: ``semver 1.x``."""
    rule = policy.rule
    assert rule is not None
    return f"{rule.kind} {rule.value}{', filtered' if policy.filter_tags else ''}"


def policies_text(suggestions: Sequence[Suggestion], *, before: str, flux: bool, name: str) -> str:
    """The text of the policy file with the proposed policies added.

    Args:
        suggestions: those with a proposal.
        before: its present text, to which the policies are appended; empty for none.
        flux: as Flux's resources; else as inline policies of an ImageSetter.
        name: the file, for errors.

    Raises:
        InputError: the present text would read differently.
    """
    separator = ("" if not before or before.endswith("\n") else "\n") + ("---\n" if before else "")
    added = "---\n".join(_flux(each) for each in suggestions) if flux else _setter(suggestions, bool(before))
    text = f"{before}{separator}{added}"
    documents, after = list(load_all(before, name=name)) if before else [], list(load_all(text, name=name))
    if [data for data, _ in after[: len(documents)]] != [data for data, _ in documents]:
        raise InputError("policies cannot be added to this file", hint="choose another file with --file")
    return text


def _setter(suggestions: Sequence[Suggestion], again: bool) -> str:
    namespace = suggestions[0].name.namespace if suggestions[0].name else DEFAULT_NAMESPACE
    name = f"images-{suggestions[0].name.name}" if again and suggestions[0].name else "images"
    lines = [f"apiVersion: {API_VERSION}", f"kind: {KIND}", "metadata:", f"  name: {name}"]
    if namespace != DEFAULT_NAMESPACE:
        lines.append(f"  namespace: {namespace}")
    lines += ["  annotations:", '    config.kubernetes.io/local-config: "true"', "spec:", "  policies:"]
    for each in suggestions:
        assert each.name and each.proposal
        lines += [f"    - name: {each.name.name}", f"      image: {_scalar(each.repository.written)}"]
        lines += [f"      {line}" for line in _rule(each.proposal.policy)]
        lines += [f"      {line}" for line in _filter(each.proposal.policy)]
    return "\n".join([*lines, ""])


def _flux(suggestion: Suggestion) -> str:
    assert suggestion.name and suggestion.proposal
    name = [f"  name: {suggestion.name.name}", f"  namespace: {suggestion.name.namespace}"]
    policy = suggestion.proposal.policy
    lines = [
        f"apiVersion: {GROUP}/v1",
        "kind: ImageRepository",
        "metadata:",
        *name,
        "spec:",
        f"  image: {_scalar(suggestion.repository.written)}",
        f"  interval: {INTERVAL}",
        "---",
        f"apiVersion: {GROUP}/v1",
        "kind: ImagePolicy",
        "metadata:",
        *name,
        "spec:",
        "  imageRepositoryRef:",
        f"    name: {suggestion.name.name}",
        *(f"  {line}" for line in _filter(policy)),
        "  policy:",
        *(f"    {line}" for line in _rule(policy)),
        "",
    ]
    return "\n".join(lines)


def _rule(policy: TagPolicy) -> Iterator[str]:
    rule = policy.rule
    assert rule is not None
    yield f"{rule.kind}: {{{rule.argument.name}: {_scalar(rule.value)}}}"


def _filter(policy: TagPolicy) -> Iterator[str]:
    if policy.filter_tags:
        yield "filterTags:"
        yield f"  pattern: {_scalar(policy.filter_tags.pattern)}"
        if policy.filter_tags.extract:
            yield f"  extract: {_scalar(policy.filter_tags.extract)}"


def _scalar(text: str) -> str:
    """A text of an image, a range or a pattern as YAML; quoted unless it is a plain word."""
    return text if _PLAIN.fullmatch(text) else "'" + text.replace("'", "''") + "'"


def as_json(suggestion: Suggestion) -> dict[str, Any]:
    """A suggestion as a part of a JSON document."""
    policy = suggestion.proposal.policy if suggestion.proposal else None
    return {
        "image": suggestion.repository.written,
        "tags": list(suggestion.tags),
        "policy": str(suggestion.name) if suggestion.name else None,
        "rule": {"kind": policy.rule.kind, policy.rule.argument.name: policy.rule.value}
        if policy and policy.rule
        else None,
        "filterTags": {"pattern": policy.filter_tags.pattern, "extract": policy.filter_tags.extract}
        if policy and policy.filter_tags
        else None,
        "reason": suggestion.reason or None,
        "fields": [{"file": use.file, "line": use.line, "tag": use.tag} for use in suggestion.uses],
    }
