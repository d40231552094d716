"""Ask yaml.v3 anew about the texts of ``cases.json``; needs Go and its module proxy.

``PYTHONPATH=fn:tests python -m text.yaml_v3.capture`` writes the answers into the table. With ``--compare FIRST LAST``
it compares random texts instead, those of the seeds from FIRST to before LAST, with what our scan says, and counts what
agrees and what does not. Nothing may be ours only.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from krm_functions.yaml.scan import scan
from krm_functions.yaml.scan_result import ScanResult
from krm_yaml.documents import document
from krm_yaml.following import marked

HERE = Path(__file__).resolve().parent
CASES = HERE / "cases.json"
Hit = tuple[tuple[str | int, ...], str, str, str]


def ask(texts: Iterable[str]) -> list[dict[str, Any]]:
    lines = "".join(json.dumps(text) + "\n" for text in texts)
    done = subprocess.run(["go", "run", "."], cwd=HERE, input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def theirs(answer: dict[str, Any]) -> Counter[Hit]:
    return Counter((tuple(path), value, marker, how) for path, value, marker, how in answer["hits"])


def ours(found: ScanResult) -> Counter[Hit]:
    """What we mark; yaml.v3 has no text for a key that is a collection, where our path says ``?``."""
    return Counter(
        (tuple("" if step == "?" else step for step in scalar.path), scalar.value, str(marker), comment.place)
        for comment, scalar, marker in marked(found)
    )


def wild(seed: int) -> str:
    """A random text with comments strewn where people would not put them."""
    rng = random.Random(seed)
    text = (
        document(rng)
        .text.replace('"\\u0024', '"$')
        .replace('"$ref": "#/definitions/io.k8s.cli.setters.', '"$imagepolicy": "')
    )
    parts = []
    for number, line in enumerate(text.splitlines(keepends=True)):
        words = line.rstrip("\r\n")
        end = line[len(words) :]
        own_end = end or "\n"
        marker = f'# {{"$imagepolicy": "ns:w{number}"}}'
        dice = rng.random()
        if dice < 0.06:
            words += rng.choice((" ", "  ", "", " ")) + marker
        elif dice < 0.11:
            parts.append(" " * rng.choice((0, 0, 1, 2, 4, len(words) - len(words.lstrip()))) + marker + own_end)
        elif dice < 0.13:
            parts.append(own_end)
        elif dice < 0.15:
            parts.append(" " * rng.choice((0, 2)) + "# c" + own_end)
        parts.append(words + end)
    return "".join(parts)


def compare(seeds: range) -> Counter[str]:
    """Counts of what agrees and what does not, by place."""
    texts = [wild(seed) for seed in seeds]
    counts: Counter[str] = Counter()
    for text, answer in zip(texts, ask(texts), strict=True):
        found = scan(text)
        if "error" in answer or found.broken:
            counts["refused by " + ("both" if "error" in answer and found.broken else "one only")] += 1
            continue
        counts["texts"] += 1
        places = {
            match[1]: comment.place for comment in found.comments if (match := re.search(r'"(ns:[^"]+)"', comment.text))
        }
        go, we = theirs(answer), ours(found)
        counts["marked by yaml.v3"] += go.total()
        for hit in we - go:
            counts[f"only ours: {hit[3]}"] += 1
        for hit in go - we:
            counts[f"only yaml.v3's: {hit[3]}, {places.get(hit[2], 'nothing')} for us"] += 1
    return counts


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["--compare"]:
        for what, count in sorted(compare(range(int(arguments[1]), int(arguments[2]))).items()):
            print(f"{count:7} {what}")
        return
    table = json.loads(CASES.read_text(encoding="utf-8"))
    for case, answer in zip(table["cases"], ask(case["text"] for case in table["cases"]), strict=True):
        case.pop("hits", None)
        case.pop("error", None)
        case |= {key: answer[key] for key in ("error", "hits") if answer.get(key) is not None}
    CASES.write_text(json.dumps(table, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
