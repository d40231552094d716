"""The output of ``imagesetter explain``: the funnel from all tags to one, as text or JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

from imagesetter.candidates.chain import PassedOver
from imagesetter.cli.options import Output
from imagesetter.cli.reports.json_text import json_text
from imagesetter.cli.reports.table import aligned
from imagesetter.cli.terminal import echo, print_error, styled, write
from imagesetter.config.options import API_VERSION
from imagesetter.errors import InvalidFilter, InvalidPolicy, PolicyError
from imagesetter.flux.image_policy import ImagePolicy
from imagesetter.flux.latest_ref import LatestRef
from imagesetter.flux.markers import PolicyName
from imagesetter.lock.tag_age import timestamp
from imagesetter.policy.explain import Funnel, Rejected, Selection
from imagesetter.policy.tag_policy import TagPolicy
from imagesetter.selection.explain import Explained, Parity
from krm_functions.messages import shown


def print_explained(explained: Explained, *, output: Output) -> None:
    """Print a policy's explanation to stdout, and the reason if it selects no tag to stderr."""
    if output == "json":
        write(f"{json_text(explained_as_json(explained))}\n")
        return
    for line in explanation_text(explained):
        echo(line)
    if explained.error:
        print_error(explained.error)


def explanation_text(explained: Explained) -> Iterable[str]:
    """The explanation as text, line by line, without the error."""
    if explained.policy:
        yield from _headline(explained.name, explained.policy)
    if explained.explanation:
        yield ""
        yield from funnel_lines(explained.explanation, explained.passed_over, chosen=explained.chosen is not None)
    if explained.chosen:
        yield ""
        chosen = str(explained.chosen) if explained.chosen.name else explained.chosen.tag
        yield f"→ {styled(chosen, sys.stdout, fg='green', bold=True)}"
    if explained.verdict:
        yield ""
        yield _answer(explained.verdict)
    elif explained.explanation and explained.explanation.rejected:
        yield ""
        yield "rejected, the nearest first:"
        rows = [("", shown(each.tag), each.step, each.reason) for each in explained.explanation.rejected]
        yield from aligned(rows)
    for note in explained.notes:
        yield f"{styled('note', sys.stdout, fg='cyan')}: {note}"


def _headline(name: PolicyName | None, policy: ImagePolicy) -> Iterable[str]:
    if name:
        yield f"{styled(str(name), sys.stdout, bold=True)}  ({policy.origin})"
    yield "  ".join(part for part in (policy.image.written, policy_text(policy)) if part)


def policy_text(policy: ImagePolicy) -> str:
    """How a policy ranks tags, on one line."""
    by = {"pushed": "newest by push", "created": "newest by what images state (untrusted)"}
    return rule_text(policy.tags) + (f", {by[policy.newest]}" if policy.newest else "")


def rule_text(tags: TagPolicy) -> str:
    """A rule and its filters on one line."""
    words = f"{tags.rule.kind} {shown(tags.rule.value)}" if tags.rule else "no rule"
    if tags.filter_tags:
        words += f", filterTags {shown(tags.filter_tags.pattern)}"
        if tags.filter_tags.extract:
            words += f" → {shown(tags.filter_tags.extract)}"
    return words


def funnel_lines(explanation: Selection, passed_over: Sequence[PassedOver] = (), *, chosen: bool = True) -> list[str]:
    """Each step and each rule, with the number of tags that it drops and that it leaves.

    Rules are asked about the best candidates only: what they leave is the chosen tag, and what nobody looked at.
    """
    funnel = explanation.funnel
    left = funnel.listed
    rows = [("listed", "", str(left))]
    invalid = isinstance(explanation.error, InvalidPolicy | InvalidFilter)
    for name, dropped in () if invalid else steps_of(funnel):
        left -= dropped
        rows.append((name, f"-{dropped}" if dropped else "0", str(left)))
    for name in dict.fromkeys(each.rule for each in passed_over):
        dropped = sum(each.rule == name for each in passed_over)
        left -= dropped
        rows.append((name, f"-{dropped}", str(left)))
    if explanation.error is None and (chosen or not passed_over):
        rows.append(("chosen", "", "1"))
    width = max(len(count) for row in rows for count in row[1:])
    return aligned([("", name, *(count.rjust(width) for count in counts)) for name, *counts in rows])


