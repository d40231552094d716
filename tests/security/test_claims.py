"""SECURITY.md: every claim names its tests, and these exist and run."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
SECTIONS = ("What a hostile pull request can do", "What it cannot do", "What a hostile registry cannot do")


def claims() -> list[str]:
    parts = dict(part.split("\n", 1) for part in PAGE.split("\n## ")[1:])
    return [claim for title in SECTIONS for claim in re.split(r"^- ", parts[title], flags=re.MULTILINE)[1:]]


def first_words(claim: str) -> str:
    return " ".join(claim.replace("*", "").split()[:7])


@pytest.mark.parametrize("claim", claims(), ids=first_words)
def test_a_claim_names_tests_that_exist_and_are_not_passed_over(claim: str) -> None:
    named = TEST.findall(claim)
    assert named, "a claim without a test"
    assert claim.count("tests/") == len(named), "a name that is no test's"
    for file, name in named:
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        (found,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
        marks = " ".join(map(ast.unparse, found.decorator_list))
        assert not re.search(r"\b(skip|skipif|xfail)\b", marks), f"{file}::{name}"


def test_there_are_claims_in_every_section() -> None:
    assert len(claims()) > 30
    assert "<!--" not in PAGE
