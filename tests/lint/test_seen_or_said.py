"""Nothing that looks like a marker is passed over in silence: odd keys, other encodings, other files, other text."""

from __future__ import annotations

import pytest

from imagesetter.cli.main import main
from lint.conftest import FIELD, POLICIES, Lint

VALUE = "registry.example.com/web:1.2.0"
MARKER = '# {"$imagepolicy": "flux-system:web"}'
ALWAYS = ("--disable", "unused-policy")

ODD = {
    "capital letters": "$ImagePolicy",
    "a hyphen": "$image-policy",
    "an underscore": "$image_policy",
    "the plural": "$imagepolicies",
    "two letters swapped": "$imagepolciy",
    "a letter missing": "$imagepolic",
    "a letter too many": "$imagepollicy",
    "a blank": "$ imagepolicy",
    "another prefix": "flux-imagepolicy",
    "no sign": "imagepolicy",
    "a dot": "image.policy",
}
FINE = ["$openapi", "policy", "image", "$ref", "imagePullPolicy", "replicas", "network-policy"]


@pytest.mark.parametrize("key", ODD.values(), ids=ODD)
def test_a_misspelled_key_is_a_malformed_marker(key: str, lint: Lint) -> None:
    ran = lint({"p.yaml": POLICIES, "a.yaml": f'image: {VALUE} # {{"{key}": "flux-system:web"}}\n'}, *ALWAYS)
    assert ran.findings == [
        f'a.yaml:1:39: error malformed-marker: not a marker: its key is "{key}", not "$imagepolicy"; write it as '
        '# {"$imagepolicy": "NAMESPACE:NAME"}'
    ]


@pytest.mark.parametrize("key", FINE)
def test_a_comment_of_something_else_is_left_alone(key: str, lint: Lint) -> None:
    ran = lint({"p.yaml": POLICIES, "a.yaml": f'image: {VALUE} # {{"{key}": "flux-system:web"}}\n'}, *ALWAYS)
    assert ran.findings == []


ENCODINGS = ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("text", [FIELD, POLICIES], ids=["a field", "policies"])
def test_a_file_in_another_encoding_is_an_error(
    encoding: str, text: str, lint: Lint, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = lint({"p.yaml": POLICIES, "a.yaml": text.encode(encoding)}, *ALWAYS)
    (finding,) = ran.findings
    assert finding.startswith("a.yaml:1:1: error unreadable-document: ")
    assert f"the file is {encoding[:6].upper()}" in finding
    assert finding.endswith("store it as UTF-8")
    assert main(["update", "--check", "--from", "status"]) == 1
    assert f"the file is {encoding[:6].upper()}" in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_file_in_another_encoding_about_something_else_is_left_alone(encoding: str, lint: Lint) -> None:
    assert lint({"p.yaml": POLICIES, "a.yaml": "a: 1\n".encode(encoding)}, *ALWAYS).findings == []


NESTED = {
    "a literal block": (f"a: |\n  image: {VALUE} {MARKER}\n", ["2:41"]),
    "a folded block": (f"a: >-\n  image: {VALUE} {MARKER}\n", ["2:41"]),
    "an inline patch": (f"patch: |-\n  - op: replace\n    value: {VALUE} {MARKER}\n", ["3:43"]),
    "text in double quotes": (f'a: "image: {VALUE} # {{\\"$imagepolicy\\": \\"flux-system:web\\"}}"\n', ["1:43"]),
    "text in single quotes": (f"a: 'image: {VALUE} {MARKER}'\n", ["1:43"]),
    "two in one text, and one behind a value": (
        f"b: {VALUE} {MARKER}\na: |\n  i: {VALUE} {MARKER}\n  j: {VALUE} {MARKER}\n",
        ["3:37", "4:37"],
    ),
    "words about markers": ("a: write a comment with $imagepolicy behind it\n", []),
    "a marker of another kind": ('a: |\n  b: 1 # {"$openapi": "x:y"}\n', []),
    "a comment above a block": (f"{MARKER}\na: |\n  b\n", []),
}


@pytest.mark.parametrize(("text", "places"), NESTED.values(), ids=NESTED)
def test_a_marker_inside_a_value_is_reported_with_its_line(
    text: str, places: list[str], lint: Lint, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = lint({"p.yaml": POLICIES, "a.yaml": text}, *ALWAYS)
    assert [line.split(":", 1)[1].split(": ")[0] for line in ran.about("nested-marker")] == places
    main(["update", "--check", "--from", "status", "--on-error", "keep"])
    err = capsys.readouterr().err
    assert err.count("this marker is inside the text of a value") == len(places)
    assert all(f"a.yaml:{place.split(':')[0]}" in err for place in places)


OTHERS = {
    "a Dockerfile": ("Dockerfile", True),
    "a Dockerfile with a suffix": ("build/Dockerfile.prod", True),
    "Terraform": ("infra/main.tf", True),
    "variables": (".env", True),
    "JSON": ("deploy.json", True),
    "capital letters": ("a.YAML", True),
    "a template": ("a.yaml.tpl", True),
    "documentation": ("README.md", False),
    "source code": ("main.go", False),
    "a picture": ("a.png", False),
    "in a hidden folder": (".github/x.env", True),
    "in Git's own folder": (".git/x.env", False),
    "left out": ("vendor/x.env", False),
}


@pytest.mark.parametrize(("name", "found"), OTHERS.values(), ids=OTHERS)
def test_a_marker_in_a_file_that_is_not_read_is_reported(name: str, found: bool, lint: Lint) -> None:
    ran = lint({"p.yaml": POLICIES, name: f"# web\nWEB={VALUE} {MARKER}\n"}, *ALWAYS, "--exclude", "vendor")
    assert [line.split(": ")[0] for line in ran.about("unread-file")] == ([f"{name}:2:38"] if found else [])


SOPS = "sops:\n  mac: ENC[AES256_GCM,data:bWFj]\n"
SEALED = {
    "a MAC over all": (f"{FIELD}{SOPS}", ["1:39"]),
    "encrypted values only": (f"{FIELD}{SOPS}  mac_only_encrypted: true\n", []),
    "that switched off": (f"{FIELD}{SOPS}  mac_only_encrypted: false\n", ["1:39"]),
    "another document": (f"{FIELD}---\na: 1\n{SOPS}", []),
    "a key of that name": (f"{FIELD}sops: {{image: x}}\n", []),
    "deeper down": (f"{FIELD}values:\n  sops:\n    mac: x\n", []),
}


@pytest.mark.parametrize(("text", "places"), SEALED.values(), ids=SEALED)
def test_a_field_under_a_mac_of_sops_is_reported(
    text: str, places: list[str], lint: Lint, capsys: pytest.CaptureFixture[str]
) -> None:
    status = 'status: {latestRef: {name: registry.example.com/web, tag: "1.3.0"}}\n'
    ran = lint({"p.yaml": POLICIES + status, "a.yaml": text}, *ALWAYS)
    assert [line.split(":", 1)[1].split(": ")[0] for line in ran.about("sops-mac")] == places
    main(["update", "--check", "--from", "status"])
    assert capsys.readouterr().err.count("breaks the MAC of the SOPS file") == len(places)
