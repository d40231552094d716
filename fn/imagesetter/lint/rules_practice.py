"""Rules about policies and automations that work, but not as anybody means it, or with too few safeguards."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePath

from imagesetter.errors import PolicyError
from imagesetter.flux.annotations import VERIFY, annotation
from imagesetter.flux.markers import PolicyName
from imagesetter.flux.resources import FLUX_KINDS, GROUP, is_complete
from imagesetter.flux.variables import unresolved
from imagesetter.golang.duration import parse_duration
from imagesetter.lint.finding import Fix, Problem
from imagesetter.lint.lenient_policies import Definition, definitions
from imagesetter.lint.linted_tree import LintedTree
from imagesetter.policy.select import ranking
from imagesetter.policy.semver import SemverRule
from imagesetter.registry.reference import parse_reference
from krm_functions.errors import ReportedError

REMOVED = {"v1beta1": "Flux 2.7", "v1beta2": "Flux 2.9", "v1alpha1": "Flux 2.0", "v1alpha2": "Flux 2.0"}
"""The release that no longer serves a version of the image API."""
_OLD_TEMPLATE = re.compile(r"\.(?:Updated|Changed\.ImageResult)\b|\bimageResult", re.IGNORECASE)
SHORTEST = 30.0
_PRODUCTION = re.compile(r"(?:.*[-_.])?(?:prod|prd|production|live)(?:[-_.].*)?", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]{1,9}")


def removed_version(tree: LintedTree) -> Iterator[Problem]:
    """An API version of the image kinds that current releases of Flux do not serve."""
    for kind in FLUX_KINDS:
        for _, located in tree.located(kind):
            version = located.resource.api_version.partition("/")[2]
            if version in REMOVED:
                message = f"{GROUP}/{version} was removed in {REMOVED[version]}, so a cluster refuses this {kind}"
                hint = f"write {GROUP}/v1 (`flux migrate` does it)"
                # v1 has the fields of v1beta2, but for data that templates of commit messages may use.
                fixed = version == "v1beta2" and not _OLD_TEMPLATE.search(str(located.resource.spec))
                fix = Fix(f"{GROUP}/{version}", f"{GROUP}/v1") if fixed else None
                yield Problem(located.position("apiVersion"), message, hint, fix)


def short_interval(tree: LintedTree) -> Iterator[Problem]:
    """A repository that is scanned, or a digest that is asked for, more often than every 30 seconds."""
    for kind in ("ImageRepository", "ImagePolicy"):
        for _, located in tree.located(kind):
            interval = located.resource.spec.get("interval")
            try:
                seconds = parse_duration(interval) if isinstance(interval, str) else SHORTEST
            except ValueError:
                continue  # incomplete-policy says so
            if seconds < SHORTEST:
                message = f"a scan every {interval} uses up the limits that registries have for requests"
                yield Problem(located.position("spec", "interval"), message, "write 1m or more; 5m is usual")


def push_without_review(tree: LintedTree) -> Iterator[Problem]:
    """An automation that pushes to the branch that it checks out: nobody sees a change before it is live."""
    for _, located in tree.located("ImageUpdateAutomation"):
        for name, form in tree.forms(located):
            git = _mapping(form.spec.get("git"))
            push = _mapping(git.get("push"))
            checkout = _mapping(_mapping(git.get("checkout")).get("ref")).get("branch") or _branch(
                tree, name, form.spec
            )
            branch = push.get("branch")
            if any(unresolved(form.data)) or not git or push.get("refspec") or (branch and branch != checkout):
                continue
            message = f"the automation pushes to the branch that it checks out{f', {checkout}' if checkout else ''}"
            hint = "set spec.git.push.branch to another branch, and merge it by pull request, if somebody shall look"
            yield Problem(located.position("spec", "git", *(("push", "branch") if branch else ())), message, hint)


def _branch(tree: LintedTree, name: PolicyName, spec: object) -> str:
    source = _mapping(_mapping(spec).get("sourceRef"))
    try:
        found = tree.catalog.find(
            "GitRepository", str(source.get("namespace") or name.namespace), str(source.get("name", "")), name.folder
        )
    except ReportedError:
        return ""
    return str(_mapping(_mapping(found.spec if found else None).get("ref")).get("branch") or "")


def unverified_policy(tree: LintedTree) -> Iterator[Problem]:
    """A policy that asks for no signature, in a tree in which others do: their check can be passed by."""
    found = [
        (name, located, bool(annotation(form, VERIFY)))
        for _, located in tree.located("ImagePolicy")
        for name, form in tree.forms(located)
        if is_complete(form)
    ]
    other = next((name.plain for name, _, verifies in found if verifies), None)
    for name, located, verifies in found if other else ():
        if not verifies:
            message = f"ImagePolicy {name.plain} accepts images that nobody signed, and {other} does not"
            yield Problem(located.position("metadata", "name"), message, f"add the annotation {VERIFY}")


def open_range_in_production(tree: LintedTree) -> Iterator[Problem]:
    """A range that admits prereleases or every major version, in a folder called production."""
    for policy in definitions(tree):
        folders = PurePath(policy.located.file).parts[:-1]
        stage = next((each for each in folders if _PRODUCTION.fullmatch(each)), "")
        if not stage or not isinstance(policy.tags.rule, SemverRule):
            continue
        found = [what for what, tags in _risky(policy.tags.rule.value).items() if _admitted(policy, tags)]
        if found:
            text = policy.tags.rule.value
            message = f"ImagePolicy {policy.name} is in {stage}, and its range {text!r} admits {' and '.join(found)}"
            hint = "narrow it, such as 1.x or >=1.2.0 <2.0.0"
            yield Problem(policy.located.position("spec", "policy", "semver", "range"), message, hint)


def _risky(text: str) -> dict[str, list[str]]:
    """Versions that a production should not get unasked, by what they are."""
    numbers = sorted({0, 1, *(int(each) for each in _NUMBER.findall(text))})[:12]
    bases = [f"{major}.{minor}.{patch}" for major in numbers for minor in numbers for patch in (0, 1, 99)][:600]
    return {
        "prereleases": [f"{base}-{pre}" for base in bases for pre in ("rc.1", "zzz")],
        "every major version": ["99999.0.0"],
    }


def _admitted(policy: Definition, tags: Iterable[str]) -> bool:
    """Whether a policy could select one of some tags, as they are or with a v."""
    try:
        return bool(ranking(policy.tags, [each for tag in tags for each in (tag, f"v{tag}")]))
    except PolicyError:
        return False


def untagged_image(tree: LintedTree) -> Iterator[Problem]:
    """A container's image without a tag, or with the tag latest, that follows no policy."""
    renamed = tree.kustomized_images
    for file in tree.files:
        for position, image in file.images:
            try:
                reference = parse_reference(image)
            except ReportedError:
                continue
            name = image.partition("@")[0].removesuffix(":latest")
            if reference.digest or reference.identifier != "latest" or name in renamed:
                continue
            what = "has the tag latest" if image.endswith(":latest") else "has no tag"
            message = f"the image {image} {what}, so what runs changes without a commit"
            yield Problem(position, message, "write a tag, or mark the field with a policy")


def _mapping(data: object) -> dict[str, object]:
    return data if isinstance(data, dict) else {}
