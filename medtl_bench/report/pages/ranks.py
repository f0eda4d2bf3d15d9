"""The ranks of methods over datasets, and the scores behind them, of one reading."""

from collections.abc import Sequence
from typing import NamedTuple

from medtl_bench.board.comparison import Comparison, placed
from medtl_bench.board.protocol import Name
from medtl_bench.board.standings import Standing
from medtl_bench.report.text.escape import Safe, escape_cell
from medtl_bench.report.text.markdown import (
    NOTHING,
    arrow,
    counted,
    interval,
    number,
    rank,
    score,
    table,
)

EQUAL = " = "  # between names of methods whose scores are equal
ALL = "all of them"


class Ranks(NamedTuple):
    """What the pages show of one reading over the datasets of one kind of task."""

    task: str
    datasets: str
    origins: str
    unrecorded: list[str]
    ranked: Safe
    methods: str
    apart: bool
    complete: str
    p: str
    difference: str
    picture: str
    others: Safe
    without_rows: Safe
    keeping: bool
    untold: list[str]
    simulated: bool


def section(comparison: Comparison, *, simulated: bool, picture: str = "") -> Ranks:
    """Return what is shown of a comparison. picture: the file with its diagram."""
    told = comparison.blocks
    untold = [comparison.rows[name].label for name in comparison.untold]
    return Ranks(
        task=comparison.task.capitalize(),
        datasets=counted(len(comparison.datasets), "dataset"),
        origins=counted(len(set(comparison.origins)), "origin"),
        unrecorded=_some(comparison.unrecorded, len(comparison.datasets)),
        ranked=_ranked(comparison),
        methods=counted(len(comparison.ranked), "method"),
        apart=len({standing.letters for standing in comparison.ranked}) > 1,
        complete=counted(len(comparison.complete), "method") if told else "",
        p=f"{told.p:.2g}" if told else "",
        difference=number(told.difference, 2) if told else "",
        picture=picture,
        others=_others(comparison),
        without_rows=_without_rows(comparison),
        keeping=comparison.keeping,
        untold=_some(untold, len(placed(comparison.ranked))),
        simulated=simulated,
    )


def _some(names: Sequence[str], of: int) -> list[str]:
    """Return names, and that they are all where there are no others."""
    return list(names) if len(names) < of else [ALL] * bool(names)


def named(comparison: Comparison, names: Sequence[Name]) -> str:
    """Return the labels of a method that has several names, as "ewc = fine-tune"."""
    return EQUAL.join(comparison.rows[name].label for name in names)


def labels(comparison: Comparison) -> list[str]:
    """Return the labels of the methods of a comparison's blocks, by their places there."""
    names = {standing.names[0]: standing.names for standing in comparison.ranked}
    order = comparison.blocks.order if comparison.blocks else ()
    return [named(comparison, names[comparison.complete[method]]) for method in order]


def _ranked(comparison: Comparison) -> Safe:
    """Return the table of ranks with the scores behind them."""
    header = [
        *("Method", "Family", "Keeps", "Rank ↓", "95% interval", "Groups", "Origins"),
        *_headings(comparison),
    ]
    lines = [_standing(comparison, standing) for standing in comparison.ranked]
    return table(header, lines, left=3) if lines else Safe()


def _standing(comparison: Comparison, standing: Standing) -> list[str]:
    return [
        *_who(comparison, standing.names),
        *_placed(standing),
        str(standing.origins),
        *_scores(comparison, standing.names[0]),
    ]


def _placed(standing: Standing) -> list[str]:
    ends = interval(standing.low, standing.high, 0)
    return [rank(standing.rank), ends, standing.letters]


def _without_rows(comparison: Comparison) -> Safe:
    """Return the ranks of those alone that keep no rows, without the scores."""
    header = ["Method", "Family", "Keeps", "Rank ↓", "95% interval", "Groups"]
    lines = [
        [*_who(comparison, standing.names), *_placed(standing)]
        for standing in comparison.without_rows
    ]
    return table(header, lines, left=3) if lines else Safe()


def _others(comparison: Comparison) -> Safe:
    """Return the table of methods without a rank, with their datasets counted."""
    header = ["Method", "Family", "Keeps", "Datasets", *_headings(comparison)]
    lines = [_other(comparison, name) for name in comparison.others]
    return table(header, lines, left=3) if lines else Safe()


def _other(comparison: Comparison, name: Name) -> list[str]:
    datasets = f"{len(comparison.cells[name])}/{len(comparison.datasets)}"
    return [*_who(comparison, [name]), datasets, *_scores(comparison, name)]


def _who(comparison: Comparison, names: Sequence[Name]) -> list[str]:
    """Return names, families, and what they keep of earlier domains."""
    rows = [comparison.rows[name] for name in names]
    families = ", ".join(dict.fromkeys(row.family for row in rows))
    kept = ", ".join(dict.fromkeys(row.keeps_data for row in rows if row.keeps_data))
    return [named(comparison, names), families, kept or NOTHING]


def _headings(comparison: Comparison) -> list[Safe]:
    headings = []
    for dataset, higher in zip(comparison.datasets, comparison.higher, strict=True):
        sizes = ", ".join(map(str, comparison.sizes[dataset])) or "0"
        headings.append(Safe(f"{escape_cell(dataset)} (n = {sizes}) {arrow(higher)}"))
    return headings


def _scores(comparison: Comparison, name: Name) -> list[Safe]:
    """Return a method's scores, with n where a dataset's scores differ in it."""
    scores = []
    for dataset in comparison.datasets:
        cell = comparison.cells[name].get(dataset)
        told = cell is not None and len(comparison.sizes[dataset]) > 1
        scores.append(Safe(f"{score(cell)} (n = {cell.n})") if told and cell else score(cell))
    return scores
