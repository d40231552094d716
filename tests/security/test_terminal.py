"""Names and values that a stranger chose never reach the terminal as control characters, whoever shows them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.sandbox import APP, POLICIES, Sandbox, open_sandbox

ESCAPE = "\x1b[2J\x1b]0;owned\x07"
LOCK = "apiVersion: imagesetter.dev/v1alpha1\nkind: ImageLock\nmetadata: {name: x}\nspec:\n"
IN_YAML = "\\e[2J\\e]0;owned\\a\\u202e"


@pytest.fixture
def sandbox(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with open_sandbox(tmp_path, capsys, monkeypatch) as opened:
        opened.registry.push("1.5.0")
        yield opened


HOSTILE = {
    "name of a policy": {"policies.yaml": POLICIES.replace("name: web\n", f'name: "we{IN_YAML}b"\n')},
    "namespace of a policy": {
        "policies.yaml": POLICIES.replace("namespace: flux-system\n", f'namespace: "x{IN_YAML}"\n')
    },
    "image of a repository": {
        "policies.yaml": POLICIES.replace("registry.example.com", f'"r{IN_YAML}').replace("/web", '/web"')
    },
    "range": {"policies.yaml": POLICIES.replace("range: 1.x", f'range: "1.x {IN_YAML}"')},
    "pattern": {"policies.yaml": POLICIES.replace("policy: {", f'filterTags: {{pattern: "({IN_YAML}"}}\n  policy: {{')},
    "unknown field": {"policies.yaml": POLICIES.replace("policy: {", f'"{IN_YAML}": 1\n  policy: {{')},
    "version of an API": {
        "policies.yaml": POLICIES.replace("fluxcd.io/v1", f'fluxcd.io/v9{IN_YAML}"').replace("image.t", '"image.t')
    },
    "field's value": {"app.yaml": f'image: "x{IN_YAML}" # {{"$imagepolicy": "flux-system:web"}}\n'},
    "field's key": {"app.yaml": f'"x{IN_YAML}": "x:1" # {{"$imagepolicy": "flux-system:web"}}\n'},
    "resource's name": {"app.yaml": f'apiVersion: v1\nkind: "P{IN_YAML}"\nmetadata: {{name: "a{IN_YAML}"}}\n{APP}'},
    "marker": {"app.yaml": 'image: x:1 # {"$imagepolicy": "flux-system:w\\u001b[2Jeb"}\n'},
    "marker's part": {"app.yaml": 'image: x:1 # {"$imagepolicy": "flux-system:web:\\u001b[2J"}\n'},
    "broken marker": {"app.yaml": 'image: x:1 # {"$imagepolicy": "flux-system:web" \\u009b \u202e\u2066}\n'},
    "file's name": {f"a{ESCAPE}.yaml": APP, f"b{ESCAPE}.yaml": f"a: [\n{APP}"},
    "field path of an annotation": {
        "app.yaml": "apiVersion: v1\nkind: P\nmetadata: {name: a, annotations: {"
        f'"imagesetter.dev/fields": "a{IN_YAML}: web"}}}}\n'
    },
    "lock": {
        "images.lock.yaml": f"{LOCK}  entries:\n"
        f'    - policy: "flux-system:w{IN_YAML}"\n      image: "i{IN_YAML}"\n      tag: "t{IN_YAML}"\n'
        f'      digest: "d{IN_YAML}"\n      inputs: "{IN_YAML}"\n'
    },
    "hold": {
        "images.lock.yaml": f"{LOCK}  holds:\n"
        f'    - policy: flux-system:web\n      tag: 1.4.0\n      reason: "r{IN_YAML}"\n'
    },
}
TEST = """\
apiVersion: imagesetter.dev/v1alpha1
kind: PolicyTest
metadata: {name: "t@"}
spec:
  policyRef: "flux-system:we@b"
  tags: ["1@"]
  cases: [{name: "c@", pick: "x@"}]
"""
HOSTILE["policy test"] = {"web.policy-test.yaml": TEST.replace("@", IN_YAML)}
HOSTILE["policy test of a policy"] = {"web.policy-test.yaml": TEST.replace("we@b", "web").replace("@", IN_YAML)}
COMMANDS = {
    "update": ["update"],
    "update that is told much": ["update", "--dry-run", "--diff", "-v"],
    "update from the lock": ["update", "--from", "lock"],
    "lock": ["lock"],
    "lint": ["lint", "."],
    "explain": ["explain"],
    "explain a policy": ["explain", f"flux-system:we{ESCAPE}b"],
    "explain a tag": ["explain", "web", "--why-not", f"1{ESCAPE}"],
    "tags": ["tags", f"registry.example.com/{ESCAPE}"],
    "mark": ["mark", "."],
    "test": ["test"],
    "hold": ["hold", "web", "--tag", "1.4.0", "--reason", f"r{ESCAPE}"],
    "no such command": [f"up{ESCAPE}"],
    "no such file": ["update", f"nowhere{ESCAPE}"],
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize("files", HOSTILE.values(), ids=HOSTILE)
def test_no_control_character_reaches_the_terminal(sandbox: Sandbox, files: dict[str, str], command: list[str]) -> None:
    for name, text in files.items():
        sandbox.write(name, text)
    ran = sandbox.run(*command)
    odd = {char for char in ran.out + ran.err if not char.isprintable() and char not in "\n\t"}
    assert not odd, str(ran)
    assert ran.status in (0, 1, 2), str(ran)
