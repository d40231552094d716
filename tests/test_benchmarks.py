"""The harness of the benchmarks: inputs that are the same every time and mean what they say. Nothing here is timed."""

from __future__ import annotations

import hashlib
import importlib
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from imagesetter.cli.function import process
from imagesetter.krm.run import respond

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def benchmarks_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


def digest_of(folder: Path) -> str:
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            found.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes())
    return found.hexdigest()


@pytest.mark.parametrize("origin", ["status", "lock"])
def test_every_marked_field_of_a_generated_list_changes(origin: str) -> None:
    from benchmarks import inputs

    text = inputs.resource_list(5, 3, locked=origin == "lock")
    answer = respond(
        lambda listing: process(listing, {"IMAGESETTER_FROM": origin}), text.encode(), env={}, needle="$imagepolicy"
    )
    assert answer.status == 0, answer.stderr
    assert b"10 fields changed, 0 up to date" in answer.stdout
    assert f":{inputs.OLD}{inputs.marker(0)}".encode() not in answer.stdout


def test_generated_trees_are_the_same_every_time_and_of_the_size_asked_for(tmp_path: Path) -> None:
    from benchmarks import inputs

    for name in ("one", "two"):
        inputs.write_tree(tmp_path / name, files=60, marked=10, markers=13, policies=6, size=200_000)
    assert digest_of(tmp_path / "one") == digest_of(tmp_path / "two")
    files = [path for path in (tmp_path / "one").rglob("*.yaml") if path.name != "images.lock.yaml"]
    assert len(files) == 60
    texts = [path.read_text() for path in files]
    assert sum("$imagepolicy" in text for text in texts) == 10
    assert sum(text.count("$imagepolicy") for text in texts) == 13
    assert 150_000 < sum(map(len, texts)) < 300_000


def test_programs_are_measured_in_turn_and_compared_round_by_round(tmp_path: Path) -> None:
    from benchmarks.measuring import Program, Sample, Series, interleaved

    log = tmp_path / "log"
    programs = {
        name: Program([sys.executable, "-c", f"open({str(log)!r}, 'a').write({name!r})"]) for name in ("a", "b")
    }
    found = interleaved(programs, 2, warm=1)
    assert log.read_text() == "ababab"
    assert [len(series.samples) for series in found.values()] == [2, 2]
    ours = Series((Sample(1, 1, 1), Sample(4, 1, 1), Sample(9, 1, 1)))
    theirs = Series((Sample(1, 1, 1), Sample(2, 1, 1), Sample(3, 1, 1)))
    assert ours.over(theirs) == 2


def test_a_program_that_fails_is_no_measurement() -> None:
    from benchmarks.measuring import Program, run_once

    with pytest.raises(RuntimeError, match="what went wrong"):
        run_once(Program([sys.executable, "-c", "import sys; sys.exit('what went wrong')"]))


def test_the_page_says_which_aims_are_missed_and_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from benchmarks import page

    monkeypatch.setattr(page, "ROOT", tmp_path)
    monkeypatch.setattr(page, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(page, "FOLDER", tmp_path)
    monkeypatch.setattr(page, "RECORD", tmp_path / "record.json")
    aims = [page.Aim("fast", 1.0, 0.5, reason="x"), page.Aim("small", 2.0, 3.0, reason="it is large")]
    section = page.Section("One", "text", [page.table(["a", "b"], [["c", 1]])], aims, missing=["crane"])
    page.write(page.record({"one": section}), ["one", "two"])
    text = (tmp_path / "page.md").read_text()
    assert "| fast | ≤ 1 × | 0.5 × | met |  |" in text
    assert "| small | ≤ 2 × | 3 × | **missed** | it is large |" in text
    assert "crane" in text
    assert page.record({}) == {"one": section}


def test_a_chart_is_well_formed_and_holds_every_point() -> None:
    from benchmarks.plot import chart

    root = ET.fromstring(chart("Growth", "files", "s", {"a<b": [(10, 0.1), (100, 1), (1000, 10)], "c": [(10, 2)]}))
    circles = [each for each in root.iter() if each.tag.endswith("circle")]
    assert len(circles) == 4


def test_every_section_on_the_page_has_its_charts() -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    shown = [line.partition("](")[2].rstrip(")") for line in page.splitlines() if line.startswith("![")]
    assert all((ROOT / "docs" / name).is_file() for name in shown)


def test_the_sections_can_be_named_on_the_command_line() -> None:
    harness = importlib.import_module("benchmarks.__main__")
    assert list(harness.SECTIONS) == ["startup", "lists", "monorepo", "selection", "registry", "trees", "kpt"]
