"""The harness of the benchmarks: inputs that are the same every time and mean what they say. Nothing here is timed."""

from __future__ import annotations

import hashlib
import importlib
import json
import re
import sys
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from imagesetter.cli.function import process
from imagesetter.cli.main import main
from krm_functions.function import respond
from tools import require_tool

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


@pytest.mark.parametrize("shape", ["plain", "comments", "flow style", "scripts", "CRDs", "printed by kpt", "policies"])
def test_every_marked_field_of_every_shape_of_list_changes(shape: str) -> None:
    from benchmarks import inputs
    from benchmarks.shapes import SHAPES

    text = SHAPES[shape](11)
    assert set(SHAPES) == {"plain", "comments", "flow style", "scripts", "CRDs", "printed by kpt", "policies"}
    answer = respond(
        lambda listing: process(listing, {"IMAGESETTER_FROM": "status"}), text.encode(), env={}, needle="$imagepolicy"
    )
    assert answer.status == 0, answer.stderr
    assert f"{text.count('$imagepolicy')} fields changed, 0 up to date".encode() in answer.stdout
    assert f":{inputs.OLD}".encode() not in re.sub(rb"\nresults:.*", b"", answer.stdout, flags=re.S)


@pytest.mark.parametrize("what", ["list", "tree"])
def test_a_list_or_tree_of_ones_own_is_measured(tmp_path: Path, what: str) -> None:
    from benchmarks import inputs
    from benchmarks.given import given

    path = tmp_path / "given"
    if what == "list":
        path.write_text(inputs.resource_list(5, 3))
    else:
        inputs.write_tree(path, files=20, marked=3, markers=4, policies=2, size=20_000)
    (tmp_path / "work").mkdir()
    table = given(path, tmp_path / "work", runs=1)
    assert "| imagesetter | " in table
    assert inputs.OLD in (path if what == "list" else next(path.rglob("values.yaml"))).read_text()


_MARKED = 'kind: A\nimage: registry.example.com/a:1.0.0 # {"$imagepolicy": "flux-system:a"}\n'
_HEAD = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:"


@pytest.mark.parametrize(
    ("text", "first", "said"),
    [
        pytest.param(
            f"{_HEAD} []\n", "a ResourceList, without a lock or", "0 fields changed, 0 up to date", id="empty"
        ),
        pytest.param(
            f"{_HEAD}\n- " + _MARKED.replace("\n", "\n  ") + "\n",
            "a ResourceList, without a lock or",
            "flux-system:a: ImagePolicy flux-system:a was not found",
            id="no-policy",
        ),
        pytest.param(
            f"kind: A\n---\n{_MARKED}",
            "a file, without a lock or",
            "flux-system:a: ImagePolicy flux-system:a was not found; no ImagePolicy was found at all",
            id="what-kustomize-prints",
        ),
        pytest.param(
            "a: b\n", "a file, without a lock or", "0 fields changed, 0 up to date (1 file read)", id="settings"
        ),
        pytest.param("", "a file, without a lock or", "0 fields changed, 0 up to date (1 file read)", id="no-bytes"),
    ],
)
def test_what_has_no_answers_is_measured_and_said_to_have_none(
    tmp_path: Path, text: str, first: str, said: str
) -> None:
    from benchmarks.given import given

    path = tmp_path / "given.yaml"
    path.write_text(text)
    (tmp_path / "work").mkdir()
    lines = given(path, tmp_path / "work", runs=1).splitlines()
    assert lines[0] == (
        f"{path}: {first} a policy with a status, so no field can change (`imagesetter lock` makes a lock)."
    )
    assert any(line.startswith("imagesetter: ") and said in line for line in lines)
    assert any(line.startswith(f"| {len(text)} | imagesetter | ") for line in lines)


