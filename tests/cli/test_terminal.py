"""What a person sees at a terminal, and that nothing of it reaches a pipe."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.terminals import environment, run_at_terminal, run_piped
from support.fakes import Reply, Seen, run_fake
from support.runs import run_in

REPOSITORIES = 6
COLOUR = "\x1b[3"


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Path]:
    """A directory whose policies ask for six repositories of a registry that takes its time."""

    def listed(request: Seen) -> Reply:
        time.sleep(0.3)
        return Reply(body={"name": "x", "tags": ["1.0.0", "1.0.1"]})

    with run_fake(listed) as server:
        yield plant(tmp_path / "fleet", f"localhost:{server.port}")


def plant(folder: Path, host: str) -> Path:
    """Policies and fields of as many repositories of one registry."""
    flux = {"apiVersion": "image.toolkit.fluxcd.io/v1"}
    documents, fields = [], []
    for number in range(REPOSITORIES):
        image = f"{host}/app{number}"
        meta = {**flux, "metadata": {"name": f"app{number}"}}
        spec = {"imageRepositoryRef": {"name": f"app{number}"}, "policy": {"semver": {"range": "1.x"}}}
        documents += [{**meta, "kind": "ImageRepository", "spec": {"image": image, "insecure": True}}]
        documents += [{**meta, "kind": "ImagePolicy", "spec": spec}]
        fields.append(f'a{number}: {image}:1.0.0 # {{"$imagepolicy": "flux-system:app{number}"}}\n')
    folder.mkdir()
    (folder / "policies.yaml").write_text("\n---\n".join(map(json.dumps, documents)))
    (folder / "app.yaml").write_text("".join(fields))
    return folder


def test_a_terminal_shows_progress_and_colours(fleet: Path, tmp_path: Path) -> None:
    ran = run_at_terminal("update", "--check", cwd=fleet, home=tmp_path)
    assert ran.status == 1, ran
    assert "of 6 repositories" in ran.out
    assert "6 fields would change" in ran.out
    assert COLOUR in ran.out


def test_nothing_of_it_reaches_a_pipe(fleet: Path, tmp_path: Path) -> None:
    ran = run_piped("update", "--check", cwd=fleet, home=tmp_path)
    assert ran.status == 1, ran
    assert "6 fields would change" in ran.out
    assert "\x1b" not in ran.out + ran.err
    assert ran.err == ""


def test_a_piped_report_stays_plain_while_the_terminal_shows_progress(fleet: Path, tmp_path: Path) -> None:
    ran = run_at_terminal("update", "--check", "--output", "json", cwd=fleet, home=tmp_path, out_piped=True)
    assert json.loads(ran.out)["kind"] == "UpdateReport"
    assert "of 6 repositories" in ran.err


def test_quiet_shows_no_progress(fleet: Path, tmp_path: Path) -> None:
    ran = run_at_terminal("update", "--check", "--quiet", cwd=fleet, home=tmp_path)
    assert (ran.status, ran.out) == (1, "")


BROKEN = ("lint", "broken.yaml")
MARKER = 'image: a/b:1 # {"$imagepolicy": "flux-system:none"}\n'


@pytest.mark.parametrize(
    ("arguments", "variables", "coloured"),
    [
        (BROKEN, {}, True),
        (BROKEN, {"NO_COLOR": "1"}, False),
        (BROKEN, {"NO_COLOR": ""}, True),
        (BROKEN, {"TERM": "dumb"}, False),
        (BROKEN, {"IMAGESETTER_COLOR": "never"}, False),
        (BROKEN, {"IMAGESETTER_COLOR": "always", "NO_COLOR": "1"}, True),
        ((*BROKEN, "--color", "never"), {}, False),
        ((*BROKEN, "--color", "never"), {"IMAGESETTER_COLOR": "always"}, False),
        (("--color", "never", *BROKEN), {}, False),
        (("--color", "never", *BROKEN), {"IMAGESETTER_COLOR": "always"}, False),
        (("--color", "never", *BROKEN, "--color", "always"), {}, True),
        ((*BROKEN, "--color", "auto"), {"IMAGESETTER_COLOR": "never"}, True),
    ],
)
def test_colours_are_the_users_choice(
    arguments: tuple[str, ...], variables: dict[str, str], coloured: bool, tmp_path: Path
) -> None:
    (tmp_path / "broken.yaml").write_text(MARKER)
    ran = run_at_terminal(*arguments, cwd=tmp_path, home=tmp_path, **variables)
    assert "dangling-marker" in ran.out
    assert (COLOUR in ran.out) == coloured, ran.out


@pytest.mark.parametrize(
    ("arguments", "coloured"),
    [(BROKEN, False), ((*BROKEN, "--color", "always"), True), (("lint", "gone.yaml", "--color", "always"), True)],
    ids=["a pipe", "always", "an error, always"],
)
def test_a_pipe_gets_colours_only_on_demand(arguments: tuple[str, ...], coloured: bool, tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text(MARKER)
    ran = run_piped(*arguments, cwd=tmp_path, home=tmp_path)
    assert (COLOUR in ran.out + ran.err) == coloured, ran


def test_without_arguments_a_terminal_gets_help_and_a_way_to_start(tmp_path: Path) -> None:
    ran = run_at_terminal(cwd=tmp_path, home=tmp_path)
    assert ran.status == 0, ran
    for words in ("Usage: imagesetter", "Rewrite marked fields in place", "imagesetter demo", "--semver 6.x"):
        assert words in ran.out
    assert run_piped("--help", cwd=tmp_path, home=tmp_path).out.rstrip() in ran.out


POLICY = """\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: web}
"""


@pytest.mark.parametrize(
    ("files", "arguments", "status", "says"),
    [
        ({}, ("updat",), 2, "did you mean update?"),
        ({}, ("update", "--chek"), 2, "--check"),
        ({}, ("update",), 2, "no YAML file, Kustomization or Kptfile was found\n  where: the working directory\n"),
        ({}, ("update", "gone"), 2, "gone"),
        ({"a.yaml": "a: b\n"}, ("update",), 0, "this directory contains neither markers nor policies"),
        ({"a.yaml": "a: b\n"}, ("lint",), 0, "this directory contains neither markers nor policies"),
        ({"a.yaml": POLICY}, ("update",), 0, "1 policy is known, and no field in this directory follows it"),
        ({"a.yaml": MARKER}, ("update",), 1, "ImagePolicy flux-system:none was not found"),
        ({"a.yaml": MARKER}, ("update",), 1, "--policies"),
        ({"a.yaml": MARKER}, ("lint",), 1, "dangling-marker"),
        ({}, ("lock",), 2, "add the files that contain them with --policies"),
        ({}, ("mark",), 2, "give the directory of your configuration"),
        ({"a.yaml": "a: b\n"}, ("mark",), 0, "add them with --policies"),
        ({}, ("test",), 2, "write a PolicyTest"),
        ({"a.yaml": "a: b\n"}, ("test", "."), 2, "no policy tests found in ."),
        ({}, ("explain",), 2, "imagesetter explain IMAGE --semver 6.x"),
        ({}, ("explain", "ghcr.io/org/app"), 2, "add a rule: imagesetter explain ghcr.io/org/app --semver"),
        ({}, ("tags",), 2, "the argument IMAGE is missing"),
        ({}, ("schema", "ImageSeter"), 2, "did you mean ImageSetter?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_each_dead_end_says_the_next_useful_thing(
    files: dict[str, str], arguments: tuple[str, ...], status: int, says: str, tmp_path: Path
) -> None:
    (tmp_path / "work").mkdir()
    for name, text in files.items():
        (tmp_path / "work" / name).write_text(text)
    ran = run_in(tmp_path / "work", *arguments, environment=environment(tmp_path))
    assert says in ran.out + ran.err, str(ran)
    assert ran.status == status, str(ran)


def test_hints_are_not_data_and_quiet_leaves_them_out(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / "a.yaml").write_text("a: b\n")
    ran = run_piped("update", "--output", "json", cwd=work, home=tmp_path)
    assert json.loads(ran.out)["changes"] == []
    assert ran.err.startswith("hint: ")
    assert run_piped("update", "--quiet", cwd=work, home=tmp_path) == type(ran)(0, "", "")
