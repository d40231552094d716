"""`imagesetter tags`: what a registry has, one a line for pipes, in columns for people, as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from imagesetter.cli.commands.tags import newest_first
from imagesetter.cli.main import main
from imagesetter.cli.reports.table import aligned
from support.registries import Pushed, RunningRegistry, delete_tags, push_image, run_registry

TAGS = ("1.0.0", "1.0.10", "1.0.9", "latest")
CREATED = "2024-05-01T12:00:00Z"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    with run_registry("v3", folder=tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture(scope="module")
def pushed(registry: RunningRegistry) -> Pushed:
    platforms = ["linux/amd64", "linux/arm64/v8"]
    return push_image(registry, "team/app", TAGS, platforms=platforms, created=CREATED)


@pytest.fixture
def image(registry: RunningRegistry, pushed: Pushed) -> str:
    return f"{registry.host}/team/app"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(("tags", *arguments))
        return status, *capsys.readouterr()

    return run


def test_tags_come_one_a_line_in_byte_order_and_nothing_else(run: Run, image: str) -> None:
    assert run(image) == (0, "1.0.0\n1.0.10\n1.0.9\nlatest\n", "")


def test_versions_come_newest_first_where_asked_and_a_limit_cuts_the_rest(run: Run, image: str) -> None:
    assert run(image, "--sort", "semver", "--limit", "2") == (0, "1.0.10\n1.0.9\n", "")


def test_columns_have_a_heading_and_what_is_behind_each_tag(run: Run, image: str, pushed: Pushed) -> None:
    status, out, _ = run(image, "--limit", "2", "--digest", "--created", "--platform")
    assert status == 0
    assert [line.split() for line in out.splitlines()[1:]] == [
        ["1.0.0", CREATED, pushed.digest, "linux/amd64", "linux/arm64/v8"],
        ["1.0.10", CREATED, pushed.digest, "linux/amd64", "linux/arm64/v8"],
    ]
    assert out.splitlines()[0].split() == ["TAG", "CREATED", "DIGEST", "PLATFORMS"]


def test_digests_alone_are_one_column(run: Run, image: str, pushed: Pushed) -> None:
    _, out, _ = run(image, "--limit", "1", "--digest")
    assert out == f"TAG    DIGEST\n1.0.0  {pushed.digest}\n"


def test_an_image_without_an_index_has_the_platform_of_its_config(run: Run, registry: RunningRegistry) -> None:
    push_image(registry, "team/single", ["1"])
    assert run(f"{registry.host}/team/single", "--platform")[1] == "TAG  PLATFORMS\n1    linux/amd64\n"


def test_json_lists_tags_as_a_registry_does_and_the_columns_beside_them(run: Run, image: str, pushed: Pushed) -> None:
    plain = {"apiVersion": "imagesetter.dev/v1alpha1", "kind": "TagList", "image": image, "total": 4}
    assert json.loads(run(image, "--output", "json")[1]) == {**plain, "tags": list(TAGS)}
    status, out, _ = run(image, "--output", "json", "--limit", "1", "--digest", "--created", "--platform")
    assert status == 0
    assert json.loads(out) == {
        **plain,
        "tags": ["1.0.0"],
        "images": [
            {
                "tag": "1.0.0",
                "digest": pushed.digest,
                "created": CREATED,
                "platforms": ["linux/amd64", "linux/arm64/v8"],
            }
        ],
    }


@pytest.mark.parametrize("column", ["--digest", "--created"])
def test_a_tag_whose_image_is_gone_is_an_error_and_the_others_are_listed(
    column: str, run: Run, registry: RunningRegistry
) -> None:
    repository = f"team/torn{column}"
    push_image(registry, repository, ["1"])
    link = registry.storage / f"docker/registry/v2/repositories/{repository}/_manifests/tags/2/current/link"
    link.parent.mkdir(parents=True)
    link.write_text("sha256:" + "0" * 64)
    status, out, err = run(f"{registry.host}/{repository}", column)
    assert status == 1
    assert [line.split()[0] for line in out.splitlines()] == ["TAG", "1", "2"]
    assert out.splitlines()[2].split()[1] == "-"
    assert f"{repository}:2" in err


@pytest.mark.parametrize("column", [(), ("--digest",)], ids=["plain", "with a column"])
def test_a_repository_without_tags_says_so_beside_its_empty_list(
    column: tuple[str, ...], run: Run, registry: RunningRegistry
) -> None:
    push_image(registry, "team/empty", ["1"])
    delete_tags(registry, "team/empty")
    (registry.storage / "docker/registry/v2/repositories/team/empty/_manifests/tags").mkdir()
    image = f"{registry.host}/team/empty"
    assert run(image, "--no-cache", *column) == (0, "", f"{image} has no tags\n")


def test_an_unknown_repository_is_an_error(run: Run, registry: RunningRegistry) -> None:
    status, out, err = run(f"{registry.host}/team/none")
    assert (status, out) == (1, "")
    assert "team/none" in err


@pytest.mark.parametrize(
    "image", ["https://ghcr.io/org/app", "ghcr.io/org/app:1.0", "UPPER/case"], ids=["a scheme", "a tag", "capitals"]
)
def test_an_image_that_is_no_repository_is_wrong_usage(image: str, run: Run) -> None:
    status, out, err = run(image)
    assert (status, out) == (2, "")
    assert image in err


def test_the_list_can_be_piped_into_an_explanation(
    run: Run, image: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "tags.json"
    path.write_text(run(image, "--output", "json")[1])
    assert main(["explain", image, "--semver", "1.x", "--tags-file", str(path)]) == 0
    assert f"→ {image}:1.0.10\n" in capsys.readouterr().out


def test_newest_first_puts_what_flux_does_not_read_as_versions_behind() -> None:
    tags = ["1", "1.2", "1.2.3", "latest", "v1.10.0", "1.10.0-rc.1", "1.9.0", "2.0.0+a", "A"]
    assert newest_first(tags) == ["2.0.0+a", "v1.10.0", "1.10.0-rc.1", "1.9.0", "1.2.3", "1", "1.2", "A", "latest"]


def test_columns_are_as_wide_as_their_widest_cell_and_nothing_trails() -> None:
    assert aligned([("a", "bbb", ""), ("cc",), ("d", "e", "f")]) == ["a   bbb", "cc", "d   e    f"]
