"""A function run by a person, on files and folders."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field

from krm_functions import Output, ResourceList, UsageError, run
from krm_functions.errors import InputError
from krm_functions.files import FileChange, Folder, write
from krm_functions.function_config import read_function_config
from tools import CHECKOUT


class Labels(BaseModel):
    """Any label."""

    model_config = ConfigDict(extra="allow")


class Team(BaseModel):
    team: str = Field(description="who owns the resources")
    level: int = 3
    ports: list[int] = []


def set_labels(resources: ResourceList) -> None:
    """Give every resource labels.

    More for programmers.
    """
    config = read_function_config(resources.function_config)
    if config is None:
        raise UsageError("no labels are given")
    for item in resources.items:
        resources.results.info("seen", item)
        item.labels.update(config.body)


def started(process: Any, *arguments: str, **options: Any) -> tuple[int, str, str]:
    stdout, stderr = io.BytesIO(), io.StringIO()
    status = run(process, argv=arguments, stdout=stdout, stderr=stderr, **options)
    return status, stdout.getvalue().decode(), stderr.getvalue()


CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: NAME # why\n"
LABELLED = CONFIG_MAP + "  labels:\n    team: five\n"

LAYOUTS = {
    "one document": (CONFIG_MAP, LABELLED),
    "no final line end": (CONFIG_MAP[:-1], LABELLED[:-1]),
    "blank lines and comments around": (f"\n# head\n\n{CONFIG_MAP}\n\n# foot\n", f"\n# head\n\n{LABELLED}\n\n# foot\n"),
    "several documents": (
        f"# file\n---\n{CONFIG_MAP}--- # second\n# head\n{CONFIG_MAP}...\n---\nvalues: 1\n---\n",
        f"# file\n---\n{LABELLED}--- # second\n# head\n{LABELLED}...\n---\nvalues: 1\n---\n",
    ),
    "a directive": (f"%YAML 1.1\n---\n{CONFIG_MAP}", f"%YAML 1.1\n---\n{LABELLED}"),
    "CRLF": (CONFIG_MAP.replace("\n", "\r\n"), LABELLED.replace("\n", "\r\n")),
    "a byte order mark": ("\ufeff" + CONFIG_MAP, "\ufeff" + LABELLED),
    "mixed line ends": ("# head\r\n" + CONFIG_MAP, "# head\r\n" + LABELLED),
    "a literal with blank lines": (
        f"data:\n  a: |2+\n     x\n  \n\n{CONFIG_MAP}",
        f"data:\n  a: |2+\n     x\n  \n\n{LABELLED}",
    ),
    "a literal without a line end, last": (f"{CONFIG_MAP}data:\n  a: |\n    x", f"{LABELLED}data:\n  a: |\n    x"),
    "a text over several lines": (
        f"data:\n  a: 'b\n\n    c'\n{CONFIG_MAP}",
        f"data:\n  a: 'b\n\n    c'\n{LABELLED}",
    ),
    "JSON with tabs": (
        '{\n\t"apiVersion": "v1",\n\t"kind": "A",\n\t"metadata": {"name": "j"}\n}\n',
        '{\n\t"apiVersion": "v1",\n\t"kind": "A",\n\t"metadata": {"name": "j", "labels": {"team": "five"}}\n}\n',
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_keeps_every_byte_but_the_change(layout: str, tmp_path: Path) -> None:
    before, after = (text.encode() for text in LAYOUTS[layout])
    file = tmp_path / "a.yaml"
    file.write_bytes(before)
    assert started(set_labels, str(tmp_path), "--set", "team=five")[:2] == (0, f"{file}\n")
    assert file.read_bytes() == after
    status, shown, told = started(set_labels, str(file), "--set", "team=five")
    assert (status, shown) == (0, "")
    assert told.endswith("0 of 1 files changed.\n")
    assert file.read_bytes() == after


def test_a_file_that_does_not_change_is_not_touched(tmp_path: Path) -> None:
    for name, text in (("a.yaml", CONFIG_MAP), ("b.yaml", LABELLED), ("c.txt", CONFIG_MAP), ("Kptfile", CONFIG_MAP)):
        (tmp_path / name).write_text(text)
    (tmp_path / "b.yaml").chmod(0o444)
    (tmp_path / "a.yaml").chmod(0o640)
    before = (tmp_path / "b.yaml").stat().st_ino
    assert (
        started(set_labels, str(tmp_path), "--set", "team=five")[1]
        == f"{tmp_path / 'Kptfile'}\n{tmp_path / 'a.yaml'}\n"
    )
    assert (tmp_path / "b.yaml").stat().st_ino == before
    assert (tmp_path / "a.yaml").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "c.txt").read_text() == CONFIG_MAP
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Kptfile", "a.yaml", "b.yaml", "c.txt"]


@pytest.mark.parametrize("option", ["--dry-run", "--diff"])
def test_a_dry_run_and_a_diff_write_nothing(option: str, tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(CONFIG_MAP)
    status, shown, told = started(set_labels, str(file), option, "--set", "team=five")
    diff = (
        f"--- {file}\n+++ {file}\n@@ -2,3 +2,5 @@\n kind: ConfigMap\n metadata:\n   name: NAME # why\n"
        "+  labels:\n+    team: five\n"
    )
    assert (status, shown) == (0, diff if option == "--diff" else f"{file}\n")
    assert told.endswith("1 of 1 files would change.\n")
    assert file.read_text() == CONFIG_MAP


def test_items_know_their_file_and_the_results_show_it(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "a.yaml").write_text(f"{CONFIG_MAP}---\n{CONFIG_MAP}")
    seen = []

    def look(resources: ResourceList) -> None:
        for item in resources.items:
            seen.append((item.path, item.index))
            resources.results.warn("look", item, "metadata.name")

    assert started(look, str(tmp_path))[2] == (
        "[warning] v1/ConfigMap/NAME metadata.name: look (web/a.yaml)\n" * 2 + "0 of 1 files changed.\n"
    )
    assert seen == [("web/a.yaml", 0), ("web/a.yaml", 1)]


def test_what_cannot_be_read_below_a_folder_is_told_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(CONFIG_MAP)
    (tmp_path / "template.yaml").write_text("a: {{ .Values.b }}\n")
    (tmp_path / "same-line.yaml").write_text("--- {apiVersion: v1, kind: A}\n")
    (tmp_path / "list.yaml").write_text(f"a: 1\n---\napiVersion: v1\nkind: List\nitems:\n- {CONFIG_MAP[:15]}\n")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "b.yaml").write_text(CONFIG_MAP)
    (tmp_path / "out.yaml").symlink_to("/etc/hostname")
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    (tmp_path / "folder.yaml").mkdir()
    os.mkfifo(tmp_path / "pipe.yaml")
    status, shown, told = started(set_labels, str(tmp_path), "--set", "team=five")
    assert (status, shown) == (0, f"{tmp_path / 'a.yaml'}\n")
    assert told == (
        f"[warning]: {tmp_path}/same-line.yaml:1: a document begins on the line of its ---; the file is left alone\n"
        f"[warning]: {tmp_path}/template.yaml:1:5: a mapping key has to be a text; the file is left alone\n"
        f"[warning]: {tmp_path}/list.yaml:3: is a List, whose items are left alone; "
        "write them as documents of their own, with --- between them\n"
        "[info] v1/ConfigMap/NAME: seen (a.yaml)\n1 of 2 files changed.\n"
    )
    named = started(set_labels, str(tmp_path / "template.yaml"), "--set", "team=five")
    assert named == (2, "", f"[error]: {tmp_path}/template.yaml:1:5: a mapping key has to be a text\n")


def test_nothing_is_written_when_the_function_fails(tmp_path: Path) -> None:
    def fail(resources: ResourceList) -> None:
        resources.results.error("no", resources.items[0])
        resources.items[0].labels["team"] = "five"

    (tmp_path / "a.yaml").write_text(CONFIG_MAP)
    assert started(fail, str(tmp_path)) == (1, "", "[error] v1/ConfigMap/NAME: no (a.yaml)\nNothing was written.\n")
    assert (tmp_path / "a.yaml").read_text() == CONFIG_MAP


def test_new_resources_get_files_and_removed_ones_lose_theirs(tmp_path: Path) -> None:
    def process(resources: ResourceList) -> Output:
        kept = [item for item in resources.items if item.name != "gone"]
        path = {"internal.config.kubernetes.io/path": "new/b.yaml", "internal.config.kubernetes.io/index": "0"}
        return Output(
            items=[
                *kept,
                {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}},
                {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "b", "annotations": path}},
            ]
        )

    gone = CONFIG_MAP.replace("NAME", "gone")
    (tmp_path / "one.yaml").write_text(f"# the only one\n{gone}")
    (tmp_path / "first.yaml").write_text(f"{gone}---\n{CONFIG_MAP}")
    (tmp_path / "middle.yaml").write_text(f"{CONFIG_MAP}---\n{gone}---\n# last\n{CONFIG_MAP}")
    (tmp_path / "values.yaml").write_text("a: 1\n")
    assert started(process, str(tmp_path))[0] == 0
    assert {str(path.relative_to(tmp_path)): path.read_text() for path in tmp_path.rglob("*.yaml")} == {
        "first.yaml": CONFIG_MAP,
        "middle.yaml": f"{CONFIG_MAP}---\n# last\n{CONFIG_MAP}",
        "values.yaml": "a: 1\n",
        "configmap_a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n",
        "new/b.yaml": "apiVersion: v1\nkind: Secret\nmetadata:\n  name: b\n",
    }


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("../out.yaml", "../out.yaml: is not a valid path for a new resource; use one such as web/deploy.yaml"),
        ("/tmp/out.yaml", "/tmp/out.yaml: is not a valid path for a new resource; use one such as web/deploy.yaml"),
        ("a.sh", "a.sh: is not a valid path for a new resource; use one such as web/deploy.yaml"),
        ("a.yaml", "DIR/a.yaml: exists already; the new resource is not written"),
    ],
)
def test_a_new_resource_overwrites_nothing_and_stays_in_its_folder(path: str, complaint: str, tmp_path: Path) -> None:
    def process(resources: ResourceList) -> Output:
        metadata = {"name": "b", "annotations": {"internal.config.kubernetes.io/path": path}}
        return Output(items=[*resources.items, {"apiVersion": "v1", "kind": "A", "metadata": metadata}])

    (tmp_path / "a.yaml").write_text(CONFIG_MAP)
    found = started(process, str(tmp_path))
    assert found == (1, "", f"[error]: {complaint.replace('DIR', str(tmp_path))}\n")
    assert [each.name for each in tmp_path.iterdir()] == ["a.yaml"]


def test_a_file_that_changes_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(CONFIG_MAP)
    with pytest.raises(InputError, match="changed while the function was running"):
        write([FileChange(file, b"older", b"new")])
    assert file.read_text() == CONFIG_MAP


def test_a_literal_that_loses_its_end_is_refused(tmp_path: Path) -> None:
    def process(resources: ResourceList) -> None:
        resources.items[0].set("data.b", "new")

    (tmp_path / "a.yaml").write_text(f"{CONFIG_MAP}data:\n  a: |\n    x")
    assert started(process, str(tmp_path))[2] == (
        f"[error]: {tmp_path}/a.yaml: ends inside a block scalar that is no longer the last value; end its last line\n"
    )


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nowhere"], "nowhere: does not exist"),
        (["--set", "team"], "--set 'team' is not KEY=VALUE"),
        (["--dryrun"], "unrecognized arguments: --dryrun (did you mean --dry-run?); --help shows what there is"),
        (["--diff"], "--dry-run and --diff need a PATH"),
        (["--config", "nowhere.yaml"], "nowhere.yaml: cannot be read: No such file or directory"),
        (["."], ".: holds no YAML file"),
    ],
)
def test_a_wrong_command_is_told_and_nothing_runs(
    arguments: list[str], complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert started(set_labels, *arguments) == (2, "", f"[error]: {complaint}\n")


def test_help_comes_from_the_function_and_its_model() -> None:
    def process(resources: ResourceList, config: Team) -> None:
        """Name the team."""

    status, shown, _ = started(process, "--help", config=Team)
    assert status == 0
    assert "\nName the team.\n\nWith a PATH, change the resources in files" in shown
    assert shown.endswith(
        "configuration (--set, the data of a ConfigMap, or the fields of a resource):\n"
        "  team                  string, required; who owns the resources\n"
        "  level                 integer, default 3\n"
        "  ports                 array, default []\n"
    )
    assert "More for programmers" not in started(set_labels, "--help", config=Labels)[1]
    assert started(set_labels, "--help", config=Labels)[1].endswith(":\n  Any label.\n")


def test_the_configuration_comes_from_options_or_a_file(tmp_path: Path) -> None:
    seen = []

    def process(resources: ResourceList, config: Team) -> None:
        seen.append((config.team, config.level, config.ports))

    (tmp_path / "a.yaml").write_text(CONFIG_MAP)
    own, flat = tmp_path / "own.conf", tmp_path / "flat.conf"
    own.write_text("apiVersion: example.com/v1\nkind: Team\nspec: {team: a, ports: [1]}\n")
    flat.write_text("apiVersion: v1\nkind: ConfigMap\ndata: {team: b, level: '5'}\n")
    path = str(tmp_path / "a.yaml")
    for options in (
        ["--set=team=x=y", "--set", "ports=[80]"],
        [f"--config={own}"],
        [f"--config={flat}", "--set=team=c"],
    ):
        assert started(process, path, *options, config=Team)[0] == 0
    assert seen == [("x=y", 3, [80]), ("a", 3, [1]), ("c", 5, [])]
    assert started(process, path, "--set", "teem=a", config=Team)[2].startswith(
        "[error]: functionConfig.data.team: is required; is 'teem' a misspelling of it?\n"
    )
    assert started(process, path, f"--config={own}", "--set=team=c", config=Team)[0] == 2


def test_options_configure_a_function_that_reads_standard_input(tmp_path: Path) -> None:
    script = tmp_path / "function.py"
    script.write_text(
        "import sys\nfrom krm_functions import run\n"
        "def show(resources):\n    resources.results.info(str(resources.function_config['data']))\n"
        "sys.exit(run(show))\n"
    )
    done = subprocess.run(
        [sys.executable, script, "--set", "team=five"],
        input="kind: ResourceList\nfunctionConfig: {kind: ConfigMap, data: {team: four}}\n",
        env={**os.environ, "PYTHONPATH": str(CHECKOUT / "fn")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "message: \"{'team': 'five'}\"" in done.stdout


def test_a_file_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(CONFIG_MAP)
    assert len(Folder([tmp_path, tmp_path / "a.yaml"]).sources) == 1
