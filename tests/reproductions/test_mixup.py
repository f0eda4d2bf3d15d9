"""mixup on Iris: the error of a small network with and without."""

import numpy as np
import pytest

from tests.reproductions.runs import Runner, Scores

SOURCE = (
    "Zhang et al. 2018, mixup, ICLR, table 4: classification errors on UCI's Iris; two layers of 128, Adam, 10 epochs of batches "
    "of 16. From memory: no public copy of its numbers was found to confirm them."
)
OURS = (
    "`source-only` and `mixup` with the same network, optimiser and 75 steps (10 epochs of 120 flowers), five folds, 20 seeds. "
    "Division, scaling and alpha are not published: ours are folds of 30, standardised inputs and 0.2."
)
ERROR = {"source-only": 0.213, "mixup": 0.173}
OPTIONS = ("steps=75", "batch_size=16", "width=128", "sampling=natural", "patience=0")


def errors(scores: Scores, algorithm: str) -> list[float]:
    """Return the share of held-out flowers that are mistaken, in each seed."""
    right = scores.of(algorithm, "accuracy", "fit", domain="trained")
    return [1 - share for share in right]


@pytest.mark.slow
def test_mixup(page, run: Runner) -> None:
    parameters = [f"{algorithm}.{option}" for algorithm in ERROR for option in OPTIONS]
    scores = run("iris", list(ERROR), brought=("small",), seeds=20, parameters=parameters)
    table = page.table("mixup: Iris", SOURCE, OURS)
    ours = {algorithm: errors(scores, algorithm) for algorithm in ERROR}
    for algorithm, error in ERROR.items():
        table.number(f"{algorithm}: error", error, ours[algorithm], 0.03)
    gain = np.mean(ours["source-only"]) - np.mean(ours["mixup"])
    table.finding("mixup is better", "by 0.040", f"by {gain:.3f}", holds=bool(gain > 0.02))
    table.cause(
        "Logistic regression makes some 4% errors on Iris, so an error of 21% is that of a network that has not learned yet: 75 "
        "steps are enough where inputs are standardised, as this project's networks always have them. The published gain may be of "
        "that stage; it is not seen here. (Why theirs has not learned is not tested.)"
    )
