"""Pieces of Markdown: numbers with intervals, tables whose cells are escaped, and sentences that stand under them."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from tabulate import tabulate

from medtl_bench.report.text.escape import Safe, escape_cell

NOTHING = Safe("–")
LEGEND = "**Bold**: best of the ranked rows. †: tied, cannot be told from the best. ±: 95% interval over n seeds. –: not there."


class Cell(NamedTuple):
    """A mean, half its interval and the number of seeds n, with marks and rank among the ranked rows."""

    mean: float
    half: float
    n: int
    best: bool = False
    tied: bool = False
    rank: float = math.nan


def number(value: float, decimals: int = 3) -> str:
    """Return a number with so many decimals, never "-0.000"."""
    return f"{round(value, decimals) + 0.0:.{decimals}f}"


def score(cell: Cell | None, decimals: int = 3) -> Safe:
    """Return "0.812 ± 0.013", the best in bold and a tied one with a dagger; a dash for what is not there."""
    if cell is None or not math.isfinite(cell.mean):
        return NOTHING
    interval = f" ± {number(cell.half, decimals)}" if math.isfinite(cell.half) else ""
    text = f"{number(cell.mean, decimals)}{interval}"
    return Safe(f"**{text}**" if cell.best else f"{text} †" if cell.tied else text)


def rank(value: float) -> Safe:
    """Return a rank without needless decimals, or a dash."""
    return Safe(f"{value:g}") if math.isfinite(value) else NOTHING


def arrow(higher: bool) -> str:
    """Return the arrow of a direction."""
    return "↑" if higher else "↓"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Return a table, its first `left` columns aligned to the left and the others to the right; cells not Safe are escaped."""
    escaped = [
        [cell if isinstance(cell, Safe) else escape_cell(cell) for cell in row]
        for row in (header, *rows)
    ]
    align = ["left" if column < left else "right" for column in range(len(header))]
    return tabulate(
        escaped[1:], headers=escaped[0], tablefmt="pipe", colalign=align, disable_numparse=True
    )


def counted(n: int, one: str, many: str = "") -> str:
    """Return a number with its noun, as "1 trial" or "2 trials"."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def page(*parts: str) -> str:
    """Return the parts that are not empty, with a blank line between them."""
    return "\n\n".join(part for part in parts if part) + "\n"
