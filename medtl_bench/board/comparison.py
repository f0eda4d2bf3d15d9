"""One reading over several datasets: mean ranks, and the scores behind them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from medtl_bench.arrays import Bools, Floats
from medtl_bench.board import statistics
from medtl_bench.board.facts import Facts
from medtl_bench.board.protocol import Name, ProtocolBoard, Reading
from medtl_bench.board.rows import Cell, Row, View

SIMULATED = "simulated"
Cells = Mapping[Name, Mapping[str, Cell]]


class Standing(NamedTuple):
    """A method's mean rank with the ends of its interval, and whether it is the best."""

    name: Name
    mean: float
    low: float
    high: float
    best: bool


@dataclass(frozen=True)
class Comparison:
    """One reading of several datasets: methods complete on all of them, and the others.

    `higher`: the direction of the measure on each dataset. `ranked`, `others`: methods by
    label; of a method and its counterpart in another library only one is ranked, for
    together they would count twice in the test of ranks. `cells`: by method and dataset.
    `sizes`: the numbers of seeds that there are on each dataset. `p`: of the Friedman test
    that all rank alike, None for too few to test. `rows`: a row of each method, to name it.
    """

    reading: Reading
    protocol: str
    datasets: tuple[str, ...]
    higher: tuple[bool, ...]
    ranked: tuple[Standing, ...]
    others: tuple[Name, ...]
    rows: Mapping[Name, Row]
    cells: Cells
    sizes: Mapping[str, tuple[int, ...]]
    p: float | None


def counting(facts: Sequence[Facts]) -> set[str]:
    """Return the datasets that count in a mean rank: not simulated, or all if all are."""
    real = {fact.dataset for fact in facts if fact.provenance != SIMULATED}
    return real or {fact.dataset for fact in facts}


def comparisons(
    facts: Sequence[Facts], views: Sequence[View], protocols: Mapping[str, ProtocolBoard]
) -> tuple[Comparison, ...]:
    """Return each reading that some dataset has, over those of `facts` that count."""
    count = counting(facts)
    read = []
    for name, half in protocols.items():
        ours = [view for view in views if view.protocol == name and view.dataset in count]
        read += [compare(reading, name, ours) for reading in half.readings]
    return tuple(comparison for comparison in read if comparison.datasets)


def compare(reading: Reading, protocol: str, views: Sequence[View]) -> Comparison:
    """Return one reading over the datasets of some views of a protocol.

    Several tables of a dataset are averaged, without an interval.
    """
    measure = reading.measure
    by_dataset = _by_dataset(measure, views)
    rows = {row.name: row for of_dataset in by_dataset.values() for row in _compared(of_dataset)}
    cells = {name: _cells(name, measure, by_dataset) for name in rows}
    names = sorted(rows, key=lambda name: rows[name].label)
    ranked = _ranked(names, rows, cells, len(by_dataset))
    higher = tuple(of_dataset[0].higher[measure] for of_dataset in by_dataset.values())
    scores, upwards = _scores(ranked, cells, list(by_dataset)), np.array(higher, bool)
    return Comparison(
        reading,
        protocol,
        datasets=tuple(by_dataset),
        higher=higher,
        ranked=_standings(ranked, scores, upwards),
        others=tuple(name for name in names if name not in ranked),
        rows=rows,
        cells=cells,
        sizes={dataset: _sizes(dataset, cells) for dataset in by_dataset},
        p=statistics.friedman(scores, upwards),
    )


def _ranked(
    names: Sequence[Name], rows: Mapping[Name, Row], cells: Cells, datasets: int
) -> list[Name]:
    """Return the methods that have all datasets, but for copies of another such."""
    complete = [name for name in names if len(cells[name]) == datasets]
    return [name for name in complete if (rows[name].counterpart, name[1]) not in complete]


def _by_dataset(measure: str, views: Sequence[View]) -> dict[str, list[View]]:
    """Return the views in which some row has the measure, by dataset."""
    by_dataset: dict[str, list[View]] = {}
    for view in views:
        if measure in view.columns:
            by_dataset.setdefault(view.dataset, []).append(view)
    return by_dataset


def _compared(views: Sequence[View]) -> list[Row]:
    """Return the rows of a dataset that are methods, complete or not."""
    return [*views[0].methods, *(row for row in views[0].incomplete if not row.bound)]


def _cells(name: Name, measure: str, by_dataset: Mapping[str, list[View]]) -> dict[str, Cell]:
    """Return the cells of a method by dataset, where it is complete in every table."""
    cells = {}
    for dataset, views in by_dataset.items():
        cells_of_views = [cell for view in views if (cell := _cell(view, name, measure))]
        if len(cells_of_views) == len(views):
            cells[dataset] = cells_of_views[0] if len(views) == 1 else _joined(cells_of_views)
    return cells


def _cell(view: View, name: Name, measure: str) -> Cell | None:
    """Return the cell of a complete method, or None where it has no number."""
    row = next((row for row in view.methods if row.name == name), None)
    cell = row.cells.get(measure) if row else None
    return cell if cell is not None and math.isfinite(cell.mean) else None


def _joined(cells: Sequence[Cell]) -> Cell:
    mean = float(np.mean([cell.mean for cell in cells]))
    return Cell(mean, math.nan, min(cell.n for cell in cells))


def _scores(names: Sequence[Name], cells: Cells, datasets: Sequence[str]) -> Floats:
    """Return the means [methods, datasets] of methods that have all datasets."""
    scores = np.empty((len(names), len(datasets)))
    for i, name in enumerate(names):
        scores[i] = [cells[name][dataset].mean for dataset in datasets]
    return scores


def _standings(names: Sequence[Name], scores: Floats, higher: Bools) -> tuple[Standing, ...]:
    mean, low, high, _ = statistics.mean_ranks(scores, higher)
    best = mean <= mean.min(initial=math.inf) + statistics.TOLERANCE
    columns = (names, mean.tolist(), low.tolist(), high.tolist(), best.tolist())
    return tuple(Standing(*values) for values in zip(*columns, strict=True))


def _sizes(dataset: str, cells: Cells) -> tuple[int, ...]:
    return tuple(sorted({of_row[dataset].n for of_row in cells.values() if dataset in of_row}))
