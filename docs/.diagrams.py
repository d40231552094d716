"""The diagrams of the manual, as SVG that follows dark mode: `python docs/.diagrams.py` writes docs/images/*.svg."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent / "images"
WIDE, HIGH, GAP_X, GAP_Y, EDGE = 172, 62, 58, 44, 8
STYLE = """\
.box { fill: #eef4fc; stroke: #3566a8; stroke-width: 1.3; }
.main { fill: #3566a8; stroke: #3566a8; }
.title { font: 600 14px system-ui, sans-serif; fill: #14233a; text-anchor: middle; }
.word { font: 12px system-ui, sans-serif; fill: #41506a; text-anchor: middle; }
text.on { fill: #ffffff; }
.arrow { stroke: #41506a; stroke-width: 1.5; fill: none; }
.tip { fill: #41506a; }
@media (prefers-color-scheme: dark) {
  .box { fill: #1c2838; stroke: #7fa8dd; }
  .main { fill: #2f5d9c; stroke: #7fa8dd; }
  .title { fill: #e9eff8; }
  .word { fill: #b4c1d6; }
  text.on { fill: #ffffff; }
  .arrow { stroke: #b4c1d6; }
  .tip { fill: #b4c1d6; }
}"""


class Box(NamedTuple):
    """A box in a grid: its column and row, a title, and a line of words below; ``main`` is filled."""

    column: float
    row: float
    title: str
    words: str = ""
    main: bool = False

    @property
    def left(self) -> float:
        """The left edge."""
        return EDGE + self.column * (WIDE + GAP_X)

    @property
    def top(self) -> float:
        """The upper edge."""
        return EDGE + self.row * (HIGH + GAP_Y)


class Arrow(NamedTuple):
    """An arrow between two boxes of one row or one column, with a word beside it."""

    start: str
    end: str
    word: str = ""


class Diagram(NamedTuple):
    """Boxes by name, the arrows between them, and the picture in a sentence for people who cannot see it."""

    sentence: str
    boxes: Mapping[str, Box]
    arrows: tuple[Arrow, ...]


FLOW = Diagram(
    "A policy and the tags of a registry give the latest ref, which is written to marked fields; a pull request shows "
    "the change, and Flux or Argo CD applies what is merged.",
    {
        "policy": Box(0, 0, "policy", "ImagePolicy in Git"),
        "registry": Box(0, 1, "registry", "the tags of an image"),
        "imagesetter": Box(1, 0.5, "imagesetter", "selects, rewrites, proves", main=True),
        "fields": Box(2, 0.5, "marked fields", "files in Git"),
        "request": Box(3, 0.5, "pull request", "review and checks"),
        "cluster": Box(3, 1.5, "cluster", "Flux or Argo CD applies"),
    },
    (
        Arrow("policy", "imagesetter"),
        Arrow("registry", "imagesetter"),
        Arrow("imagesetter", "fields"),
        Arrow("fields", "request"),
        Arrow("request", "cluster", "merge"),
    ),
)
LOCK = Diagram(
    "With a lock, one job asks the registries and records tags and digests; hooks, CI and builds apply the lock "
    "without a network.",
    {
        "registries": Box(0, 0.5, "registries", "tags and digests"),
        "lock": Box(1, 0.5, "imagesetter lock", "one job, with network", main=True),
        "file": Box(2, 0.5, "images.lock.yaml", "reviewed in Git"),
        "update": Box(3, 0, "update --from lock", "laptop, hook, CI"),
        "function": Box(3, 1, "KRM function", "kpt, kustomize build"),
    },
    (
        Arrow("registries", "lock"),
        Arrow("lock", "file", "resolve"),
        Arrow("file", "update"),
        Arrow("file", "function"),
    ),
)
REQUEST = Diagram(
    "A new tag makes a run open a pull request; later runs update it; a merge or values that are no longer needed "
    "close it; if a person closes it, it stays closed until the values differ.",
    {
        "tag": Box(0, 0, "new tag", "a scheduled run sees it"),
        "open": Box(1, 0, "open", "one for each branch", main=True),
        "updated": Box(1, 1, "updated", "another tag, same branch"),
        "merged": Box(2, 0, "merged", "the next tag, a new one"),
        "closed": Box(2, 1, "closed by a run", "main has the values"),
        "person": Box(3, 0, "closed by a person", "stays closed …"),
        "again": Box(3, 1, "a new one", "… until values differ"),
    },
    (
        Arrow("tag", "open"),
        Arrow("open", "updated"),
        Arrow("open", "merged"),
        Arrow("updated", "closed"),
        Arrow("person", "again"),
    ),
)
CLUSTERS = Diagram(
    "In one repository each cluster has its own policies, lock and marked fields; a file follows the nearest policy "
    "and lock.",
    {
        "staging": Box(0, 0, "clusters/staging", "policy: range 1.x"),
        "staging lock": Box(1, 0, "staging lock", "web 1.5.0"),
        "staging files": Box(2, 0, "staging files", "follow the nearest"),
        "production": Box(0, 1, "clusters/production", "policy: range 1.4.x"),
        "production lock": Box(1, 1, "production lock", "web 1.4.2"),
        "production files": Box(2, 1, "production files", "follow the nearest"),
    },
    (
        Arrow("staging", "staging lock"),
        Arrow("staging lock", "staging files"),
        Arrow("production", "production lock"),
        Arrow("production lock", "production files"),
    ),
)
KUSTOMIZE = Diagram(
    "imagesetter build and the exec function on Linux build an updated copy of the sources; a container function and "
    "static mode change the fields of the ResourceList whose value is the marked one.",
    {
        "sources": Box(0, 0.5, "sources", "with markers"),
        "copy": Box(1, 0, "updated copy", "in a temporary folder", main=True),
        "list": Box(1, 1, "ResourceList", "your kustomize builds"),
        "exact": Box(2, 0, "stream", "your kustomize builds"),
        "static": Box(2, 1, "stream", "fields with a marked value"),
        "build": Box(3, 0, "imagesetter build", "and exec on Linux"),
        "container": Box(3, 1, "container", "and sourceScan: static"),
    },
    (
        Arrow("sources", "copy"),
        Arrow("sources", "list"),
        Arrow("copy", "exact"),
        Arrow("list", "static"),
        Arrow("exact", "build"),
        Arrow("static", "container"),
    ),
)
RULES = Diagram(
    "The policy ranks the tags; the rules look at the best one first; a tag that a rule does not allow is passed over "
    "with its reason, and the next one is looked at, until all rules allow one.",
    {
        "ranking": Box(0, 0, "policy", "ranks the tags"),
        "decided": Box(1, 0, "hold, follows, soak", "people and the lock"),
        "asked": Box(2, 0, "age, platforms", "and signature: registry"),
        "chosen": Box(3, 0, "chosen", "the best that all allow", main=True),
        "held": Box(1, 1, "passed over", "reason, then the next"),
        "refused": Box(2, 1, "passed over", "reason, then the next"),
    },
    (
        Arrow("ranking", "decided"),
        Arrow("decided", "asked", "yes"),
        Arrow("asked", "chosen", "yes"),
        Arrow("decided", "held", "no"),
        Arrow("asked", "refused", "no"),
    ),
)
DIAGRAMS = {
    "flow": FLOW,
    "lock": LOCK,
    "request": REQUEST,
    "clusters": CLUSTERS,
    "kustomize": KUSTOMIZE,
    "rules": RULES,
}


def svg(diagram: Diagram) -> str:
    """The diagram as SVG."""
    wide = max(box.left for box in diagram.boxes.values()) + WIDE + EDGE
    high = max(box.top for box in diagram.boxes.values()) + HIGH + EDGE
    parts = [*(_arrow(diagram, arrow) for arrow in diagram.arrows), *_boxes(diagram)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {wide:g} {high:g}" '
        f'width="{wide:g}" height="{high:g}">\n<title>{escape(diagram.sentence)}</title>\n'
        f"<style>\n{STYLE}\n</style>\n" + "\n".join(parts) + "\n</svg>\n"
    )


def _boxes(diagram: Diagram) -> Iterator[str]:
    for box in diagram.boxes.values():
        on, middle = " on" if box.main else "", box.left + WIDE / 2
        kind = "box main" if box.main else "box"
        yield f'<rect class="{kind}" x="{box.left:g}" y="{box.top:g}" width="{WIDE}" height="{HIGH}" rx="8"/>'
        yield f'<text class="title{on}" x="{middle:g}" y="{box.top + 27:g}">{escape(box.title)}</text>'
        yield f'<text class="word{on}" x="{middle:g}" y="{box.top + 46:g}">{escape(box.words)}</text>'


def _arrow(diagram: Diagram, arrow: Arrow) -> str:
    start, end = diagram.boxes[arrow.start], diagram.boxes[arrow.end]
    if start.column == end.column:
        x, y = start.left + WIDE / 2, start.top + HIGH
        line, tip = f"M{x:g} {y:g} V{end.top - 8:g}", f"M{x - 5:g} {end.top - 9:g} h10 l-5 9 z"
        word = (x + 12, (y + end.top) / 2 + 4, "start")
    else:
        x, y = start.left + WIDE, start.top + HIGH / 2
        target, bend = end.top + HIGH / 2, x + GAP_X / 2 - 6
        turn = f" H{bend:g} V{target:g}" if target != y else ""
        line, tip = f"M{x:g} {y:g}{turn} H{end.left - 8:g}", f"M{end.left - 9:g} {target - 5:g} v10 l9 -5 z"
        word = (x + GAP_X / 2 - 4, y - 7, "middle")
    text = f'<text class="word" x="{word[0]:g}" y="{word[1]:g}" style="text-anchor: {word[2]}">{arrow.word}</text>'
    return f'<path class="arrow" d="{line}"/><path class="tip" d="{tip}"/>{text if arrow.word else ""}'


if __name__ == "__main__":
    for name, diagram in DIAGRAMS.items():
        (FOLDER / f"{name}.svg").write_text(svg(diagram), encoding="utf-8")
