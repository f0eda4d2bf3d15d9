"""Who ranks where by what was scored on several datasets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from medtl_bench.arrays import Floats, Ints
from medtl_bench.board import ranking
from medtl_bench.board.protocol import Name, ProtocolBoard
from medtl_bench.board.ranking import Ranking
from medtl_bench.board.scored import Scored, scored
from medtl_bench.board.summary import Derived, by_place
from medtl_bench.board.tables import PLACE

Values = Mapping[tuple[str, str, str], Scored]


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
    """What was scored on a dataset by those that are complete there."""

    origin: str
    higher: bool
    scored: Scored

    def of(self, names: Sequence[Name]) -> Floats:
        """Return the scores [names, seeds], NaN for who is not there."""
        return self.scored.of(names).values

    def shares(self, names: Sequence[Name]) -> Floats:
        """Return whose scores are better [names, names], of `ranking.shares`."""
        ours = self.scored.of(names)
        return ranking.shares(ours.values, ours.resampled, ours.freedom, higher=self.higher)


def by_dataset(derived: Sequence[Derived], protocols: Mapping[str, ProtocolBoard]) -> Values:
    """Return what methods scored by protocol, measure that is read, and dataset.

    Several tables of a dataset are averaged inside a seed, NaN where a method lacks one.
    """
    values: dict[tuple[str, str, str], Scored] = {}
    for (dataset, protocol), part in by_place(derived, PLACE):
        for reading in protocols[protocol].readings:
            if reading.measure in part.table:
                values[protocol, reading.measure, dataset] = scored(part, reading.measure)
    return values


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
