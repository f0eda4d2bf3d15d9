"""Means, intervals, ties and ranks of every measure."""

from collections.abc import Mapping, Sequence, Set

import numpy as np
import pandas as pd

from medtl_bench.arrays import Bools, Floats
from medtl_bench.board import directions, groups, statistics
from medtl_bench.board.measures import SECONDS
from medtl_bench.board.protocol import Block, ProtocolBoard
from medtl_bench.board.tables import BOUND, PLACE, ROW, label
from medtl_bench.board.worst import with_worst

BY_SEED = [*PLACE, "group", "algorithm", "variant", "seed"]
SUMMARY = ["measure", "mean", "half", "n", "best", "tied", "rank", "same"]
Protocols = Mapping[str, ProtocolBoard]


def derive(
    trials: pd.DataFrame, scores: pd.DataFrame, protocol: ProtocolBoard, lower: Set[str]
) -> pd.DataFrame:
    """Return every measure of a protocol's trials by the columns BY_SEED.

    A trial that broke has the worst score of its scenario. lower: the metrics for which
    lower is better.
    """
    ok = trials["status"] == "ok"
    measured = protocol.measures(trials, scores).reindex(trials.index)
    wide = measured.assign(**{SECONDS: trials["seconds"]}).where(ok)
    core = trials["core"]
    return _by_seed(trials[core], with_worst(wide[core], trials[core], protocol, lower))


def together(derived: list[pd.DataFrame]) -> pd.DataFrame:
    """Return the measures of several protocols as one table, seconds last."""
    some = [table for table in derived if len(table)]
    if not some:
        return pd.DataFrame(index=pd.MultiIndex.from_arrays([[] for _ in BY_SEED], names=BY_SEED))
    joined = pd.concat(some)
    return joined[[*joined.columns.drop(SECONDS), SECONDS]]


def summarise(
    by_seed: pd.DataFrame, rows: pd.DataFrame, protocols: Protocols, lower: Set[str]
) -> pd.DataFrame:
    """Return mean, interval, marks and rank of every measure of every row of every table.

    lower: the metrics for which lower is better.
    """
    places = {place: of_place.set_index(ROW[2:]) for place, of_place in rows.groupby(PLACE)}
    tables_of_places = []
    for place, frame in by_seed.groupby(level=[*PLACE, "group"]):
        dataset, name, group = map(str, place)
        if frame.notna().any(axis=None):
            table = _table(frame, places[dataset, name], protocols[name], lower)
            tables_of_places.append(table.assign(dataset=dataset, protocol=name, scenario=group))
    columns = [*ROW, "scenario", *SUMMARY]
    return (
        pd.concat(tables_of_places, ignore_index=True)[columns]
        if tables_of_places
        else pd.DataFrame(columns=columns)
    )


def _by_seed(trials: pd.DataFrame, wide: pd.DataFrame) -> pd.DataFrame:
    """Means over the scenarios of a group and seed, NaN where the row lacks one.

    A measure that no trial of a scenario has is not defined there, and others keep
    theirs: no ROC-AUC can be told of a site whose test rows are of one class.
    """
    needed = trials.groupby([*PLACE, "group"])["scenario"].nunique()
    keys = [trials[name] for name in BY_SEED]
    there = wide.notna()
    nobody = ~there.groupby(trials["peers"]).transform("any")
    mean, count = wide.groupby(keys).mean(), (there | nobody).groupby(keys).sum()
    place = pd.MultiIndex.from_frame(mean.index.to_frame()[[*PLACE, "group"]])
    whole = mean.where(count.eq(needed.reindex(place).to_numpy(), axis=0))
    return whole[whole.notna().any(axis=1)]


def _table(
    by_seed: pd.DataFrame, rows: pd.DataFrame, protocol: ProtocolBoard, lower: Set[str]
) -> pd.DataFrame:
    """Summarise one table from the measures of its rows by seed."""
    measured = by_seed.droplevel([*PLACE, "group"]).dropna(axis=1, how="all")
    wide = pd.DataFrame(measured.unstack("seed"))
    rows = rows.loc[wide.index]
    primary = rows["primary"].iloc[0]
    block = _block(wide, rows, higher=directions.higher_is_better(primary, lower))
    block = block.extended(protocol.relative(block))
    ways = [protocol.higher_is_better(name, primary, lower) for name in block.measures]
    return _lines(block, rows["ranked"].to_numpy(bool), ways)


def _block(wide: pd.DataFrame, rows: pd.DataFrame, *, higher: bool) -> Block:
    """Arrange a table [rows, measures x seeds] as an array [measures, rows, seeds]."""
    names = tuple(dict.fromkeys(wide.columns.get_level_values(0)))
    values = wide.to_numpy(float).reshape(len(wide), len(names), -1).transpose(1, 0, 2)
    bounds = (rows["family"] == BOUND).to_numpy()
    return Block(names, tuple(wide.index), values, bounds, 1.0 if higher else -1.0)


def _lines(block: Block, ranked: Bools, ways: list[bool]) -> pd.DataFrame:
    """Return a line for each measure and row; only rows that are `ranked` are."""
    values = block.values
    mean, half, n = statistics.mean_interval(values)
    best, tied, rank = _marks(values, mean, ranked, block.measures, ways)
    algorithms, variants = zip(*block.rows, strict=True)
    columns = {
        "algorithm": algorithms * len(block.measures),
        "variant": variants * len(block.measures),
        "measure": np.repeat(block.measures, len(block.rows)),
        "mean": mean.ravel(),
        "half": half.ravel(),
        "n": n.ravel(),
        "best": best.ravel(),
        "tied": tied.ravel(),
        "rank": rank.ravel(),
        "same": _same(block, ranked),
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


def _marks(
    values: Floats, mean: Floats, ranked: Bools, measures: Sequence[str], ways: Sequence[bool]
) -> tuple[Bools, Bools, Floats]:
    """Return which rows are best, which are tied, and ranks [measures, rows].

    Only rows that are `ranked` have any; values [measures, rows, seeds], mean [measures,
    rows]. Nobody is ranked by seconds.
    """
    best, tied = np.zeros(mean.shape, bool), np.zeros(mean.shape, bool)
    rank = np.full(mean.shape, np.nan)
    for i, (name, higher) in enumerate(zip(measures, ways, strict=True)):
        if name != SECONDS and ranked.any():
            best[i, ranked], tied[i, ranked] = statistics.mark(values[i, ranked], higher)
            rank[i, ranked] = groups.ranks(values[i, ranked], higher)
    return best, tied, rank
