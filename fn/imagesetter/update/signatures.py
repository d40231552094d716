"""Are the images of a tree signed, as they are in its files or in its lock: what ``imagesetter verify`` checks.

An image that a policy with ``verify`` selects from has to be signed as this policy asks, and by each if there are
several. For all others the operator may say whose signatures are accepted; else they are counted, and not checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from imagesetter.errors import SignatureError
from imagesetter.fields.field import Location
from imagesetter.fields.images import find_images
from imagesetter.fields.report import failure
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.image_policy import ImagePolicy
from imagesetter.flux.markers import PolicyName
from imagesetter.lock.document import Lock
from imagesetter.registry.client import Client
from imagesetter.registry.reference import Repository, parse_flux_image
from imagesetter.registry.scan import ScanOptions
from imagesetter.selection.registry_source import scan_options
from imagesetter.verification.trust import Trust
from imagesetter.verification.verify import verify
from krm_functions.errors import ReportedError
from krm_functions.result import Result


@dataclass(frozen=True, slots=True)
class UsedImage:
    """An image as it is in a file, or in the lock."""

    repository: Repository
    tag: str
    digest: str
    location: Location

    def __str__(self) -> str:
        tag, digest = self.tag and f":{self.tag}", self.digest and f"@{self.digest}"
        return f"{self.repository.written or self.repository.canonical}{tag}{digest}"


@dataclass(frozen=True, slots=True)
class SignatureCheck:
    """What came of the check of one image.

    ``policies`` are those that it was checked for; ``digest`` is what was verified, ``by`` who signed it. ``error``
    says why it is not known to be signed; without it and without ``by`` nobody asks for a signature.
    """

    image: UsedImage
    policies: tuple[PolicyName, ...] = ()
    digest: str = ""
    by: str = ""
    error: ReportedError | None = None


@dataclass(frozen=True, slots=True)
class _Demand:
    """Whose signature an image needs, for one policy or for the operator."""

    trust: Trust
    options: ScanOptions
    policy: PolicyName | None = None


def images_of_tree(paths: Sequence[str | Path], exclude: Iterable[str] = ()) -> tuple[list[UsedImage], list[Result]]:
    """The images in the files under the paths (`imagesetter.fields.images`), and results for files that are not read.

    An entry of kustomize's ``images:`` that changes a name alone does not say which image is used.

    Raises:
        UsageError: a path that does not exist, or a directory without a file.
    """
    found = find_images(paths, exclude=exclude)
    images = [
        UsedImage(use.repository, use.tag or ("" if use.digest else "latest"), use.digest, Location(use.file, use.line))
        for use in found.uses
        if use.tag or use.digest or use.whole
    ]
    return images, [failure(error, severity="warning") for error in found.unread]


def images_of_lock(lock: Lock, catalog: Catalog) -> Iterator[tuple[UsedImage, ImagePolicy]]:
    """The locked images of the policies that ask for signatures.

    Raises:
        ReportedError: a policy cannot be read.
    """
    for name, entry in sorted(lock.entries.items(), key=lambda each: str(each[0])):
        if catalog.has_policy(name):
            policy = catalog.policy(name)
            if policy.verification:
                location = Location(lock.origin.rpartition(":")[0] or lock.origin)
                yield UsedImage(parse_flux_image(entry.image), entry.tag, entry.digest, location), policy


def verifying_policies(
    catalog: Catalog, only: frozenset[PolicyName] = frozenset()
) -> tuple[dict[str, list[ImagePolicy]], list[Result]]:
    """The policies that ask for signatures, by repository, and an error for each policy that cannot be read."""
    found: dict[str, list[ImagePolicy]] = {}
    results: list[Result] = []
    for name in catalog.policy_names:
        if only and name not in only:
            continue
        try:
            policy = catalog.policy(name)
        except ReportedError as error:
            results.append(failure(error, policy=str(name)))
            continue
        if policy.verification:
            found.setdefault(policy.image.canonical, []).append(policy)
    return found, results


class SignatureChecker:
    """Checks images, each digest once for each trust.

    Args:
        client: sends the requests.
        now: the time, in seconds since the epoch.
        trust: whose signatures are accepted for images that no policy says it for; None: they are not checked.
    """

    def __init__(self, client: Client, now: float, trust: Trust | None = None) -> None:
        self._client, self._now, self._trust = client, now, trust

    def check(self, images: Sequence[tuple[UsedImage, Sequence[ImagePolicy]]]) -> list[SignatureCheck]:
        """What came of each image, with the policies that ask for its signature; in the given order."""
        jobs: dict[tuple[str, str, str, tuple[PolicyName, ...]], int] = {}
        todo: list[tuple[Repository, Callable[[], SignatureCheck]]] = []
        numbers: list[int] = []
        for image, policies in images:
            names = tuple(policy.name for policy in policies)
            key = (image.repository.canonical, image.tag, image.digest, names)
            if key not in jobs:
                jobs[key] = len(todo)
                todo.append((image.repository, partial(self._check, image, policies)))
            numbers.append(jobs[key])
        found = self._client.run_all(todo)
        checks = []
        for (image, policies), number in zip(images, numbers, strict=True):
            check = found[number]
            if isinstance(check, ReportedError):
                check = SignatureCheck(image, tuple(policy.name for policy in policies), error=check)
            checks.append(replace(check, image=image))
        return checks

    def _check(self, image: UsedImage, policies: Sequence[ImagePolicy]) -> SignatureCheck:
        demands = list(self._demands(policies))
        names = tuple(demand.policy for demand in demands if demand.policy)
        if not demands:
            return SignatureCheck(image)
        puller = self._client.puller(image.repository, demands[0].options)
        digest = image.digest or puller.digest(image.tag)
        signers: list[str] = []
        for demand in demands:
            try:
                signers.append(verify(puller, image.repository, digest, demand.trust, self._now).by)
            except SignatureError as error:
                whose = f" as {demand.policy} asks" if demand.policy else ""
                refusal = SignatureError(f"{image} is not signed{whose}: {error.what}")
                return SignatureCheck(image, names, digest, error=refusal)
        return SignatureCheck(image, names, digest, " and ".join(dict.fromkeys(signers)))

    def _demands(self, policies: Sequence[ImagePolicy]) -> Iterator[_Demand]:
        for policy in policies:
            if policy.verification:
                yield _Demand(policy.verification.trust(), scan_options(policy), policy.name)
        if not policies and self._trust:
            yield _Demand(self._trust, ScanOptions())


def with_policies(
    images: Iterable[UsedImage], policies: Mapping[str, Sequence[ImagePolicy]]
) -> list[tuple[UsedImage, Sequence[ImagePolicy]]]:
    """Each image with the policies that ask for its signature."""
    return [(image, policies.get(image.repository.canonical, ())) for image in images]
