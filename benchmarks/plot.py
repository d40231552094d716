"""Charts of how cost grows with size, as SVG: both axes logarithmic, so that linear growth is a diagonal line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil, floor, log10

WIDTH, HEIGHT = 680, 340
LEFT, RIGHT, TOP, BOTTOM = 70, 250, 40, 50
COLOURS = ("#0b6e4f", "#c4532e", "#3d5a98", "#8a6d1b", "#7b3f8c", "#56707a")
APART = 14
"""Between the names of lines that end close to each other."""

Points = Sequence[tuple[float, float]]


def chart(title: str, x_title: str, y_title: str, lines: Mapping[str, Points]) -> str:
    """An SVG document.

    Args:
        title: above the chart.
        x_title: what is counted.
        y_title: the cost, with its unit.
        lines: points of each program; all coordinates above 0.
    """
    points = [point for line in lines.values() for point in line]
    xs, ys = [log10(x) for x, _ in points], [log10(y) for _, y in points]
    x_low, x_high = min(xs), max(max(xs), min(xs) + 0.1)
    y_low, y_high = floor(min(ys)), max(ceil(max(ys)), floor(min(ys)) + 1)

    def place(x: float, y: float) -> tuple[float, float]:
        across = (log10(x) - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT)
        up = (log10(y) - y_low) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM)
        return round(LEFT + across, 1), round(HEIGHT - BOTTOM - up, 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        'font-size="12" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="22" font-size="14">{escape(title)}</text>',
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 12}" text-anchor="middle">{escape(x_title)}</text>',
        f'<text x="16" y="{HEIGHT / 2}" text-anchor="middle" transform="rotate(-90 16 {HEIGHT / 2})">'
        f"{escape(y_title)}</text>",
    ]
    for exponent in range(y_low, y_high + 1):
        _, y = place(points[0][0], 10.0**exponent)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}" stroke="#d8d8d8"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{10.0**exponent:g}</text>')
    for value in sorted({x for x, _ in points}):
        x, _ = place(value, points[0][1])
        parts.append(f'<line x1="{x}" x2="{x}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="#eeeeee"/>')
        parts.append(f'<text x="{x}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{value:,.0f}</text>')
    heights = _apart([place(*line[-1])[1] for line in lines.values()])
    for number, (name, line) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        placed = [place(x, y) for x, y in line]
        path = " ".join(f"{x},{y}" for x, y in placed)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in placed]
        parts.append(f'<text x="{placed[-1][0] + 8}" y="{heights[number] + 4}" fill="{colour}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _apart(heights: Sequence[float]) -> list[float]:
    """Heights for names, in the order given: each as near to its own as the others allow, within the chart."""
    found = list(heights)
    above = -float("inf")
    for number in sorted(range(len(heights)), key=lambda number: heights[number]):
        above = found[number] = max(heights[number], above + APART)
    lowest: float = HEIGHT - BOTTOM
    for number in sorted(range(len(found)), key=lambda number: -found[number]):
        found[number] = min(found[number], lowest)
        lowest = found[number] - APART
    return found
