"""What a policy selected is kept: when an answer counts again, and what of a stranger's is believed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from imagesetter.errors import NothingSelected
from imagesetter.policy.semver import SemverRule
from imagesetter.policy.tag_policy import FilterTags, TagPolicy
from imagesetter.registry.answers import MOST_ANSWERS, Answers, dump_answers, load_answers
from imagesetter.selection.kept_answers import FEWEST_TAGS, select_once
from selection.warm_laws import run_history
from support.fakes import Reply, run_fake
from support.runs import run_in

COUNT = FEWEST_TAGS + 1  # a registry's list of a hundred looks as if it had been cut, and costs a second request
TAGS = tuple(sorted(f"1.{number}.0" for number in range(COUNT)))
LATEST = f"1.{COUNT - 1}.0"
ALL = TagPolicy(SemverRule("*"))
LOW = TagPolicy(SemverRule("<1.50.0"))


class File:
    """A file of answers, in memory."""

    def __init__(self) -> None:
        self.data: bytes | None = None
        self.written = 0

    def store(self, data: bytes) -> None:
        self.data, self.written = data, self.written + 1

    def run(self, *policies: TagPolicy, tags: Sequence[str] = TAGS, refresh: bool = False) -> list[str]:
        """What a run selects by these policies."""
        answers = Answers(lambda: self.data, self.store, refresh=refresh)
        found = [select_once(policy, tags, answers) for policy in policies]
        answers.save()
        return found

    def change(self, tag: str) -> None:
        self.data = dump_answers(dict.fromkeys(load_answers(self.data), tag))


@pytest.fixture
def file() -> File:
    return File()


def test_answer_counts_as_long_as_list_and_policy_are_the_same(file: File) -> None:
    assert file.run(ALL) == [LATEST]
    file.change("1.7.0")  # shows whether the file was believed
    assert file.run(ALL, ALL) == ["1.7.0", "1.7.0"]
    assert file.written == 1
    assert file.run(ALL, tags=(*TAGS, "2.0.0")) == ["2.0.0"]
    filtered, excluded = FilterTags("^1\\.3\\."), ("^1\\.(9|100)",)
    others = (TagPolicy(SemverRule("*"), filtered), TagPolicy(SemverRule("*"), exclusion_list=excluded))
    assert file.run(LOW, *others) == ["1.49.0", "1.3.0", "1.89.0"]
    assert file.written == 3


def test_run_with_refresh_believes_no_earlier_answer_and_replaces_it(file: File) -> None:
    file.run(ALL, LOW)
    file.change("1.7.0")
    assert file.run(ALL, refresh=True) == [LATEST]
    assert file.run(ALL, LOW) == [LATEST, "1.7.0"]


def test_runs_at_once_keep_the_answers_of_each_other(file: File) -> None:
    one, other = (Answers(lambda: file.data, file.store) for _ in range(2))
    select_once(ALL, TAGS, one)
    select_once(LOW, TAGS, other)
    one.save()
    other.save()
    assert list(load_answers(file.data).values()) == ["1.49.0", LATEST]


@pytest.mark.parametrize("tag", ["2.0.0", "1.60.0", "", "latest", "1.49.0\n"])
def test_answer_that_the_list_does_not_have_or_the_policy_does_not_allow_is_ignored(file: File, tag: str) -> None:
    assert file.run(LOW) == ["1.49.0"]
    file.change(tag)
    assert file.run(LOW) == ["1.49.0"]
    assert list(load_answers(file.data).values()) == ["1.49.0"], "and replaced"


def test_file_with_any_changed_byte_is_ignored(file: File) -> None:
    file.run(LOW)
    whole = file.data or b""
    for at in range(len(whole)):
        file.data = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
        assert not load_answers(file.data)
        assert not load_answers(whole[:at])
    assert file.run(LOW) == ["1.49.0"]


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"1", b'{"a": 1}', b"\xff", b"[" * 100_000])
def test_file_of_a_stranger_is_ignored(body: bytes) -> None:
    assert load_answers(hashlib.sha256(body).hexdigest().encode() + b"\n" + body) == {}
    assert load_answers(None) == {}


def test_the_latest_answers_are_kept_up_to_a_number(file: File) -> None:
    file.data = dump_answers({str(number): "1.0.0" for number in range(MOST_ANSWERS)})
    file.run(ALL, LOW)
    kept = load_answers(file.data)
    assert list(kept.values()) == [LATEST, "1.49.0", *["1.0.0"] * (MOST_ANSWERS - 2)]
    assert list(kept)[-1] == str(MOST_ANSWERS - 3)


def test_failure_and_a_short_list_are_not_kept(file: File) -> None:
    with pytest.raises(NothingSelected):
        file.run(TagPolicy(SemverRule("5.x")))
    assert file.run(ALL, tags=TAGS[2:]) == [LATEST]
    assert file.written == 0


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
        answers_file = cache / "answers"
        assert not (cache / "notes").exists()
        assert answers_file.stat().st_mode & 0o777 == 0o600
        answers = load_answers(answers_file.read_bytes())
        assert list(answers.values()) == [LATEST]
        answers_file.write_bytes(dump_answers(dict.fromkeys(answers, "1.7.0")))
        assert [update(), update("--no-cache"), update("--refresh"), update()] == ["1.7.0", LATEST, LATEST, LATEST]
        assert len(fake.seen) == 4


@pytest.mark.parametrize("seed", range(6))
def test_run_with_kept_answers_selects_what_a_run_without_them_selects(seed: int, tmp_path: Path) -> None:
    assert run_history(seed, tmp_path) == ""
