"""Which of the effects that the field knows the boards show, and by how much."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np
import pandas as pd

from medtl_bench.arrays import Floats
from medtl_bench.board import statistics
from medtl_bench.board.scored import Scored, scored
from medtl_bench.board.summary import Derived, by_place
from medtl_bench.board.tables import PLACE
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


def effects(entries: Iterable[EffectEntry], derived: Sequence[Derived]) -> tuple[Effect, ...]:
    """Return what the boards say of known effects, in their order.

    Those of datasets that are not on them are left out; where all are, so is the rest.
    """
    parts = dict(by_place(derived, PLACE))
    here = {dataset for dataset, _ in parts}
    ours = [entry for entry in entries if entry.dataset in here or entry.missing]
    if all(entry.missing for entry in ours):
        return ()
    return tuple(_effect(entry, parts.get((entry.dataset, entry.protocol))) for entry in ours)


def tally(found: Iterable[Effect]) -> dict[Verdict, int]:
    """Return how many effects there are of each verdict."""
    verdicts = [one.verdict for one in found]
    return {verdict: verdicts.count(verdict) for verdict in get_args(Verdict)}


def _effect(entry: EffectEntry, part: Derived | None) -> Effect:
    terms = entry.terms((*entry.higher, *entry.lower))
    if entry.missing or part is None:
        return Effect(entry, "not run", lacking=terms)
    found = {term: _scored(part, term) for term in terms}
    if lacking := tuple(term for term in terms if found[term] is None):
        return Effect(entry, "not run", lacking=lacking)
    there = {term: scores for term, scores in found.items() if scores is not None}
    return _told(entry, entry.terms(entry.higher), entry.terms(entry.lower), there)


def _scored(part: Derived, term: Term) -> Scored | None:
    """Return what a term scored, None where it has no score of any seed."""
    if term.measure not in part.table:
        return None
    found = scored(part, term.measure).of([(term.algorithm, "")])
    return found if np.isfinite(found.values).any() else None


def _told(
    entry: EffectEntry,
    higher: Sequence[Term],
    lower: Sequence[Term],
    found: Mapping[Term, Scored],
) -> Effect:
    """Return the verdict on the paired difference of two sides, over the seeds that all have."""
    tables = [one.table.dropna(axis=1) for one in found.values()]
    seeds = pd.concat(tables, join="inner").columns
    if not len(seeds):
        return Effect(entry, "not run")
    over, under = [found[term] for term in higher], [found[term] for term in lower]
    known = all(one.resampled is not None for one in found.values())
    units = _on_units(over, seeds) - _on_units(under, seeds) if known else None
    freedom = min(one.freedom for one in found.values())
    crossed = statistics.crossed(_by_seed(over, seeds) - _by_seed(under, seeds), units, freedom)
    mean, half = float(crossed.mean[0]), float(crossed.half[0])
    low, high, told = mean - half, mean + half, bool(np.isfinite(crossed.units[0]))
    return Effect(entry, _verdict(entry, low, high), mean, low, high, len(seeds), told)


def _by_seed(side: Sequence[Scored], seeds: pd.Index) -> Floats:
    """Return the mean over terms by seed [1, seeds]."""
    return np.asarray(np.mean([one.table[seeds].to_numpy(float) for one in side], axis=0))


def _on_units(side: Sequence[Scored], seeds: pd.Index) -> Floats:
    """Return the mean over terms on resamples [1, seeds, resamples]."""
    known = [(one, one.resampled) for one in side if one.resampled is not None]
    placed = [values[:, one.table.columns.get_indexer(seeds)] for one, values in known]
    return np.asarray(np.mean(placed, axis=0))


def _verdict(entry: EffectEntry, low: float, high: float) -> Verdict:
    """Return whether an interval lies in what an effect claims, beyond it, or holds an end."""
    if low >= entry.least and high <= entry.most:
        return "shown"
    return "turned round" if high < entry.least or low > entry.most else "cannot be told"
