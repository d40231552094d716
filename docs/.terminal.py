"""The picture of a terminal, as SVG from a real run on a registry of its own: `python docs/.terminal.py`.

It runs the commands of the README on the files of the README, and writes docs/images/terminal.svg.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "images" / "terminal.svg"
sys.path.insert(0, str(ROOT / "fn"))

from imagesetter.cli.demo_registry import loopback_registry  # noqa: E402

SENTENCE = (
    "A terminal: imagesetter explain shows which tags of podinfo a policy allows and which one it selects, and "
    "imagesetter update --diff writes that tag to the marked field of a Deployment."
)
TAGS = {"stefanprodan/podinfo": ("6.6.3", "6.7.0", "6.7.1", "6.8.0", "6.9.0", "latest")}
COMMANDS = ("imagesetter explain ghcr.io/stefanprodan/podinfo --semver 6.7.x", "imagesetter update --diff")
FILE = re.compile(r'^```yaml title="([^"]+)"\n(.*?)^```$', re.M | re.S)
PEN = re.compile(r"\x1b\[([\d;]*)m")
PENS = {"1": "bold", "2": "dim", "31": "red", "32": "green", "33": "yellow", "36": "cyan"}
WIDE, HIGH, EDGE, BAR = 8.4, 20, 18, 34
STYLE = """\
.screen { fill: #10161f; stroke: #3a4658; }
text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: #dbe4f0; white-space: pre; }
.bold { font-weight: 700; fill: #ffffff; }
.dim { fill: #94a3b8; }
.red { fill: #ff8a80; }
.green { fill: #7ee2a0; }
.yellow { fill: #ffd479; }
.cyan { fill: #7cd0ff; }"""


def run() -> str:
    """What the terminal shows, with its pens."""
    section = re.split(r"^## ", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.M)
    files = FILE.findall(next(part for part in section if part.startswith("One short policy")))
    with tempfile.TemporaryDirectory() as folder, loopback_registry(TAGS) as host:
        for name, text in files:
            here = text.replace("ghcr.io", host).replace("semver:", "insecure: true\n      semver:")
            Path(folder, name).write_text(here, encoding="utf-8", newline="\n")
        variables = {"ALLOW_LOOPBACK": "true", "INSECURE": "true", "COLOR": "always", "CACHE_DIR": f"{folder}/.cache"}
        environment = {name: value for name, value in os.environ.items() if not name.startswith("IMAGESETTER_")}
        environment |= {f"IMAGESETTER_{name}": value for name, value in variables.items()}
        environment |= {"PYTHONPATH": str(ROOT / "fn"), "PYTHONIOENCODING": "utf-8"}
        shown = ""
        for command in COMMANDS:
            words = [sys.executable, "-m", *command.replace("ghcr.io", host).split()]
            done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, check=True)
            printed = (done.stdout + done.stderr).decode().replace("\r\n", "\n")
            shown += f"\x1b[36m$\x1b[0m \x1b[1m{command}\x1b[0m\n{printed}\n"
    return shown.replace(host, "ghcr.io").rstrip("\n")


def svg(shown: str) -> str:
    """The picture of what a terminal shows."""
    lines = shown.splitlines()
    wide = max(len(PEN.sub("", line)) for line in lines) * WIDE + 2 * EDGE
    high = len(lines) * HIGH + BAR + EDGE
    buttons = (f'<circle cx="{EDGE + 4 + n * 18}" cy="18" r="5.5" fill="#3a4658"/>' for n in range(3))
    rows = (_row(line, BAR + (n + 1) * HIGH - 5) for n, line in enumerate(lines) if line)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {wide:g} {high:g}" '
        f'width="{wide:g}" height="{high:g}">\n<title>{escape(SENTENCE)}</title>\n<style>\n{STYLE}\n</style>\n'
        f'<rect class="screen" x="0.5" y="0.5" width="{wide - 1:g}" height="{high - 1:g}" rx="9"/>\n'
        + "\n".join([*buttons, *rows])
        + "\n</svg>\n"
    )


def _row(line: str, y: int) -> str:
    wide = len(PEN.sub("", line)) * WIDE
    spans = "".join(
        f'<tspan class="{pen}">{escape(text)}</tspan>' if pen else escape(text) for pen, text in _runs(line)
    )
    return f'<text x="{EDGE}" y="{y}" textLength="{wide:g}" xml:space="preserve">{spans}</text>'


def _runs(line: str) -> Iterator[tuple[str, str]]:
    """Each part of a line that one pen wrote, with the classes of the pen."""
    pens: list[str] = []
    for number, part in enumerate(PEN.split(line)):
        if number % 2 == 0:
            if part:
                yield " ".join(pens), part
        else:
            for code in (part or "0").split(";"):
                pens = [] if code == "0" else [*pens, PENS[code]]


if __name__ == "__main__":
    PICTURE.write_text(svg(run()), encoding="utf-8")
