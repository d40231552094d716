"""`outdated`: newer tags for every image of a tree, with or without a policy; one registry's failure hides no other."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from imagesetter.cli.schemas.kinds import schema_of
from support.registries import closed_port, push_image, run_registry
from support.runs import Ran, run_in, write_files

RUNS = {
    "text": [],
    "all": ["--all"],
    "markdown": ["--output", "markdown"],
    "json": ["--output", "json"],
    "check": ["--check", "a.yaml"],
    "fresh": ["--check", "d.yaml"],
}
SETTER = """\
apiVersion: imagesetter.dev/v1alpha1
kind: ImageSetter
metadata: {name: images}
spec:
  policies:
    - {name: held, image: HOST/held, semver: {range: 1.x}, insecure: true}
"""
FILES = {
    "setter.yaml": SETTER,
    "a.yaml": "image: HOST/web:1.0.0\n",
    "b.yaml": "image: HOST/web:1.0.0\nold: {image: 'HOST/web:latest'}\n",
    "c.yaml": 'image: HOST/held:1.0.0 # {"$imagepolicy": "flux-system:held"}\n',
    "d.yaml": "image: {repository: HOST/fresh, tag: 2.0.0}\n",
    "e.yaml": "image: CLOSED/gone:1.0.0\n",
    "images.lock.yaml": """\
apiVersion: imagesetter.dev/v1alpha1
kind: ImageLock
metadata: {name: images}
spec:
  holds:
    - {policy: flux-system:held, exclude: 1.3.0, reason: crashes}
""",
}
TAGS = ["1.0.0", "1.2.0", "1.3.0", "2.0.0", "2.1.0-rc.1", "latest"]


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ran]:
    """What the command prints about a tree whose images are in a registry on loopback, in each format."""
    root = tmp_path_factory.mktemp("outdated")
    with run_registry("2.8", folder=root / "registry") as registry, closed_port() as port:
        for name in ("web", "held", "fresh"):
            push_image(registry, name, TAGS)
        hosts = {registry.host: "HOST", f"127.0.0.1:{port}": "CLOSED"}
        for host, name in hosts.items():
            files = {file: text.replace(name, host) for file, text in FILES.items()}
            write_files(root / "tree", {file: text for file, text in files.items() if name in FILES[file]})
        write_files(root / "tree", {"images.lock.yaml": FILES["images.lock.yaml"]})
        environment = {
            "PATH": "",
            "HOME": str(root),
            "IMAGESETTER_ALLOW_LOOPBACK": "true",
            "IMAGESETTER_CACHE_DIR": str(root / "cache"),
        }
        found = {}
        for form, options in RUNS.items():
            ran = run_in(root / "tree", "outdated", "--insecure", *options, environment=environment)
            texts = [ran.out, ran.err]
            for host, name in hosts.items():
                texts = [text.replace(host, name) for text in texts]
            found[form] = Ran(ran.status, *texts)
    return found


def columns(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_newer_tags_are_listed_within_the_policy_or_the_major_version_and_beyond(printed: dict[str, Ran]) -> None:
    assert columns(printed["text"].out) == [
        "IMAGE CURRENT WITHIN LATEST WHERE",
        "HOST/web 1.0.0 1.3.0 2.0.0 a.yaml:1 and 1 more",
        "HOST/held 1.0.0 1.2.0 2.0.0 c.yaml:1",
        "2 of 5 images outdated, 1 with a tag that cannot be compared, 1 failed, see below (7 files read)",
    ]


def test_the_failure_of_one_registry_is_an_error_and_hides_no_other(printed: dict[str, Ran]) -> None:
    ran = printed["text"]
    assert (ran.status, ran.err.count("error: ")) == (1, 1)
    assert ran.err.startswith("error: CLOSED refuses connections"), ran.err


def test_all_lists_what_is_up_to_date_and_why_a_tag_cannot_be_compared(printed: dict[str, Ran]) -> None:
    lines = columns(printed["all"].out)
    assert "HOST/fresh 2.0.0 2.0.0 2.0.0 d.yaml:1" in lines
    assert "HOST/web: latest is a moving tag: the same name, again and again; write the tag that you run" in lines


def test_the_markdown_report_is_a_table_with_the_errors_below(printed: dict[str, Ran]) -> None:
    lines = printed["markdown"].out.splitlines()
    assert lines[2] == "| `HOST/web` | `1.0.0` | `1.3.0` | `2.0.0` | - | `a.yaml:1 and 1 more` |"
    assert lines[-1].startswith("- CLOSED refuses connections")


def test_the_json_document_is_as_its_schema_says(printed: dict[str, Ran]) -> None:
    document = json.loads(printed["json"].out)
    Draft202012Validator(schema_of("OutdatedReport")).validate(document)
    held = next(image for image in document["images"] if image["image"] == "HOST/held")
    assert (held["policy"], held["within"], held["latest"]) == ("flux-system:held", "1.2.0", "2.0.0")


def test_with_check_an_outdated_image_is_a_failure(printed: dict[str, Ran]) -> None:
    assert printed["check"].status == 1
    assert (printed["fresh"].status, printed["fresh"].out) == (0, "0 of 1 image outdated (1 file read)\n")
