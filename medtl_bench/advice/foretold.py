"""What transfers from single sources were measured to give, and how well an estimate had put the sources in that order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

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
    """Scores on a target's test split before any label of it, after learning from one source alone; means over seeds.

    `score`: by source, the mean over `methods`, every one of which has all those sources
    and as many trials of each.
    """

    metric: str
    score: dict[str, float]
    methods: tuple[str, ...]


def measured(dataset: Dataset, target: str, records: Iterable[Record]) -> Measured | None:
    """Return what records on the same data say of single sources for a target; None where they say nothing of two or more.

    Bounds are left out, and methods that lack a source or a seed that another has:
    nothing is averaged over what is there.
    """
    digest = dataset.digest()
    board = build.build(
        [r for r in records if (r.trial.dataset, r.trial.dataset_digest) == (dataset.name, digest)]
    )
    methods = set(board.rows.loc[board.rows["family"] != tables.BOUND, "label"])
    found = measures.single_source(board.trials, board.scores)
    found = found[
        (found["domain"] == target) & (found["source"] != target) & found["label"].isin(methods)
    ]
    count, value = (
        found.pivot(index="label", columns="source", values=column) for column in ("n", "value")
    )
    whole = value[(count == found["n"].max()).all(axis=1)]
    if whole.shape[1] < 2 or whole.empty:
        return None
    score = {str(source): float(mean) for source, mean in whole.mean().items()}
    return Measured(dataset.task.primary, score, tuple(map(str, whole.index)))


def agreement(promised: Mapping[str, float], seen: Measured) -> Tau:
    """Return Kendall's tau-b, over sources, of estimates that are higher for the better source and of the measured scores."""
    sources = [source for source in seen.score if source in promised]
    sign = 1.0 if measures.higher_is_better(seen.metric) else -1.0
    pair = (
        np.array([promised[s] for s in sources]),
        sign * np.array([seen.score[s] for s in sources]),
    )
    return Tau(statistics.kendall(*pair), *statistics.kendall_interval(*pair))