def test_a_tree_with_links_to_nothing_and_to_itself_is_measured(tmp_path: Path) -> None:
    from benchmarks import inputs
    from benchmarks.given import given

    tree = tmp_path / "given"
    inputs.write_tree(tree, files=20, marked=3, markers=4, policies=2, size=20_000)
    (tree / "nothing.yaml").symlink_to("nowhere")
    (tree / "loop").symlink_to(".")
    (tmp_path / "work").mkdir()
    assert given(tree, tmp_path / "work", runs=2).startswith(f"{tree}: a tree, 2 answers from its lock.\n")


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        (f"{_HEAD}\n- {{a: [\n".encode(), ":4:1", "is not YAML: did not find expected node content"),
        (b"a: [\n", ":1:1", "is not YAML: did not find expected node content"),
        (b"a: \xff\n", ":1:4", "byte 0xff at offset 3 is not UTF-8"),
    ],
    ids=["broken-list", "broken-file", "no-text"],
)
def test_what_cannot_be_read_is_refused_with_its_place(tmp_path: Path, text: bytes, where: str, what: str) -> None:
    from benchmarks.given import given

    from krm_functions.errors import ReportedError

    path = tmp_path / "given.yaml"
    path.write_bytes(text)
    with pytest.raises(ReportedError, match=f"^{re.escape(what)}") as caught:
        given(path, tmp_path)
    assert caught.value.where == f"{path}{where}"


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


def test_what_a_program_says_is_kept_and_what_it_prints_goes_to_its_file(tmp_path: Path) -> None:
    from benchmarks.measuring import Program, run_once

    code = "import sys; print(input()); print('seen', file=sys.stderr)"
    (tmp_path / "in").write_text("hello\n")
    sample = run_once(Program([sys.executable, "-c", code], tmp_path / "in", tmp_path / "out"))
    assert sample.said == "seen\n"
    assert (tmp_path / "out").read_text() == "hello\n"


def test_the_memory_of_the_harness_is_not_that_of_the_programs() -> None:
    from benchmarks.measuring import Program, run_once

    held = bytearray(b"x") * (150 << 20)
    small, large = (
        run_once(Program([sys.executable, "-S", "-c", code])).peak
        for code in ("pass", "held = bytearray(b'x') * (60 << 20)")
    )
    assert len(held) == 150 << 20
    assert small < 40
    assert 60 < large < 100


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


def test_growth_and_ratios_are_told_from_the_medians() -> None:
    from benchmarks.comparing import comparison, growth
    from benchmarks.measuring import Sample, Series

    def series(seconds: float, peak: float) -> Series:
        return Series((Sample(seconds, seconds, peak),) * 3)

    found = {10: {"imagesetter": series(1, 20), "Go": series(2, 40)},
             1000: {"imagesetter": series(100, 200), "Go": series(50, 400)}}  # fmt: skip
    assert "processor time 100.0 × (power 1.00) and peak memory 10.0 × (power 0.50)" in growth("files", found)
    assert comparison("files", found, [("Go", "Go", "cpu")]).splitlines() == [
        "| files | program | × Go, processor | clock | processor | peak |",
        "|---|---:|---:|---:|---:|---:|",
        "| 10 | imagesetter | 0.50 | 1.00 s | 1.00 s | 20 MiB |",
        "| 10 | Go |  | 2.00 s | 2.00 s | 40 MiB |",
        "| 1,000 | imagesetter | 2.00 | 100.00 s | 100.00 s | 200 MiB |",
        "| 1,000 | Go |  | 50.00 s | 50.00 s | 400 MiB |",
    ]


def test_a_profile_names_the_packages_the_functions_and_the_imports(tmp_path: Path) -> None:
    from benchmarks import inputs, peers
    from benchmarks.measuring import Program
    from benchmarks.profiles import sampled, shares

    data = tmp_path / "list.yaml"
    data.write_text(inputs.resource_list(1000))
    found = sampled(Program([peers.imagesetter()], data, env={"IMAGESETTER_FROM": "status"}))
    packages = shares(found)
    assert sum(packages.values()) == pytest.approx(1)
    # Half of the run each: a timer that looks a hundred times a second cannot miss them. A smaller package it can.
    assert {"imports", "krm_functions/yaml"} <= set(packages)
    assert any(name.startswith("krm_functions/") and ":" in name for name in found)


