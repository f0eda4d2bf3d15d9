"""Few-shot curves as pictures: the score on the target against the labels given."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from medtl_bench.arrays import Floats
from medtl_bench.board.measures import at, shots_of
from medtl_bench.board.rows import Cell, Row, View
from medtl_bench.board.tables import FULL
from medtl_bench.board.transfer import TARGET
from medtl_bench.metrics.formulas import AREA, END
from medtl_bench.report.pictures.style import LONGEST_HEADING, drawable, style, svg

MOST_LINES = 12
# Okabe and Ito (2008), without black and yellow; past seven lines colours come again with
# another marker.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C5A2B")
MARKERS = "osD^vPX<>*hd"
DASHES = ((0, (5, 2)), (0, (1, 1.5)), (0, (5, 2, 1, 2)), (0, (8, 2, 1, 2, 1, 2)))
BOUND_COLOUR = "#767676"
NO_CELL = Cell(math.nan, math.nan, 0)


def few_shot_picture(view: View) -> str | None:
    """Return the target score against k of at most 12 complete rows.

    None for nothing to draw. Methods have 95% bands, cut at the edge of the picture;
    bounds have none, to keep it legible.
    """
    shots = shots_of(TARGET, view.columns)
    rows = _drawn(view)
    if len(shots) < 2 or not rows:
        return None
    full = END in view.columns
    names = [at(TARGET, k) for k in (*shots, *[FULL] * full)]
    with style():
        figure = Figure(figsize=(8.4, 4.4))
        axes = figure.add_axes((0.08, 0.12, 0.64, 0.80))
        lines = _draw(axes, rows, shots, full=full)
        axes.set_ylim(*_limits(rows, names))
        _label_axes(axes, shots, view, full=full)
        _name_rows(axes, lines, rows)
        return svg(figure, f"Few-shot curves on {view.dataset}")


class _Look(NamedTuple):
    """How a row is drawn: bounds in grey with dashes, methods in colour with markers."""

    colour: str
    marker: str
    dashes: Any
    width: float


def _looks(rows: Sequence[Row]) -> list[_Look]:
    """Return the looks of rows, which go by their names, not by their ranks."""
    bounds = [row.label for row in rows if row.bound]
    methods = sorted(row.label for row in rows if not row.bound)
    return [
        _bound_look(bounds.index(row.label)) if row.bound else _look(methods.index(row.label))
        for row in rows
    ]


def _look(number: int) -> _Look:
    colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
    return _Look(colour, marker, "-", 1.8)


def _bound_look(number: int) -> _Look:
    return _Look(BOUND_COLOUR, "", DASHES[number % len(DASHES)], 1.3)


def _drawn(view: View) -> list[Row]:
    """Return the rows to draw: all bounds, and the best methods by few-shot area."""
    bounds = view.bounds[: len(DASHES)]
    methods = sorted(view.methods, key=lambda row: (_rank(row), row.label))
    return [*methods[: MOST_LINES - len(bounds)], *bounds]


def _rank(row: Row) -> float:
    rank = row.cells.get(AREA, NO_CELL).rank
    return rank if math.isfinite(rank) else math.inf


def _limits(rows: Sequence[Row], names: Sequence[str]) -> tuple[float, float]:
    """Return the range of the means with a margin.

    Intervals from few seeds may be wider than any score can be.
    """
    means = _finite([row.cells.get(name, NO_CELL).mean for row in rows for name in names])
    low, high = min(means, default=0.0), max(means, default=1.0)
    margin = 0.25 * (high - low) + 0.01
    return low - margin, high + margin


def _finite(values: Sequence[float]) -> list[float]:
    return [value for value in values if math.isfinite(value)]


def _draw(axes: Axes, rows: Sequence[Row], shots: Sequence[int], *, full: bool) -> list[Artist]:
    """Draw the rows and return a line of each for the legend."""
    x = np.log2(1.0 + np.array(shots))
    names = [at(TARGET, k) for k in shots]
    lines = []
    for place, (row, look) in enumerate(zip(rows, _looks(rows), strict=True)):
        lines.append(_curve(axes, x, [row.cells.get(name, NO_CELL) for name in names], look))
        if full and END in row.cells:
            where = x[-1] + 0.6 + 0.8 * (place + 0.5) / len(rows)
            _end(axes, where, row.cells[END], look)
    return lines


def _curve(axes: Axes, x: Floats, cells: Sequence[Cell], look: _Look) -> Artist:
    mean = np.array([cell.mean for cell in cells])
    low, high = np.transpose([cell.ends for cell in cells])
    (line,) = axes.plot(
        x,
        mean,
        color=look.colour,
        linewidth=look.width,
        linestyle=look.dashes,
        marker=look.marker,
        markersize=5,
    )
    if look.marker:
        axes.fill_between(x, low, high, color=look.colour, alpha=0.15, linewidth=0)
    return line


def _end(axes: Axes, where: float, cell: Cell, look: _Look) -> None:
    """Draw the score after all labels of the target, beside the curve."""
    low, high = cell.ends
    axes.plot(
        [where] * 3,
        [low, cell.mean, high],
        color=look.colour,
        marker=look.marker or "_",
        markevery=[1],
        markersize=5,
        linewidth=1,
    )


def _label_axes(axes: Axes, shots: Sequence[int], view: View, *, full: bool) -> None:
    ticks = dict(zip(map(str, shots), np.log2(1.0 + np.array(shots)), strict=True))
    if full:
        ticks["full"] = np.log2(1.0 + shots[-1]) + 1
    axes.set_xticks(list(ticks.values()), list(ticks))
    axes.set_xlabel("k, labels per class of the target (log2(1 + k))")
    axes.set_ylabel(f"target score ({drawable(view.primary.replace('_', ' '))})")
    axes.grid(axis="y", color="#e4e4e4", linewidth=0.8)
    axes.set_axisbelow(True)
    heading = f"{view.dataset}: score on the target after k labels, with 95% intervals"
    axes.set_title(drawable(heading, LONGEST_HEADING), loc="left", y=1.0)


def _name_rows(axes: Axes, lines: Sequence[Artist], rows: Sequence[Row]) -> None:
    """Write the names beside the lines; set later, for a label may not begin with "_"."""
    labels = [f"row {number}" for number in range(len(rows))]
    place = (1.01, 0.5)
    legend = axes.legend(lines, labels, loc="center left", bbox_to_anchor=place, frameon=False)
    for text, row in zip(legend.get_texts(), rows, strict=True):
        text.set_text(drawable(row.label))
