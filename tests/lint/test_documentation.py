"""docs/lint.md is the linter's first test: every rule has a section, and every example there is linted.

Set IMAGESETTER_UPDATE_GOLDENS=1 to write the findings anew, and read what changed.
"""

from __future__ import annotations

import os
import re

import pytest

from imagesetter.lint.run import RULES
from lint.conftest import Lint
from tools import CHECKOUT

PAGE = (CHECKOUT / "docs" / "lint.md").read_text(encoding="utf-8")
HEAD, _, REST = PAGE.partition("\n## Rules\n")
SECTIONS = {part.partition("\n")[0]: part for part in re.split(r"^## ", REST, flags=re.MULTILINE)[1:]}
BESIDE = re.findall(r"^```yaml\n(.*?)^```$", REST, re.DOTALL | re.MULTILINE)[0]
NAMES = [rule.name for rule in RULES]
SEVERITIES = {"error": "An error: ", "warning": "A warning: ", "info": "A note: "}


NAMED = {"unread-file": "app.env", "open-range-in-production": "prod/policy.yaml"}
"""How the first example of a rule is called, where that is not example.yaml."""
UPDATE = os.environ.get("IMAGESETTER_UPDATE_GOLDENS") == "1"


def examples(rule: str, language: str) -> list[str]:
    return re.findall(rf"^```(?:{language})\n(.*?)^```$", SECTIONS[rule], re.DOTALL | re.MULTILINE)


def only(rule: str) -> list[str]:
    return [word for name in NAMES if name != rule for word in ("--disable", name)]


def test_every_rule_has_a_section_and_every_section_a_rule_in_the_same_order() -> None:
    assert list(SECTIONS) == NAMES
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_section_begins_with_the_severity_of_its_rule(rule: object) -> None:
    name, severity = rule.name, rule.severity  # type: ignore[attr-defined]
    assert SECTIONS[name].splitlines()[2].startswith(SEVERITIES[severity])


@pytest.mark.parametrize("rule", NAMES)
def test_the_first_example_gives_the_findings_that_stand_below_it(rule: str, lint: Lint) -> None:
    bad, _ = examples(rule, "yaml|sh")
    (golden,) = examples(rule, "text")
    name = NAMED.get(rule, "example.yaml")
    ran = lint({"policies.yaml": BESIDE, name: bad}, *only(rule))
    found = [line for line in ran.findings if line.startswith(f"{name}:")]
    assert golden
    if UPDATE:
        page = CHECKOUT / "docs" / "lint.md"
        before, section, after = page.read_text(encoding="utf-8").partition(f"\n## {rule}\n")
        text = "".join(f"{line}\n" for line in found)
        page.write_text(before + section + after.replace(golden, text, 1), encoding="utf-8")
        return
    assert "".join(f"{line}\n" for line in found) == golden


@pytest.mark.parametrize("rule", NAMES)
def test_the_second_example_gives_no_finding_but_for_unused_policies(rule: str, lint: Lint) -> None:
    _, good = examples(rule, "yaml|sh")
    ran = lint({"policies.yaml": BESIDE, "example.yaml": good}, "--disable", "unused-policy")
    assert ran.findings == []
    assert ran.status == 0
    ran = lint({"policies.yaml": BESIDE, "example.yaml": good}, *only(rule))
    assert [line for line in ran.findings if line.startswith("example.yaml:")] == []
