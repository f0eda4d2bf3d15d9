"""Pieces of Markdown: numbers with intervals, and tables whose cells are escaped."""

import math
from collections.abc import Sequence

from tabulate import tabulate

from medtl_bench.board.rows import Cell
from medtl_bench.report.text.escape import Safe, escape_cell

NOTHING = Safe("–")
EXACT = 1e-9


def number(value: float, decimals: int = 3) -> str:
    """Return a number with so many decimals, never "-0.000"."""
    return f"{round(value, decimals) + 0.0:.{decimals}f}"


def score(cell: Cell | None, decimals: int = 3) -> Safe:
    """Return "0.812 ± 0.013", bold if best, with a dagger if tied; a dash for none.

    Where the measure can be no more or less, "0.990 (0.950 to 1.000)".
    """
    if cell is None or not math.isfinite(cell.mean):
        return NOTHING
    text = f"{number(cell.mean, decimals)}{_spread(cell, decimals)}"
    return Safe(f"**{text}**" if cell.best else f"{text} †" if cell.tied else text)


def _spread(cell: Cell, decimals: int) -> str:
    """Return the interval of a mean, nothing where it has none."""
    if not math.isfinite(cell.half):
        return ""
    low, high = cell.ends
    if min(cell.mean - low, high - cell.mean) < cell.half - EXACT:
        return f" ({interval(low, high, decimals)})"
    return f" ± {number(cell.half, decimals)}"


def rank(value: float) -> Safe:
    """Return a rank without needless decimals, or a dash."""
    return Safe(f"{value:g}") if math.isfinite(value) else NOTHING


def interval(low: float, high: float, decimals: int = 3) -> str:
    """Return "0.1 to 0.2" with so many decimals, or a dash where there is none."""
    known = math.isfinite(low)
    return f"{number(low, decimals)} to {number(high, decimals)}" if known else NOTHING


def arrow(higher: bool) -> str:
    """Return the arrow of a direction."""
    return "↑" if higher else "↓"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> Safe:
    """Return a table, its first `left` columns aligned to the left.

    The others are aligned to the right. Cells that are not Safe are escaped.
    """
    align = ["left" if column < left else "right" for column in range(len(header))]
    cells = [escaped(row) for row in rows]
    text = tabulate(
        cells, headers=escaped(header), tablefmt="pipe", colalign=align, disable_numparse=True
    )
    return Safe(text)


def escaped(texts: Sequence[str]) -> list[Safe]:
    """Return texts that are all Safe."""
    return [text if isinstance(text, Safe) else escape_cell(text) for text in texts]


def joined(texts: Sequence[str], between: str = ", ") -> Safe:
    """Return texts one after another; those not Safe are escaped."""
    return Safe(between.join(escaped(texts)))


def counted(n: int, one: str, many: str = "") -> str:
    """Return a number with its noun, as "1 trial" or "2 trials"."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"
