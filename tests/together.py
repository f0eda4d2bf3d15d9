"""Runs the work of several seeds side by side, as a run does with trials."""

from collections.abc import Callable
from functools import partial

from medtl_bench import lockstep, stacking


def stacked(work: Callable[[int], object], trials: int) -> None:
    """Do the work of so many seeds side by side, all that can be stacked stacked."""
    stacker = stacking.Stacker()
    for task in lockstep.run([partial(work, seed) for seed in range(trials)], stacker, stacking.MOST):
        task.result()
    assert stacker.alone == {}
