"""What a policy selected is kept: when an answer counts again, and what of a stranger's is believed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from imagesetter.errors import NothingSelected
from imagesetter.policy.semver import SemverRule
from imagesetter.policy.tag_policy import FilterTags, TagPolicy
from imagesetter.registry.puller import OfflinePuller
from imagesetter.selection.kept_answers import FEWEST_TAGS, MOST_ANSWERS, dump_answers, load_answers, select_once
from selection.warm_laws import run_history
from support.fakes import Reply, run_fake
from support.runs import run_in

COUNT = FEWEST_TAGS + 1  # a registry's list of a hundred looks as if it had been cut, and costs a second request
TAGS = tuple(sorted(f"1.{number}.0" for number in range(COUNT)))
LATEST = f"1.{COUNT - 1}.0"
ALL = TagPolicy(SemverRule("*"))
LOW = TagPolicy(SemverRule("<1.50.0"))


class Notes(OfflinePuller):
    """A puller whose cache is in memory."""

    __slots__ = ("notes", "written")

    def __init__(self) -> None:
        super().__init__(lambda tag: "")
        object.__setattr__(self, "notes", {})
        object.__setattr__(self, "written", [])

    def kept(self, name: str) -> bytes | None:
        note: bytes | None = self.notes.get(name)
        return note

    def keep(self, name: str, data: bytes) -> None:
        self.notes[name] = data
        self.written.append(name)

    def change(self, change: Callable[[str], str]) -> None:
        answers = load_answers(self.notes["answers"])
        self.notes["answers"] = dump_answers({key: change(tag) for key, tag in answers.items()})


@pytest.fixture
def puller() -> Notes:
    return Notes()


def test_answer_is_written_once_and_counts_as_long_as_list_and_policy_are_the_same(puller: Notes) -> None:
    assert select_once(ALL, TAGS, puller) == LATEST
    puller.change(lambda tag: "1.7.0")  # shows whether the note was believed
    assert select_once(ALL, TAGS, puller) == "1.7.0"
    assert puller.written == ["answers"]
    assert select_once(ALL, (*TAGS, "2.0.0"), puller) == "2.0.0"
    assert select_once(LOW, TAGS, puller) == "1.49.0"
    assert select_once(TagPolicy(SemverRule("*"), FilterTags("^1\\.3\\.")), TAGS, puller) == "1.3.0"
    assert select_once(TagPolicy(SemverRule("*"), exclusion_list=("^1\\.(9|100)",)), TAGS, puller) == "1.89.0"
    assert puller.written == ["answers"] * 5


@pytest.mark.parametrize("tag", ["2.0.0", "1.60.0", "", "latest", "1.49.0\n"])
def test_answer_that_the_list_does_not_have_or_the_policy_does_not_allow_is_ignored(puller: Notes, tag: str) -> None:
    assert select_once(LOW, TAGS, puller) == "1.49.0"
    puller.change(lambda _: tag)
    assert select_once(LOW, TAGS, puller) == "1.49.0"


def test_note_with_any_changed_byte_is_ignored(puller: Notes) -> None:
    select_once(LOW, TAGS, puller)
    whole = puller.notes["answers"]
    for at in range(len(whole)):
        puller.notes["answers"] = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
        assert not load_answers(puller.notes["answers"])
        assert not load_answers(whole[:at])
    assert select_once(LOW, TAGS, puller) == "1.49.0"


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"1", b'{"a": 1}', b"\xff", b"[" * 100_000])
def test_note_of_a_stranger_is_ignored(body: bytes) -> None:
    assert load_answers(hashlib.sha256(body).hexdigest().encode() + b"\n" + body) == {}
    assert load_answers(None) == {}


def test_as_many_answers_are_kept_as_a_repository_has_policies(puller: Notes) -> None:
    for number in range(MOST_ANSWERS + 5):
        select_once(TagPolicy(SemverRule(f"<1.{number + 1}.0")), TAGS, puller)
    kept = list(load_answers(puller.notes["answers"]).values())
    assert kept == [f"1.{number}.0" for number in reversed(range(5, MOST_ANSWERS + 5))]


def test_failure_and_a_short_list_are_not_kept(puller: Notes) -> None:
    with pytest.raises(NothingSelected):
        select_once(TagPolicy(SemverRule("5.x")), TAGS, puller)
    assert select_once(ALL, TAGS[2:], puller) == LATEST
    assert puller.written == []


TREE = """\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {{name: app, namespace: flux-system}}
spec: {{image: {host}/app, interval: 1h}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {{name: app, namespace: flux-system}}
spec:
  imageRepositoryRef: {{name: app}}
  policy: {{semver: {{range: "*"}}}}
---
image: {host}/app:{tag} # {{"$imagepolicy": "flux-system:app"}}
"""


def test_commands_keep_answers_privately_and_obey_the_options_of_the_cache(tmp_path: Path) -> None:
    cache, file = tmp_path / "cache", tmp_path / "tree" / "app.yaml"
    file.parent.mkdir()
    with run_fake(lambda seen: Reply(200, {"tags": list(TAGS)})) as fake:

        def update(*options: str) -> str:
            file.write_text(TREE.format(host=fake.host, tag="1.0.0"))
            command = ["update", "--allow-loopback", "--cache-dir", str(cache), *options, "."]
            ran = run_in(file.parent, *command, environment=os.environ)
            assert ran.status == 0, str(ran)
            return file.read_text().partition("/app:")[2].partition(" ")[0]

        assert update("--no-cache") == LATEST
        assert not cache.exists()
        assert update() == LATEST
        (note,) = (cache / "notes").iterdir()
        assert note.stat().st_mode & 0o777 == 0o600
        answers = load_answers(note.read_bytes())
        assert list(answers.values()) == [LATEST]
        note.write_bytes(dump_answers(dict.fromkeys(answers, "1.7.0")))
        assert [update(), update("--no-cache"), update("--refresh"), update()] == ["1.7.0", LATEST, LATEST, LATEST]
        assert len(fake.seen) == 4


@pytest.mark.parametrize("seed", range(6))
def test_run_with_kept_answers_selects_what_a_run_without_them_selects(seed: int, tmp_path: Path) -> None:
    assert run_history(seed, tmp_path) == ""
