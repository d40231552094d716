"""An overview of all policies, as text or JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import UTC, datetime

from imagesetter.cli.policy_overview import STATES, Overview, PolicyOverview, State
from imagesetter.cli.reports.explain import funnel_as_json, ref_as_json, rule_as_json
from imagesetter.cli.reports.json_text import json_text
from imagesetter.cli.reports.table import aligned
from imagesetter.cli.terminal import line, styled
from imagesetter.config.options import API_VERSION
from imagesetter.git.change_log import EntryMove
from krm_functions.messages import shown

_COLOURS: dict[State, str] = {"failed": "red", "held back": "yellow", "to update": "cyan"}


def render_overview(overview: Overview) -> str:
    """The overview as text: a line for each policy, those that need attention first, and how many are in each state."""
    rows = aligned(_row(each) for each in by_state(overview))
    return "".join(f"{line(each)}\n" for each in (*rows, counts(overview)))


def by_state(overview: Overview) -> list[PolicyOverview]:
    """The policies, those that need attention first."""
    return sorted(overview.policies, key=lambda each: STATES.index(each.state))


def counts(overview: Overview) -> str:
    """How many policies there are, and in which states."""
    total = len(overview.policies)
    states = [f"{overview.count(state)} {state}" for state in STATES if overview.count(state)]
    return f"{total} polic{'y' if total == 1 else 'ies'}" + (f": {', '.join(states)}" if states else "")


def timestamp_of(seconds: float) -> str:
    """A time as RFC 3339, UTC."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def reasons(each: PolicyOverview) -> Iterable[str]:
    """Why a policy is an error or is held back, a sentence for each reason."""
    if each.error:
        yield str(each.error)
    for held in each.held:
        yield f"{held.what}{f' until {held.until}' if held.until else ''}{f': {held.why}' if held.why else ''}"


def _row(each: PolicyOverview) -> tuple[str, ...]:
    current, chosen = ", ".join(map(shown, each.current)), shown(each.chosen.tag) if each.chosen else ""
    moved = current if current == chosen else f"{current or '-'} → {chosen or '-'}"
    state = styled(each.state, sys.stdout, fg=_COLOURS[each.state]) if each.state in _COLOURS else each.state
    return str(each.name), moved, state, "; ".join(reasons(each))


def render_overview_json(overview: Overview) -> str:
    """The overview as JSON."""
    document = {
        "apiVersion": API_VERSION,
        "kind": "PolicyReport",
        "source": overview.source,
        "made": timestamp_of(overview.made),
        "policies": [_as_json(each) for each in overview.policies],
    }
    return f"{json_text(document)}\n"


def _as_json(each: PolicyOverview) -> dict[str, object]:
    document: dict[str, object] = {
        "policy": str(each.name),
        "folder": each.name.folder,
        "image": each.image,
        "rule": rule_as_json(each.policy.tags) if each.policy else None,
        "state": each.state,
        "current": list(each.current),
        "latest": ref_as_json(each.chosen),
        "error": each.error.what if each.error else None,
        "hint": each.error.hint or None if each.error else None,
        "heldBack": [{"what": held.what, "why": held.why, "until": held.until or None} for held in each.held],
        "notes": list(each.notes),
        "fields": [{"place": place, "tag": tag} for place, tag in each.fields],
        "updates": each.updates,
        "locked": each.locked or None,
        "tags": each.tags,
        "funnel": funnel_as_json(each.funnel) if each.funnel else None,
        "changes": [_move_as_json(move) for move in each.moves],
    }
    if each.verified:
        document["verified"] = each.verified
    return document


def _move_as_json(move: EntryMove) -> dict[str, str]:
    return {
        "time": timestamp_of(move.commit.time),
        "old": move.old,
        "new": move.new,
        "commit": move.commit.hash,
        "author": move.commit.author,
        "subject": move.commit.subject,
    }
