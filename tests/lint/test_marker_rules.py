"""What the rules about markers see, and what they leave alone."""

from __future__ import annotations

import pytest

from lint.conftest import FIELD, POLICIES, Lint

MARKER = '# {"$imagepolicy": "flux-system:web"}'

FINDS = {
    "no policy of that name, one in another namespace": (
        'image: a # {"$imagepolicy": "apps:web"}\n',
        "1:10: error dangling-marker: ImagePolicy apps:web was not found; did you mean flux-system:web?",
    ),
    "a second marker behind a comma": (
        'image: registry.example.com/web:1.0.0 # {"$imagepolicy": "flux-system:web"}, {"$imagepolicy": "a:b"}\n',
        "1:39: error two-markers: two markers in one comment disable each other (Flux ignores both, too); "
        "keep one of them",
    ),
    "one key twice": (
        'image: registry.example.com/web:1.0.0 # {"$imagepolicy": "a:b", "$imagepolicy": "flux-system:web"}\n',
        '1:39: error two-markers: the marker has "$imagepolicy" twice; only the last one, flux-system:web, is used; '
        "keep one of them",
    ),
    "a comma behind the JSON": (
        'image: registry.example.com/web:1.0.0 # {"$imagepolicy": "flux-system:web"},\n',
        "1:39: error text-after-json: text ',' after the JSON object disables the marker (Flux ignores it, too); move "
        "the text to a line above",
    ),
    "text before the JSON": (
        'image: registry.example.com/web:1.0.0 # flux {"$imagepolicy": "flux-system:web"}\n',
        "1:39: error malformed-marker: not a marker: there is text before the JSON object; write it as "
        '# {"$imagepolicy": "NAMESPACE:NAME"}, with :tag, :name or :digest behind the name for a part',
    ),
    "a no-break space before the JSON": (
        'image: registry.example.com/web:1.0.0 # \u00a0{"$imagepolicy": "flux-system:web"}\n',
        "1:39: error malformed-marker: not a marker: there is an invisible character, '\\xa0', before the JSON object; "
        'write it as # {"$imagepolicy": "NAMESPACE:NAME"}, with :tag, :name or :digest behind the name for a part',
    ),
    "a no-break space behind the JSON": (
        'image: registry.example.com/web:1.0.0 # {"$imagepolicy": "flux-system:web"}\u00a0\n',
        "1:39: error text-after-json: text '\\xa0' after the JSON object disables the marker (Flux ignores it, too); "
        "move the text to a line above",
    ),
    "a key with a capital letter": (
        'image: registry.example.com/web:1.0.0 # {"$imagePolicy": "flux-system:web"}\n',
        '1:39: error malformed-marker: not a marker: its key is "$imagePolicy", not "$imagepolicy"; '
        'write it as # {"$imagepolicy": "NAMESPACE:NAME"}',
    ),
    "behind an alias": (
        f"a: &image registry.example.com/web:1.0.0\nb: *image {MARKER}\n",
        "2:11: error misplaced-marker: this marker is behind an alias; the value is where the anchor is, so it has no "
        "effect (Flux ignores it, too); put it after the value, on the same line",
    ),
    "at the end of the file": (
        f"a: 1\n{MARKER}\n",
        "2:1: error misplaced-marker: this marker is in no field at all, so it has no effect (Flux ignores it, too); "
        "put it after the value, on the same line",
    ),
    "above an item that has a comment of its own": (
        f"images:\n{MARKER}\n- registry.example.com/web:1.0.0 # the web\n",
        "2:1: error misplaced-marker: this marker is above an item that has a comment of its own, which hides it, so "
        "it has no effect (Flux ignores it, too); put it after the value, on the same line",
    ),
    "a commented-out line without a space": (
        f"a: 1\n#image: registry.example.com/web:1.0.0 {MARKER}\n",
        "2:1: info commented-out-marker: a marker for flux-system:web on a commented-out line has no effect; delete "
        "the line if you no longer need it",
    ),
}


@pytest.mark.parametrize(("text", "line"), FINDS.values(), ids=FINDS)
def test_a_marker_that_does_not_work_is_found(text: str, line: str, lint: Lint) -> None:
    ran = lint({"policies.yaml": POLICIES, "a.yaml": text}, "--disable", "unused-policy")
    assert ran.findings == [f"a.yaml:{line}"]


PASSES = {
    "no space behind the hash": FIELD.replace("# ", "#"),
    "two hashes": FIELD.replace("# ", "## "),
    "further keys": FIELD.replace('"}', '", "note": "by hand"}'),
    "above a plain item": f"images:\n{MARKER}\n- registry.example.com/web:1.0.0\n",
    "on the header of a block scalar": f"image: |- {MARKER}\n  registry.example.com/web:1.0.0\n",
    "prose that mentions the key": f"# see $imagepolicy in the documentation\n{FIELD}",
    "prose above that mentions a marker": f'# write {{"$imagepolicy": "ns:name"}} behind the tag\n{FIELD}',
    "CR LF, a byte order mark and no final newline": f"\ufeffa: 1\r\n{FIELD.rstrip()}",
}


@pytest.mark.parametrize("text", PASSES.values(), ids=PASSES)
def test_a_marker_that_works_is_left_in_peace(text: str, lint: Lint) -> None:
    ran = lint({"policies.yaml": POLICIES, "a.yaml": text})
    assert ran.findings == []
    assert ran.out == "nothing found (2 files read)\n"


def test_documents_beside_a_broken_one_are_linted(lint: Lint) -> None:
    broken = '---\na: 1 # {"$imagepolicy": "flux-system:web"}\n {{ template }}\n---\nb: 2 # {"$imagepolicy": "a:b"}\n'
    ran = lint({"policies.yaml": POLICIES, "a.yaml": FIELD + broken})
    assert [line.partition(": ")[2].partition(":")[0] for line in ran.findings] == [
        "error unreadable-document",
        "error dangling-marker",
    ]


def test_a_file_that_is_not_utf_8_is_found_if_it_holds_markers_or_resources(lint: Lint) -> None:
    files = {"a.yaml": FIELD.encode() + b"\xff\n", "b.yaml": b"\xff\n", "policies.yaml": POLICIES}
    ran = lint(files, "--disable", "unused-policy")
    assert ran.findings == [
        "a.yaml:2:1: error unreadable-document: byte 0xff at offset 76 is not UTF-8; store the file as UTF-8"
    ]


def test_a_key_given_twice_in_a_policy_is_found(lint: Lint) -> None:
    ran = lint({"policies.yaml": POLICIES + "kind: ImagePolicy\n", "a.yaml": FIELD}, "--disable", "dangling-marker")
    (line,) = ran.findings
    assert line.startswith(
        "policies.yaml:10:1: error unreadable-document: a document with Flux resources cannot be read"
    )


def test_a_template_of_resources_is_left_in_peace_and_a_broken_one_is_not(lint: Lint) -> None:
    template = POLICIES.replace("1.x", "{{ .Values.range }}")
    broken = POLICIES.replace("policy: {", "policy: }")
    ran = lint({"chart.yaml": template, "broken.yaml": broken})
    assert ran.about("unreadable-document") == ran.findings
    assert [line.partition(":")[0] for line in ran.findings] == ["broken.yaml"]
