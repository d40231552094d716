"""An overview of all policies as one HTML file, which needs no server and requests nothing.

Names, tags, reasons and commits are untrusted text: all of it passes through `text`, and none of it is a link or an
attribute that a browser follows. The page's content security policy allows its own style and script, by their hashes,
and nothing else. Without JavaScript, everything but the filter works.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterable
from functools import cache
from html import escape
from pathlib import Path

from imagesetter import __version__
from imagesetter.cli.policy_overview import DAYS, STATES, Overview, PolicyOverview, State
from imagesetter.cli.reports.explain import policy_text, steps_of
from imagesetter.cli.reports.policies import by_state, counts, timestamp_of
from imagesetter.fields.field import split_image
from imagesetter.git.change_log import EntryMove
from imagesetter.lock.tag_age import seconds_of
from krm_functions.messages import harmless

_SHOWN_MOVES = 8
_LONGEST = 500
"""Characters of one text: a reason or a commit's subject may have any length."""
_WIDTH, _BAR, _STEP = 200.0, 18, 24
_SOURCES = {
    "registry": "tags as the registries list them",
    "lock": "tags as the lock records them",
    "status": "tags as the cluster reported them",
}


def render_page(overview: Overview) -> str:
    """The page, complete."""
    style, script = _file("policy_page.css"), _file("policy_page.js")
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    verified = any(each.verified for each in overview.policies)
    rows = "\n".join(_policy(each, overview.made, verified=verified) for each in by_state(overview))
    return f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>Image policies</title>
