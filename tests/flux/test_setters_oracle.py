"""What Flux's own setter pass does with files, and what ours does: the same scalars, and not one other byte.

The cases were captured from image-automation-controller (see ``tests/oracle/README.md``). ``minimal`` is the input with
only the changed scalars' text replaced; where the capture could not derive it, the answer stands in a table below.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from krm_yaml.following import Ref, follow

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).resolve().parent.parent / "oracle" / "setters.json").read_text(encoding="utf-8")
)["cases"]

MARKED = '"$imagepolicy": "flux-system:podinfo"'
NEW = "ghcr.io/stefanprodan/podinfo:6.7.1"

UNDERIVED = {
    "literal block scalar, marker on header line": ("image: | #", "old:1", "image: |- #", NEW),
    "multi-line plain scalar": ("image: old:1\n    more #", "", f"image: {NEW} #", ""),
    "marker grammar: unicode escaped key": ("ghcr.io/stefanprodan/podinfo:6.0.0", "", NEW, ""),
    "marker grammar: $ref form plus token elsewhere": ("ghcr.io/stefanprodan/podinfo:6.0.0", "", NEW, ""),
}
"""Cases whose ``minimal`` the capture could not derive: what is replaced by what, once or twice."""

DEPARTURES: dict[str, tuple[str, dict[str, str]]] = {
    "non-KRM yaml, top-level scalar": (
        "Flux refuses a document that is no mapping, and says nothing; any YAML is followed here",
        {"x.yaml": f'{NEW} # {{"$imagepolicy": "flux-system:podinfo"}}\n'},
    ),
    "own config.kubernetes.io annotations": (
        "Flux aborts the whole run because kyaml's own annotations are in the way; we keep no notes in the file",
        {"x.yaml": "old:1"},
    ),
    "one bad document spoils whole file": (
        "Flux skips the file in silence; the other documents are followed here and the bad one is reported",
        {"x.yaml": "old:1"},
    ),
    "invalid digest in a policy aborts": (
        "Flux checks every policy's reference before it looks at a file; that is not this layer's work",
        {"app.yaml": "old:1"},
    ),
    "file literally named ..yaml aborts the run": (
        "Flux aborts the run over the name; a name is no reason here",
        {"..yaml": "old:1", "good.yaml": "old:1"},
    ),
    "ResourceList file": (
        "Flux leaves the file and writes each changed item to a new file; the file itself is followed here",
        {"rl.yaml": "old:1"},
    ),
    "comment holding an inline kyaml schema sets the value (not recorded as a change)": (
        "an accident of kyaml: a value that no policy gave; such a comment is no marker",
        {},
    ),
    "plain integer value replaced by each odd tag": (
        "a date and a float beyond 64 bits are quoted; the capture has them plain since Flux wrote `!!int` before them",
        {"app.yaml": ""},
    ),
}
"""Where we mean to differ, by the case's note: why, and what is replaced in each file that we change (``old:1`` by the
policy's reference; other texts are the whole file)."""


def refs(case: dict[str, Any]) -> dict[tuple[str, str], Ref]:
    return {
        (policy["namespace"], policy["name"]): Ref(**policy["latestRef"])
        for policy in case["policies"]
        if policy["latestRef"]
    }


def expected(case: dict[str, Any], path: str) -> str:
    text: str = case["files"][path]
    note: str = case["note"]
    if note == "plain integer value replaced by each odd tag":
        minimal: str = case["outside"][path]["minimal"]
        return minimal.replace("k0: 2024-01-31 #", 'k0: "2024-01-31" #').replace("k13: 123e4567 #", 'k13: "123e4567" #')
    if note in DEPARTURES:
        change = DEPARTURES[note][1].get(path)
        return text if change is None else text.replace(change, NEW, 1) if change in text else change
    if note in UNDERIVED:
        was, was_too, becomes, becomes_too = UNDERIVED[note]
        text = text.replace(was, becomes, 1)
        return text.replace(was_too, becomes_too, 1) if was_too else text
    outside = case["outside"].get(path)
    return text if outside is None else str(outside["minimal"])


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["note"]))
def test_marked_scalars_change_as_in_flux_and_no_other_byte(case: dict[str, Any]) -> None:
    for path, text in case["files"].items():
        assert follow(text, refs(case)) == expected(case, path)


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["note"]))
def test_a_second_pass_changes_nothing(case: dict[str, Any]) -> None:
    for text in case["files"].values():
        once = follow(text, refs(case))
        assert follow(once, refs(case)) == once


def test_every_departure_departs() -> None:
    """A row that no longer differs from Flux, or whose case is gone, has to leave the table."""
    notes = {case["note"]: case for case in CASES}
    for note in DEPARTURES:
        case = notes[note]
        minimal = {path: (case["outside"].get(path) or {}).get("minimal", text) for path, text in case["files"].items()}
        ours = {path: follow(text, refs(case)) for path, text in case["files"].items()}
        if note.startswith("comment holding an inline"):
            assert ours != case["after"]
        else:
            assert ours != minimal


def test_underived_cases_agree_with_flux_in_content() -> None:
    """Flux's own output is the witness: what we write reads the same."""
    from krm_functions.yaml.load import load

    for case in CASES:
        if case["note"] in UNDERIVED:
            for path, text in case["files"].items():
                assert load(follow(text, refs(case))) == load(case["after"][path])
