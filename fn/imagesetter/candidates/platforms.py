"""Platforms: only tags that have an image for each platform that the policy names.

An index has the platforms of its images and of the indexes in it; those of attestations (``unknown/unknown``) are none.
A single image, and one of an index that does not say its platform, has the one of its config. All of it is read by
digest, so it is requested once, and never again while it is in the cache; and what is wrong with it will not change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from imagesetter.candidates.chain import YES, Candidate, Verdict, no
from imagesetter.candidates.situation import Situation
from imagesetter.errors import ProtocolError
from imagesetter.policy.platform import Platform, normal_platform
from imagesetter.registry.http.redaction import printable
from imagesetter.registry.manifests import Manifest, config_digest, read_config_object, read_index

_MOST_READ = 8
"""How many images and indexes that an index lists without a platform are looked into."""
_SHOWN = 8


class _Broken(Exception):
    """An index that is not valid, though it has the digest that the tag points to."""


@dataclass(frozen=True, slots=True)
class Platforms:
    """Whether a tag has an image for each of the policy's platforms."""

    situation: Situation

    name = "platforms"
    asks_registry = True
    hint = "build images for these platforms, or change the platforms of the policy"

    @property
    def unmet(self) -> str:
        """That no tag has them all."""
        return f"has images for {_listed(self.situation.policy.platforms)}"

    def judge(self, candidate: Candidate) -> Verdict:
        """No for a tag that lacks a platform.

        Raises:
            RegistryError: what the tag points to cannot be read.
        """
        manifest = self.situation.puller.manifest(candidate.digest)
        if manifest is None:
            return no(f"{candidate.tag} points to {candidate.digest}, which is not in the registry")
        try:
            found = tuple(dict.fromkeys(self._platforms(manifest, candidate.tag, [_MOST_READ])))
        except _Broken as error:
            return no(str(error))
        missing = [node for node in self.situation.policy.platforms if not any(each.runs_on(node) for each in found)]
        if not missing:
            return YES
        has = printable(_listed(found[:_SHOWN]), 200) + (" …" if len(found) > _SHOWN else "")
        return no(f"{candidate.tag} has no image for {_listed(missing)} (it has {has or 'none for any platform'})")

    def _platforms(self, manifest: Manifest, tag: str, left: list[int]) -> Iterator[Platform]:
        """The platforms of an image or an index; *left* counts down the requests."""
        if not manifest.is_index:
            yield from self._of_image(manifest)
            return
        try:
            entries = read_index(manifest.document, tag)
        except ProtocolError as error:
            raise _Broken(error.what) from None
        for each in entries:
            if each.platform:
                os, _, rest = each.platform.partition("/")
                yield normal_platform(os, *rest.split("/", 1))
            elif left[0]:
                left[0] -= 1
                inner = self.situation.puller.manifest(each.digest)
                yield from self._platforms(inner, tag, left) if inner else ()

    def _of_image(self, manifest: Manifest) -> Iterator[Platform]:
        digest = config_digest(manifest.document)
        data = self.situation.puller.blob(digest) if digest else None
        config: Mapping[str, object] = read_config_object(data) if data else {}
        os, architecture, variant = (str(config.get(part) or "") for part in ("os", "architecture", "variant"))
        if os and architecture:
            yield normal_platform(os, architecture, variant)


def _listed(platforms: tuple[Platform, ...] | list[Platform]) -> str:
    *others, last = [str(each) for each in platforms] or [""]
    return f"{', '.join(others)} and {last}" if others else last
