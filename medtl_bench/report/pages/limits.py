"""What limits the intervals of a table: training seeds, or the patients of the test splits."""

import math
from collections.abc import Callable

from medtl_bench.board.rows import Row, View
from medtl_bench.report.pages.template import fill
from medtl_bench.report.text.escape import Safe, escape_cell
from medtl_bench.report.text.markdown import NOTHING, number, score, table

FEWEST = 5  # test units of a class under which no interval is honest


def limits(view: View, title: Callable[[str], str]) -> Safe:
    """Return the part of a page that tells seeds and test units apart, for the headline measure.

    Nothing where no row has that measure.
    """
    rows = [row for row in view.complete if _has(row, view.headline)]
    if not rows:
        return Safe()
    return fill(
        "limits",
        measure=title(view.headline),
        table=_table(rows, view.headline, title),
        units=[_units(name, *units) for name, units in view.units.items()],
        scarce=[name for name, (_, fewest) in view.units.items() if fewest < FEWEST],
        fewest=FEWEST,
    )


def _has(row: Row, measure: str) -> bool:
    return measure in row.cells and math.isfinite(row.cells[measure].mean)


def _table(rows: list[Row], measure: str, title: Callable[[str], str]) -> Safe:
    """Return both parts of the interval of each row, nothing where test units are not known."""
    header = ["Row", title(measure), "± by seeds alone", "± by test units alone"]
    cells = [(row.label, row.cells[measure]) for row in rows]
    if all(math.isnan(cell.units) for _, cell in cells):
        return Safe()
    lines = [[label, score(c), _half(c.seeds), _half(c.units)] for label, c in cells]
    return table(header, lines)


def _half(value: float) -> Safe:
    return Safe(number(value)) if math.isfinite(value) else NOTHING


def _units(domain: str, units: int, fewest: int) -> Safe:
    """Return how many test units a domain has, in words."""
    scarcest = f", {fewest:,} of the scarcest class" if fewest < units else ""
    return Safe(f"{escape_cell(domain)} has {units:,}{scarcest}")
