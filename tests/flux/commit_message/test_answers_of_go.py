"""What Go itself makes of templates: messages and errors, word for word.

``answers_of_go.json`` was captured for this project from a program that offers Flux's data (both dialects) and
functions to Go's text/template; its head names the versions. The templates were written by hand, feature by feature
and function by function, and by a random generator. Where Go's order is random (``keys``, ``.Changes``), the program
sorted. What cannot be the same is left out: addresses, the insides of a time, and our own limits.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from flux.commit_message.test_captured_messages import outcome
from imagesetter.golang.template.catalogue import FUNCTIONS
from krm_functions.redaction import without_logins
from support.tables import each_row

CASES = json.loads((Path(__file__).parent / "answers_of_go.json").read_text(encoding="utf-8"))["cases"]


@each_row(CASES, lambda case: f"{case['dialect']}, {case['fixture']}: {case['template']}")
def test_message_or_error_is_gos(case: dict[str, str]) -> None:
    (expected,) = ((kind, case[kind]) for kind in ("message", "error") if kind in case)
    # Departure: no message shows the login of a URL.
    expected = (expected[0], without_logins(expected[1])) if expected[0] == "error" else expected
    assert outcome(case["template"], case["fixture"], case["dialect"]) == expected


def test_every_function_that_is_offered_is_among_the_answers() -> None:
    called = {word for case in CASES if "message" in case for word in re.findall(r"\w+", case["template"])}
    # What always ends in an error is among the errors.
    always_fails = {"call", "fail"}
    assert set(FUNCTIONS) - called == always_fails - called
    failed = {word for case in CASES if "error" in case for word in re.findall(r"\w+", case["template"])}
    assert always_fails <= failed
