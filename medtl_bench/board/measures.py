"""What protocols measure with: formulas on arrays, and means of scores by trial.

`trials` is a table with one row a trial (index 0, 1, ...), `scores` one with a row a
score, its column `trial` pointing there (both of `board.tables`). A measure is NaN where
a trial lacks a score that its peers, the trials of the same scenario, have: nothing is
averaged over what happens to be there.

R [..., T, T] holds R[i, j], the score on domain j after learning domain i; b [..., T] the
scores of an untrained learner. `scored` [T]: the domains that can be scored, None for all:
where all test rows are of one class a metric may not be defined. Differences are turned so
that higher is better before they are taken, so a positive forgetting is a loss for any metric.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.integrate import trapezoid

from medtl_bench.arrays import Bools, Floats
from medtl_bench.board.tables import FULL

CALIBRATION = ("ece", "brier")
SECONDS = "seconds"
PLAIN = "fine-tune"
UNEARNED = ("own", "new classes")  # labels of which nothing was learned in other domains


def at(measure: str, shots: float) -> str:
    """Return the name of a measure after k labels a class: "target 5", or "target full"."""
    return f"{measure} {'full' if shots == FULL else int(shots)}"


def gain(measure: str) -> str:
    """Return the name of what a method gains over plain training, by seed."""
    return f"gain in {measure}"


def shots_of(measure: str, columns: Sequence[str]) -> list[int]:
    """Return the k, from low to high, for which a measure stands among `columns`."""
    start = f"{measure} "
    tails = [column.removeprefix(start) for column in columns if column.startswith(start)]
    return sorted(int(tail) for tail in tails if tail.isdigit())


def few_shot_area(score: Floats, shots: Sequence[int], *, from_zero: bool = True) -> Floats:
    """Return the area under score against log2(1 + k), divided by the width.

    score [..., 1 + len(shots)]; k = 0 comes first. Where k = 0 is no part of it, `from_zero`
    is False, score [..., len(shots)], and the area of one k is its score.
    """
    if not len(shots):
        return np.full(score.shape[:-1], np.nan)
    x = np.log2(1.0 + np.array([0, *shots] if from_zero else shots))
    if len(x) == 1:
        return np.asarray(score[..., 0])
    return np.asarray(trapezoid(score, x) / (x[-1] - x[0]))


def earned_before_labels(trials: pd.DataFrame) -> Bools:
    """Return which trials can be scored before the first label of a domain.

    Not those whose domains ask questions of their own, or hold classes that were not learned.
    Where it was not recorded what labels mean, as in old records, they are taken to be shared.
    """
    return ~trials["labels"].isin(UNEARNED).to_numpy()


def average_accuracy(r: Floats, scored: Bools | None = None) -> Floats:
    """Return mean_j R[T, j] (Lopez-Paz and Ranzato 2017)."""
    return _mean(r[..., -1, :], scored)


def forgetting(r: Floats, scored: Bools | None = None) -> Floats:
    """Return mean_{j<T} max_{i<T} (R[i, j] - R[T, j]) (Chaudhry et al. 2018).

    It is negative where later domains helped.
    """
    return _mean(r[..., :-1, :-1].max(-2) - r[..., -1, :-1], _slice(scored, slice(-1)))


def backward_transfer(r: Floats, scored: Bools | None = None) -> Floats:
    """Return mean_{j<T} (R[T, j] - R[j, j]) (Lopez-Paz and Ranzato 2017)."""
    own = r.diagonal(axis1=-2, axis2=-1)[..., :-1]
    return _mean(r[..., -1, :-1] - own, _slice(scored, slice(-1)))


def forward_transfer(r: Floats, b: Floats, scored: Bools | None = None) -> Floats:
    """Return mean_{j>1} (R[j-1, j] - b_j) (Lopez-Paz and Ranzato 2017)."""
    before = r.diagonal(1, axis1=-2, axis2=-1) - b[..., 1:]
    return _mean(before, _slice(scored, slice(1, None)))


def _slice(scored: Bools | None, domains: slice) -> Bools | None:
    return None if scored is None else scored[domains]


def _mean(values: Floats, scored: Bools | None) -> Floats:
    """Return the mean over domains [..., T], of those that are scored; NaN of none."""
    if scored is not None and not scored.all():
        values = values[..., scored]
    return np.asarray(values.mean(-1)) if values.shape[-1] else np.full(values.shape[:-1], np.nan)


def gap_closed(method: Floats, source_only: Floats, target_only: Floats) -> Floats:
    """Return (method - source-only) / (target-only - source-only), by the gap's mean over seeds.

    All NaN where that mean is under its own standard error sd / sqrt(n), or n < 2. method
    [rows, seeds] and source_only [seeds] at k = 0, target_only [seeds] after all target
    labels, turned so that higher is better.
    """
    gaps = (target_only - source_only)[np.isfinite(target_only - source_only)]
    if len(gaps) < 2 or gaps.mean() <= max(gaps.std(ddof=1) / np.sqrt(len(gaps)), 0.0):
        return np.full(method.shape, np.nan)
    above = np.where(np.isfinite(target_only), method - source_only, np.nan)
    return np.asarray(above / gaps.mean())


def mean_by_shots(rows: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """Return the mean of `value` by trial, a column for each k.

    NaN where there are fewer scores than a peer of the trial has.
    """
    grouped = rows.groupby(["trial", "shots"])["value"]
    mean, count = grouped.mean(), grouped.count()
    index = mean.index.to_frame(index=False)
    peers = trials["peers"].to_numpy()[index["trial"]]
    most = count.groupby([peers, index["shots"].to_numpy()]).transform("max")
    return pd.DataFrame(mean.where(count == most).unstack("shots"))


def mean_by_trial(rows: pd.DataFrame, trials: pd.DataFrame) -> pd.Series:
    """Return the mean of `value` by trial, of scores that know no k."""
    nothing = pd.Series(np.nan, index=trials.index, dtype=float)
    return mean_by_shots(rows, trials).get(FULL, nothing)


def among(rows: pd.DataFrame, names: pd.Series) -> Bools:
    """Return which scores are of a domain that is among its trial's `names`."""
    places = places_of(names, rows["domain"].cat.categories)
    return np.isin(codes_of(rows, "domain"), places.index)


def codes_of(rows: pd.DataFrame, column: str) -> Floats:
    """Return a number for each pair of trial and name, or NaN: trial * categories + code."""
    names = rows[column].cat
    code = np.where(names.codes < 0, np.nan, names.codes)
    return np.asarray(rows["trial"].to_numpy() * len(names.categories) + code)


def places_of(names: pd.Series, categories: pd.Index) -> pd.Series:
    """Return the position of each name in its trial's tuple, by the numbers of codes_of."""
    exploded = names.explode().dropna()
    codes = categories.get_indexer(pd.Index(exploded))
    key = exploded.index.to_numpy() * len(categories) + np.where(codes < 0, np.nan, codes)
    place = pd.Series(exploded.groupby(level=0).cumcount().to_numpy(float), index=key)
    return place[place.index.notna() & ~place.index.duplicated(keep="last")]
