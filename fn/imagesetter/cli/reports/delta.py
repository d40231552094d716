"""The step of a change (major, minor, patch, ...), and its short old and new text for reports."""

from __future__ import annotations

from imagesetter.fields.field import split_image
from imagesetter.policy.semver_delta import Delta, between
from imagesetter.update.plan import Change
from krm_functions.messages import shown


def delta_of(change: Change) -> Delta:
    """The step of a change.

    ``digest``: only the digest changes; ``name``: only the repository changes; ``changed``: the tags are not versions,
    or the field had none.
    """
    part, old, new = change.field.marker.part, *_changed(change)
    if not change.field.parts:
        if part == "digest":
            return Delta("digest")
        if part == "name":
            return Delta("name")
        if part == "tag":
            (old_tag, _, old_digest), (new_tag, _, new_digest) = old.partition("@"), new.partition("@")
            same = old_tag == new_tag and old_digest != new_digest
            return Delta("digest") if same else between(old_tag, new_tag)
    (old_name, old_tag, old_digest), (new_name, new_tag, new_digest) = split_image(old), split_image(new)
    if old_tag != new_tag:
        return between(old_tag, new_tag)
    return Delta("digest" if old_digest != new_digest else "name" if old_name != new_name else "changed")


def _changed(change: Change) -> tuple[str, str]:
    """The old and the new text without what both keep around the image or the tag."""
    before, after = change.kept
    old, new = (text.removeprefix(before).removesuffix(after) for text in (change.old, change.new))
    return old, new


def sides(change: Change) -> tuple[str, str]:
    """The old and the new text, without the image's own name, and with short digests."""
    return short(change.old, change.ref.name), short(change.new, change.ref.name)


def short(text: str, name: str) -> str:
    """``1.0.0@sha256:0123456789ab`` for ``NAME:1.0.0@sha256:0123456789abcdef…``; safe to print."""
    text = text.removeprefix(f"{name}:").removeprefix(f"{name}@")
    head, at, digest = text.rpartition("@")
    bare = digest if at or text.startswith("sha256:") else ""
    if bare.startswith("sha256:"):
        text = f"{head}{at}{bare[:19]}"
    return shown(text) or '""'
