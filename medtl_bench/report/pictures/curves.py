"""Few-shot curves as pictures: the score on the target against the labels that a method was given."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from medtl_bench.arrays import Floats
from medtl_bench.board import measures
from medtl_bench.board.measures import at
from medtl_bench.report.pictures.style import LONGEST_HEADING, drawable, style, svg
from medtl_bench.report.rows import Row, View

MOST_LINES = 12
# Okabe and Ito (2008), without black and yellow; past seven lines colours come again with
# another marker.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C5A2B")
MARKERS = "osD^vPX<>*hd"
DASHES = ((0, (5, 2)), (0, (1, 1.5)), (0, (5, 2, 1, 2)), (0, (8, 2, 1, 2, 1, 2)))
BOUND_COLOUR = "#767676"


def few_shot_picture(view: View) -> str | None:
    """Return the target score against k of at most 12 complete rows; None if there is nothing to draw.

    Methods have 95% bands, cut at the edge of the picture; bounds have none, to keep it
    legible.
    """
    shots = measures.shots_of(measures.TARGET, view.columns)
    rows = _drawn(view)
    if len(shots) < 2 or not rows:
        return None
    with style():
        figure = Figure(figsize=(8.4, 4.4))
        axes = figure.add_axes((0.08, 0.12, 0.64, 0.80))
        full = at(measures.TARGET, measures.FULL) in view.columns
        x = np.log2(1.0 + np.array(shots))
        bounds = {row.label for row in view.bounds}
        numbers = {
            label: number
            for number, label in enumerate(
                sorted((row.label for row in rows), key=lambda label: (label in bounds, label))
            )
        }
        for place, row in enumerate(rows):
            names = [at(measures.TARGET, k) for k in shots]
            _line(
                axes,
                row,
                x,
                names,
                numbers[row.label],
                full=(place + 0.5) / len(rows) if full else None,
            )
        axes.set_ylim(
            *_limits(rows, [at(measures.TARGET, k) for k in (*shots, *[measures.FULL] * full)])
        )
        _label_axes(axes, shots, view, full=full)
        return svg(figure, f"Few-shot curves on {view.dataset}")


def _limits(rows: Sequence[Row], names: Sequence[str]) -> tuple[float, float]:
    """Return the range of the means with a margin: intervals from few seeds may be wider than any score can be."""
    means = [
        cell.mean
        for row in rows
        for name in names
        if (cell := row.cells.get(name)) and np.isfinite(cell.mean)
    ]
    low, high = min(means, default=0.0), max(means, default=1.0)
    margin = 0.25 * (high - low) + 0.01
    return low - margin, high + margin


def _drawn(view: View) -> list[Row]:
    """Return the rows to draw: all bounds, and the best methods by few-shot area."""

    def area(row: Row) -> tuple[float, str]:
        cell = row.cells.get(measures.AREA)
        return (cell.rank if cell and np.isfinite(cell.rank) else np.inf, row.label)

    bounds = view.bounds[: len(DASHES)]
    return [*sorted(view.methods, key=area)[: MOST_LINES - len(bounds)], *bounds]


def _line(
    axes: Axes, row: Row, x: Floats, names: Sequence[str], number: int, *, full: float | None
) -> None:
    cells = [row.cells.get(name) for name in names]
    mean = np.array([cell.mean if cell else np.nan for cell in cells])
    half = np.nan_to_num([cell.half if cell else np.nan for cell in cells])
    bound = row.family == "bound"
    colour = BOUND_COLOUR if bound else COLOURS[number % len(COLOURS)]
    order = sum(artist.get_linestyle() != "-" for artist in axes.get_lines())
    style = (
        {"linestyle": DASHES[order % len(DASHES)]}
        if bound
        else {"marker": MARKERS[number % len(MARKERS)], "linestyle": "-"}
    )
    (line,) = axes.plot(
        x, mean, color=colour, linewidth=1.3 if bound else 1.8, markersize=5, **style
    )
    line.set_label(f"row {number}")
    if not bound:
        axes.fill_between(x, mean - half, mean + half, color=colour, alpha=0.15, linewidth=0)
    end = row.cells.get(at(measures.TARGET, measures.FULL))
    if full is not None and end is not None:
        where, error = x[-1] + 0.6 + 0.8 * full, np.nan_to_num(end.half)
        ends = [end.mean - error, end.mean, end.mean + error]
        axes.plot(
            [where] * 3,
            ends,
            color=colour,
            marker=style.get("marker", "_"),
            markevery=[1],
            markersize=5,
            linewidth=1,
        )


def _label_axes(axes: Axes, shots: Sequence[int], view: View, *, full: bool) -> None:
    ticks = [*np.log2(1.0 + np.array(shots)), *([np.log2(1.0 + shots[-1]) + 1] if full else [])]
    axes.set_xticks(ticks, [*map(str, shots), *(["full"] if full else [])])
    axes.set_xlabel("k, labels per class of the target (log2(1 + k))")
    axes.set_ylabel(f"target score ({drawable(view.primary.replace('_', ' '))})")
    axes.grid(axis="y", color="#e4e4e4", linewidth=0.8)
    axes.set_axisbelow(True)
    lines = [line for line in axes.get_lines() if str(line.get_label()).startswith("row ")]
    legend = axes.legend(
        lines,
        [str(line.get_label()) for line in lines],
        loc="center left",
        bbox_to_anchor=(1.01, 0.5),
        frameon=False,
    )
    for text, row in zip(legend.get_texts(), _drawn(view), strict=True):
        text.set_text(drawable(row.label))
    axes.set_title(
        drawable(
            f"{view.dataset}: score on the target after k labels, with 95% intervals",
            LONGEST_HEADING,
        ),
        loc="left",
        y=1.0,
    )
