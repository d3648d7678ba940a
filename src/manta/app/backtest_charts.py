"""Charts as SVG text: they print, they follow light and dark by their page's own colors, and load nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 760, 120, 40, 14, 30
HUES = (
    "var(--c0)",
    "var(--c1)",
    "var(--c2)",
    "var(--c3)",
    "var(--c4)",
    "var(--c5)",
    "var(--c6)",
    "var(--c7)",
)

type Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar with an interval; NaN bounds draw none."""

    name: str
    value: float  # of any unit, so named by its chart
    low: float
    high: float


def bars(title: str, rows: Sequence[Bar]) -> str:
    """Draw horizontal bars from zero with their intervals."""
    values = [x for row in rows for x in (row.value, row.low, row.high) if x == x]
    least, most = min(0.0, *values), max(0.0, *values) or 1.0
    height = TOP + 26 * len(rows) + BOTTOM
    across = Axis(least, most, LEFT, WIDTH - RIGHT)
    parts = [_frame(title, height)]
    parts += [_upright(across.at(tick), height, f"{tick:g}") for tick in across.ticks()]
    for n, row in enumerate(rows):
        y = TOP + 26 * n
        ends = sorted((across.at(0.0), across.at(row.value)))
        parts.append(
            f'<rect x="{ends[0]:.1f}" y="{y + 4}" width="{ends[1] - ends[0]:.1f}" height="16" '
            f'fill="{HUES[n % len(HUES)]}"/>'
        )
        if row.low == row.low:
            low, high = across.at(row.low), across.at(row.high)
            parts.append(
                f'<path class="whisker" d="M{low:.1f} {y + 12}H{high:.1f}'
                f'M{low:.1f} {y + 8}v8M{high:.1f} {y + 8}v8"/>'
            )
        parts.append(f'<text class="name" x="{LEFT - 8}" y="{y + 16}">{escape(row.name)}</text>')
    return "".join(parts) + "</svg>"


def lines(
    title: str, unit: str, names: Sequence[str], columns: Sequence[Floats], marks: Sequence[str]
) -> str:
    """Draw columns over equal steps; ``marks`` label the axis from first to last."""
    height = 260
    drawn = [np.asarray(column, float) for column in columns]
    down = Axis(
        float(min(column.min() for column in drawn)),
        float(max(column.max() for column in drawn)),
        height - BOTTOM,
        TOP,
    )
    parts = [_frame(title, height)]
    for tick in down.ticks():
        y = down.at(tick)
        parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text class="name" x="{LEFT - 8}" y="{y + 4:.1f}">{tick:,g} {escape(unit)}</text>')
    for n, mark in enumerate(marks):
        x = LEFT + (WIDTH - RIGHT - LEFT) * n / max(1, len(marks) - 1)
        parts.append(f'<text class="tick" x="{x:.1f}" y="{height - 10}">{escape(mark)}</text>')
    for n, column in enumerate(drawn):
        xs = np.linspace(LEFT, WIDTH - RIGHT, len(column))
        points = " ".join(f"{x:.1f},{down.at(value):.1f}" for x, value in zip(xs, column, strict=True))
        parts.append(f'<polyline points="{points}" stroke="{HUES[n % len(HUES)]}"/>')
    legend = "".join(
        f'<span><i style="background:{HUES[n % len(HUES)]}"></i>{escape(name)}</span>'
        for n, name in enumerate(names)
    )
    return "".join(parts) + f'</svg><p class="legend">{legend}</p>'


@dataclass(frozen=True, slots=True)
class Axis:
    """A linear scale from values to places on the page."""

    least: float
    most: float
    begins: float
    ends: float

    def at(self, value: float) -> float:
        """Return where a value stands."""
        spread = (self.most - self.least) or 1.0
        return self.begins + (value - self.least) / spread * (self.ends - self.begins)

    def ticks(self) -> list[float]:
        """Return round values within, some five of them."""
        spread = (self.most - self.least) or 1.0
        step = 10 ** np.floor(np.log10(spread / 4))
        step *= next(scale for scale in (1, 2, 2.5, 5, 10) if spread / (step * scale) <= 6)
        first = np.ceil(self.least / step)
        return [float(n * step) + 0.0 for n in np.arange(first, np.floor(self.most / step) + 1)]


def _frame(title: str, height: int) -> str:
    said = escape(title)
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{said}"><title>{said}</title>'


def _upright(x: float, height: int, label: str) -> str:
    return (
        f'<path class="grid" d="M{x:.1f} {TOP}V{height - BOTTOM}"/>'
        f'<text class="tick" x="{x:.1f}" y="{height - 10}">{escape(label)}</text>'
    )
