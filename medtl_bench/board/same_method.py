"""Whether a method and its counterpart, the same method in another library, score the same: tests for the boards."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from medtl_bench.board import measures
from medtl_bench.board.equivalence import tost

MARGIN = 0.05
MEASURES = (measures.at(measures.TARGET, 0), measures.AREA, measures.AVERAGE, measures.FORGETTING)
COLUMNS = (
    *("dataset", "protocol", "scenario", "algorithm", "counterpart", "measure"),
    *("n", "mean", "low", "high", "p", "verdict"),
)


def compare(by_seed: pd.DataFrame, counterparts: Mapping[str, str]) -> pd.DataFrame:
    """Return the two one-sided tests of every pair, with columns COLUMNS: one row a dataset, protocol, stream and measure.

    by_seed: measures by dataset, protocol, stream (or ""), algorithm, variant and seed.
    counterparts: {"library-maml": "maml"}. A difference is the algorithm's score less its
    counterpart's with the same seed, both without changed parameters.
    """
    rows = [
        row
        for algorithm, other in sorted(counterparts.items())
        for row in _pair(by_seed, algorithm, other)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).sort_values(
        list(COLUMNS[:6]), ignore_index=True
    )


def _pair(by_seed: pd.DataFrame, algorithm: str, other: str) -> Iterator[tuple[object, ...]]:
    mine, its = (_of(by_seed, name) for name in (algorithm, other))
    for place, frame in mine.groupby(level=["dataset", "protocol", "group"]):
        for measure in (name for name in MEASURES if name in frame.columns):
            differences = (frame[measure] - its[measure].reindex(frame.index)).to_numpy(float)
            if np.isfinite(differences).any():
                yield (*place, algorithm, other, measure, *tost(differences, MARGIN))


def _of(by_seed: pd.DataFrame, algorithm: str) -> pd.DataFrame:
    index = by_seed.index
    rows = (index.get_level_values("algorithm") == algorithm) & (
        index.get_level_values("variant") == ""
    )
    return by_seed[rows].droplevel(["algorithm", "variant"])
