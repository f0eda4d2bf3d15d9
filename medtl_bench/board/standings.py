"""Who ranks where by what was scored on several datasets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from medtl_bench.arrays import Floats, Ints
from medtl_bench.board import ranking
from medtl_bench.board.protocol import Name, ProtocolBoard
from medtl_bench.board.ranking import Ranking

Values = Mapping[tuple[str, str, str], pd.DataFrame]


class Standing(NamedTuple):
    """A method's rank with the ends of its interval, and the letters of its groups.

    `names`: one, or several whose scores are equal for every dataset and seed. `strength`:
    the logarithm of its odds against a method of mean strength. `origins`: on how many it
    met others.
    """

    names: tuple[Name, ...]
    strength: float
    rank: float
    low: float
    high: float
    letters: str
    origins: int


@dataclass(frozen=True)
class Played:
    """What was scored on a dataset: a line [seeds] for each method that is complete there."""

    origin: str
    higher: bool
    scores: pd.DataFrame

    def of(self, names: Sequence[Name]) -> Floats:
        """Return the scores [names, seeds], NaN for who is not there."""
        return np.asarray(self.scores.reindex(pd.MultiIndex.from_tuples(names)), dtype=float)


def by_dataset(by_seed: pd.DataFrame, protocols: Mapping[str, ProtocolBoard]) -> Values:
    """Return scores [methods, seeds] by protocol, measure that is read, and dataset.

    by_seed: measures by the columns of `summary.BY_SEED`. Several tables of a dataset are
    averaged inside a seed, NaN where a method lacks one.
    """
    values: dict[tuple[str, str, str], pd.DataFrame] = {}
    for protocol, frame in by_seed.groupby(level="protocol"):
        for reading in protocols[str(protocol)].readings:
            if reading.measure in frame.columns:
                of_datasets = _over_tables(pd.DataFrame(frame[reading.measure].unstack("seed")))
                for dataset, own in of_datasets.groupby(level="dataset"):
                    key = str(protocol), reading.measure, str(dataset)
                    values[key] = own.droplevel("dataset")
    return values


def _over_tables(wide: pd.DataFrame) -> pd.DataFrame:
    """Average a table [tables x methods, seeds] over the tables of each dataset that are filled."""
    filled = wide.dropna(how="all")
    places = filled.index.to_frame()[["dataset", "group"]].drop_duplicates()
    of_method = filled.groupby(level=["dataset", "algorithm", "variant"])
    mean, count = of_method.mean(), of_method.count()
    tables = places["dataset"].value_counts()
    expected = tables.reindex(mean.index.get_level_values("dataset")).to_numpy()
    return mean.where(count.eq(expected, axis=0))


def standings(names: Sequence[Name], played: Sequence[Played]) -> tuple[Standing, ...]:
    """Rank methods, the best first; nobody where there are under three origins.

    Nor is ranked who met others on under three of them. Of equal ones who comes first in
    `names` does.
    """
    if len(names) < 2 or len({one.origin for one in played}) < ranking.FEWEST_ORIGINS:
        return ()
    scores = [one.of(names) for one in played]
    same = ranking.alike(scores)
    first = [members[0] for members in same]
    pairs = zip(scores, played, strict=True)
    shares = np.stack([ranking.shares(own[first], higher=one.higher) for own, one in pairs])
    of_origins = ranking.by_origin(shares, [one.origin for one in played])
    enough = _enough(of_origins)
    if not len(enough):
        return ()
    ranked = ranking.rank(of_origins[:, enough][:, :, enough])
    groups = [same[number] for number in enough[list(ranked.order)]]
    placed = [tuple(names[member] for member in group) for group in groups]
    return tuple(_standing(own, ranked, place) for place, own in enumerate(placed))


def _standing(names: tuple[Name, ...], ranked: Ranking, place: int) -> Standing:
    return Standing(
        names,
        strength=float(ranked.strength[place]),
        rank=float(ranked.rank[place]),
        low=float(ranked.low[place]),
        high=float(ranked.high[place]),
        letters=ranking.letters(ranked.groups, place),
        origins=ranked.origins[place],
    )


def _enough(of_origins: Floats) -> Ints:
    """Return who met others that are returned on three origins or more, or the only one."""
    who = np.arange(of_origins.shape[1])
    while len(who) > 1:
        met = np.isfinite(of_origins[:, who][:, :, who]).any(2).sum(0)
        if (met >= ranking.FEWEST_ORIGINS).all():
            return who
        who = who[met >= ranking.FEWEST_ORIGINS]
    return who if of_origins.shape[1] == 1 else who[:0]
