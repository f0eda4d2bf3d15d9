"""How pictures look, and how a figure becomes SVG with reproducible bytes.

Nothing here touches pyplot or global figures.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import matplotlib as mpl
import matplotlib.style as mpl_style
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font

from medtl_bench.report.text.escape import plain

LONGEST_LABEL = 28
LONGEST_HEADING = 100
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


def drawable(text: str, longest: int = LONGEST_LABEL) -> str:
    """Return text that the font can draw, as it is and on one line."""
    known = _charmap()
    return "".join(c if ord(c) in known else "?" for c in plain(text, longest))


@cache
def _charmap() -> frozenset[int]:
    """Return the characters that the font has, for which it takes a millisecond."""
    return frozenset(get_font(findfont("DejaVu Sans")).get_charmap())


@contextmanager
def style() -> Iterator[None]:
    """Set our style for a while, whatever the user's own matplotlibrc says."""
    with mpl.rc_context():
        mpl_style.use(["default", STYLE])
        yield


def svg(figure: Figure, title: str) -> str:
    """Return a figure as SVG, drawn once; `figure.savefig` would draw twice."""
    file = io.StringIO()
    canvas: Any = FigureCanvasSVG(figure)
    canvas.print_svg(
        file, metadata={"Date": None, "Creator": None, "Title": drawable(title, LONGEST_HEADING)}
    )
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"
