"""The answer to a policy, in Flux's own word: the latest ref."""

from collections.abc import Iterable, Mapping
from typing import Final, Literal, NamedTuple

from imagesetter.errors import ResolveError
from imagesetter.flux.resources import Resource
from krm_functions.errors import ResourceError

Part = Literal["", "tag", "name", "digest"]
"""What of a ref a marker asks for; empty for the whole of it."""
PARTS: Final = ("tag", "name", "digest")
_LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")
_CHARACTERS: Final = {"name": _LETTERS | set("/:[]%"), "tag": _LETTERS, "digest": _LETTERS | set(":+=")}


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

    def invalid_part(self) -> tuple[str, str] | None:
        """The first part with a character that no registry, tag or digest has, as in a status that was written by hand.

        As lenient as Flux (go-containerregistry's weak validation): a tag may begin with a dot or a dash.
        """
        parts = self._asdict().items()
        return next(((part, text) for part, text in parts if not _CHARACTERS[part].issuperset(text)), None)

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
    what = repr(value).lower() if isinstance(value, bool) else repr(value)
    what = f"the number {value}" if isinstance(value, int | float) and not isinstance(value, bool) else what
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
        ResourceError: one of them is not a string (``tag: 1.10`` without quotes is 1.1 in YAML), or no registry can
            have it.
    """
    if not isinstance(status, Mapping):
        return None
    found = status.get("latestRef")
    if isinstance(found, Mapping):
        ref = LatestRef(*(_text(found, field, "status.latestRef.") for field in ("name", "tag", "digest")))
        if ref.name and ref.tag:
            return _valid(ref, "status.latestRef.")
    image, _, digest = _text(status, "latestImage", "status.").partition("@")
    name, colon, tag = image.rpartition(":")
    if not (colon and name and tag) or "/" in tag:
        return None
    return _valid(LatestRef(name, tag, digest), "status.latestImage: its ")


def _valid(ref: LatestRef, prefix: str) -> LatestRef:
    if invalid := ref.invalid_part():
        part, text = invalid
        hint = "the cluster writes it; export the policy again, or remove its status"
        raise ResourceError(f"{prefix}{part}: {text!r} is not a valid {part}", hint=hint)
    return ref


def reported_ref(what: str, definitions: Iterable[Resource], either: str) -> LatestRef | None:
    """What the status of a policy reports, of which there may be several definitions: a file and a cluster's export.

    Args:
        what: the policy, for errors.
        definitions: all that have its inputs.
        either: what to do where two clusters report different refs.

    Raises:
        ResolveError: the statuses differ.
        ResourceError: a status holds something else than texts.
    """
    reported: dict[LatestRef, str] = {}
    for each in definitions:
        try:
            ref = from_status(each.data.get("status"))
        except ResourceError as error:
            raise ResourceError(error.what, where=f"{what} in {each.origin}", hint=error.hint) from error
        if ref:
            reported.setdefault(ref, each.origin)
    if len({(ref.name, ref.tag) for ref in reported}) > 1 or len({ref.digest for ref in reported if ref.digest}) > 1:
        raise ResolveError(
            f"{what} has several statuses: {' and '.join(map(str, reported))}",
            where=" and ".join(dict.fromkeys(reported.values())),
            hint=f"remove the one that is out of date; or, if they are of two clusters, {either}",
        )
    return max(reported, key=lambda ref: bool(ref.digest), default=None)
