"""Mean ranks on a line, with bars over methods that differ by less than the critical difference.

The diagram of Demsar 2006.
"""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from medtl_bench.board.blocks import Blocks
from medtl_bench.report.pictures.style import INK, LONGEST_HEADING, drawable, style, svg

WIDTH, SIDE = 8.4, 2.6  # inches, of the picture and of each margin with names
LINE, BAR = 0.2, 0.09  # inches between names, and between bars
TOP = 0.85  # inches above the axis
THICK = 2.6
Stroke = list[tuple[float, float]]


def critical_difference_picture(told: Blocks, labels: Sequence[str], heading: str) -> str:
    """Return the diagram of mean ranks; labels: by place, the best first."""
    methods, bars = len(labels), len(told.groups)
    rows = -(-methods // 2)
    names = TOP + 0.12 + BAR * bars + 0.15  # where the first of them stands
    height = names + LINE * rows + 0.1
    with style():
        figure = Figure(figsize=(WIDTH, height))
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0), xlim=(0, WIDTH), ylim=(height, 0))
        axes.set_axis_off()
        axes.text(0.1, 0.15, drawable(heading, LONGEST_HEADING), va="center")
        _line(axes, methods)
        _difference(axes, told.difference, methods)
        _strokes(axes, _bars(told, methods), INK, THICK)
        leads = []
        for place, label in enumerate(labels):
            left = place < rows
            y = names + LINE * (place if left else methods - 1 - place)
            leads.append(_name(axes, _x(told.mean[place], methods), y, drawable(label), left=left))
        _strokes(axes, leads, "#888888", 0.8)
        return svg(figure, heading)


def _strokes(axes: Axes, lines: Sequence[Stroke], colour: str, width: float) -> None:
    """Draw lines of one look at once: one by one they would take several times as long."""
    axes.add_collection(LineCollection(lines, colors=colour, linewidths=width), autolim=False)


def _bars(told: Blocks, methods: int) -> list[Stroke]:
    """Return the bars over mean ranks that cannot be told apart."""
    bars: list[Stroke] = []
    for number, (first, last) in enumerate(told.groups):
        start, end = (_x(told.mean[place], methods) for place in (first, last))
        y = TOP + 0.12 + BAR * number
        bars.append([(start - 0.04, y), (end + 0.04, y)])
    return bars


def _x(rank: float, methods: int) -> float:
    """Return where a mean rank stands, in inches from the left."""
    return SIDE + (WIDTH - 2 * SIDE) * (rank - 1) / (methods - 1)


def _line(axes: Axes, methods: int) -> None:
    """Draw the axis of ranks, with at most some ten ticks."""
    strokes: list[Stroke] = [[(_x(1, methods), TOP), (_x(methods, methods), TOP)]]
    every = -(-methods // 10)
    for rank in range(1, methods + 1, every):
        x = _x(rank, methods)
        strokes.append([(x, TOP - 0.06), (x, TOP)])
        axes.text(x, TOP - 0.14, str(rank), ha="center", va="center", fontsize=8)
    _strokes(axes, strokes, INK, 1)


def _difference(axes: Axes, difference: float, methods: int) -> None:
    """Draw the critical difference above the axis, as long as it is there."""
    start, end = _x(1, methods), min(_x(1 + difference, methods), WIDTH - 0.1)
    ticks: list[Stroke] = [[(x, 0.47), (x, 0.57)] for x in (start, end)]
    _strokes(axes, [[(start, 0.52), (end, 0.52)], *ticks], INK, 1)
    told = f"critical difference {difference:.2f}"
    axes.text((start + end) / 2, 0.4, told, ha="center", va="center", fontsize=8)


def _name(axes: Axes, x: float, y: float, label: str, *, left: bool) -> Stroke:
    """Write a name at the left or right; return the line that leads to it from its mean rank."""
    end = SIDE - 0.15 if left else WIDTH - SIDE + 0.15
    gap, side = (-0.06, "right") if left else (0.06, "left")
    axes.text(end + gap, y, label, ha=side, va="center")
    return [(x, TOP), (x, y), (end, y)]
