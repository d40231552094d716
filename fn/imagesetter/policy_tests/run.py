"""Test policies against lists of tags, offline.

A ``PolicyTest`` names a policy in the files or contains one. For lists of tags it states the tag that the policy has to
pick, or the error that it has to give. It selects with the same code as an update.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagesetter.config.options import API_VERSION, GROUP
from imagesetter.config.strict_model import validate_strictly
from imagesetter.errors import PolicyError, Stage
from imagesetter.files.find import find_files, repository_root
from imagesetter.files.read import read, read_inside
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.markers import PolicyName
from imagesetter.flux.models import tag_policy
from imagesetter.policy.explain import Rejected, Selection, explain, why_not
from imagesetter.policy.tag_policy import TagPolicy
from imagesetter.policy_tests.model import PolicyTest, TagLists
from imagesetter.policy_tests.tag_lists import parse_tags
from krm_functions.errors import InputError, ReportedError, UsageError
from krm_functions.yaml.encoding import decode_text
from krm_functions.yaml.load import load_all

KIND = "PolicyTest"
_KIND = KIND.encode()
_KIND_LINE = re.compile(rb"^kind: *PolicyTest\b", re.M)
_NAME = "policy-test"
_HINT = f"`imagesetter schema {KIND}` prints the JSON Schema of {API_VERSION} {KIND}"


@dataclass(frozen=True, slots=True)
class Expected:
    """The expected result: a tag, or an error by a part of its text, by its stage, or by both."""

    pick: str | None = None
    error: str | None = None
    stage: Stage | None = None


@dataclass(frozen=True, slots=True)
class PolicyCase:
    """Tags, and the expected result."""

    name: str
    tags: tuple[str, ...]
    expected: Expected


@dataclass(frozen=True, slots=True)
class Suite:
    """One PolicyTest: a policy, by name or its own, and its cases. ``place`` is ``file:line``."""

    place: str
    name: str
    policy: str | TagPolicy
    cases: tuple[PolicyCase, ...]


@dataclass(frozen=True, slots=True)
class BrokenTest:
    """A test that cannot be run, and why."""

    place: str
    error: ReportedError


@dataclass(frozen=True, slots=True)
class CaseOutcome:
    """The result of a case; ``why_not`` says why the expected tag was not picked."""

    case: PolicyCase
    passed: bool
    explanation: Selection
    why_not: Rejected | None = None


@dataclass(frozen=True, slots=True)
class SuiteOutcome:
    """The result of a suite; with an ``error`` its policy was not found, and no case ran."""

    suite: Suite
    cases: tuple[CaseOutcome, ...] = ()
    error: ReportedError | None = None

    @property
    def passed(self) -> bool:
        """Whether every case ran and passed."""
        return self.error is None and all(case.passed for case in self.cases)


def find_tests(paths: Sequence[str | Path], *, exclude: Iterable[str] = ()) -> tuple[list[Suite], list[BrokenTest]]:
    """The policy tests in files and under directories.

    In a directory a file counts if its name contains ``policy-test`` or it contains documents of the kind; a file
    that is named itself has to contain one.

    Raises:
        UsageError: a path that does not exist.
    """
    suites: list[Suite] = []
    broken: list[BrokenTest] = []
    for given in paths:
        named = not Path(given).is_dir()
        start = Path(given).parent if named else Path(given)
        root = repository_root(start) or start
        for path in find_files([given], exclude=exclude):
            found = list(_in_file(path, root, [given], meant=named or _NAME in path.name))
            suites += [suite for suite in found if isinstance(suite, Suite)]
            broken += [problem for problem in found if isinstance(problem, BrokenTest)]
    return suites, broken


def _in_file(path: Path, root: Path, given: Sequence[str | Path], *, meant: bool) -> Iterator[Suite | BrokenTest]:
    """The tests in a file, and what is wrong with it.

    Args:
        path: the file.
        root: lists of tags are read below this directory only.
        given: what the operator named.
        meant: the file was named, or its name says that it contains tests.
    """
    data = b""
    try:
        data = read(path, given)
        if not meant and not (_KIND in data and GROUP.encode() in data):
            return
        documents = list(load_all(decode_text(data, name=str(path)).text, name=str(path)))
    except InputError as error:
        if meant or _KIND_LINE.search(data):
            yield BrokenTest(error.where or str(path), error)
        return
    tests = [(found, line) for found, line in documents if isinstance(found, Mapping) and _is_test(found)]
    for test, line in tests:
        place = f"{path}:{line}"
        try:
            yield _suite(test, place, path.parent, root)
        except ReportedError as error:
            yield BrokenTest(place, error)
    if meant and not tests:
        yield BrokenTest(str(path), UsageError(f"contains no {API_VERSION} {KIND}", hint=_HINT))


def _is_test(data: Mapping[str, Any]) -> bool:
    version = data.get("apiVersion")
    return data.get("kind") == KIND and isinstance(version, str) and version.partition("/")[0] == GROUP


def _suite(data: Mapping[str, Any], place: str, folder: Path, root: Path) -> Suite:
    test = validate_strictly(PolicyTest, data, where=place, hint=_HINT)
    spec = test.spec
    shared = _tags(spec, folder, root) if spec.brings_tags else ()
    cases = tuple(
        PolicyCase(
            case.name or f"case {number}",
            _tags(case, folder, root) if case.brings_tags else shared,
            Expected(case.pick, case.error, case.stage),
        )
        for number, case in enumerate(spec.cases, 1)
    )
    return Suite(
        place,
        test.metadata.name,
        spec.policy_ref or tag_policy(spec.policy, spec.filter_tags, spec.exclusion_list),
        cases,
    )


def _tags(lists: TagLists, folder: Path, root: Path) -> tuple[str, ...]:
    tags = list(lists.tags or ())
    if lists.tags_file:
        file = folder / lists.tags_file
        tags += parse_tags(read_inside(file, root), name=str(file))
    for generated in lists.generate or ():
        tags += [generated.format.format(number) for number in range(generated.from_, generated.to + 1)]
    return tuple(tags)


def run_suites(suites: Iterable[Suite], catalog: Catalog) -> list[SuiteOutcome]:
    """Run every case; a policy that is not found fails its suite.

    Args:
        suites: what `find_tests` found.
        catalog: where policies that are named are found.
    """
    return [_run(suite, catalog) for suite in suites]


def named_policies(suites: Iterable[Suite], namespace: str) -> list[PolicyName]:
    """The policies that suites refer to, to be searched in the files."""
    return [_name(suite.policy, namespace) for suite in suites if isinstance(suite.policy, str)]


def _name(text: str, namespace: str) -> PolicyName:
    first, colon, rest = text.partition(":")
    return PolicyName(first, rest) if colon else PolicyName(namespace, first)


def _run(suite: Suite, catalog: Catalog) -> SuiteOutcome:
    try:
        policy = (
            catalog.policy(_name(suite.policy, catalog.default_namespace)).tags
            if isinstance(suite.policy, str)
            else suite.policy
        )
    except ReportedError as error:
        return SuiteOutcome(suite, (), error)
    return SuiteOutcome(suite, tuple(_run_case(case, policy) for case in suite.cases))


def _run_case(case: PolicyCase, policy: TagPolicy) -> CaseOutcome:
    explanation = explain(policy, case.tags)
    passed = _meets(explanation, case.expected)
    reason = None
    if not passed and case.expected.pick is not None:
        with contextlib.suppress(PolicyError):  # a rule that does not compile: the explanation says so
            reason = why_not(policy, case.tags, case.expected.pick)
    return CaseOutcome(case, passed, explanation, reason)


def _meets(explanation: Selection, expected: Expected) -> bool:
    if expected.pick is not None:
        return explanation.error is None and explanation.chosen == expected.pick
    error = explanation.error
    return (
        error is not None
        and (expected.error is None or expected.error in str(error))
        and (expected.stage is None or expected.stage == error.stage)
    )
