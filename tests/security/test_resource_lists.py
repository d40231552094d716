"""What a ResourceList from a stranger can make the function do: change the fields that it marks, and no more."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from imagesetter.cli.function import process
from krm_functions.function import Response, respond
from krm_functions.resource_list import ResourceList
from krm_functions.yaml.load import load
from krm_functions.yaml.scan import scan

HEAD = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n"
WEB = """\
- apiVersion: apps/v1
  kind: Deployment
  metadata:
    name: web
  spec:
    image: x:1 # {"$imagepolicy": "ns:app"}
    tag: "1" # {"$imagepolicy": "ns:app:tag"}
    other: 1.0.0 # mine
"""


def run(text: str, source: str = "status") -> Response:
    return respond(partial(process, environment={"IMAGESETTER_FROM": source}), text.encode(), needle="$imagepolicy")


def policy(ref: dict[str, str]) -> str:
    """A policy whose status, which anyone may write into a file, gives the answer."""
    return (
        "- apiVersion: image.toolkit.fluxcd.io/v1\n  kind: ImagePolicy\n  metadata: {name: app, namespace: ns}\n"
        "  spec: {imageRepositoryRef: {name: app}, policy: {semver: {range: 1.x}}}\n"
        f"  status: {json.dumps({'latestRef': ref})}\n"
    )


HOSTILE_TAGS = {
    "a comment with a marker": '1.0.0 # {"$imagepolicy": "ns:other"}',
    "a line of its own": "1.0.0\n    privileged: true",
    "a document of its own": "1.0.0\n---\nkind: Secret",
    "an escape sequence": "1.0.0\x1b[31m",
    "a quote": "1.0.0' \" #",
    "an alias": "*a",
    "a tag of YAML": "!!python/object:os.system",
    "a flow mapping": "{a: b}",
    "a number": "1.10",
    "nothing but blanks": "  ",
    "a line separator": "1\u2028privileged: true",
}


@pytest.mark.parametrize("tag", HOSTILE_TAGS.values(), ids=HOSTILE_TAGS)
def test_a_tag_is_never_more_than_the_text_of_its_field(tag: str) -> None:
    before = HEAD + "items:\n" + WEB + policy({"name": "r.example.com/app", "tag": tag})
    answer = run(before)
    after = answer.stdout.decode()
    listing = ResourceList.parse(answer.stdout)
    markers = [comment.text for comment in scan(after[: after.index("- apiVersion: image.toolkit")]).comments]
    assert markers == ['# {"$imagepolicy": "ns:app"}', '# {"$imagepolicy": "ns:app:tag"}']
    (web, given) = listing.items
    spec = {"image": f"r.example.com/app:{tag}", "tag": tag, "other": "1.0.0"}
    unchanged = {"image": "x:1", "tag": "1", "other": "1.0.0"}
    loaded = web.load()
    assert loaded["spec"] == (spec if answer.status == 0 else unchanged)
    assert loaded.keys() == {"apiVersion", "kind", "metadata", "spec"}
    assert given.load() == load(policy({"name": "r.example.com/app", "tag": tag}).replace("- ", "  ", 1)), (
        "its own text"
    )
    assert all(char.isprintable() or char == "\n" for char in answer.stderr)


NAMES = {
    "a path": "../../etc/passwd",
    "an option": "--upload-pack=x",
    "a shell's words": "$(id);`id`",
    "a format": "{0.__class__}%s%n",
    "a template": "{{ env `HOME` }}",
    "an escape sequence": "\\u001b[31m",
    "a wild card": "*",
    "a NUL": "a\\u0000b",
    "a long one": "a" * 5000,
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_marker_with_a_hostile_name_follows_nothing_and_changes_nothing(name: str) -> None:
    text = HEAD + "items:\n" + WEB.replace("ns:app", f"ns:{name}") + policy({"name": "r.example.com/app", "tag": "2"})
    answer = run(text)
    assert answer.status in (0, 1)
    assert [item.text for item in ResourceList.parse(answer.stdout).items] == [
        item.text for item in ResourceList.parse(text.encode()).items
    ]
    assert all(result.message.isprintable() for result in ResourceList.parse(answer.stdout).results)


CONFIGS: dict[str, object] = {
    "a list": [],
    "a text": "x",
    "a number": 1,
    "spec is a list": {"apiVersion": "imagesetter.dev/v1alpha1", "kind": "ImageSetter", "spec": []},
    "policies are a text": {"apiVersion": "imagesetter.dev/v1alpha1", "kind": "ImageSetter", "spec": {"policies": "x"}},
    "data is a list": {"apiVersion": "v1", "kind": "ConfigMap", "data": ["x"]},
    "a value is a mapping": {"apiVersion": "v1", "kind": "ConfigMap", "data": {"strict": {"a": 1}}},
    "a key is hostile": {"apiVersion": "v1", "kind": "ConfigMap", "data": {"\x1b[31m": "x"}},
    "a kind is a mapping": {"apiVersion": "v1", "kind": {"a": 1}},
    "a huge number": {"apiVersion": "v1", "kind": "ConfigMap", "data": {"strict": 10**400}},
    "a path of fields": {
        "apiVersion": "imagesetter.dev/v1alpha1",
        "kind": "ImageSetter",
        "spec": {"targets": [{"select": {}, "fieldPaths": ["metadata.annotations[\"", "[-1]"], "policy": "a:b:c:d"}]},
    },
}  # fmt: skip


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_hostile_function_config_is_refused_with_one_printable_line(config: object) -> None:
    text = HEAD + f"functionConfig: {json.dumps(config)}\nitems:\n" + WEB
    answer = run(text)
    assert answer.status in (1, 2), answer
    assert "Traceback" not in answer.stderr
    assert all(char.isprintable() or char == "\n" for char in answer.stderr)
    if not answer.stdout:  # not even the list could be read, and kpt and kustomize stop at the status
        assert answer.stderr.count("\n") == 1
        return
    results = ResourceList.parse(answer.stdout).results
    assert results
    assert all(result.message.isprintable() for result in results)
    assert [item.text for item in ResourceList.parse(answer.stdout).items] == [
        item.text for item in ResourceList.parse(text.encode()).items
    ]


AUDITED = """
import io, sys
seen = []
sys.addaudithook(lambda event, arguments: seen.append((event, str(arguments[:1]))))
from imagesetter.cli.function import main
with open(sys.argv[1], "rb") as stream:
    data = stream.read()
