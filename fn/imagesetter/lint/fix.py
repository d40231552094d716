"""``lint --fix``: the findings of which there is one way out, corrected in the files.

What a fix may touch is checked anew: the file is read again before and after it, and all values but those that were to
change have to be the same. Otherwise the file stays as it is, and its findings with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from imagesetter.files.read import read
from imagesetter.files.rewrite import Rewrite
from imagesetter.lint.finding import Finding
from imagesetter.lint.scanned_file import SourcePosition
from krm_functions.errors import InputError, SpliceError, TextError
from krm_functions.yaml.comments import BREAK
from krm_functions.yaml.edits import Edit, splice
from krm_functions.yaml.encoding import decode_text, encode_text
from krm_functions.yaml.scan import scan
from krm_functions.yaml.scan_result import KEEP_ALL


def fixes(
    findings: Iterable[Finding], files: frozenset[str], given: Sequence[str | Path]
) -> Iterator[tuple[Rewrite, list[Finding]]]:
    """The new bytes of each file in which something can be fixed, with the findings that this fixes.

    Args:
        findings: what the linter found.
        files: the names of the files that may be changed.
        given: what the operator named; see `imagesetter.files.read.read`.
    """
    by_file: dict[str, dict[SourcePosition, Finding]] = {}
    for finding in findings:
        position = finding.problem.position
        if finding.problem.fix and position.file in files:
            by_file.setdefault(position.file, {}).setdefault(position, finding)
    for name, found in by_file.items():
        try:
            before = read(name, given)
            source = decode_text(before, name=name)
        except (InputError, TextError):
            continue  # a finding of its own
        done = {finding: edits for finding in found.values() if (edits := list(_edits(source.text, finding)))}
        try:
            text = splice(source.text, [edit for edits in done.values() for edit in edits])
        except SpliceError:
            continue
        if text != source.text and _same_values(source.text, text, done):
            yield Rewrite.whole(Path(name), before, encode_text(text, bom=source.bom)), list(done)


def _edits(text: str, finding: Finding) -> Iterator[Edit]:
    """The edits of a fix; none where its old text is not at its position any more."""
    fix, position = finding.problem.fix, finding.problem.position
    breaks = [(0, 0), *(found.span() for found in re.finditer(BREAK, text))]
    start = breaks[position.line - 1][1]
    at = start + position.column - 1
    at += text[at : at + 1] in ("'", '"')
    if fix is None or not text.startswith(fix.old, at):
        return
    if fix.above:
        indent = re.compile("[ ]*").match(text, start)
        line_break = text[slice(*breaks[position.line])] if position.line < len(breaks) else "\n"
        yield Edit(start, start, f"{indent[0] if indent else ''}{fix.above}{line_break}")
    yield Edit(at, at + len(fix.old), fix.new)


def _same_values(before: str, after: str, done: Iterable[Finding]) -> bool:
    """Whether all values are the same, but for those that a fix is about."""
    changed = {(fix.old, fix.new) for finding in done if (fix := finding.problem.fix)}
    old, new = list(_values(before)), list(_values(after))
    if len(old) != len(new):
        return False
    return all(one == other or (one, other) in changed for one, other in zip(old, new, strict=True))


def _values(text: str) -> Iterator[str]:
    for node in scan(text, "", outline=KEEP_ALL).documents:
        yield from (scalar.value for scalar in node.kept.values())