def test_the_sentence_of_a_profile_adds_functions_up_to_packages() -> None:
    from benchmarks.profiles import sentence, shares

    found = {
        "krm_functions/yaml/event_walk.py:walk": 2.0,
        "krm_functions/yaml/scan.py:scan": 1.0,
        "imagesetter/update/plan.py:plan": 0.5,
        "imports": 0.5,
    }
    assert shares(found) == {"krm_functions/yaml": 0.75, "imagesetter/update": 0.125, "imports": 0.125}
    assert sentence("a list", {"krm_functions/yaml/event_walk.py:walk": 3.0, "imports": 1.0}) == (
        "**What dominates** a list, by processor time (sampled): `krm_functions/yaml` 75%, imports 25%. "
        "The most by function: `krm_functions/yaml/event_walk.py:walk` 75%."
    )


def test_processor_time_counts_for_the_innermost_function_of_ours() -> None:
    from benchmarks.sampled import IMPORTS, OTHER, Sampler

    sampler = Sampler("/package")
    program = """
def inner(look):
    look()
def outer(look):
    inner(lambda: library(look))
"""
    known = {"library": lambda look: look()}
    exec(compile(program, "/package/part/file.py", "exec"), known)
    here = sys._getframe

    def look() -> None:
        until = time.thread_time() + 0.01
        while time.thread_time() < until:
            pass
        sampler.look(here())

    look()
    known["outer"](look)
    exec(compile("look()", "<frozen importlib._bootstrap>", "exec"), {"look": look})
    assert set(sampler.seconds) == {OTHER, "part/file.py:outer.<locals>.<lambda>", IMPORTS}
    assert min(sampler.seconds.values()) > 0.009


def test_the_shares_of_imports_add_up_and_name_packages(tmp_path: Path) -> None:
    from benchmarks import inputs, peers
    from benchmarks.measuring import Program
    from benchmarks.profiles import imported

    data = tmp_path / "list.yaml"
    data.write_text(inputs.resource_list(1, 2, locked=True))
    found = imported(Program([peers.imagesetter()], data, env={"IMAGESETTER_FROM": "lock"}), runs=1)
    assert {"bare", "work", "imagesetter", "yaml", "standard library"} <= set(found)
    assert sum(found.values()) == pytest.approx(1)


@pytest.mark.parametrize("name", ["paged", "whole"])
def test_the_client_lists_a_fake_registry_on_connections_that_are_kept(tmp_path: Path, name: str) -> None:
    from benchmarks.fake_registry import Asked, run_fake_registry, write_lists
    from benchmarks.measuring import run_once
    from benchmarks.registry import Machine

    tags = [f"1.{number}.0" for number in range(2501)]  # not a number at which a list may have been cut
    write_lists(tmp_path / "lists", [{"name": "paged", "tags": tags, "page": 1000}, {"name": "whole", "tags": tags}])
    with run_fake_registry(tmp_path / "lists") as registry:
        run_once(Machine(tmp_path).ours([f"{registry.host}/{name}"], host=""))
        assert registry.asked() == Asked(connections=1, requests=3 if name == "paged" else 1)
        assert registry.seconds() >= 0
    assert (tmp_path / "listed").read_text() == "2501\n"


def test_what_is_far_away_counts_its_connections(tmp_path: Path) -> None:
    from benchmarks.delay import far_away
    from benchmarks.fake_registry import FakeRegistry, run_fake_registry, write_lists

    write_lists(tmp_path / "lists", [{"name": "app", "tags": ["1.0.0"]}])
    with run_fake_registry(tmp_path / "lists") as near, far_away(int(near.host.rpartition(":")[2]), 1) as away:
        assert away.connections == 0
        assert FakeRegistry(f"127.0.0.1:{away.port}", near.process).asked().requests == 0
        assert away.connections == 1


