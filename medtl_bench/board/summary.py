"""Means, intervals, ties and ranks of every measure."""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from medtl_bench.arrays import Bools, Floats
from medtl_bench.board import directions, groups, resamples, statistics
from medtl_bench.board.measures import SECONDS
from medtl_bench.board.protocol import Block, ProtocolBoard
from medtl_bench.board.resamples import Units
from medtl_bench.board.rows import Cell
from medtl_bench.board.statistics import Crossed
from medtl_bench.board.tables import BOUND, PLACE, ROW, label
from medtl_bench.board.worst import with_worst

TABLE = [*PLACE, "group"]
BY_SEED = [*TABLE, "algorithm", "variant", "seed"]
SUMMARY = ["measure", *Cell._fields]
Protocols = Mapping[str, ProtocolBoard]


class Derived(NamedTuple):
    """Every measure of a protocol's trials by the columns BY_SEED, and some on resamples.

    `table`: indexed by BY_SEED. `resampled`: by measure [rows of the table, resamples].
    `units`: of each of the protocol's tables, by dataset, protocol and group.
    """

    table: pd.DataFrame
    resampled: Mapping[str, Floats]
    units: Mapping[tuple[str, ...], Units]


def derive(
    trials: pd.DataFrame, scores: pd.DataFrame, protocol: ProtocolBoard, lower: Set[str]
) -> Derived:
    """Return every measure of a protocol's trials.

    A trial that broke has the worst score of its scenario. lower: the metrics for which
    lower is better.
    """
    ok = trials["status"] == "ok"
    measured = protocol.measures(trials, scores).reindex(trials.index)
    wide = measured.assign(**{SECONDS: trials["seconds"]}).where(ok)
    ours = trials[trials["core"]]
    filled = with_worst(wide[trials["core"]], ours, protocol, lower)
    table = _by_seed(ours, filled)
    cell = table.index.get_indexer(pd.MultiIndex.from_frame(ours[BY_SEED]))
    there = cell >= 0
    resampled = resamples.by_cell(ours[there], filled[there], cell[there], len(table))
    return Derived(table, resampled, resamples.units_by(ours, TABLE))


def together(derived: list[Derived]) -> pd.DataFrame:
    """Return the measures of several protocols as one table, seconds last."""
    some = [of_protocol.table for of_protocol in derived if len(of_protocol.table)]
    if not some:
        return pd.DataFrame(index=pd.MultiIndex.from_arrays([[] for _ in BY_SEED], names=BY_SEED))
    joined = pd.concat(some)
    return joined[[*joined.columns.drop(SECONDS), SECONDS]]


def summarise(
    derived: list[Derived], rows: pd.DataFrame, protocols: Protocols, lower: Set[str]
) -> pd.DataFrame:
    """Return mean, interval, marks and rank of every measure of every row of every table.

    lower: the metrics for which lower is better.
    """
    places = {place: of_place.set_index(ROW[2:]) for place, of_place in rows.groupby(PLACE)}
    summarised = {}
    for place, part in sorted(by_place(derived)):
        dataset, name, group = place
        table = _table(part, places[dataset, name], protocols[name], lower)
        summarised[place] = table.assign(dataset=dataset, protocol=name, scenario=group)
    columns = [*ROW, "scenario", *SUMMARY]
    return (
        pd.concat(summarised.values(), ignore_index=True)[columns]
        if summarised
        else pd.DataFrame(columns=columns)
    )


def by_place(
    derived: Sequence[Derived], levels: Sequence[str] = TABLE
) -> Iterator[tuple[tuple[str, ...], Derived]]:
    """Yield each place that has a number with its part: one table, or those of a dataset.

    levels: by which places are told apart, the first of TABLE.
    """
    for table, resampled, units in derived:
        placed = table.groupby(level=list(levels)).indices
        for key in dict.fromkeys(of_table[: len(levels)] for of_table in units):
            where = np.asarray(placed.get(key, []), int)
            frame = table.iloc[where]
            if frame.notna().any(axis=None):
                of_place = {name: values[where] for name, values in resampled.items()}
                ours = {name: of for name, of in units.items() if name[: len(levels)] == key}
                yield key, Derived(frame, of_place, ours)


def _by_seed(trials: pd.DataFrame, wide: pd.DataFrame) -> pd.DataFrame:
    """Means over the scenarios of a group and seed, NaN where the row lacks one.

    A measure that no trial of a scenario has is not defined there, and others keep
    theirs: no ROC-AUC can be told of a site whose test rows are of one class.
    """
    needed = trials.groupby(TABLE)["scenario"].nunique()
    keys = [trials[name] for name in BY_SEED]
    there = wide.notna()
    nobody = ~there.groupby(trials["peers"]).transform("any")
    mean, count = wide.groupby(keys).mean(), (there | nobody).groupby(keys).sum()
    place = pd.MultiIndex.from_frame(mean.index.to_frame()[TABLE])
    whole = mean.where(count.eq(needed.reindex(place).to_numpy(), axis=0))
    return whole[whole.notna().any(axis=1)]


