"""Few-shot curves and stream matrices as SVG with reproducible bytes. Nothing here touches pyplot or its global figures."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

import matplotlib as mpl
import matplotlib.style as mpl_style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.collections import PathCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font
from matplotlib.path import Path
from matplotlib.textpath import TextPath
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Affine2D

from medtl_bench import measures
from medtl_bench.measures import at
from medtl_bench.report.escape import plain
from medtl_bench.report.views import Row, View
from medtl_bench.statistics import Floats

MOST_LINES = 12
MOST_PANELS = 12
MOST_NUMBERS = 12
LONGEST_LABEL = 28
LONGEST_TICK = 16
BAR_STEPS = 64
# Okabe and Ito (2008), without black and yellow; past seven lines colours come again with another marker.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C5A2B")
MARKERS = "osD^vPX<>*hd"
DASHES = ((0, (5, 2)), (0, (1, 1.5)), (0, (5, 2, 1, 2)), (0, (8, 2, 1, 2, 1, 2)))
BOUND_COLOUR = "#767676"
INK = "#333333"
STYLE = {
    "svg.hashsalt": "medtl-bench",
    "svg.fonttype": "path",
    "text.parse_math": False,
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#888888",
    "axes.labelcolor": INK,
    "axes.titlesize": 9.0,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def few_shot_picture(view: View) -> str | None:
    """Return the target score against k of at most 12 complete rows; None if there is nothing to draw.

    Methods have 95% bands, cut at the edge of the picture; bounds have none, to keep it legible.
    """
    shots = measures.shots_of(measures.TARGET, view.columns)
    rows = _drawn(view)
    if len(shots) < 2 or not rows:
        return None
    with _style():
        figure = Figure(figsize=(8.4, 4.4))
        axes = figure.add_axes((0.08, 0.12, 0.64, 0.80))
        full = at(measures.TARGET, measures.FULL) in view.columns
        x = np.log2(1.0 + np.array(shots))
        bounds = {row.label for row in view.bounds}
        numbers = {
            label: number
            for number, label in enumerate(sorted((row.label for row in rows), key=lambda label: (label in bounds, label)))
        }
        for place, row in enumerate(rows):
            names = [at(measures.TARGET, k) for k in shots]
            _line(axes, row, x, names, numbers[row.label], full=(place + 0.5) / len(rows) if full else None)
        axes.set_ylim(*_limits(rows, [at(measures.TARGET, k) for k in (*shots, *[measures.FULL] * full)]))
        _label_axes(axes, shots, view, full=full)
        return _svg(figure, f"Few-shot curves on {view.dataset}")


def _limits(rows: Sequence[Row], names: Sequence[str]) -> tuple[float, float]:
    """Return the range of the means with a margin: intervals from few seeds may be wider than any score can be."""
    means = [cell.mean for row in rows for name in names if (cell := row.cells.get(name)) and np.isfinite(cell.mean)]
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


def _line(axes: Axes, row: Row, x: Floats, names: Sequence[str], number: int, *, full: float | None) -> None:
    cells = [row.cells.get(name) for name in names]
    mean = np.array([cell.mean if cell else np.nan for cell in cells])
    half = np.nan_to_num([cell.half if cell else np.nan for cell in cells])
    bound = row.family == "bound"
    colour = BOUND_COLOUR if bound else COLOURS[number % len(COLOURS)]
    order = sum(artist.get_linestyle() != "-" for artist in axes.get_lines())
    style = (
        {"linestyle": DASHES[order % len(DASHES)]} if bound else {"marker": MARKERS[number % len(MARKERS)], "linestyle": "-"}
    )
    (line,) = axes.plot(x, mean, color=colour, linewidth=1.3 if bound else 1.8, markersize=5, **style)
    line.set_label(f"row {number}")
    if not bound:
        axes.fill_between(x, mean - half, mean + half, color=colour, alpha=0.15, linewidth=0)
    end = row.cells.get(at(measures.TARGET, measures.FULL))
    if full is not None and end is not None:
        where, error = x[-1] + 0.6 + 0.8 * full, np.nan_to_num(end.half)
        ends = [end.mean - error, end.mean, end.mean + error]
        axes.plot([where] * 3, ends, color=colour, marker=style.get("marker", "_"), markevery=[1], markersize=5, linewidth=1)


def _label_axes(axes: Axes, shots: Sequence[int], view: View, *, full: bool) -> None:
    ticks = [*np.log2(1.0 + np.array(shots)), *([np.log2(1.0 + shots[-1]) + 1] if full else [])]
    axes.set_xticks(ticks, [*map(str, shots), *(["full"] if full else [])])
    axes.set_xlabel("k, labels per class of the target (log2(1 + k))")
    axes.set_ylabel(f"target score ({_text(view.primary.replace('_', ' '))})")
    axes.grid(axis="y", color="#e4e4e4", linewidth=0.8)
    axes.set_axisbelow(True)
    lines = [line for line in axes.get_lines() if str(line.get_label()).startswith("row ")]
    legend = axes.legend(
        lines, [str(line.get_label()) for line in lines], loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False
    )
    for text, row in zip(legend.get_texts(), _drawn(view), strict=True):
        text.set_text(_text(row.label))
    axes.set_title(_text(f"{view.dataset}: score on the target after k labels, with 95% intervals", 100), loc="left", y=1.0)


class Captions(NamedTuple):
    """What is written on a picture of matrices: its name, its heading, and what a line of a matrix is."""

    name: str
    heading: str
    line: str


def stream_captions(view: View) -> Captions:
    """Return the captions of the matrices R of a stream."""
    heading = f"{view.dataset}, stream {view.scenario}: R, mean over seeds"
    return Captions(f"Stream {view.scenario} of {view.dataset}", heading, "after learning domain")


def source_captions(view: View) -> Captions:
    """Return the captions of the matrices of sources by targets."""
    heading = f"{view.dataset}: one source by target, k = 0, mean over seeds"
    return Captions(f"Sources by targets of {view.dataset}", heading, "after learning only")


def matrix_picture(
    view: View, matrices: Sequence[tuple[str, Floats]], domains: Sequence[str], captions: Captions
) -> str | None:
    """Return the matrices [T, T] of at most 12 rows as small multiples on one colour scale; None if there are none.

    All is drawn on one axes in inches, y downwards: an axes and a layout for each panel would take ten times as long.
    """
    panels = [(label, r) for label, r in matrices[:MOST_PANELS] if np.isfinite(r).any()]
    if not panels:
        return None
    names = [_text(name, LONGEST_TICK) for name in domains]
    page = _Page(len(panels), len(names), 0.07 * max(map(len, names)))
    found = np.concatenate([r[np.isfinite(r)] for _, r in panels])
    scale = Normalize(found.min(), max(found.max(), found.min() + 1e-6))
    with _style():
        figure = Figure(figsize=(page.width, page.height))
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0), xlim=(0, page.width), ylim=(page.height, 0))
        axes.set_axis_off()
        for place, (label, r) in enumerate(panels):
            _panel(axes, page, place, _text(label), r, scale)
            _ticks(axes, page, place, names)
        if len(names) <= MOST_NUMBERS:
            _numbers(figure, axes, page, [r for _, r in panels], scale)
        _bar(axes, page, scale, _text(view.primary.replace("_", " ")))
        axes.text(page.left, 0.2, _text(captions.heading, 100), va="center")
        axes.text(page.left + page.inner / 2, page.height - 0.15, "score on domain", ha="center", va="center")
        axes.text(0.15, page.height / 2, _text(captions.line), rotation=90, ha="center", va="center")
        return _svg(figure, captions.name)


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


def _panel(axes: Axes, page: _Page, place: int, label: str, r: Floats, scale: Normalize) -> None:
    x, y = page.corner(place)
    edges = np.arange(len(r) + 1) * page.cell
    axes.pcolormesh(x + edges, y + edges, r, cmap="cividis", norm=scale, edgecolors="white", linewidth=0.6)
    axes.text(x + page.side / 2, y - 0.12, label, ha="center", va="center")


def _numbers(figure: Figure, axes: Axes, page: _Page, matrices: Sequence[Floats], scale: Normalize) -> None:
    """Write the numbers of all panels, each outline drawn once: a text for each cell would take longer than all the rest."""
    cells: dict[str, list[tuple[float, float, str]]] = {}
    for place, r in enumerate(matrices):
        x, y = page.corner(place)
        for (i, j), value in np.ndenumerate(r):
            light = np.isfinite(value) and float(scale(float(value))) < 0.55
            text = f"{value:.2f}".replace("0.", ".", 1) if np.isfinite(value) else "–"
            where = x + (j + 0.5) * page.cell, y + (i + 0.5) * page.cell
            cells.setdefault(text, []).append((*where, "white" if light else "black"))
    points = Affine2D().scale(1 / 72) + figure.dpi_scale_trans
    for text, places in cells.items():
        xs, ys, colours = zip(*places, strict=True)
        offsets = np.column_stack([xs, ys])
        drawn = PathCollection(
            [_outline(text)], offsets=offsets, offset_transform=axes.transData, facecolors=colours, linewidths=0
        )
        drawn.set_transform(points)
        axes.add_collection(drawn)


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
            axes.text(x + middle, low, name, rotation=45, rotation_mode="anchor", ha="right", va="center", fontsize=8)


def _bar(axes: Axes, page: _Page, scale: Normalize, metric: str) -> None:
    low, high = float(scale.vmin or 0.0), float(scale.vmax or 0.0)
    values = np.linspace(low, high, BAR_STEPS)
    x, y = page.left + page.inner + 0.1, np.linspace(page.bottom, page.top, BAR_STEPS + 1)
    axes.pcolormesh([x, x + 0.15], y, values[:, None], cmap="cividis", norm=scale, edgecolors="face", linewidth=0.5)
    for tick in MaxNLocator(5).tick_values(low, high):
        if low <= tick <= high:
            where = page.bottom + (tick - low) / (high - low) * (page.top - page.bottom)
            axes.text(x + 0.2, where, f"{tick:.3g}", va="center", fontsize=8)
    axes.text(x + 0.7, (page.top + page.bottom) / 2, metric, rotation=90, ha="center", va="center")


def _text(text: str, longest: int = LONGEST_LABEL) -> str:
    """Return text that the font can draw, as it is and on one line."""
    known = get_font(findfont("DejaVu Sans")).get_charmap()
    return "".join(c if ord(c) in known else "?" for c in plain(text, longest))


@contextmanager
def _style() -> Iterator[None]:
    """Set our style for a while, whatever the user's own matplotlibrc says."""
    with mpl.rc_context():
        mpl_style.use(["default", STYLE])
        yield


def _svg(figure: Figure, title: str) -> str:
    """Draw once; `figure.savefig` would draw twice."""
    file = io.StringIO()
    canvas: Any = FigureCanvasSVG(figure)
    canvas.print_svg(file, metadata={"Date": None, "Creator": None, "Title": _text(title, 100)})
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"
