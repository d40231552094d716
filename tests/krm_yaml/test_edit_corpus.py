"""Edits by difference as goldens: resources in odd layouts, and what they become when their data change.

The cases come of the first seeds of `edit_laws.py` and of those that found a fault, and stay as they are when the
generator changes; the data that are wanted are those of the text behind the change. Set IMAGESETTER_UPDATE_GOLDENS=1 to
write what the texts become now, and read the difference before committing.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from krm_functions.yaml.load import load
from krm_functions.yaml.structure.document import Document
from support.tables import each_row

CORPUS = Path(__file__).parent / "edit_corpus.json"
CASES: list[dict[str, Any]] = json.loads(CORPUS.read_text(encoding="utf-8"))


def test_the_corpus_is_written_when_that_is_asked_for() -> None:
    if os.environ.get("IMAGESETTER_UPDATE_GOLDENS") == "1":
        for case in CASES:
            case["after"] = Document(case["before"]).edited(load(case["after"])).text
        rows = ",\n".join(json.dumps(case, ensure_ascii=False) for case in CASES)
        CORPUS.write_text(f"[\n{rows}\n]\n", encoding="utf-8")
    assert len(CASES) == 201


@each_row(CASES, lambda case: f"seed {case['seed']}")
def test_a_text_becomes_what_it_became(case: dict[str, Any]) -> None:
    wanted = load(case["after"])
    after = Document(case["before"]).edited(wanted).text
    assert after == case["after"]
    assert Document(after).edited(wanted).edits == ()
