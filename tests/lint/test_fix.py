"""``lint --fix`` writes what has one way out, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from lint.conftest import FIELD, POLICIES, Lint

WEB = "registry.example.com/web"
MARKER = '# {"$imagepolicy": "flux-system:web"}'
TAG = '# {"$imagepolicy": "flux-system:web:tag"}'
NAME = '# {"$imagepolicy": "flux-system:web:name"}'
DIGEST = '# {"$imagepolicy": "flux-system:web:digest"}'
OLD = POLICIES.replace("fluxcd.io/v1\n", "fluxcd.io/v1beta2\n")
AUTOMATION = """\
apiVersion: image.toolkit.fluxcd.io/v1beta2
kind: ImageUpdateAutomation
metadata: {name: all, namespace: flux-system}
spec:
  interval: 30m
  sourceRef: {kind: GitRepository, name: flux-system}
  git: {commit: {author: {email: a@example.com}, messageTemplate: "%s"}, push: {branch: updates}}
"""
CHANGED = "{{ range .Changed.Changes }}{{ .NewValue }}{{ end }}"

FIXED = {
    "a whole image in newTag": (f"newTag: 1.2.0 {MARKER}\n", f"newTag: 1.2.0 {TAG}\n"),
    "a whole image in a chart's tag": (
        f"image:\n  repository: {WEB}\n  tag: '1.2.0' {MARKER}\n",
        f"image:\n  repository: {WEB}\n  tag: '1.2.0' {TAG}\n",
    ),
    "a tag in an image": (f"image: {WEB}:1.2.0 {TAG}\n", f"image: {WEB}:1.2.0 {MARKER}\n"),
    "a tag in a repository": (f"repository: {WEB} {TAG}\n", f"repository: {WEB} {NAME}\n"),
    "a name in a tag": (f"tag: 1.2.0 {NAME}\n", f"tag: 1.2.0 {TAG}\n"),
    "a whole image in a version of a Helm release": (f"version: v1.2.0 {MARKER}\n", f"version: v1.2.0 {TAG}\n"),
    "an item of a list": (f"- {WEB}:1.2.0 {TAG}\n", f"- {WEB}:1.2.0 {MARKER}\n"),
    "a misspelled key": (
        f'image: {WEB}:1.2.0 # {{"$image-policy": "flux-system:web"}}\n',
        f"image: {WEB}:1.2.0 {MARKER}\n",
    ),
    "a misspelled key, and then its part": (
        'tag: 1.2.0 # {"$ImagePolicy": "flux-system:web"}\n',
        f"tag: 1.2.0 {TAG}\n",
    ),
    "a slash": (f'image: {WEB}:1.2.0 # {{"$imagepolicy": "flux-system/web"}}\n', f"image: {WEB}:1.2.0 {MARKER}\n"),
    "text behind the marker": (
        f"a:\n  image: {WEB}:1.2.0 {MARKER} keep\n",
        f"a:\n  # keep\n  image: {WEB}:1.2.0 {MARKER}\n",
    ),
    "text behind the marker of an item, with CR LF": (
        f"a:\r\n- {WEB}:1.2.0 {MARKER} # keep\r\n",
        f"a:\r\n# keep\r\n- {WEB}:1.2.0 {MARKER}\r\n",
    ),
    "a comma behind the marker": (f"image: {WEB}:1.2.0 {MARKER},\n", f"image: {WEB}:1.2.0 {MARKER}\n"),
    "a file with a byte order mark": (f"\ufefftag: 1.2.0 {MARKER}\n", f"\ufefftag: 1.2.0 {TAG}\n"),
    "other spaces in the marker": (
        'tag: 1.2.0 #{ "$imagepolicy" : "flux-system:web", "x": "y" }\n',
        'tag: 1.2.0 #{ "$imagepolicy" : "flux-system:web:tag", "x": "y" }\n',
    ),
    "policies of an old version": (OLD, POLICIES),
    "an old version in quotes": (
        OLD.replace("image.toolkit.fluxcd.io/v1beta2", '"image.toolkit.fluxcd.io/v1beta2"', 1),
        POLICIES.replace("image.toolkit.fluxcd.io/v1", '"image.toolkit.fluxcd.io/v1"', 1),
    ),
    "an automation whose message v1 knows": (
        AUTOMATION % CHANGED,
        (AUTOMATION % CHANGED).replace("v1beta2", "v1"),
    ),
}

LEFT = {
    "text of which nobody knows what it is": f"args: --image=a:1,b:2 {MARKER}\n",
    "a policy that does not exist": 'image: a # {"$imagepolicy": "flux-system:wbe"}\n',
    "a suffix that is no part": 'tag: 1.2.0 # {"$imagepolicy": "flux-system:web:version"}\n',
    "no namespace": f'image: {WEB}:1.2.0 # {{"$imagepolicy": "web"}}\n',
    "two markers": f"image: {WEB}:1.2.0 {MARKER} {TAG}\n",
    "a marker above a key": f"{MARKER}\nimage: {WEB}:1.2.0\n",
    "text behind a marker inside a value of several lines": f"a: 'b\n\n  {WEB} {MARKER} keep'\n",
    "an automation whose message v1 does not know": AUTOMATION % "{{ range .Updated.Images }}{{ . }}{{ end }}",
    "a version that is older": AUTOMATION.replace("v1beta2", "v1beta1") % CHANGED,
}


@pytest.mark.parametrize(("before", "after"), FIXED.values(), ids=FIXED)
def test_what_has_one_way_out_is_written(before: str, after: str, lint: Lint) -> None:
    beside = {} if "kind: ImagePolicy" in before else {"p.yaml": POLICIES}
    path = Path("a.yaml")
    ran = lint({**beside, "a.yaml": before.encode()}, "--fix", "--disable", "unused-policy")
    assert path.read_bytes() == after.encode()
    assert ran.findings == []
    assert ran.status == 0
    assert "a.yaml:" in ran.err
    again = lint({}, "--fix", "--disable", "unused-policy")
    assert again.out.startswith("0 fixed (")
    assert "fixed" not in again.err


@pytest.mark.parametrize("text", LEFT.values(), ids=LEFT)
def test_what_a_person_has_to_decide_stays(text: str, lint: Lint) -> None:
    ran = lint({"p.yaml": POLICIES, "a.yaml": text}, "--fix", "--disable", "unused-policy")
    assert Path("a.yaml").read_text() == text
    assert ran.findings
    assert ran.err == ""
    assert "\n0 fixed, 1 " in ran.out


def test_a_fix_is_told_and_the_rest_is_reported(lint: Lint) -> None:
    ran = lint({"p.yaml": POLICIES, "a.yaml": FIELD + f"newTag: 1.2.0 {MARKER}\ncommand: x=a:1 {MARKER}\n"}, "--fix")
    assert ran.err == "a.yaml:2:15: fixed wrong-part: flux-system:web writes a whole image, and newTag holds a tag\n"
    assert ran.out == (
        "a.yaml:3:16: error wrong-part: flux-system:web: no part of 'x=a:1' is an image of registry.example.com/web, "
        "so it is unclear what to replace; put what the policy selects into a field of its own, or take the marker "
        "away\n"
        "1 fixed, 1 error (2 files read)\n"
    )
    assert ran.status == 1


def test_only_files_under_path_are_written(lint: Lint) -> None:
    files = {".git/HEAD": "", "p.yaml": OLD, "app/a.yaml": f"tag: 1.2.0 {MARKER}\n"}
    ran = lint(files, "app", "--policies", "p.yaml", "--fix")
    assert Path("p.yaml").read_text() == OLD
    assert Path("app/a.yaml").read_text() == f"tag: 1.2.0 {TAG}\n"
    assert ran.out.splitlines()[-1] == "1 fixed, 2 warnings (1 file read)"


def test_a_disabled_rule_is_not_fixed(lint: Lint) -> None:
    lint({"p.yaml": POLICIES, "a.yaml": f"tag: 1.2.0 {MARKER}\n"}, "--fix", "--disable", "wrong-part")
    assert Path("a.yaml").read_text() == f"tag: 1.2.0 {MARKER}\n"


def test_a_digest_in_a_tag_is_not_hidden_by_other_findings(lint: Lint) -> None:
    ran = lint({"p.yaml": POLICIES, "a.yaml": f"tag: 1.2.0 {DIGEST}\n"}, "--disable", "digest-without-reflection")
    assert ran.findings == [
        "a.yaml:1:12: error wrong-part: flux-system:web:digest writes a digest, and tag holds a tag; write "
        '{"$imagepolicy": "flux-system:web:tag"}'
    ]
