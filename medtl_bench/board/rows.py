"""One table of a dataset's page: its rows in the order shown, with their cells."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd

from medtl_bench.board import directions
from medtl_bench.board.protocol import Name, ProtocolBoard
from medtl_bench.board.resamples import Units, units_by
from medtl_bench.board.tables import BOUND, BROKE, PLACE, STATUSES

Place = tuple[str, str, str]
_OF_ROW = (
    *("label", "family", "planned", "reason", "complete", "counterpart"),
    *("acts_from", "keeps_data", "kind"),
)


class Cell(NamedTuple):
    """A mean, half its interval, seeds n, and marks and rank among the ranked rows.

    `same`: the label of the first of the ranked rows that are equal to it in every seed, "" for
    none but itself: they are one training there, and count as one.
    `low`, `high`: the ends of the interval, inside what the measure can be. `seeds`, `units`:
    what half the interval would be by training seeds or by test units alone, NaN where it is
    not known.
    """

    mean: float
    half: float
    n: int
    best: bool = False
    tied: bool = False
    rank: float = math.nan
    same: str = ""
    low: float = math.nan
    high: float = math.nan
    seeds: float = math.nan
    units: float = math.nan

    @property
    def ends(self) -> tuple[float, float]:
        """Return the ends of its interval, the mean itself where it has none."""
        half = self.half if math.isfinite(self.half) else 0.0
        low = self.low if math.isfinite(self.low) else self.mean - half
        return low, self.high if math.isfinite(self.high) else self.mean + half


@dataclass(frozen=True)
class Row:
    """A row: who it is, how complete it is, and its cells by measure.

    `counts`: its trials by status. `reason`: the most frequent one of those not ok.
    `acts_from`: the verb from which on it is more than plain training, "" where not recorded.
    `keeps_data`: what it keeps of earlier domains, "" where that is not recorded. `kind`: TUNED
    where its parameters were chosen among several.
    """

    name: Name
    label: str
    family: str
    counts: Mapping[str, int]
    planned: int
    reason: str
    complete: bool
    counterpart: str
    acts_from: str
    keeps_data: str
    kind: str
    cells: Mapping[str, Cell]

    @property
    def n(self) -> int:
        """Return the number of seeds its cells are over."""
        return max((cell.n for cell in self.cells.values()), default=0)

    @property
    def broken(self) -> int:
        """Return how many of its trials failed or ran out of time."""
        return sum(self.counts[status] for status in BROKE)

    @property
    def bound(self) -> bool:
        """Return whether it uses what a method may not, or nothing."""
        return self.family == BOUND


@dataclass(frozen=True)
class View:
    """The table of a dataset and protocol, or of one `scenario` where each has its own.

    `classes`: names of the task's. `primary` is the first of its `metrics`, `upwards`
    whether a higher value of it is better. `settings`: those of its first trial.
    `columns`: the measures that some row has, with their directions in `higher`. Its
    rows: ranked `methods` by rank in the `headline`, `bounds`, and `incomplete` ones,
    both by name, and apart those that were `tuned`. `units`: by domain the number of its test
    units (patients or groups, else rows) and the fewest of a class, where that is known.
    """

    dataset: str
    protocol: str
    scenario: str
    task: str
    classes: tuple[str, ...]
    metrics: tuple[str, ...]
    primary: str
    upwards: bool
    settings: Mapping[str, Any]
    headline: str
    columns: tuple[str, ...]
    higher: Mapping[str, bool]
    methods: tuple[Row, ...]
    bounds: tuple[Row, ...]
    incomplete: tuple[Row, ...]
    units: Units
    tuned: tuple[Row, ...] = ()

    def alike(self, measure: str) -> list[tuple[Row, ...]]:
        """Return the groups of methods that are equal in a measure for every seed."""
        groups: dict[str, list[Row]] = {}
        for row in self.methods:
            if measure in row.cells and row.cells[measure].same:
                groups.setdefault(row.cells[measure].same, []).append(row)
        return [_by_label(rows) for rows in groups.values()]

    @property
    def complete(self) -> tuple[Row, ...]:
        """Return the rows that are complete: methods, then bounds."""
        return (*self.methods, *self.bounds)


def views(
    trials: pd.DataFrame,
    rows: pd.DataFrame,
    summary: pd.DataFrame,
    protocols: Mapping[str, ProtocolBoard],
    lower: Set[str],
) -> list[View]:
    """Return the views of all datasets: by dataset, protocol in the order given, scenario.

    lower: the metrics for which lower is better.
    """
    cells = _cells(summary)
    of_place = dict(list(rows.groupby(PLACE)))
    firsts = _firsts(trials, protocols)
    order = list(protocols)
    views = []
    for place in sorted(firsts, key=lambda p: (p[0], order.index(p[1]), p[2])):
        dataset, name, _ = place
        made = _rows(of_place[dataset, name], cells.get(place, {}))
        views.append(_view(place, firsts[place], made, protocols[name], lower))
    return views


def _cells(summary: pd.DataFrame) -> dict[Place, dict[Name, dict[str, Cell]]]:
    cells: dict[Place, dict[Name, dict[str, Cell]]] = {}
    where = (*PLACE, "scenario", "algorithm", "variant", "measure")
    columns = [summary[name].tolist() for name in (*where, *Cell._fields)]
    for dataset, protocol, scenario, algorithm, variant, measure, *values in zip(
        *columns, strict=True
    ):
        of_place = cells.setdefault((dataset, protocol, scenario), {})
        of_place.setdefault((algorithm, variant), {})[measure] = Cell(*values)
    return cells


def _firsts(
    trials: pd.DataFrame, protocols: Mapping[str, ProtocolBoard]
) -> dict[Place, dict[Any, Any]]:
    """Return the first trial of each table there is."""
    apart = trials["protocol"].isin([n for n, half in protocols.items() if half.by_scenario])
    placed = trials.assign(group=trials["scenario"].where(apart, ""))
    columns = [*PLACE, "group", "task", "classes", "metrics", "primary", "settings"]
    first = placed.drop_duplicates([*PLACE, "group"])[columns]
    records: list[dict[Any, Any]] = first.to_dict("records")
    units = units_by(placed, [*PLACE, "group"])
    places: list[Place] = [(t["dataset"], t["protocol"], t["group"]) for t in records]
    firsts = zip(places, records, strict=True)
    return {place: trial | {"units": units[place]} for place, trial in firsts}


def _rows(rows: pd.DataFrame, cells: Mapping[Name, Mapping[str, Cell]]) -> list[Row]:
    return [_row(row, cells) for row in rows.to_dict("records")]


def _row(row: dict[Any, Any], cells: Mapping[Name, Mapping[str, Cell]]) -> Row:
    name = (row["algorithm"], row["variant"])
    kept = {name: row[name] for name in _OF_ROW}
    counts = {status: row[status] for status in STATUSES}
    of_row = cells.get(name, {})
    return Row(name=name, counts=counts, cells=of_row, **kept)


def _view(
    place: Place, first: Mapping[Any, Any], rows: list[Row], half: ProtocolBoard, lower: Set[str]
) -> View:
    primary = first["primary"]
    columns = tuple(dict.fromkeys(_measured(rows)))
    headline = _headline(half, first["task"], primary, columns)
    own, apart = _apart(rows)
    methods = [row for row in own if row.complete and not row.bound]
    bounds = [row for row in own if row.complete and row.bound]
    return View(
        *place,
        task=first["task"],
        classes=first["classes"],
        metrics=first["metrics"],
        primary=primary,
        upwards=directions.higher_is_better(primary, lower),
        settings=first["settings"],
        headline=headline,
        columns=columns,
        higher={m: half.higher_is_better(m, primary, lower) for m in columns},
        methods=tuple(sorted(methods, key=lambda row: (_rank(row, headline), row.label))),
        bounds=_by_label(bounds),
        incomplete=_by_label([row for row in own if not row.complete]),
        units=first["units"],
        tuned=_by_label(apart),
    )


def _apart(rows: list[Row]) -> tuple[list[Row], list[Row]]:
    """Return rows as they come, and those complete ones that were tuned."""
    tuned = [row for row in rows if row.kind]
    return [row for row in rows if not row.kind], [row for row in tuned if row.complete]


def _headline(half: ProtocolBoard, task: str, primary: str, columns: tuple[str, ...]) -> str:
    """Return the measure that ranks a table: the headline, or else a reading.

    What cannot be earned, such as a score before labels where classes are new, is in no
    column.
    """
    wanted = half.ranked_by(task, primary)
    measures = (wanted, *(reading.measure for reading in half.readings))
    return next((name for name in measures if name in columns), wanted)


def _measured(rows: list[Row]) -> Iterator[str]:
    for row in rows:
        yield from (name for name, cell in row.cells.items() if math.isfinite(cell.mean))


def _by_label(rows: list[Row]) -> tuple[Row, ...]:
    return tuple(sorted(rows, key=lambda row: row.label))


def _rank(row: Row, measure: str) -> float:
    """Return the rank of a row in a measure, infinite where it has none."""
    rank = row.cells[measure].rank if measure in row.cells else math.nan
    return rank if math.isfinite(rank) else math.inf
