"""What more draws bring: the best one so far as it was judged, and what it scores on targets."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from medtl_bench.arrays import Floats
from medtl_bench.board.tuned_rows import Step, TunedRow
from medtl_bench.report.pictures.curves import COLOURS
from medtl_bench.report.pictures.style import LONGEST_HEADING, drawable, style, svg

MOST_LINES = 8
ON_TARGETS = "on targets; the mark at the end: the oracle"


def trajectory_picture(rows: Sequence[TunedRow]) -> str | None:
    """Return scores against the number of draws of at most eight tuned rows, None for none.

    On the left as the rule judged the best so far, on the right what that one scores on targets,
    where draws were run there.
    """
    drawn = [row for row in _widest(rows) if len(row.steps) > 1][:MOST_LINES]
    if not drawn:
        return None
    with style():
        figure = Figure(figsize=(8.4, 3.6))
        panels = [figure.add_axes((left, 0.14, 0.31, 0.72)) for left in (0.08, 0.47)]
        _draw(panels[0], drawn, "as judged", lambda step: step.judged)
        _draw(panels[1], drawn, ON_TARGETS, lambda step: step.on_target)
        _name(panels[0], drawn)
        heading = f"{drawn[0].dataset}: the best of so many draws ({drawn[0].measure})"
        figure.suptitle(drawable(heading, LONGEST_HEADING), x=0.08, ha="left", fontsize=9)
        return svg(figure, f"Scores on {drawn[0].dataset} by number of draws")


def _widest(rows: Sequence[TunedRow]) -> list[TunedRow]:
    """Return of each method and rule the row of most draws."""
    by_draws = sorted(rows, key=lambda row: row.draws)
    return list({(row.algorithm, row.rule): row for row in by_draws}.values())


def _draw(axes: Axes, rows: Sequence[TunedRow], what: str, value: Callable[[Step], float]) -> None:
    for number, row in enumerate(rows):
        colour = COLOURS[number % len(COLOURS)]
        draws, scores = _line(row, value)
        axes.plot(draws, scores, color=colour, drawstyle="steps-post", linewidth=1.5)
        if math.isfinite(row.oracle) and what == ON_TARGETS:
            axes.plot(draws[-1:], [row.oracle], color=colour, marker="_", markersize=9)
    axes.set_xlabel("draws")
    axes.set_title(what, loc="left")
    axes.grid(axis="y", color="#e4e4e4", linewidth=0.8)
    axes.set_axisbelow(True)


def _line(row: TunedRow, value: Callable[[Step], float]) -> tuple[Floats, Floats]:
    draws = np.array([step.draws for step in row.steps], float)
    return draws, np.array([value(step) for step in row.steps], float)


def _name(axes: Axes, rows: Sequence[TunedRow]) -> None:
    """Write the names beside both panels; set later, for a label may not begin with "_"."""
    lines = axes.get_lines()[: len(rows)]
    labels = [f"row {number}" for number in range(len(rows))]
    place = (2.4, 0.5)
    legend = axes.legend(lines, labels, loc="center left", bbox_to_anchor=place, frameon=False)
    for text, row in zip(legend.get_texts(), rows, strict=True):
        several = len({one.rule for one in rows}) > 1
        text.set_text(drawable(f"{row.algorithm}, {row.rule}" if several else row.algorithm))