def _table(
    part: Derived, rows: pd.DataFrame, protocol: ProtocolBoard, lower: Set[str]
) -> pd.DataFrame:
    """Summarise one table from the measures of its rows by seed."""
    measured = part.table.droplevel([*TABLE]).dropna(axis=1, how="all")
    wide = pd.DataFrame(measured.unstack("seed"))
    rows = rows.loc[wide.index]
    primary = rows["primary"].iloc[0]
    block = _block(wide, rows, higher=directions.higher_is_better(primary, lower))
    block = _related(_resampled(block, part, wide), protocol)
    ways = [protocol.higher_is_better(name, primary, lower) for name in block.measures]
    bounds = [protocol.bounds(name, primary) for name in block.measures]
    return _lines(block, rows["ranked"].to_numpy(bool), ways, np.array(bounds, float))


def _block(wide: pd.DataFrame, rows: pd.DataFrame, *, higher: bool) -> Block:
    """Arrange a table [rows, measures x seeds] as an array [measures, rows, seeds]."""
    names = tuple(dict.fromkeys(wide.columns.get_level_values(0)))
    values = wide.to_numpy(float).reshape(len(wide), len(names), -1).transpose(1, 0, 2)
    bounds = (rows["family"] == BOUND).to_numpy()
    return Block(names, tuple(wide.index), values, bounds, 1.0 if higher else -1.0)


def _resampled(block: Block, part: Derived, wide: pd.DataFrame) -> Block:
    """Return a block with what its cells are on resamples."""
    index, seeds = part.table.index, wide.columns.get_level_values("seed").unique()
    named = pd.MultiIndex.from_arrays([index.get_level_values(name) for name in ROW[2:]])
    row = wide.index.get_indexer(named)
    seed = seeds.get_indexer(index.get_level_values("seed"))
    placed = {}
    for name, of_cell in part.resampled.items():
        if (values := block.of(name)) is not None:
            placed[name] = resamples.crossed(values, of_cell, row, seed)
    (units,) = part.units.values()
    return replace(block, resampled=placed, freedom=resamples.freedom(units))


def _related(block: Block, protocol: ProtocolBoard) -> Block:
    """Return a block that has the measures that compare its rows, on resamples too."""
    further = protocol.relative(block)
    resampled: dict[str, Floats] = {}
    if block.resampled:
        for name, values in protocol.relative(block.unrolled()).items():
            resampled[name] = values.reshape(*block.values.shape[1:], -1)
    extended = block.extended(further)
    return replace(extended, resampled={**extended.resampled, **resampled})


def _lines(block: Block, ranked: Bools, ways: list[bool], bounds: Floats) -> pd.DataFrame:
    """Return a line for each measure and row; only rows that are `ranked` are.

    bounds [measures, 2]: the lowest and highest that each can be.
    """
    values = block.values
    cells = _crossed(values, block)
    best, tied, rank = _marks(values, cells.mean, ranked, block, ways)
    algorithms, variants = zip(*block.rows, strict=True)
    columns = {
        "algorithm": algorithms * len(block.measures),
        "variant": variants * len(block.measures),
        "measure": np.repeat(block.measures, len(block.rows)),
        "mean": cells.mean.ravel(),
        "half": cells.half.ravel(),
        "n": cells.n.ravel(),
        "best": best.ravel(),
        "tied": tied.ravel(),
        "rank": rank.ravel(),
        "same": _same(block, ranked),
        "low": np.maximum(cells.mean - cells.half, bounds[:, :1]).ravel(),
        "high": np.minimum(cells.mean + cells.half, bounds[:, 1:]).ravel(),
        "seeds": cells.seeds.ravel(),
        "units": cells.units.ravel(),
    }
    return pd.DataFrame(columns)


def _same(block: Block, ranked: Bools) -> list[str]:
    """Return for each measure and row the first row that is equal, "" for none."""
    labels = [label(*name) for name in block.rows]
    named = []
    for measure, values in zip(block.measures, block.values, strict=True):
        leader = groups.alike(values, ranked & (measure != SECONDS))
        named += ["" if first < 0 else labels[first] for first in leader]
    return named


def _crossed(values: Floats, block: Block) -> Crossed:
    """Return means [measures, rows] with their intervals over seeds and, if known, test units."""
    of_measures = [
        statistics.crossed(of_measure, block.resampled.get(name), block.freedom)
        for name, of_measure in zip(block.measures, values, strict=True)
    ]
    return Crossed(*map(np.stack, zip(*of_measures, strict=True)))


def _marks(
    values: Floats, mean: Floats, ranked: Bools, block: Block, ways: Sequence[bool]
) -> tuple[Bools, Bools, Floats]:
    """Return which rows are best, which are tied, and ranks [measures, rows].

    Only rows that are `ranked` have any; values [measures, rows, seeds], mean [measures,
    rows]. Nobody is ranked by seconds.
    """
    best, tied = np.zeros(mean.shape, bool), np.zeros(mean.shape, bool)
    rank = np.full(mean.shape, np.nan)
    for i, (name, higher) in enumerate(zip(block.measures, ways, strict=True)):
        if name != SECONDS and ranked.any():
            paired = block.resampled.get(name)
            of_units = None if paired is None else paired[ranked], block.freedom
            best[i, ranked], tied[i, ranked] = statistics.mark(values[i, ranked], higher, *of_units)
            rank[i, ranked] = groups.ranks(values[i, ranked], higher)
    return best, tied, rank