<style>{style}</style>
</head>
<body>
<header>
<h1>Image policies</h1>
<p>{text(counts(overview))}; {_SOURCES.get(overview.source, "")}, {_time(overview.made)}</p>
</header>
<main>
{_changes(overview)}
<section aria-labelledby="all">
<h2 id="all">Policies</h2>
{_filters(overview)}
<div class="row head{" v" if verified else ""}" aria-hidden="true"><span>policy</span><span>current</span>\
<span>latest</span><span>state</span><span>until</span><span>in the lock for</span>\
{"<span>verified</span>" if verified else ""}</div>
<div id="policies">
{rows or "<p>There are no policies.</p>"}
</div>
<p id="none" hidden>No policy matches.</p>
</section>
</main>
<footer>Made by imagesetter {text(__version__)}. This page is one file and requests nothing.</footer>
<script>{script}</script>
</body>
</html>
"""


def text(value: str) -> str:
    """Untrusted text as HTML: unprintable characters become visible escapes, and markup stays text."""
    flat = " ".join(value.split())
    return escape(harmless(flat if len(flat) <= _LONGEST else f"{flat[:_LONGEST]}…", kept=""), quote=True)


@cache
def _file(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _hash(content: str) -> str:
    return f"sha256-{b64encode(hashlib.sha256(content.encode()).digest()).decode()}"


def _time(seconds: float) -> str:
    shown = timestamp_of(seconds)
    return f'<time datetime="{shown}">{shown[:10]} {shown[11:16]} UTC</time>'


def _filters(overview: Overview) -> str:
    buttons = [f'<button type="button" data-state="" aria-pressed="true">all {len(overview.policies)}</button>']
    buttons += (
        f'<button type="button" class="{_class(state)}" data-state="{_class(state)}" aria-pressed="false">'
        f"{state} {overview.count(state)}</button>"
        for state in STATES
        if overview.count(state)
    )
    return (
        '<form id="filter" role="search" hidden><label>Search <input type="search" id="search" autocomplete="off" '
        f'placeholder="policy, image, tag, reason"></label><div role="group" aria-label="State">{"".join(buttons)}'
        '</div><p id="found" role="status"></p></form>'
    )


def _class(state: State) -> str:
    return state.replace(" ", "-")


def _changes(overview: Overview) -> str:
    """What moved in the last days, newest first."""
    moves = sorted(
        ((move, each) for each in overview.policies for move in each.moves),
        key=lambda pair: pair[0].commit.time,
        reverse=True,
    )
    heading = f'<section aria-labelledby="changes"><h2 id="changes">Changed in the last {DAYS} days</h2>'
    if not overview.history:
        reason = "There is no lock with its whole Git history here (a shallow clone?), so changes may be missing."
        heading += f'<p class="note">{reason}</p>'
    if not moves:
        return f"{heading}<p>Nothing.</p></section>" if overview.history else f"{heading}</section>"
    items = [f"<li>{_move(move)} <b>{text(str(each.name))}</b>{_commit(move)}</li>" for move, each in moves]
    first, rest = items[:_SHOWN_MOVES], items[_SHOWN_MOVES:]
    more = f'<details><summary>{len(rest)} more</summary><ul class="moves">{"".join(rest)}</ul></details>'
    return f'{heading}<ul class="moves">{"".join(first)}</ul>{more if rest else ""}</section>'


def _move(move: EntryMove) -> str:
    """A change; of two images of one repository the tags only."""
    (old, old_tag, _), (new, new_tag, _) = split_image(move.old), split_image(move.new)
    same = old == new and old_tag != new_tag
    sides = (old_tag, new_tag) if same else (move.old, move.new)
    day = timestamp_of(move.commit.time)[:10]
    return f"<time>{day}</time> <code>{text(sides[0])}</code> → <code>{text(sides[1])}</code>"


def _commit(move: EntryMove) -> str:
    commit = move.commit
    author = commit.author.partition(" <")[0]
    return f' <span class="commit">{text(commit.subject)} ({text(author)}, {text(commit.hash[:7])})</span>'


def _policy(each: PolicyOverview, made: float, *, verified: bool) -> str:
    """One policy: a row, and behind it what there is to know."""
    until = next((held.until for held in each.held if held.until), "")
    cells = [
        f'<span class="name">{text(str(each.name))}</span>',
        f"<span>{_tags(each.current)}</span>",
        f"<span>{_tags((each.chosen.tag,) if each.chosen else ())}</span>",
        f'<span><b class="state {_class(each.state)}">{each.state}</b></span>',
        f'<span class="until">{text(until[:10])}</span>',
        f'<span class="age">{_age(each, made)}</span>',
        *([f"<span>{text(each.verified)}</span>"] if verified else []),
    ]
    return (
        f'<details class="policy" data-state="{_class(each.state)}"><summary class="row{" v" if verified else ""}">'
        f'{"".join(cells)}</summary><div class="more">{_facts(each)}{_picture(each)}</div></details>'
    )


def _tags(tags: Iterable[str]) -> str:
    return ", ".join(f"<code>{text(tag)}</code>" for tag in tags)


def _age(each: PolicyOverview, made: float) -> str:
    try:
        days = int((made - seconds_of(each.locked)) // 86400) if each.locked else -1
    except ValueError:
        return ""
    return f"{days} day{'' if days == 1 else 's'}" if days >= 0 else ""


def _facts(each: PolicyOverview) -> str:
    rows = [("image", f"<code>{text(each.image)}</code>")] if each.image else []
    if each.policy:
        rows.append(("rule", f"<code>{text(policy_text(each.policy))}</code>"))
    if each.error:
        rows.append(("error", f"{text(str(each.error))}{f'<br>{text(each.error.hint)}' if each.error.hint else ''}"))
    for held in each.held:
        end = f" until {text(held.until)}" if held.until else ""
        rows.append(("held back", f"<b>{text(held.what)}</b>{end}: {text(held.why)}" if held.why else text(held.what)))
    rows += (("note", text(note)) for note in each.notes)
    if each.fields:
        places = "".join(f"<li>{text(place)} <code>{text(tag)}</code></li>" for place, tag in each.fields)
        rows.append(("fields", f"<ul>{places}</ul>"))
    if each.moves:
        moves = "".join(f"<li>{_move(move)}{_commit(move)}</li>" for move in each.moves)
        rows.append(("changed", f"<ul>{moves}</ul>"))
    rows.append(("ask", f"<code>imagesetter explain {text(str(each.name))}</code>"))
    return f"<dl>{''.join(f'<div><dt>{name}</dt><dd>{value}</dd></div>' for name, value in rows)}</dl>"


def _picture(each: PolicyOverview) -> str:
    """The funnel: a bar for what each step leaves, on a scale of square roots, so that one tag of thousands is seen."""
    if not each.tags:
        return ""
    left = each.tags
    steps = [("listed", 0, left)]
    if each.funnel:
        for name, dropped in steps_of(each.funnel):
            left -= dropped
            if dropped:
                steps.append((name, dropped, left))
    if each.chosen:
        steps.append(("chosen", 0, 1))
    bars = []
    for number, (name, dropped, count) in enumerate(steps):
        wide = _WIDTH * (count / each.tags) ** 0.5
        top = number * _STEP
        bars.append(
            f'<rect x="{100 + (_WIDTH - wide) / 2:.1f}" y="{top}" width="{max(wide, 2):.1f}" height="{_BAR}"/>'
            f'<text x="94" y="{top + 13}" class="l">{name}</text>'
            f'<text x="{106 + _WIDTH:g}" y="{top + 13}">{count}{f" (−{dropped})" if dropped else ""}</text>'
        )
    words = ", ".join(f"{name} {count}" for name, _, count in steps)
    return (
        f'<svg class="funnel" role="img" aria-label="From all tags to one: {words}" '
        f'viewBox="0 0 390 {len(steps) * _STEP}" width="390" height="{len(steps) * _STEP}">{"".join(bars)}</svg>'
    )
