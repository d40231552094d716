"""What is used of other libraries beyond their documentation, release by release; and PyYAML without libyaml."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

from support.hiding import run, without

TEXT = 'a: [1, {b: "c"}] # x\n---\n- &x |\n  y\n- *x\n'
NO_LIBYAML = without(["yaml._yaml"])


def test_libyaml_s_loader_still_gives_the_events_that_are_counted() -> None:
    release = f"PyYAML {version('PyYAML')}"
    assert hasattr(yaml, "__with_libyaml__"), (
        f"{release} no longer says whether it has libyaml: see krm_functions/yaml/parser.py"
    )
    if not yaml.__with_libyaml__:
        return
    loader = yaml.cyaml.CParser(TEXT)
    for name in ("get_event", "raw_parse"):
        assert hasattr(loader, name), (
            f"{release} broke us: CParser has no {name} any more; see krm_functions/yaml/parser.py"
        )
    events = list(iter(loader.get_event, None))
    assert [type(event).__name__ for event in events] == [type(event).__name__ for event in yaml.parse(TEXT)]
    counted = yaml.cyaml.CParser(TEXT).raw_parse()
    assert counted == len(events), f"{release} broke us: raw_parse counts {counted} of {len(events)} events"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "all.yaml").write_text(
        "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\nmetadata: {name: web, namespace: apps}\n"
        "spec: {image: example.com/org/web, interval: 5m}\n---\n"
        "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata: {name: web, namespace: apps}\n"
        "spec: {imageRepositoryRef: {name: web}, policy: {semver: {range: 1.x}}}\n"
        "status: {latestRef: {name: example.com/org/web, tag: 1.1.0}}\n---\n"
        'image: example.com/org/web:1.0.0 # {"$imagepolicy": "apps:web"}\n'
    )
    return tmp_path


def test_without_libyaml_the_same_is_written(files: Path) -> None:
    done = run(NO_LIBYAML, ["update", "--from", "status", "."], files)
    assert (done.returncode, done.stderr) == (0, "")
    assert "example.com/org/web:1.1.0 #" in (files / "all.yaml").read_text()


def test_without_libyaml_bad_yaml_is_an_error_with_its_place(files: Path) -> None:
    (files / "bad.yaml").write_text('a: [ # {"$imagepolicy": "apps:web"}\n')
    done = run(NO_LIBYAML, ["lint"], files)
    assert done.returncode == 1
    assert "bad.yaml:1:1: error unreadable-document" in done.stdout
    assert "Traceback" not in done.stderr


def test_version_says_that_libyaml_is_missing(tmp_path: Path) -> None:
    assert "with no libyaml" in run(NO_LIBYAML, ["--version"], tmp_path).stdout
    assert ("with libyaml" in run("", ["--version"], tmp_path).stdout) == yaml.__with_libyaml__
