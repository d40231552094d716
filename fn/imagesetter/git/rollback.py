"""The tag that a policy had before, and its digest, from the history of its lock entry and its fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from imagesetter.fields.field import MarkedField, split_image
from imagesetter.flux.markers import PolicyName
from imagesetter.git.history import EntryKey, FieldKey, History
from imagesetter.lock.document import Lock
from krm_functions.errors import UsageError

IsAbove = Callable[[str, str], bool]
"""Whether the policy ranks the first tag above the second."""
TagOf = Callable[[MarkedField, str], str]
"""The tag in a text that a field had; empty if there is none."""
_Fields = Sequence[tuple[str, FieldKey, MarkedField]]


def previous_tag(
    history: History,
    policy: PolicyName,
    lock: Lock,
    lock_path: str,
    fields: _Fields,
    tag_of: TagOf,
    is_above: IsAbove,
) -> str:
    """The tag before the present one: of the lock's entry, or of the fields if the entry had no other.

    A tag that the policy ranks above the present one is passed over: it was rolled back already.

    Args:
        history: of the branch.
        policy: its name.
        lock: the lock, as it is now.
        lock_path: its path from the top of the repository.
        fields: the policy's fields, each with its file's path from the top of the repository.
        tag_of: reads a tag.
        is_above: ranks tags.

    Raises:
        UsageError: there was none, or the fields had different ones.
        GitError: git fails.
    """
    if policy in lock.entries:
        tags = (split_image(text)[1] for text in history.texts(lock_path, EntryKey(policy)))
        if tag := _before(lock.entries[policy].tag, tags, is_above):
            return tag
    found: dict[str, str] = {}
    for path, key, marked in fields:
        texts = (tag_of(marked, text) for text in history.texts(path, key))
        if present := tag_of(marked, marked.scalar.value):
            found.setdefault(_before(present, texts, is_above), str(marked.location))
    found.pop("", None)
    if not found:
        hint = "name one: --to TAG"
        raise UsageError(f"the history has no earlier tag of {policy}", hint=hint)
    if len(found) > 1:
        places = ", ".join(f"{tag} ({place})" for tag, place in sorted(found.items()))
        raise UsageError(f"the fields of {policy} had different tags before: {places}", hint="choose one: --to TAG")
    return next(iter(found))


def _before(present: str, tags: Iterable[str], is_above: IsAbove) -> str:
    return next((tag for tag in tags if tag not in ("", present) and not is_above(tag, present)), "")


def recorded_digest(
    history: History, policy: PolicyName, tag: str, lock_path: str, fields: _Fields, tag_of: TagOf
) -> str:
    """The digest that a tag had when the lock or a field had it last; empty if that is not known."""

    def digests() -> Iterator[str]:
        for text in history.texts(lock_path, EntryKey(policy)):
            _, locked, digest = split_image(text)
            if locked == tag:
                yield digest
        for path, key, marked in fields:
            for text in history.texts(path, key):
                if tag_of(marked, text) == tag:
                    yield text.partition("@")[2]

    return next(filter(None, digests()), "")
