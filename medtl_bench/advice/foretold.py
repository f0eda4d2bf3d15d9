"""What transfers from single sources were measured to give, and how well that was foretold."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from medtl_bench.board import build, directions, statistics, tables, transfer
from medtl_bench.contract.dataset import Dataset
from medtl_bench.results.record import Record


class Tau(NamedTuple):
    """Kendall's tau-b with the ends of its 95% interval; NaN where it cannot be told."""

    tau: float
    low: float
    high: float


@dataclass(frozen=True)
class Measured:
    """Scores on a target's test split before any label of it, after learning one source alone.

    `score`: by source, the mean over seeds and `methods`, every one of which has all those
    sources and as many trials of each. `higher`: whether a higher score is better.
    """

    metric: str
    score: dict[str, float]
    methods: tuple[str, ...]
    higher: bool = True


def measured(dataset: Dataset, target: str, records: Iterable[Record]) -> Measured | None:
    """Return what records on the same data say of single sources for a target.

    None where they say nothing of two or more. Bounds are left out, and methods that lack
    a source or a seed that another has: nothing is averaged over what is there.
    """
    board = _board(dataset, records)
    scores = _single_sources(board, target)
    seeds = scores.pivot(index="label", columns="source", values="n")
    value = scores.pivot(index="label", columns="source", values="value")
    complete = value[(seeds == scores["n"].max()).all(axis=1)]
    if complete.shape[1] < 2 or complete.empty:
        return None
    score = {str(source): float(mean) for source, mean in complete.mean().items()}
    higher = directions.higher_is_better(dataset.task.primary, board.lower)
    return Measured(dataset.task.primary, score, tuple(map(str, complete.index)), higher)


def _board(dataset: Dataset, records: Iterable[Record]) -> build.Board:
    """Return the board of the transfers of those records that are of the same data."""
    data = dataset.name, dataset.digest()
    same = [r for r in records if (r.trial.dataset, r.trial.dataset_digest) == data]
    return build.build(same, {"transfer": transfer.BOARD})


def _single_sources(board: build.Board, target: str) -> pd.DataFrame:
    """Return the scores on a target of methods that learned from one other domain."""
    columns = ["label", "source", "domain", "n", "value"]
    tables_of = board.further.get("transfer", {})
    scores = tables_of.get(transfer.SINGLE_SOURCES, pd.DataFrame(columns=columns))
    methods = set(board.rows.loc[board.rows["family"] != tables.BOUND, "label"])
    elsewhere = (scores["domain"] == target) & (scores["source"] != target)
    return scores[elsewhere & scores["label"].isin(methods)]


def agreement(estimates: Mapping[str, float], measured: Measured) -> Tau:
    """Return Kendall's tau-b, over sources, of estimates and of the measured scores.

    Estimates must be higher for the better source; scores are turned so that they are too.
    """
    sources = [source for source in measured.score if source in estimates]
    sign = 1.0 if measured.higher else -1.0
    estimate = np.array([estimates[source] for source in sources])
    score = sign * np.array([measured.score[source] for source in sources])
    return Tau(statistics.kendall(estimate, score), *statistics.kendall_interval(estimate, score))
