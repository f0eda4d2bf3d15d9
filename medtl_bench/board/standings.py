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
    """What was scored on a dataset, [methods, seeds], by those that are complete there."""

    origin: str
    higher: bool
    scores: pd.DataFrame

    def of(self, names: Sequence[Name]) -> Floats:
        """Return the scores [names, seeds], NaN for who is not there."""
        ours = self.scores.reindex(pd.MultiIndex.from_tuples(names))
        return ours.to_numpy(dtype=float)

    def shares(self, names: Sequence[Name]) -> Floats:
        """Return whose scores are better [names, names], of `ranking.shares`."""
        return ranking.shares(self.of(names), higher=self.higher)


def by_dataset(by_seed: pd.DataFrame, protocols: Mapping[str, ProtocolBoard]) -> Values:
    """Return scores [methods, seeds] by protocol, measure that is read, and dataset.

    by_seed: measures by the columns of `summary.BY_SEED`. Several tables of a dataset are
    averaged inside a seed, NaN where a method lacks one.
    """
    values: dict[tuple[str, str, str], pd.DataFrame] = {}
    for protocol, frame in by_seed.groupby(level="protocol"):
        for reading in protocols[str(protocol)].readings:
            if reading.measure in frame.columns:
                wide = pd.DataFrame(frame[reading.measure].unstack("seed"))
                of_datasets = _over_tables(wide)
                for dataset, own in of_datasets.groupby(level="dataset"):
                    key = str(protocol), reading.measure, str(dataset)
                    values[key] = own.droplevel("dataset")
    return values


def _over_tables(wide: pd.DataFrame) -> pd.DataFrame:
    """Average [tables x methods, seeds] over the tables of a dataset that are filled."""
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
    origins = [one.origin for one in played]
    if len(names) < 2 or len(set(origins)) < ranking.FEWEST_ORIGINS:
        return ()
    groups = _same(names, played)
    leaders = [group[0] for group in groups]
    shares = np.stack([one.shares(leaders) for one in played])
    of_origins = ranking.by_origin(shares, origins)
    enough = _enough(of_origins)
    if not len(enough):
        return ()
    ranked = ranking.rank(of_origins[:, enough][:, :, enough])
    order = [groups[enough[number]] for number in ranked.order]
    return tuple(_standing(group, ranked, place) for place, group in enumerate(order))


def _same(names: Sequence[Name], played: Sequence[Played]) -> list[tuple[Name, ...]]:
    """Return methods in groups of those whose scores are all equal."""
    groups = ranking.alike([one.of(names) for one in played])
    return [tuple(map(names.__getitem__, group)) for group in groups]


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
    """Return who met others so found on three origins or more, or who is the only one."""
    who = np.arange(of_origins.shape[1])
    while len(who) > 1:
        met = np.isfinite(of_origins[:, who][:, :, who]).any(2).sum(0)
        if (met >= ranking.FEWEST_ORIGINS).all():
            return who
        who = who[met >= ranking.FEWEST_ORIGINS]
    return who if of_origins.shape[1] == 1 else who[:0]