def test_where_a_tenth_of_the_fields_is_behind_all_are_up_to_date_in_the_end(tmp_path: Path) -> None:
    from benchmarks.inputs import NEW
    from benchmarks.trees import FEW, Tree

    tree = Tree(tmp_path / "made", {"files": 60, "marked": 20, "markers": 20, "policies": 5, "size": 120_000})
    assert len(tree.measure_few(1)[FEW].samples) == 1
    texts = [path.read_text(encoding="utf-8") for path in (tmp_path / "made" / "tree").rglob("*.yaml")]
    assert sum(text.count(f":{NEW} #") for text in texts) == 20


def test_every_field_of_the_clusters_of_a_fleet_changes_by_one_lock(tmp_path: Path) -> None:
    from benchmarks.inputs import NEW, write_clusters

    write_clusters(tmp_path, 2)
    assert main(["update", "--quiet", "--from", "lock", str(tmp_path)]) == 0
    texts = [path.read_text(encoding="utf-8") for path in (tmp_path / "clusters").rglob("*.yaml")]
    assert len(texts) == 200
    assert sum(text.count(f":{NEW} #") for text in texts) == 400


def test_every_field_of_a_fleet_follows_its_policy(tmp_path: Path) -> None:
    from benchmarks.fake_registry import run_fake_registry, write_lists
    from benchmarks.fleet import Fleet, services

    require_tool("curl")
    made = list(services(20))
    assert made == list(services(20))
    assert len({str(each.choice) for each in made}) > 10
    assert all(each.old != each.new and 380 < len(each.tags) <= 400 for each in made)
    write_lists(tmp_path / "lists", ({"name": each.path, "tags": each.tags} for each in made))
    with run_fake_registry(tmp_path / "lists") as registry:
        one = Fleet(tmp_path / "fleet", registry, made)
        found = one.measure(1)  # raises where a field is not what its policy says
    assert len(found) == 5
    assert re.search(
        r"20 requests on [1-8] connections from curl .* 20 requests on [1-8] connections from im", one.served
    )


def test_every_program_of_a_comparison_finds_the_right_tag_of_every_image(tmp_path: Path) -> None:
    from benchmarks import alternatives
    from benchmarks.fake_registry import run_fake_registry, write_lists

    require_tool("crane")
    made = alternatives.images(6)
    assert made == alternatives.images(6)
    assert all(100 <= len(each.tags) <= 2000 and each.old != each.new for each in made)
    write_lists(tmp_path / "lists", ({"name": each.path, "tags": each.tags, "page": 1000} for each in made))
    with run_fake_registry(tmp_path / "lists") as registry:
        repository = alternatives.Repository(tmp_path / "fleet", registry, made)
        found, requests = repository.measure(repository.programs(), 1)  # raises where a tag is wrong
        assert list(found) == ["imagesetter", "imagesetter --check --diff", "crane, a loop", "crane, 8 at once"]
        assert (
            requests["crane, a loop"] == requests["crane, 8 at once"] == 2 * 6 + sum(len(m.tags) > 1000 for m in made)
        )
        made_wrong = [replace(each, new="0.0.1") for each in made[:1]]
        wrong = alternatives.Repository(tmp_path / "wrong", registry, made_wrong)
        with pytest.raises(RuntimeError, match=r"imagesetter: 1 tags of 1 are wrong, such as fleet/service-0000"):
            wrong.measure(wrong.programs(), 1)


def test_the_last_update_in_a_report_of_renovate_is_the_tag_of_an_image() -> None:
    from benchmarks.alternatives import reported_by_renovate

    updates = [{"newValue": "1.9.0", "updateType": "minor"}, {"newValue": "3.0.1", "updateType": "major"}]
    deps = [{"depName": "r:1/a", "updates": updates}, {"depName": "Deployment", "updates": []}]
    report = {"repositories": {"local": {"packageFiles": {"kubernetes": [{"deps": deps}]}}}}
    assert reported_by_renovate(report, "r:1") == {"a": "3.0.1"}


