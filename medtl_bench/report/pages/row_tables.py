"""The tables of a view's rows: ranked methods, bounds, and rows that are incomplete."""

from collections.abc import Callable, Sequence

from medtl_bench.board.measures import PLAIN, SECONDS
from medtl_bench.board.rows import Cell, Row, View
from medtl_bench.report.pages.template import fill
from medtl_bench.report.text.escape import Safe, escape_cell
from medtl_bench.report.text.markdown import NOTHING, arrow, counted, joined, rank, score, table

MOST_REASON = 160
NO_CELL = Cell(0, 0, 0)


def ranked_rows(view: View, columns: Sequence[str], title: Callable[[str], str]) -> Safe:
    """Return the rows of a view with some measures, ranked by the first of them."""
    headings = [f"{title(name)} {arrow(view.higher[name])}" for name in columns]
    return fill(
        "rows",
        methods=_methods(view, columns, headings),
        broken=[_broken(row) for row in view.methods if row.broken],
        alike=_alike(view, columns, title),
        bounds=_bounds(view, columns, headings),
        incomplete=_incomplete(view, columns, headings),
    )


def complete_rows(view: View, columns: Sequence[str], titles: Sequence[str]) -> Safe:
    """Return a table of the methods and bounds of a view that are complete."""
    rows = view.complete
    if not columns or not rows:
        return Safe("No complete row has these scores.")
    ways = [arrow(view.higher[name]) for name in columns]
    headings = [f"{title} {way}" for title, way in zip(titles, ways, strict=True)]
    lines = [[row.label, str(row.n), *_cells(row, columns)] for row in rows]
    return fill("complete_rows", table=table(["Row", "n", *headings], lines))


def _broken(row: Row) -> tuple[str, str, Safe]:
    """Return a row with how many of its trials broke, and why most of them did."""
    return row.label, f"{row.broken} of {counted(row.planned, 'trial')}", _reason(row)


def _alike(
    view: View, columns: Sequence[str], title: Callable[[str], str]
) -> list[tuple[list[str], Safe]]:
    """Return which rows are equal, with the measures in which they are."""
    measures: dict[Safe, list[str]] = {}
    for name in columns:
        if groups := [_named(rows) for rows in view.alike(name)]:
            measures.setdefault(joined(groups, "; "), []).append(title(name))
    return [(titles, rows) for rows, titles in measures.items()]


def _named(rows: Sequence[Row]) -> Safe:
    """Return the names of equal rows: plain training, where none has acted yet."""
    names = joined([row.label for row in rows])
    waiting = all(row.acts_from == "adapt" for row in rows)
    plain = waiting and any(row.name == (PLAIN, "") for row in rows)
    return Safe(f"{names} = plain training" if plain else f"{names} are equal")


def _methods(view: View, columns: Sequence[str], headings: list[str]) -> Safe:
    lines = [
        [row.label, row.family, _rank(row, columns), *_sizes(row), *_cells(row, columns)]
        for row in view.methods
    ]
    header = ["Method", "Family", "Rank", "Trials", "n", *headings]
    return table(header, lines, left=2) if lines else Safe()


def _bounds(view: View, columns: Sequence[str], headings: list[str]) -> Safe:
    lines = [[row.label, *_sizes(row), *_cells(row, columns)] for row in view.bounds]
    return table(["Bound", "Trials", "n", *headings], lines) if lines else Safe()


def _incomplete(view: View, columns: Sequence[str], headings: list[str]) -> Safe:
    lines = [
        [row.label, _status(row), _reason(row), *_sizes(row), *_cells(row, columns[:2])]
        for row in view.incomplete
    ]
    header = ["Row", "Status", "Most frequent reason", "Trials", "n", *headings[:2]]
    return table(header, lines, left=3) if lines else Safe()


def _rank(row: Row, columns: Sequence[str]) -> Safe:
    return rank(row.cells.get(columns[0], NO_CELL).rank if columns else NO_CELL.rank)


def _sizes(row: Row) -> list[str]:
    return [f"{row.counts['ok']}/{row.planned}", str(row.n)]


def _cells(row: Row, columns: Sequence[str]) -> list[Safe]:
    return [_cell(row, name) for name in columns]


def _cell(row: Row, measure: str) -> Safe:
    """Return a score; of rows that are one training only the first is set in bold."""
    cell = row.cells.get(measure)
    if cell and cell.best and cell.same not in ("", row.label):
        return Safe(f"{score(cell._replace(best=False))} =")
    return score(cell, 2 if measure == SECONDS else 3)


def _status(row: Row) -> str:
    there = [(s, n) for s, n in row.counts.items() if s == "ok" or n]
    return ", ".join(counted(n, status, status) for status, n in there)


def _reason(row: Row) -> Safe:
    return escape_cell(row.reason, MOST_REASON) or NOTHING
