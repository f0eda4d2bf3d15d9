"""What holds of the published boards, over all datasets."""

import csv
import math
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

BOARDS = Path(__file__).parents[1] / "leaderboards" / "datasets"
AMOUNTS = {f"target {k}": float(k) for k in (1, 2, 5, 10, 20, 50)} | {"target full": math.inf}
METHODS = ("target-only", "fine-tune")
ERRORS = {"chembl-affinity"}  # of which less is better
# by dataset and method, why more labels of a target make its scores worse
HURT = {
    ("pbmc-batches", "fine-tune"): "0.025 from 5 to 50 labels by intervals of seeds alone, where "
    "the 123 test cells, three of each rare type, leave 0.08 open",
    ("muv", "fine-tune"): "results of version 0.5.0, whose batches held ten actives among 1,650 "
    "rows as they came",
}


class Told(NamedTuple):
    """A score after some labels, with its 95% interval; turned so that more is better."""

    labels: float
    low: float
    high: float


def boards() -> Iterator[tuple[str, str, list[Told]]]:
    """Yield by dataset and method the scores of the primary metric by number of labels."""
    for path in sorted(BOARDS.glob("*.csv")):
        with path.open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["protocol"] == "transfer"]
        for method in METHODS:
            ours = [row for row in rows if (row["algorithm"], row["variant"]) == (method, "")]
            scores = [_told(row) for row in ours if row["measure"] in AMOUNTS]
            yield path.stem, method, scores


def _told(row: dict[str, str]) -> Told:
    low, high = float(row["low"] or "nan"), float(row["high"] or "nan")
    if row["dataset"] in ERRORS:
        low, high = -high, -low
    return Told(AMOUNTS[row["measure"]], low, high)


def test_more_labels_of_a_target_do_not_hurt_or_it_is_said_why() -> None:
    worse = set()
    for dataset, method, scores in boards():
        for fewer, more in combinations(sorted(scores), 2):
            if more.high < fewer.low:
                worse.add((dataset, method))
    assert worse == set(HURT), worse
