"""Ranks over datasets against bencheval (of TabArena's authors) and scikit-posthocs."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from medtl_bench.arrays import Floats
from medtl_bench.board import blocks, ranking

AREA, BENCHEVAL, POSTHOCS = "Ranks over datasets", "bencheval", "scikit-posthocs"
ALMOST_NONE = 1e-6  # games of the prior: theirs is a ridge of about this weight
ELO = 400 / math.log(10)  # points for a strength of 1


def errors(seed: int, methods: int, datasets: int) -> pd.DataFrame:
    """Return errors that share some ties, by method and dataset."""
    random = np.random.default_rng(seed)
    drawn = np.linspace(0.3, 0.4, methods)[:, None] + random.normal(0, 0.1, (methods, datasets))
    names = [f"method-{number:02}" for number in range(methods)]
    return pd.DataFrame(np.round(drawn, 2), names, [f"set-{n}" for n in range(datasets)])


def wins(table: pd.DataFrame) -> Floats:
    """Return how often each method of a table of errors won against each other."""
    scores = table.to_numpy()
    shares = [ranking.shares(np.repeat(x[:, None], 2, 1), higher=False) for x in scores.T]
    return np.nansum(shares, axis=0)


def elo(table: pd.DataFrame) -> Floats:
    """Return the ratings of bencheval, the pairs of methods that met being the games."""
    peer: Any = pytest.importorskip("bencheval.elo_utils")
    helper = peer.EloHelper(method_col="method", task_col="task", error_col="error")
    long = table.rename_axis("method").reset_index().melt("method", None, "task", "error")
    battles = helper.convert_results_to_battles(long.dropna())
    return np.asarray(helper.compute_mle_elo(battles)[table.index])


@pytest.mark.parametrize("lacking", [0.0, 0.3], ids=["all datasets", "some datasets"])
def test_strengths_are_those_of_bencheval(page, lacking: float) -> None:
    furthest = 0.0
    for seed in range(10):
        table = errors(seed, 8, 15)
        table = table.mask(np.random.default_rng(seed).random(table.shape) < lacking)
        ours = ELO * ranking.strengths(wins(table), prior=ALMOST_NONE)
        theirs = elo(table)
        gap = (ours - ours.mean()) - (theirs - theirs.mean())
        furthest = max(furthest, float(np.abs(gap).max()))
    who = "that have all datasets" if lacking == 0 else "of which each lacks some"
    what = f"Bradley-Terry strengths of 8 methods {who}, in Elo points, 10 boards"
    page.within(AREA, what, BENCHEVAL, furthest, 0.05, "absolute")


def test_order_with_our_prior_is_that_of_bencheval_where_all_met(page) -> None:
    differing = 0
    for seed in range(10):
        table = errors(seed, 8, 15)
        ours, theirs = ranking.strengths(wins(table)), elo(table)
        apart = np.abs(np.subtract.outer(theirs, theirs)) > 0.1
        same = np.sign(np.subtract.outer(ours, ours)) == np.sign(np.subtract.outer(theirs, theirs))
        differing += int((apart & ~same).sum())
    what = "pairs in another order with the prior, methods that have all datasets, 10 boards"
    page.within(AREA, what, BENCHEVAL, differing, 0, "number")


def test_the_critical_difference_is_where_nemenyis_test_turns(page) -> None:
    posthocs: Any = pytest.importorskip("scikit_posthocs")
    differing = 0
    for seed in range(10):
        table = errors(seed, 6, 12)
        told = blocks.blocks(table.to_numpy(), np.zeros(12, bool), list(table.columns))
        assert told is not None
        p = posthocs.posthoc_nemenyi_friedman(table.T.to_numpy()).to_numpy()
        place = np.argsort(told.order)
        apart = np.abs(np.subtract.outer(told.mean, told.mean)) > told.difference
        differing += int((apart[place][:, place] != (p < 0.05)).sum())
    what = "pairs told apart by the critical difference and not by Nemenyi's p < 0.05, or not so"
    page.within(AREA, what, POSTHOCS, differing, 0, "number")
