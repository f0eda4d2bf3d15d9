"""What pages ask a board for: one dataset's facts, one table's rows in the order they are shown, one reading over datasets."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd

from medtl_bench.arrays import Floats
from medtl_bench.board import measures, statistics
from medtl_bench.board.build import Board
from medtl_bench.board.summary import HEADLINES
from medtl_bench.board.tables import BOUND, PLACE, STATUSES
from medtl_bench.metrics.registry import INTEGRATION
from medtl_bench.report.text.markdown import Cell, counted

Name = tuple[str, str]
SIMULATED = "simulated"


class Reading(NamedTuple):
    """One of the readings that the overall pages rank by."""

    title: str
    protocol: str
    measure: str


READINGS = (
    Reading("Accuracy on a new domain, before any label of it", "transfer", HEADLINES["transfer"]),
    Reading("Few-shot area: how fast a few labels help", "transfer", measures.AREA),
    Reading("Average accuracy at the end of a stream of domains", "stream", measures.AVERAGE),
    Reading("Forgetting along a stream of domains", "stream", measures.FORGETTING),
)


@dataclass(frozen=True)
class Row:
    """A row of a dataset's table: who it is, how complete it is, and its cells by measure."""

    name: Name
    label: str
    family: str
    trials: str
    status: str
    reason: str
    complete: bool
    counterpart: str
    cells: dict[str, Cell]

    @property
    def n(self) -> int:
        """Return the number of seeds its cells are over."""
        return max((cell.n for cell in self.cells.values()), default=0)


@dataclass(frozen=True)
class View:
    """The rows of one dataset and protocol, or of one stream: ranked methods by rank, bounds, and incomplete rows by name."""

    dataset: str
    protocol: str
    scenario: str
    primary: str
    columns: tuple[str, ...]
    methods: tuple[Row, ...]
    bounds: tuple[Row, ...]
    incomplete: tuple[Row, ...]


class Facts(NamedTuple):
    """What a dataset is, from its newest trial, and how many of the planned trials are ok."""

    dataset: str
    area: str
    provenance: str
    task: str
    classes: tuple[str, ...]
    ok: int
    planned: int


def facts(board: Board) -> list[Facts]:
    """Return the facts of each dataset, by name."""
    newest = (
        board.trials.sort_values(["finished", "key"])
        .drop_duplicates("dataset", keep="last")
        .sort_values("dataset")
    )
    totals = board.rows.groupby("dataset")[["ok", "planned"]].sum()
    return [
        Facts(
            row["dataset"],
            row["area"],
            row["provenance"],
            row["task"],
            row["classes"],
            *totals.loc[row["dataset"]].tolist(),
        )
        for row in newest.to_dict("records")
    ]


def views(board: Board) -> list[View]:
    """Return the views of all datasets, by dataset; transfer before streams, streams by name."""
    cells: dict[tuple[str, str, str], dict[Name, dict[str, Cell]]] = {}
    columns = zip(
        *(
            board.summary[name].tolist()
            for name in (*PLACE, "scenario", "algorithm", "variant", "measure")
        ),
        strict=True,
    )
    numbers = zip(*(board.summary[name].tolist() for name in Cell._fields), strict=True)
    for (dataset, protocol, scenario, algorithm, variant, measure), values in zip(
        columns, numbers, strict=True
    ):
        of_view = cells.setdefault((dataset, protocol, scenario), {})
        of_view.setdefault((algorithm, variant), {})[measure] = Cell(*values)
    places = {
        (str(dataset), str(protocol)): frame
        for (dataset, protocol), frame in board.rows.groupby(PLACE)
    }
    streams = board.trials.loc[
        board.trials["protocol"] == "stream", [*PLACE, "scenario"]
    ].drop_duplicates()
    wanted = {(d, p, "") for d, p in places if p != "stream"} | {
        (d, p, s) for d, p, s in streams.to_numpy().tolist()
    }
    order = sorted(wanted, key=lambda view: (view[0], view[1] == "stream", view[2]))
    return [_view(d, p, s, places[d, p], cells.get((d, p, s), {})) for d, p, s in order]


