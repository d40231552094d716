"""Findings as SARIF 2.1.0, the form in which code hosts take them to show beside the lines of a change.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html; section numbers below are that document's.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import quote

from imagesetter import __version__
from imagesetter.lint.finding import Finding, LintRule
from imagesetter.lint.scanned_file import SourcePosition
from imagesetter.update.read_tree import STDIN
from krm_functions.result import Severity

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
HOME = "https://github.com/imagesetter/imagesetter"

_LEVELS: dict[Severity, str] = {"error": "error", "warning": "warning", "info": "note"}


def as_sarif(findings: Iterable[Finding], rules: Sequence[LintRule], *, page: str = "lint") -> dict[str, object]:
    """One run of the linter, or of another check, as a SARIF log.

    Args:
        findings: what was found.
        rules: every rule that ran, found something or not.
        page: the page of the manual that explains the rules.
    """
    index = {rule.name: number for number, rule in enumerate(rules)}
    driver = {
        "name": "imagesetter",
        "version": __version__,
        "informationUri": HOME,
        "rules": [_rule(rule, page) for rule in rules],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, index[finding.rule.name]) for finding in findings],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def help_page(rule: LintRule, page: str = "lint") -> str:
    """Where a rule is explained."""
    return f"{HOME}/blob/main/docs/{page}.md#{rule.name}"


def _rule(rule: LintRule, page: str) -> dict[str, object]:
    """A reportingDescriptor (§3.49)."""
    return {
        "id": rule.name,
        "shortDescription": {"text": rule.summary},
        "helpUri": help_page(rule, page),
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
    }


def _result(finding: Finding, index: int) -> dict[str, object]:
    """A result (§3.27)."""
    result: dict[str, object] = {
        "ruleId": finding.rule.name,
        "ruleIndex": index,
        "level": _LEVELS[finding.severity],
        "message": {"text": finding.text},
        "partialFingerprints": {"imagesetter/v1": _fingerprint(finding)},
    }
    if finding.problem.position.file != STDIN:
        result["locations"] = [{"physicalLocation": _location(finding.problem.position)}]
    return result


def _location(position: SourcePosition) -> dict[str, object]:
    """A physicalLocation (§3.29); a relative path counts from the root of the sources, where CI runs linters."""
    path = Path(position.file)
    if path.is_absolute():
        artifact = {"uri": path.as_uri()}
    else:
        artifact = {"uri": quote(os.fsencode(path.as_posix())), "uriBaseId": "%SRCROOT%"}
    column = {"startColumn": position.column} if position.column else {}
    region = {"region": {"startLine": position.line, **column}} if position.line else {}
    return {"artifactLocation": artifact, **region}


def _fingerprint(finding: Finding) -> str:
    """The same for a finding that only moved to another line, so that a host does not report it anew (§3.27.17)."""
    parts = "\0".join((finding.rule.name, finding.problem.position.file, finding.problem.message))
    return hashlib.sha256(parts.encode("utf-8", "replace")).hexdigest()[:32]
