"""Whether a method and its counterpart in another library score the same."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple, get_args

import numpy as np
import pandas as pd

from medtl_bench.board.equivalence import Verdict, tost
from medtl_bench.board.protocol import ProtocolBoard

MARGIN = 0.05
COLUMNS = (
    *("dataset", "protocol", "scenario", "algorithm", "counterpart", "measure"),
    *("n", "mean", "low", "high", "p", "verdict"),
)
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


class Agreement(NamedTuple):
    """The tests of one pair over all datasets: how many gave which verdict.

    `mean`, `dataset`, `protocol`, `measure`: of the test with the largest difference.
    """

    algorithm: str
    counterpart: str
    verdicts: Mapping[Verdict, int]
    mean: float
    dataset: str
    protocol: str
    measure: str


def compare(
    by_seed: pd.DataFrame, counterparts: Mapping[str, str], protocols: Mapping[str, ProtocolBoard]
) -> pd.DataFrame:
    """Return the two one-sided tests of every pair, with columns COLUMNS.

    A row for each dataset, protocol, scenario with a table of its own, and measure. A
    difference is the algorithm's score less its counterpart's with the same seed, both
    without changed parameters. by_seed: measures by the columns of `summary.BY_SEED`.
    counterparts: {"library-maml": "maml"}.
    """
    rows: list[tuple[object, ...]] = []
    for algorithm, other in sorted(counterparts.items()):
        rows += _pair(by_seed, algorithm, other, protocols)
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.sort_values(list(COLUMNS[:6]), ignore_index=True)


def _pair(
    by_seed: pd.DataFrame, algorithm: str, other: str, protocols: Mapping[str, ProtocolBoard]
) -> Iterator[tuple[object, ...]]:
    mine, theirs = _of(by_seed, algorithm), _of(by_seed, other)
    for place, frame in mine.groupby(level=["dataset", "protocol", "group"]):
        tested = protocols[str(place[1])].tested
        for measure in (name for name in tested if name in frame.columns):
            paired = theirs[measure].reindex(frame.index)
            differences = (frame[measure] - paired).to_numpy(float)
            if np.isfinite(differences).any():
                yield (*place, algorithm, other, measure, *tost(differences, MARGIN))


def _of(by_seed: pd.DataFrame, algorithm: str) -> pd.DataFrame:
    names = by_seed.index.get_level_values("algorithm")
    unchanged = by_seed.index.get_level_values("variant") == ""
    return by_seed[(names == algorithm) & unchanged].droplevel(["algorithm", "variant"])


def agreements(tests: pd.DataFrame) -> list[Agreement]:
    """Return for each pair how its tests came out."""
    return [_agreement(of_pair) for _, of_pair in tests.groupby(["algorithm", "counterpart"])]


def _agreement(tests: pd.DataFrame) -> Agreement:
    verdicts = {verdict: int((tests["verdict"] == verdict).sum()) for verdict in VERDICTS}
    widest = tests.iloc[int(tests["mean"].abs().argmax())]
    return Agreement(
        widest["algorithm"],
        widest["counterpart"],
        verdicts,
        float(widest["mean"]),
        *(str(widest[name]) for name in ("dataset", "protocol", "measure")),
    )
