"""Matrices as pictures: scores by domain and by what was learned before."""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.path import Path
from matplotlib.textpath import TextPath
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Affine2D

from medtl_bench.arrays import Floats
from medtl_bench.board.rows import View
from medtl_bench.report.pictures.style import LONGEST_HEADING, drawable, style, svg

MOST_PANELS = 12
MOST_NUMBERS = 12
LONGEST_TICK = 16
BAR_STEPS = 64


class Captions(NamedTuple):
    """What is written on a picture: name, heading, what a line of a matrix is, and a column.

    `value`: what the colours mean, by default the primary metric.
    """

    name: str
    heading: str
    line: str
    column: str = "score on domain"
    value: str = ""


def matrix_picture(
    view: View, matrices: Sequence[tuple[str, Floats]], domains: Sequence[str], captions: Captions
) -> str | None:
    """Return the matrices [T, T] of at most 12 rows as small multiples on one colour scale.

    matrices: by label. None if there is nothing to draw. All is drawn on one axes in
    inches, y downwards: an axes and a layout for each panel would take ten times as long.
    """
    panels = [(label, r) for label, r in matrices[:MOST_PANELS] if np.isfinite(r).any()]
    if not panels:
        return None
    names = [drawable(name, LONGEST_TICK) for name in domains]
    page = _Page(len(panels), len(names), 0.07 * max(map(len, names)))
    scale = _scale([r for _, r in panels])
    with style():
        figure = Figure(figsize=(page.width, page.height))
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0), xlim=(0, page.width), ylim=(page.height, 0))
        axes.set_axis_off()
        for place, (label, r) in enumerate(panels):
            _panel(axes, page, place, drawable(label), r, scale)
            _ticks(axes, page, place, names)
        if len(names) <= MOST_NUMBERS:
            _numbers(figure, axes, page, [r for _, r in panels], scale)
        _bar(axes, page, scale, drawable(captions.value or view.primary.replace("_", " ")))
        _caption(axes, page, captions)
        return svg(figure, captions.name)


def _scale(matrices: Sequence[Floats]) -> Normalize:
    """Return the colour scale over all scores of all panels."""
    there = np.concatenate([r[np.isfinite(r)] for r in matrices])
    return Normalize(there.min(), max(there.max(), there.min() + 1e-6))


class _Page:
    """Where things are on the picture of matrices, in inches."""

    def __init__(self, panels: int, t: int, label: float) -> None:
        """Lay out so many panels of t x t cells with domain names `label` inches long."""
        self.panels, self.columns = panels, min(4, panels)
        self.cell = float(np.clip(4.0 / t, 0.1, 0.4))
        self.side = self.cell * t
        self.pitch = max(self.side, 1.7) + 0.15, self.side + 0.4
        self.left, self.top = 0.4 + label, 0.7
        self.inner = self.columns * self.pitch[0]
        self.bottom = self.top + -(-panels // self.columns) * self.pitch[1] - 0.4
        self.width, self.height = self.left + self.inner + 1.0, self.bottom + 0.4 + 0.72 * label

    def corner(self, place: int) -> tuple[float, float]:
        """Return the upper left corner of a panel."""
        row, column = divmod(place, self.columns)
        return self.left + column * self.pitch[0], self.top + row * self.pitch[1]


def _caption(axes: Axes, page: _Page, captions: Captions) -> None:
    axes.text(page.left, 0.2, drawable(captions.heading, LONGEST_HEADING), va="center")
    x, y = page.left + page.inner / 2, page.height - 0.15
    axes.text(x, y, captions.column, ha="center", va="center")
    y, line = page.height / 2, drawable(captions.line)
    axes.text(0.15, y, line, rotation=90, ha="center", va="center")


def _panel(axes: Axes, page: _Page, place: int, label: str, r: Floats, scale: Normalize) -> None:
    x, y = page.corner(place)
    edges = np.arange(len(r) + 1) * page.cell
    axes.pcolormesh(
        x + edges, y + edges, r, cmap="cividis", norm=scale, edgecolors="white", linewidth=0.6
    )
    axes.text(x + page.side / 2, y - 0.12, label, ha="center", va="center")


def _numbers(
    figure: Figure, axes: Axes, page: _Page, matrices: Sequence[Floats], scale: Normalize
) -> None:
    """Write the numbers of all panels, each outline drawn once.

    A text for each cell would take longer than all the rest.
    """
    cells: dict[str, list[tuple[float, float, str]]] = {}
    for place, r in enumerate(matrices):
        x, y = page.corner(place)
        for (i, j), value in np.ndenumerate(r):
            where = x + (j + 0.5) * page.cell, y + (i + 0.5) * page.cell
            score = float(value)
            cells.setdefault(_two_digits(score), []).append((*where, _ink(score, scale)))
    points = Affine2D().scale(1 / 72) + figure.dpi_scale_trans
    for text, places in cells.items():
        xs, ys, colours = zip(*places, strict=True)
        offsets = np.column_stack([xs, ys])
        drawn = PathCollection(
            [_outline(text)],
            offsets=offsets,
            offset_transform=axes.transData,
            facecolors=colours,
            linewidths=0,
        )
        drawn.set_transform(points)
        axes.add_collection(drawn)


def _two_digits(value: float) -> str:
    return f"{value:.2f}".replace("0.", ".", 1) if np.isfinite(value) else "–"


def _ink(value: float, scale: Normalize) -> str:
    """Return the colour of a number that can be read on its cell."""
    dark_cell = np.isfinite(value) and float(scale(value)) < 0.55
    return "white" if dark_cell else "black"


@cache
def _outline(text: str) -> Path:
    """Return the outline of a text about its middle, in points."""
    outline = TextPath((0, 0), text, size=7)
    low, high = outline.get_extents().get_points()
    return outline.transformed(Affine2D().translate(*(-(low + high) / 2)))


def _ticks(axes: Axes, page: _Page, place: int, names: Sequence[str]) -> None:
    """Name the domains at the left of the first panels and below the lowest ones."""
    x, y = page.corner(place)
    for number, name in enumerate(names):
        middle = (number + 0.5) * page.cell
        if place % page.columns == 0:
            axes.text(x - 0.06, y + middle, name, ha="right", va="center", fontsize=8)
        if place + page.columns >= page.panels:
            low = y + page.side + 0.1
            axes.text(
                x + middle,
                low,
                name,
                rotation=45,
                rotation_mode="anchor",
                ha="right",
                va="center",
                fontsize=8,
            )


def _bar(axes: Axes, page: _Page, scale: Normalize, metric: str) -> None:
    low, high = float(scale.vmin or 0.0), float(scale.vmax or 0.0)
    values = np.linspace(low, high, BAR_STEPS)
    x, y = page.left + page.inner + 0.1, np.linspace(page.bottom, page.top, BAR_STEPS + 1)
    axes.pcolormesh(
        [x, x + 0.15],
        y,
        values[:, None],
        cmap="cividis",
        norm=scale,
        edgecolors="face",
        linewidth=0.5,
    )
    for tick in MaxNLocator(5).tick_values(low, high):
        if low <= tick <= high:
            where = page.bottom + (tick - low) / (high - low) * (page.top - page.bottom)
            axes.text(x + 0.2, where, f"{tick:.3g}", va="center", fontsize=8)
    axes.text(x + 0.7, (page.top + page.bottom) / 2, metric, rotation=90, ha="center", va="center")
