"""What an editor asks about a position in a file, answered in plain values: hover, completion and quick fixes.

Lines and columns count from 0, in code points; `imagesetter.cli.editor.server` has them in the editor's units.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from imagesetter.cli import clock
from imagesetter.cli.editor.project import EditorFolder, FieldHere
from imagesetter.cli.reports.explain import policy_text, steps_of
from imagesetter.cli.reports.markdown import code, escaped
from imagesetter.errors import PolicyError
from imagesetter.fields.mark import insertions_in
from imagesetter.flux.image_policy import ImagePolicy
from imagesetter.flux.latest_ref import LatestRef
from imagesetter.flux.markers import KEY, PolicyName
from imagesetter.git.reverts import tag_in
from imagesetter.lock.document import Lock, parse_lock
from imagesetter.lock.holds import Hold
from imagesetter.lock.render import render_holds
from imagesetter.policy.select import ranking
from imagesetter.registry.reference import Repository, parse_flux_image
from krm_functions.errors import ReportedError
from krm_functions.suggestions import KnownNames
from krm_functions.yaml.encoding import decode_text
from krm_functions.yaml.proof import rewrite

MOST = 200
"""Tags that are offered."""
REASON = "write down why"
"""The reason of a hold that a quick fix makes, for the user to replace."""

_IN_MARKER = re.compile(rf'#+\s*\{{\s*"\{KEY}"\s*:\s*"(?P<typed>[^"\s]*)$')
_BARE_COMMENT = re.compile(r"""image:[ \t]+["']?(?P<image>[^\s"'#]+)["']?[ \t]+#(?P<typed>[ {"$a-z]*)$""")
_IMAGE = re.compile(r"""(?:image|newName):[ \t]+["']?(?P<image>[^\s"'#@]+):(?P<typed>[\w.-]*)$""")
_TAG = re.compile(r"""(?:tag|newTag|version):[ \t]+["']?(?P<typed>[\w.-]*)$""")
_PARTS = ("tag", "name", "digest")


class Completion(NamedTuple):
    """A completion: the text, what it replaces (the characters before the cursor), and a word about it."""

    text: str
    typed: int
    about: str = ""


class TextChange(NamedTuple):
    """A piece of a file's text, by its offsets, and what takes its place."""

    path: Path
    start: int
    end: int
    new: str


class QuickFix(NamedTuple):
    """Something that an editor offers to do."""

    title: str
    change: TextChange
    rule: str = ""
    """The linter's rule whose finding it fixes."""


def hover(project: EditorFolder, path: Path, line: int) -> str:
    """What there is to know about the policies of the marked fields on a line, as Markdown; empty for none."""
    return "\n\n---\n\n".join("\n".join(_about(project, here)) for here in project.fields_at(path, line + 1))


def _about(project: EditorFolder, here: FieldHere) -> Iterator[str]:
    try:
        policy = project.contents.catalog.policy(here.name)
    except ReportedError as error:
        yield f"**{code(str(here.name))}**: {escaped(error.what)}"
        yield f"\n{escaped(error.hint)}" if error.hint else ""
        return
    yield f"**{code(str(here.name))}** {code(policy_text(policy))} of {code(policy.image.written)}\n"
    current = _current(project, here, policy)
    if current:
        yield f"- current: {code(current)}"
    try:
        where, entry = project.lock_entry(here.name)
        if entry:
            yield f"- latest: {code(entry.tag)} ({code(where)}, since {escaped(entry.changed[:10])})"
        lock = project.contents.nearby.lock() or Lock({})
        for hold in lock.holds_of(here.name, clock.now()):
            yield f"- {escaped(str(hold))}"
        yield from _by_cache(project, policy, locked=entry is not None)
    except ReportedError as error:
        yield f"- {escaped(str(error))}"


