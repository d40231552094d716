"""The answer to a policy, in Flux's own word: the latest ref."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from krm_functions.errors import ResourceError

Part = Literal["", "tag", "name", "digest"]
"""What of a ref a marker asks for; empty for the whole of it."""
PARTS: Final = ("tag", "name", "digest")


class LatestRef(NamedTuple):
    """Name, tag and digest that a policy selects, as in ``ImagePolicy.status.latestRef``.

    ``name`` is the repository's ``spec.image`` verbatim; ``digest`` is empty where the policy reflects none.
    """

    name: str
    tag: str
    digest: str = ""

    def __str__(self) -> str:
        """``name:tag`` and, with a digest, ``name:tag@digest``: what a plain marker writes."""
        return f"{self.name}:{self.tag}@{self.digest}" if self.digest else f"{self.name}:{self.tag}"

    def part(self, part: Part) -> str:
        """The text for a marker's part: the whole ref, ``tag``, ``name`` or ``digest`` (which may be empty)."""
        match part:
            case "tag":
                return self.tag
            case "name":
                return self.name
            case "digest":
                return self.digest
            case _:
                return str(self)


def _text(data: Mapping[object, object], field: str, prefix: str) -> str:
    """A text of a status; empty where there is none."""
    value = data.get(field)
    if value is None or isinstance(value, str):
        return value or ""
    what = f"the number {value}" if isinstance(value, int | float) and not isinstance(value, bool) else repr(value)
    hint = "put it in quotes, as `kubectl get imagepolicies -A -o yaml` prints it"
    raise ResourceError(f"{prefix}{field}: must be a string, not {what}", hint=hint)


def has_ref(status: object) -> bool:
    """Whether a ``status`` holds a latest ref, valid or not."""
    return isinstance(status, Mapping) and bool(status.get("latestRef") or status.get("latestImage"))


def from_status(status: object) -> LatestRef | None:
    """The latest ref that a cluster reported in an ImagePolicy's ``status``, or None.

    ``latestRef`` {name, tag, digest} is read first; ``latestImage`` ("name:tag", v1beta1 and v1beta2 up to 0.34) is
    the fallback. Flux's documentation shows ``image`` for ``name`` in one example; the API has only ``name``.

    Raises:
        ResourceError: one of them is not a string. Of ``tag: 1.10`` without quotes, YAML leaves 1.1.
    """
    if not isinstance(status, Mapping):
        return None
    ref = status.get("latestRef")
    if isinstance(ref, Mapping):
        name, tag, digest = (_text(ref, field, "status.latestRef.") for field in ("name", "tag", "digest"))
        if name and tag:
            return LatestRef(name, tag, digest)
    image = _text(status, "latestImage", "status.")
    image, _, digest = image.partition("@")
    name, colon, tag = image.rpartition(":")
    return LatestRef(name, tag, digest) if colon and "/" not in tag and name and tag else None
