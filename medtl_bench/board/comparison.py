"""One reading over the datasets of one kind of task: ranks, and the scores behind them."""

import math
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

import numpy as np

from medtl_bench.board import blocks
from medtl_bench.board.blocks import Blocks
from medtl_bench.board.facts import Facts
from medtl_bench.board.protocol import Name, ProtocolBoard, Reading
from medtl_bench.board.rows import Cell, Row, View
from medtl_bench.board.scored import Scored
from medtl_bench.board.standings import Played, Standing, Values, standings

SIMULATED = "simulated"
ROWS = "rows"
Cells = Mapping[Name, Mapping[str, Cell]]
K = TypeVar("K")


@dataclass(frozen=True)
class Comparison:
    """One reading of the datasets of one kind of task: methods ranked, and the others.

    `higher`: the direction of the measure on each dataset. `origins`: of each dataset, its
    own name where none is recorded, and `unrecorded` names those. `ranked`: nobody where
    there are under three origins; `without_rows`: the same of those methods alone that are
    known to keep no rows of earlier domains, nobody where that leaves the same methods.
    `others`: the methods that are not ranked, by label: those that met others on under three
    origins and, of a method and its counterpart in another library, the copy, for together
    they would count twice. `cells`: by method and dataset. `sizes`: the numbers of seeds
    that there are on each dataset. `complete`: the ranked methods that have all datasets,
    by label, and `blocks` what is told of them, None for too few.
    """

    reading: Reading
    protocol: str
    task: str
    datasets: tuple[str, ...]
    higher: tuple[bool, ...]
    origins: tuple[str, ...]
    unrecorded: tuple[str, ...]
    ranked: tuple[Standing, ...]
    without_rows: tuple[Standing, ...]
    others: tuple[Name, ...]
    rows: Mapping[Name, Row]
    cells: Cells
    sizes: Mapping[str, tuple[int, ...]]
    complete: tuple[Name, ...]
    blocks: Blocks | None

    @property
    def keeping(self) -> bool:
        """Return whether a ranked method is known to keep rows of earlier domains."""
        return any(self.rows[name].keeps_data == ROWS for name in placed(self.ranked))

    @property
    def untold(self) -> tuple[Name, ...]:
        """Return the ranked methods of which no record tells what they keep."""
        return tuple(name for name in placed(self.ranked) if not self.rows[name].keeps_data)


def placed(ranked: Sequence[Standing]) -> list[Name]:
    """Return the names of all that are ranked."""
    return [name for standing in ranked for name in standing.names]


def counting(facts: Sequence[Facts]) -> set[str]:
    """Return the datasets that count in a rank: not simulated, or all if all are."""
    real = {fact.dataset for fact in facts if fact.provenance != SIMULATED}
    return real or {fact.dataset for fact in facts}


def comparisons(
    facts: Sequence[Facts],
    views: Sequence[View],
    protocols: Mapping[str, ProtocolBoard],
    values: Values,
) -> tuple[Comparison, ...]:
    """Return each reading that some dataset has, by kind of task, over those that count.

    values: of `standings.by_dataset`.
    """
    count, origins = counting(facts), {fact.dataset: fact.origin for fact in facts}
    read = []
    for name, half in protocols.items():
        ours = [view for view in views if view.protocol == name and view.dataset in count]
        for reading in half.readings:
            measured = [view for view in ours if reading.measure in view.columns]
            for _, of_task in groupby(sorted(measured, key=_task), key=_task):
                read.append(compare(reading, list(of_task), origins, values))
    return tuple(read)


def _task(view: View) -> str:
    return view.task


def compare(
    reading: Reading, views: Sequence[View], origins: Mapping[str, str], values: Values
) -> Comparison:
    """Return one reading over the datasets of some views of one protocol and kind of task.

    Several tables of a dataset are averaged, without an interval. origins: by dataset, ""
    where none is recorded.
    """
    measure, protocol = reading.measure, views[0].protocol
    tables = {dataset: list(own) for dataset, own in groupby(views, key=_dataset)}
    rows = _rows(tables)
    cells = {name: _cells(name, measure, tables) for name in rows}
    scores = {dataset: values[protocol, measure, dataset] for dataset in tables}
    played = _played(measure, tables, scores, cells, origins)
    ranked = standings(_entered(rows, cells), played)
    complete = _complete(ranked, cells, len(tables))
    return Comparison(
        reading,
        protocol,
        task=views[0].task,
        datasets=tuple(tables),
        higher=tuple(one.higher for one in played),
        origins=tuple(one.origin for one in played),
        unrecorded=_without(tables, {d for d, origin in origins.items() if origin}),
        ranked=ranked,
        without_rows=_without_rows(ranked, rows, played),
        others=_without(rows, set(placed(ranked))),
        rows=rows,
        cells=cells,
        sizes=_sizes(tables, cells),
        complete=complete,
        blocks=_blocks(complete, cells, played),
    )