def _current(project: EditorFolder, here: FieldHere, policy: ImagePolicy) -> str:
    if here.field is None:
        return ""
    ref = LatestRef(policy.image.written, "")
    return tag_in(here.field, ref, project.contents.rules, here.field.scalar.value) or here.field.scalar.value


def _by_cache(project: EditorFolder, policy: ImagePolicy, *, locked: bool) -> Iterator[str]:
    found = project.explained(policy)
    if found is None:
        if not locked:
            yield "- latest: not known here; run `imagesetter lock`, or `imagesetter update --check`"
        return
    explained, scan = found
    when = datetime.fromtimestamp(scan.scanned_at, UTC)
    what = code(explained.chosen.tag) if explained.chosen else escaped(str(explained.error))
    yield f"- {'by the tags' if locked else 'latest: ' + what + ', by the tags'} of {when:%Y-%m-%d %H:%M} UTC" + (
        f": {what}" if locked else ""
    )
    if explained.explanation:
        funnel = explained.explanation.funnel
        steps = [f"{name} −{dropped}" for name, dropped in steps_of(funnel) if dropped]
        yield f"- why: {', '.join([f'{funnel.listed} tags', *steps])}; the best of {funnel.candidates}"
    for note in explained.notes:
        yield f"- {escaped(note)}"


def complete(project: EditorFolder, path: Path, line: int, before: str) -> list[Completion]:
    """What may be before the cursor.

    Args:
        project: the folder.
        path: the file.
        line: the cursor's.
        before: the text of the line up to the cursor.
    """
    if match := _IN_MARKER.search(before):
        return list(_names(project, match["typed"]))
    if match := _BARE_COMMENT.search(before):
        return list(_markers(project, match["image"], len(match["typed"])))
    if match := _IMAGE.search(before):
        return _tags_of_image(project, path, line, match["image"], len(match["typed"]))
    if match := _TAG.search(before):
        names = [here.name for here in project.fields_at(path, line + 1)]
        policies = [policy for name in names if (policy := _policy(project, name))]
        return [each for policy in policies for each in _tags(project, policy.image, [policy], len(match["typed"]))]
    return []


def _names(project: EditorFolder, typed: str) -> Iterator[Completion]:
    """The policies, and behind a complete name the parts of a reference."""
    catalog = project.contents.catalog
    names = catalog.policy_names
    whole = next((name for name in names if typed.startswith(f"{name}:")), None)
    if whole:
        yield from (Completion(f"{whole}:{part}", len(typed)) for part in _PARTS)
        return
    for name in names:
        policy = _policy(project, name)
        yield Completion(str(name), len(typed), f"{policy.image.written}, {policy_text(policy)}" if policy else "")


def _markers(project: EditorFolder, image: str, typed: int) -> Iterator[Completion]:
    """Whole markers behind an image: of the policies that select from its repository, else of all."""
    owners = project.contents.owners
    found: Sequence[PolicyName] = []
    if repository := _repository(image.partition("@")[0]):
        found = [owner.name for owner in owners.get(repository.canonical, ())]
    for name in found or project.contents.catalog.policy_names:
        yield Completion(f' {{"{KEY}": "{name}"}}', typed, "")


def _tags_of_image(project: EditorFolder, path: Path, line: int, image: str, typed: int) -> list[Completion]:
    repository = _repository(image)
    if repository is None:
        return []
    named = [here.name for here in project.fields_at(path, line + 1)]
    owners = [owner.name for owner in project.contents.owners.get(repository.canonical, ())]
    policies = [policy for name in dict.fromkeys((*named, *owners)) if (policy := _policy(project, name))]
    return _tags(project, repository, policies, typed)