seen.clear()
sys.stdout = io.TextIOWrapper(io.BytesIO())
status = main(data)
events = ("subprocess.Popen", "os.system", "os.exec", "socket.connect", "socket.getaddrinfo", "exec", "os.remove")
odd = [each for each in seen if each[0] in events or (each[0] == "open" and "hostile" in each[1])]
print(status, [each for each in odd if each[0] != "exec"], file=sys.stderr)
"""


def test_no_file_is_opened_and_no_program_started_for_a_path_in_a_resource_list(tmp_path: Path) -> None:
    """Checked in a process of its own, which notes every file, program and connection."""
    paths = ("/etc/hostile", "../../hostile", "hostile.yaml", "file:///hostile", "~/hostile", "/proc/self/hostile")
    items = "".join(
        f"""\
- apiVersion: apps/v1
  kind: Deployment
  metadata:
    name: web{number}
    annotations:
      config.kubernetes.io/path: {path}
      internal.config.kubernetes.io/path: {path}
      internal.config.kubernetes.io/package-path: {path}
      config.kubernetes.io/function: "exec: {{path: {path}}}"
      config.kubernetes.io/origin: "path: {path}"
  spec:
    image: x:1 # {{"$imagepolicy": "ns:app"}}
"""
        for number, path in enumerate(paths)
    )
    name = tmp_path / "list.yaml"
    name.write_text(HEAD + "items:\n" + items + policy({"name": "r.example.com/app", "tag": "1.2.3"}))
    done = subprocess.run(
        [sys.executable, "-c", AUDITED, str(name)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"IMAGESETTER_FROM": "status", "PYTHONPATH": str(Path(__file__).parents[2] / "fn"), "HOME": str(tmp_path)},
        check=False,
    )
    assert done.stderr == "0 []\n"
