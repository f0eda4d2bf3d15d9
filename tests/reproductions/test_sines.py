"""MAML on sine curves: the squared error after one step on a few points."""

import numpy as np
import pytest

from tests.reproductions.runs import Runner, Scores

SOURCE = (
    "Li et al. 2017, Meta-SGD, arXiv:1707.09835, table 1, MAML trained with 10 points (the problem of Finn et al. 2017, section 5.1, which has "
    "curves and no table): mean squared error of new curves after one step."
)
STEPS = 10_000
OURS = (
    f"`maml` with their network (two layers of 40), 25 curves a step and one inner step, {STEPS:,} steps where theirs are 60,000, "
    "on 200 curves of 200 points where theirs are drawn anew; two seeds."
)
POINTS = 10  # of a curve in training, as many again to judge the step by
PUBLISHED = {5: 1.17, 10: 0.77, 20: 0.56}  # by points of a new curve
# the paper's 0.01, in units of labels that are divided by their deviation, whose square is 4.25
RATE = 0.04


def squared(scores: Scores, shots: int) -> list[float]:
    """Return the mean squared error over new curves in each seed."""
    errors = scores.table[(scores.table.stage == "adapt") & (scores.table.shots == shots)]
    return errors.value.pow(2).groupby(errors.seed).mean().tolist()


@pytest.mark.slow
def test_sines(page, run: Runner) -> None:
    table = page.table("MAML: sine curves", SOURCE, OURS)
    options = {
        "steps": STEPS, "batch_size": 2 * POINTS, "width": 40, "sources_per_step": 25,
        "adapt_steps": 1, "inner_rate": RATE,
    }  # fmt: skip
    parameters = [f"maml.{name}={value}" for name, value in options.items()]
    scores = run("sines", ["maml"], brought="small", seeds=2, parameters=parameters)
    for shots, error in PUBLISHED.items():
        table.number(f"adapted to {shots} points", error, squared(scores, shots), 0.15)
    table.cause(
        "The published intervals are 0.08 to 0.20 wide to each side. A constant answer is at "
        f"{np.mean(8.5 / 2):.2f}; the metric of the bench is the root of each curve's error, squared again here."
    )
