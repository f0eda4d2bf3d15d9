"""What transfers from single sources were measured to give.

And how well an estimate had put the sources in that order.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

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
    data = (dataset.name, dataset.digest())
    same = [r for r in records if (r.trial.dataset, r.trial.dataset_digest) == data]
    board = build.build(same, {"transfer": transfer.BOARD})
    alone = board.further.get("transfer", {}).get(transfer.SINGLE_SOURCES)
    if alone is None or alone.empty:
        return None
    methods = set(board.rows.loc[board.rows["family"] != tables.BOUND, "label"])
    elsewhere = (alone["domain"] == target) & (alone["source"] != target)
    scores = alone[elsewhere & alone["label"].isin(methods)]
    count, value = (
        scores.pivot(index="label", columns="source", values=column) for column in ("n", "value")
    )
    whole = value[(count == scores["n"].max()).all(axis=1)]
    if whole.shape[1] < 2 or whole.empty:
        return None
    score = {str(source): float(mean) for source, mean in whole.mean().items()}
    higher = directions.higher_is_better(dataset.task.primary, board.lower)
    return Measured(dataset.task.primary, score, tuple(map(str, whole.index)), higher)


def agreement(promised: Mapping[str, float], seen: Measured) -> Tau:
    """Return Kendall's tau-b, over sources, of estimates and of the measured scores.

    Estimates are higher for the better source; scores are turned so that they are too.
    """
    sources = [source for source in seen.score if source in promised]
    sign = 1.0 if seen.higher else -1.0
    estimates = np.array([promised[source] for source in sources])
    scores = sign * np.array([seen.score[source] for source in sources])
    interval = statistics.kendall_interval(estimates, scores)
    return Tau(statistics.kendall(estimates, scores), *interval)