def _dataset(view: View) -> str:
    return view.dataset


def _rows(tables: Mapping[str, Sequence[View]]) -> dict[Name, Row]:
    """Return the methods that some dataset has, by label."""
    rows = {row.name: row for views in tables.values() for row in _compared(views[0])}
    return {name: rows[name] for name in sorted(rows, key=lambda name: rows[name].label)}


def _compared(view: View) -> list[Row]:
    """Return the rows of a dataset that are methods, complete or not."""
    return [*view.methods, *(row for row in view.incomplete if not row.bound)]


def _played(
    measure: str,
    tables: Mapping[str, Sequence[View]],
    scores: Mapping[str, Scored],
    cells: Cells,
    origins: Mapping[str, str],
) -> list[Played]:
    """Return the scores of each dataset, which is an origin of its own if none is told."""
    played = []
    for dataset, views in tables.items():
        origin, higher = origins.get(dataset) or dataset, views[0].higher[measure]
        played.append(Played(origin, higher, _whole(dataset, scores[dataset], cells)))
    return played


def _entered(rows: Mapping[Name, Row], cells: Cells) -> list[Name]:
    """Return who has scores, but for copies of another who has."""
    return [name for name in rows if cells[name] and not _copy(rows[name], cells)]


def _copy(row: Row, cells: Cells) -> bool:
    """Return whether the method that a row implements anew has scores here."""
    return bool(cells.get((row.counterpart, row.name[1])))


def _without(names: Iterable[K], some: Set[K]) -> tuple[K, ...]:
    return tuple(name for name in names if name not in some)


def _whole(dataset: str, scores: Scored, cells: Cells) -> Scored:
    """Return the scores of the methods that are complete on a dataset."""
    whole = [dataset in cells.get(name, {}) for name in scores.table.index]
    return scores.only(np.array(whole, bool))


def _without_rows(
    ranked: Sequence[Standing], rows: Mapping[Name, Row], played: Sequence[Played]
) -> tuple[Standing, ...]:
    """Rank those that are known to keep no rows, if that leaves out some."""
    known = [name for name in rows if rows[name].keeps_data not in ("", ROWS)]
    kept = [name for name in known if name in placed(ranked)]
    return standings(kept, played) if len(kept) < len(placed(ranked)) else ()


def _complete(ranked: Sequence[Standing], cells: Cells, datasets: int) -> tuple[Name, ...]:
    """Return the first name of each ranked method that has all datasets."""
    names = [standing.names[0] for standing in ranked]
    return tuple(sorted(name for name in names if len(cells[name]) == datasets))


def _blocks(names: Sequence[Name], cells: Cells, played: Sequence[Played]) -> Blocks | None:
    means = np.empty((len(names), len(played)))
    for i, name in enumerate(names):
        means[i] = [cell.mean for cell in cells[name].values()]
    higher = np.array([one.higher for one in played])
    return blocks.blocks(means, higher, [one.origin for one in played])


def _cells(name: Name, measure: str, tables: Mapping[str, Sequence[View]]) -> dict[str, Cell]:
    """Return the cells of a method by dataset, where it is complete in every table."""
    cells = {}
    for dataset, views in tables.items():
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


def _sizes(datasets: Iterable[str], cells: Cells) -> dict[str, tuple[int, ...]]:
    """Return the numbers of seeds that there are on each dataset."""
    sizes: dict[str, set[int]] = {dataset: set() for dataset in datasets}
    for of_method in cells.values():
        for dataset, cell in of_method.items():
            sizes[dataset].add(cell.n)
    return {dataset: tuple(sorted(numbers)) for dataset, numbers in sizes.items()}