def test_selection_asks_the_same_questions_every_time_and_answers_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from benchmarks.selection import choose, questions

    asked = list(questions(40))
    assert asked == list(questions(40))
    assert len({question["kind"] for question in asked}) == 7
    (tmp_path / "lists").write_text("".join(json.dumps(question) + "\n" for question in asked))
    choose(str(tmp_path / "lists"))
    picks = capsys.readouterr().out.splitlines()
    assert len(picks) == len(asked)
    assert all(pick in ("", *question["tags"]) for pick, question in zip(picks, asked, strict=True))
    assert sum(pick != "" for pick in picks) > 30


def test_every_section_on_the_page_has_its_charts() -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    shown = [line.partition("](")[2].rstrip(")") for line in page.splitlines() if line.startswith("![")]
    assert all((ROOT / "docs" / name).is_file() for name in shown)


def test_the_sections_can_be_named_on_the_command_line() -> None:
    harness = importlib.import_module("benchmarks.__main__")
    assert list(harness.SECTIONS) == [
        "startup", "monorepo", "trees", "lists", "registry", "fleet", "selection", "enormous", "peers", "kpt",
        "builds", "sdk", "image",
    ]  # fmt: skip


def test_names_of_lines_that_end_together_do_not_overlap() -> None:
    from benchmarks.plot import APART, chart

    root = ET.fromstring(chart("Growth", "files", "s", {name: [(10, 1), (100, 5)] for name in "abcd"}))
    heights = sorted(float(each.attrib["y"]) for each in root.iter() if each.text in list("abcd"))
    assert [later - earlier for earlier, later in pairwise(heights)] == pytest.approx([APART] * 3)


def test_the_page_says_what_the_last_run_did_not_measure_and_that_its_figures_are_older(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from benchmarks import page

    monkeypatch.setattr(page, "ROOT", tmp_path)
    monkeypatch.setattr(page, "PAGE", tmp_path / "page.md")
    old = page.Section("One", "text", ["| a |"], when="some day")
    none = page.kept(page.Section("One", "text", [], missing=["curl"]), old)
    new = page.kept(page.Section("Two", "text", [], skipped="no time"), None)
    page.write({"one": none, "two": new}, ["one", "two"])
    text = (tmp_path / "page.md").read_text()
    assert "**Not measured** in the last run: curl not there. The figures are older.\n\n| a |" in text
    assert "**Not measured** in the last run: no time. There are no older figures." in text


def test_what_fills_an_image_is_told_by_package_and_each_file_counts_once(tmp_path: Path) -> None:
    from benchmarks.image import sizes

    files = {
        "opt/imagesetter/lib/python3.13/site-packages/yaml/__init__.py": 10,
        "opt/imagesetter/lib/python3.13/site-packages/pyyaml-6.0.dist-info/METADATA": 1,
        "usr/lib/python3.13/json/__init__.py": 20,
        "usr/lib/python3.13/json/__pycache__/__init__.cpython-313.pyc": 30,
        "usr/bin/python3.13": 400,
    }
    for name, size in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * size)
    (tmp_path / "usr/bin/python3").symlink_to("python3.13")
    (tmp_path / "usr/bin/again").hardlink_to(tmp_path / "usr/bin/python3.13")
    assert sizes(tmp_path) == {
        "the base: its system and interpreter": 400,
        "the standard library's bytecode": 30,
        "the standard library": 20,
        "`yaml`": 10,
        "`pyyaml`": 1,
    }


def test_overlays_that_are_built_have_a_marked_tag_each_that_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from benchmarks.builds import write_overlays

    write_overlays(tmp_path / "tree", 3)
    monkeypatch.chdir(tmp_path / "tree")
    command = ["build", "--all", "--from", "status", "--kustomize", require_tool("kustomize")]
    assert main(command) == 0
    built = capsys.readouterr()
    assert built.err == "13 fields changed, 0 up to date\n"  # ten of the base, and one of each overlay
    assert built.out.count("\n# overlays/") + built.out.startswith("# overlays/") == 3