def _view(
    dataset: str,
    protocol: str,
    scenario: str,
    rows: pd.DataFrame,
    cells: dict[Name, dict[str, Cell]],
) -> View:
    found = [
        Row(
            name=(row["algorithm"], row["variant"]),
            label=row["label"],
            family=row["family"],
            trials=f"{row['ok']}/{row['planned']}",
            status=", ".join(counted(row[s], s, s) for s in STATUSES if s == "ok" or row[s]),
            reason=row["reason"],
            complete=row["complete"],
            counterpart=row["counterpart"],
            cells=cells.get((row["algorithm"], row["variant"]), {}),
        )
        for row in rows.to_dict("records")
    ]
    columns = tuple(
        dict.fromkeys(m for row in found for m, cell in row.cells.items() if np.isfinite(cell.mean))
    )
    primary = rows["primary"].iloc[0]
    headline = primary if primary in INTEGRATION else HEADLINES[protocol]

    def place(row: Row) -> tuple[float, str]:
        rank = row.cells[headline].rank if headline in row.cells else np.nan
        return (rank if np.isfinite(rank) else np.inf, row.label)

    groups = {
        "methods": sorted(
            (row for row in found if row.complete and row.family != BOUND), key=place
        ),
        "bounds": sorted(
            (row for row in found if row.complete and row.family == BOUND),
            key=lambda row: row.label,
        ),
        "incomplete": sorted((row for row in found if not row.complete), key=lambda row: row.label),
    }
    return View(
        dataset, protocol, scenario, primary, columns, **{k: tuple(v) for k, v in groups.items()}
    )


@dataclass(frozen=True)
class Comparison:
    """One reading of several datasets: methods complete on all of them, the others, and the cells by method and dataset.

    Of a method and its counterpart in another library only one is ranked: together they
    would count twice in the test of ranks.
    """

    reading: Reading
    datasets: tuple[str, ...]
    higher: tuple[bool, ...]
    ranked: tuple[Name, ...]
    others: tuple[Name, ...]
    labels: dict[Name, str]
    families: dict[Name, str]
    cells: dict[Name, dict[str, Cell]]

    @property
    def scores(self) -> Floats:
        """Return the means [ranked methods, datasets]."""
        means = [
            [self.cells[name][dataset].mean for dataset in self.datasets] for name in self.ranked
        ]
        return np.array(means, dtype=float).reshape(len(self.ranked), len(self.datasets))

    @cached_property
    def ranks(self) -> statistics.Ranks:
        """Return the mean ranks of the ranked methods over the datasets."""
        return statistics.mean_ranks(self.scores, np.array(self.higher, bool))


def counting(facts: Sequence[Facts]) -> set[str]:
    """Return the datasets that count in a mean rank: those that are not simulated, or all if there are no others."""
    return {fact.dataset for fact in facts if fact.provenance != SIMULATED} or {
        fact.dataset for fact in facts
    }


def comparisons(facts: Sequence[Facts], among: Sequence[View]) -> list[Comparison]:
    """Return each reading that some dataset has, over the datasets that count."""
    count = counting(facts)
    found = (
        compare(reading, [view for view in among if view.dataset in count]) for reading in READINGS
    )
    return [comparison for comparison in found if comparison.datasets]


def compare(reading: Reading, among: Sequence[View]) -> Comparison:
    """Return one reading over the datasets of some views; several streams of a dataset are averaged, without an interval."""
    of_protocol = [
        view
        for view in among
        if view.protocol == reading.protocol and reading.measure in view.columns
    ]
    datasets = tuple(dict.fromkeys(view.dataset for view in of_protocol))
    cells: dict[Name, dict[str, Cell]] = {}
    labels, families, counterparts = {}, {}, {}
    for dataset in datasets:
        its = [view for view in of_protocol if view.dataset == dataset]
        for row in (*its[0].methods, *(row for row in its[0].incomplete if row.family != BOUND)):
            labels[row.name], families[row.name] = row.label, row.family
            counterparts[row.name] = (row.counterpart, row.name[1])
            found = [
                other.cells.get(reading.measure)
                for view in its
                for other in view.methods
                if other.name == row.name
            ]
            whole = [cell for cell in found if cell is not None and np.isfinite(cell.mean)]
            cells.setdefault(row.name, {})
            if len(whole) == len(its):
                cells[row.name][dataset] = whole[0] if len(its) == 1 else _joined(whole)
    names = sorted(cells, key=lambda name: labels[name])
    complete = [name for name in names if len(cells[name]) == len(datasets)]
    ranked = tuple(name for name in complete if counterparts[name] not in complete)
    return Comparison(
        reading,
        datasets,
        tuple(
            measures.better(reading.measure, next(v.primary for v in of_protocol if v.dataset == d))
            for d in datasets
        ),
        ranked,
        tuple(name for name in names if name not in ranked),
        labels,
        families,
        cells,
    )


def _joined(cells: Sequence[Cell]) -> Cell:
    return Cell(
        float(np.mean([cell.mean for cell in cells])), np.nan, min(cell.n for cell in cells)
    )