def _tags(project: EditorFolder, image: Repository, policies: Sequence[ImagePolicy], typed: int) -> list[Completion]:
    """The locked tags, then what each policy ranks best, then all others, the last in byte order first."""
    found: dict[str, str] = {}
    for policy in policies:
        _, entry = project.lock_entry(policy.name)
        if entry:
            found.setdefault(entry.tag, f"locked for {policy.name}")
    scan = next((scan for policy in policies if (scan := project.cached_scan(policy.image, policy))), None)
    scan = scan or project.cached_scan(image)
    for policy in policies if scan else ():
        try:
            for number, tag in enumerate(ranking(policy.tags, scan.tags if scan else ())):
                found.setdefault(tag, f"{policy.name}, rank {number + 1}")
        except PolicyError:
            continue
    for tag in reversed(scan.tags if scan else ()):
        found.setdefault(tag, "")
    return [Completion(tag, typed, about) for tag, about in list(found.items())[:MOST]]


def _policy(project: EditorFolder, name: PolicyName) -> ImagePolicy | None:
    try:
        return project.contents.catalog.policy(name)
    except ReportedError:
        return None


def _repository(image: str) -> Repository | None:
    head, colon, tag = image.rpartition(":")
    name = head if colon and "/" not in tag else image
    try:
        return parse_flux_image(name)
    except ReportedError:
        return None


def quick_fixes(project: EditorFolder, path: Path, line: int) -> Iterator[QuickFix]:
    """What can be done about a line: mark its image, set it to the latest ref, hold its policy, correct a name."""
    text = project.drafts.get(path, "")
    data = text.encode(errors="replace")
    for insertion in insertions_in(path, data, project.contents.owners):
        if insertion.scalar.line == line + 1:
            change = TextChange(path, insertion.at, insertion.at, f" {insertion.comment}")
            yield QuickFix(f"Mark: follow {insertion.marker}", change)
    for here in project.fields_at(path, line + 1):
        if not project.contents.catalog.has_policy(here.name):
            yield from _correct(project, path, text, here)
            continue
        yield from _update(project, path, text, here)
        yield from _hold(project, here)


def _correct(project: EditorFolder, path: Path, text: str, here: FieldHere) -> Iterator[QuickFix]:
    names = project.contents.catalog.policy_names
    close = KnownNames(name.name for name in names).close_to(here.name.name)
    for name in (name for name in names if name.name in close):
        old, new = str(here.name.plain), str(name)
        at = text.find(old, here.comment.start)
        if 0 <= at < here.comment.start + len(here.comment.text):
            yield QuickFix(f"Follow {new} instead", TextChange(path, at, at + len(old), new), "dangling-marker")


def _update(project: EditorFolder, path: Path, text: str, here: FieldHere) -> Iterator[QuickFix]:
    """Set the field to the latest ref, as an update would."""
    if here.field is None:
        return
    ref = project.latest(here.name)
    new = here.field.text_for(ref) if ref else ""
    if new and new != here.field.scalar.value:
        after = rewrite(text, [(here.field.scalar, new)], scan=project.marked(path).scan)
        yield QuickFix(f"Set to {new}", _difference(path, text, after))


def _hold(project: EditorFolder, here: FieldHere) -> Iterator[QuickFix]:
    """Hold the policy at the tag of the field, in the lock; the reason is for the user to write."""
    policy = _policy(project, here.name)
    tag = _current(project, here, policy) if policy else ""
    where, _ = project.lock_entry(here.name)
    if not (tag and where):
        return
    lock = Path(where).absolute()
    before = project.drafts.get(lock)
    if before is None:
        before = decode_text(lock.read_bytes(), name=where).text
    holds = parse_lock(before, where).holds
    if any(hold.policy == here.name.plain and hold.tag for hold in holds):
        return
    after = render_holds(before, [*holds, Hold(here.name.plain, tag, "", REASON)])
    yield QuickFix(f"Hold {here.name} at {tag}", _difference(lock, before, after))


def _difference(path: Path, old: str, new: str) -> TextChange:
    """The one piece in which two texts differ."""
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    tail = 0
    while tail < min(len(old), len(new)) - start and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    return TextChange(path, start, len(old) - tail, new[start : len(new) - tail])
