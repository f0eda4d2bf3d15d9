"""What protocols measure with: formulas on arrays, and means of scores by trial.

`trials` is a table with one row a trial (index 0, 1, ...), `scores` one with a row a
score, its column `trial` pointing there (both of `board.tables`). A measure is NaN where
a trial lacks a score that its peers, the trials of the same scenario, have: nothing is
averaged over what happens to be there. The formulas that protocols need too are in
`metrics.formulas`.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from medtl_bench.arrays import Bools, Floats
from medtl_bench.board.statistics import crossed
from medtl_bench.board.tables import FULL
from medtl_bench.metrics.formulas import UNEARNED

CALIBRATION = ("ece", "brier")
SECONDS = "seconds"
PLAIN = "fine-tune"


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


def earned_before_labels(trials: pd.DataFrame) -> Bools:
    """Return which trials can be scored before the first label of a domain.

    Not those whose domains ask questions of their own, or hold classes that were not learned.
    Where it was not recorded what labels mean, as in old records, they are taken to be shared.
    """
    return ~trials["labels"].isin(UNEARNED).to_numpy()


def gap_closed(
    method: Floats,
    source_only: Floats,
    target_only: Floats,
    resampled: Floats | None = None,
    freedom: float = np.inf,
) -> Floats:
    """Return (method - source-only) / (target-only - source-only), by the gap's mean over seeds.

    All NaN where the 95% interval of that mean does not lie above 0, or n < 2. method
    [rows, seeds] and source_only [seeds] at k = 0, target_only [seeds] after all target
    labels, turned so that higher is better. resampled: the gap [seeds, resamples] of the
    test units, with so many degrees of freedom.
    """
    gaps = target_only - source_only
    gap = crossed(gaps, resampled, freedom)
    if gap.n < 2 or not gap.mean > gap.half:
        return np.full(method.shape, np.nan)
    above = np.where(np.isfinite(target_only), method - source_only, np.nan)
    return np.asarray(above / gap.mean)


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
