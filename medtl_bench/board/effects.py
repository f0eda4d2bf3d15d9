"""Which of the effects that the field knows the boards show, and by how much."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np
import pandas as pd

from medtl_bench.arrays import Floats
from medtl_bench.board import resamples, statistics
from medtl_bench.board.summary import Derived
from medtl_bench.metrics.effect import EffectEntry, Term

Verdict = Literal["shown", "cannot be told", "turned round", "not run"]


class Effect(NamedTuple):
    """What the boards say of a known effect.

    `difference`: the mean of its higher side less that of its lower one, paired inside
    a seed and, where `units`, a resample of the test units; from `low` to `high` its
    95% interval, over so many `seeds`. NaN where it was not run: `lacking` are the
    terms without a complete row.
    """

    entry: EffectEntry
    verdict: Verdict
    difference: float = math.nan
    low: float = math.nan
    high: float = math.nan
    seeds: int = 0
    units: bool = False
    lacking: tuple[Term, ...] = ()


class _Scores(NamedTuple):
    """What a term scored by seed, and the same on resamples [seeds, resamples], if known."""

    by_seed: pd.Series
    resampled: Floats | None


def effects(entries: Iterable[EffectEntry], derived: Sequence[Derived]) -> tuple[Effect, ...]:
    """Return what the boards say of known effects, in their order.

    Those of datasets that are not on them are left out; where all are, so is the rest.
    """
    here: set[str] = set().union(*(part.table.index.unique("dataset") for part in derived))
    ours = [entry for entry in entries if entry.dataset in here or entry.missing]
    if all(entry.missing for entry in ours):
        return ()
    return tuple(_effect(entry, derived) for entry in ours)


def tally(found: Iterable[Effect]) -> dict[Verdict, int]:
    """Return how many effects there are of each verdict."""
    verdicts = [one.verdict for one in found]
    return {verdict: verdicts.count(verdict) for verdict in get_args(Verdict)}


def _effect(entry: EffectEntry, derived: Sequence[Derived]) -> Effect:
    terms = entry.terms((*entry.higher, *entry.lower))
    places = filter(None, (_place(part, entry) for part in derived))
    place = next(places, None)
    if entry.missing or place is None:
        return Effect(entry, "not run", lacking=terms)
    scored = {term: _scores(place, term) for term in terms}
    if lacking := tuple(term for term in terms if not len(scored[term].by_seed)):
        return Effect(entry, "not run", lacking=lacking)
    higher, lower = (_side(entry.terms(names), scored) for names in (entry.higher, entry.lower))
    return _told(entry, higher, lower, place)


def _place(part: Derived, entry: EffectEntry) -> Derived | None:
    """Return the part of a protocol's measures that is of an effect's dataset, if there is any."""
    index = part.table.index
    of_dataset = index.get_level_values("dataset") == entry.dataset
    where = np.flatnonzero(of_dataset & (index.get_level_values("protocol") == entry.protocol))
    if not len(where):
        return None
    resampled = {name: values[where] for name, values in part.resampled.items()}
    units = {key: of_key for key, of_key in part.units.items() if key[0] == entry.dataset}
    return Derived(part.table.iloc[where], resampled, units)


def _scores(place: Derived, term: Term) -> _Scores:
    """Return what a term scored, the mean over the tables of a dataset inside each seed."""
    index = place.table.index
    row = index.get_level_values("algorithm") == term.algorithm
    row &= index.get_level_values("variant") == ""
    if term.measure not in place.table:
        return _Scores(pd.Series(dtype=float), None)
    values = place.table[term.measure][row]
    by_seed = values.groupby(level="seed").mean().dropna()
    of_units = place.resampled.get(term.measure)
    if of_units is None:
        return _Scores(by_seed, None)
    seeds = index.get_level_values("seed")[row]
    means = pd.DataFrame(of_units[row]).groupby(seeds).mean().reindex(by_seed.index)
    return _Scores(by_seed, means.to_numpy(float))


def _side(terms: Sequence[Term], scored: Mapping[Term, _Scores]) -> _Scores:
    """Return the mean over the terms of a side, over the seeds that all have."""
    side = [scored[term] for term in terms]
    by_seed = pd.concat([scores.by_seed for scores in side], axis=1, join="inner")
    stacked = list(_on_resamples(side, by_seed.index))
    resampled = np.mean(stacked, axis=0) if len(stacked) == len(side) else None
    return _Scores(by_seed.mean(axis=1), resampled)


def _on_resamples(side: Sequence[_Scores], seeds: pd.Index) -> Iterator[Floats]:
    for scores in side:
        if scores.resampled is not None:
            yield scores.resampled[scores.by_seed.index.get_indexer(seeds)]


def _told(entry: EffectEntry, higher: _Scores, lower: _Scores, place: Derived) -> Effect:
    """Return the verdict on the paired difference of two sides."""
    seeds = higher.by_seed.index.intersection(lower.by_seed.index)
    if not len(seeds):
        return Effect(entry, "not run")
    paired = [list(_on_resamples([side], seeds)) for side in (higher, lower)]
    of_units = paired[0][0] - paired[1][0] if all(paired) else None
    values = (higher.by_seed[seeds] - lower.by_seed[seeds]).to_numpy(float)
    freedom = min(map(resamples.freedom, place.units.values()), default=math.inf)
    found = statistics.crossed(values, of_units, freedom)
    mean, half = float(found.mean), float(found.half)
    low, high = mean - half, mean + half
    verdict, units = _verdict(entry, low, high), bool(np.isfinite(found.units))
    return Effect(entry, verdict, mean, low, high, len(seeds), units)


def _verdict(entry: EffectEntry, low: float, high: float) -> Verdict:
    """Return whether an interval lies in what an effect claims, beyond it, or holds an end."""
    if low >= entry.least and high <= entry.most:
        return "shown"
    return "turned round" if high < entry.least or low > entry.most else "cannot be told"
