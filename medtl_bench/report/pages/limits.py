"""What limits the intervals of a table: training seeds, or the patients of the test splits."""

import math
from collections.abc import Callable

from medtl_bench.board.rows import Row, View
from medtl_bench.report.pages.template import fill
from medtl_bench.report.text.escape import Safe, escape_cell
from medtl_bench.report.text.markdown import NOTHING, number, score, table

FEWEST = 5  # test units of a class under which no interval is honest
NO_LIMITS = Safe()


def limits(view: View, title: Callable[[str], str]) -> Safe:
    """Return the part of a page that tells seeds and test units apart, for the headline measure.

    Nothing where no row has that measure.
    """
    rows = [row for row in view.complete if _has(row, view.headline)]
    if not rows:
        return NO_LIMITS
    known = [row for row in rows if math.isfinite(row.cells[view.headline].units)]
    scarce = {name: units for name, units in view.units.items() if units[1] < FEWEST}
    return fill(
        "limits",
        measure=title(view.headline),
        table=_table(rows, view.headline, title) if known else Safe(),
        units=[Safe(_units(name, *units)) for name, units in view.units.items()],
        scarce=[escape_cell(name) for name in scarce],
        fewest=FEWEST,
    )


def _has(row: Row, measure: str) -> bool:
    return measure in row.cells and math.isfinite(row.cells[measure].mean)


def _table(rows: list[Row], measure: str, title: Callable[[str], str]) -> Safe:
    header = ["Row", title(measure), "± by seeds alone", "± by test units alone"]
    cells = [(row.label, row.cells[measure]) for row in rows]
    lines = [[label, score(c), _half(c.seeds), _half(c.units)] for label, c in cells]
    return table(header, lines)


def _half(value: float) -> Safe:
    return Safe(number(value)) if math.isfinite(value) else NOTHING


def _units(domain: str, units: int, fewest: int) -> str:
    """Return how many test units a domain has, in words."""
    scarcest = f", {fewest:,} of the scarcest class" if fewest < units else ""
    return f"{escape_cell(domain)} has {units:,}{scarcest}"
