"""What transfers from single sources were measured to give, and how well that was foretold."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from medtl_bench.board import build, measures, statistics, tables
from medtl_bench.contract.dataset import Dataset
from medtl_bench.results.record import Record


class Tau(NamedTuple):
    """Kendall's tau-b with the ends of its 95% interval; NaN where it cannot be told."""

    tau: float
    low: float
    high: float


@dataclass(frozen=True)
class Measured:
    """Scores on a target's test split before any label of it, after learning from one source.

    Means over seeds. `score`: by source, the mean over `methods`, every one of which has
    all those sources and as many trials of each.
    """

    metric: str
    score: dict[str, float]
    methods: tuple[str, ...]


def measured(dataset: Dataset, target: str, records: Iterable[Record]) -> Measured | None:
    """Return what records on the same data say of single sources for a target.

    None where they say nothing of two or more. Bounds are left out, and methods that lack
    a source or a seed that another has: nothing is averaged over what is there.
    """
    scores = _single_sources(dataset, target, records)
    seeds = scores.pivot(index="label", columns="source", values="n")
    value = scores.pivot(index="label", columns="source", values="value")
    complete = value[(seeds == scores["n"].max()).all(axis=1)]
    if complete.shape[1] < 2 or complete.empty:
        return None
    score = {str(source): float(mean) for source, mean in complete.mean().items()}
    return Measured(dataset.task.primary, score, tuple(map(str, complete.index)))


def _single_sources(dataset: Dataset, target: str, records: Iterable[Record]) -> pd.DataFrame:
    """Return the scores on a target of methods that learned from one other domain."""
    data = dataset.name, dataset.digest()
    board = build.build([r for r in records if (r.trial.dataset, r.trial.dataset_digest) == data])
    methods = set(board.rows.loc[board.rows["family"] != tables.BOUND, "label"])
    scores = measures.single_source(board.trials, board.scores)
    of_target = (scores["domain"] == target) & (scores["source"] != target)
    return scores[of_target & scores["label"].isin(methods)]


def agreement(estimates: Mapping[str, float], measured: Measured) -> Tau:
    """Return Kendall's tau-b, over sources, of estimates and of the measured scores.

    Estimates must be higher for the better source.
    """
    sources = [source for source in measured.score if source in estimates]
    sign = 1.0 if measures.higher_is_better(measured.metric) else -1.0
    estimate = np.array([estimates[source] for source in sources])
    score = sign * np.array([measured.score[source] for source in sources])
    return Tau(statistics.kendall(estimate, score), *statistics.kendall_interval(estimate, score))