def steps_of(funnel: Funnel) -> list[tuple[str, int]]:
    """The steps that drop tags, in their order, each with the number of dropped tags."""
    return [
        *([("signatures", funnel.signatures)] if funnel.signatures else []),
        ("excluded", funnel.excluded),
        ("filtered", funnel.filtered_out),
        *([("shadowed", funnel.shadowed)] if funnel.shadowed else []),
        ("unparsed", funnel.unparsed),
        ("out of range", funnel.out_of_range),
    ]


def _answer(verdict: Rejected) -> str:
    heading = f"why not {shown(verdict.tag)}?" if verdict.step != "chosen" else f"{shown(verdict.tag)}:"
    return f"{styled(heading, sys.stdout, bold=True)} {verdict.reason}"


def explained_as_json(explained: Explained) -> dict[str, object]:
    """The JSON document of an explanation."""
    policy, explanation, error = explained.policy, explained.explanation, explained.error
    document: dict[str, object] = {
        "apiVersion": API_VERSION,
        "kind": "Explanation",
        "policy": str(explained.name) if explained.name else None,
        "image": policy.image.written or None if policy else None,
        "rule": rule_as_json(policy.tags) if policy else None,
        "chosen": ref_as_json(explained.chosen),
        "error": error.what if error else None,
        "stage": error.stage if isinstance(error, PolicyError) else None,
        "where": error.where or None if error else None,
        "hint": error.hint or None if error else None,
        "funnel": funnel_as_json(explanation.funnel) if explanation else None,
        "rejected": [asdict(each) for each in explanation.rejected] if explanation else [],
        "passedOver": [passed_over_as_json(each) for each in explained.passed_over],
        "notes": list(explained.notes),
    }
    if explained.verdict:
        document["asked"] = asdict(explained.verdict)
    return document


def passed_over_as_json(passed: PassedOver) -> dict[str, object]:
    """A candidate that a rule did not allow; ``until`` is null where no time is known."""
    until = None if passed.until is None else timestamp(passed.until)
    return {"tag": passed.tag, "rule": passed.rule, "reason": passed.reason, "until": until}


def funnel_as_json(funnel: Funnel) -> dict[str, int]:
    """The counts in the order of the steps."""
    return {
        "listed": funnel.listed,
        "signatures": funnel.signatures,
        "excluded": funnel.excluded,
        "filteredOut": funnel.filtered_out,
        "shadowed": funnel.shadowed,
        "unparsed": funnel.unparsed,
        "outOfRange": funnel.out_of_range,
        "candidates": funnel.candidates,
    }


def rule_as_json(tags: TagPolicy) -> dict[str, object]:
    """A rule and its filters, as in Flux's resources."""
    rule: dict[str, object] = {}
    if tags.rule:
        rule[tags.rule.kind] = {tags.rule.argument.name: tags.rule.value}
    if tags.filter_tags:
        rule["filterTags"] = tags.filter_tags._asdict()
    rule["exclusionList"] = list(tags.exclusion_list)
    return rule


def ref_as_json(ref: LatestRef | None) -> dict[str, str] | None:
    """Name, tag and digest, which is empty if there is none."""
    return ref._asdict() if ref else None


def print_parity(parities: Sequence[Parity], others: Mapping[PolicyName, str], *, output: Output) -> None:
    """Print where the cluster's latest refs differ from imagesetter's, and why."""
    differing = [parity for parity in parities if not parity.same]
    if output == "json":
        document = {
            "apiVersion": API_VERSION,
            "kind": "ParityReport",
            "policies": [_parity_as_json(parity) for parity in parities],
            "notCompared": [{"policy": str(name), "reason": reason} for name, reason in others.items()],
        }
        write(f"{json_text(document)}\n")
        return
    for parity in differing:
        echo(styled(str(parity.policy), sys.stdout, bold=True))
        rows = [
            ("", "cluster", str(parity.cluster)),
            ("", "here", str(parity.ours or "none")),
            ("", "why", parity.reason),
        ]
        for line in aligned(rows):
            echo(line)
    for name, reason in others.items():
        echo(f"{name}: not compared: {reason}")
    echo(f"{len(parities) - len(differing)} of {len(parities)} policies with a status have the same latest ref here")


def _parity_as_json(parity: Parity) -> dict[str, object]:
    return {
        "policy": str(parity.policy),
        "same": parity.same,
        "cluster": ref_as_json(parity.cluster),
        "ours": ref_as_json(parity.ours),
        "reason": parity.reason or None,
    }
