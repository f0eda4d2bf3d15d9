"""Boards of records with resamples: who is tied, and what seeds and test units each leave open."""

from collections.abc import Iterator, Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtl_bench.arrays import Floats
from medtl_bench.board import resamples
from medtl_bench.board.build import Board
from medtl_bench.results.record import Record
from medtl_bench.results.resamples import encode
from tests.boards import build
from tests.records import record, transfer_scores

UNITS = {"b": (30, 12)}
HARD = np.random.default_rng(0).normal(0, 0.04, 100)  # how hard each resample is for all


def records(
    methods: Mapping[str, Floats], seeds: int = 3, noise: float = 0.0, **fields: object
) -> Iterator[Record]:
    """Yield records by the level of each method, or its level and noise by seed."""
    for name, level in methods.items():
        draw = np.random.default_rng(len(name))  # the same for names of one length
        for seed, score in zip(range(seeds), np.broadcast_to(level, seeds), strict=True):
            around = {"target 0": score + HARD + draw.normal(0, noise, 100)}
            held = {"resampled": encode(around), "units": UNITS, **fields}
            scores = transfer_scores(round(float(score), 6))
            yield record(algorithm=name, seed=seed, shots=(), scores=scores, **held)


def cell(board: Board, algorithm: str, measure: str = "target 0") -> dict[str, float]:
    rows = board.summary.set_index(["algorithm", "measure"])
    return rows.loc[(algorithm, measure)].to_dict()


def test_a_method_without_chance_has_the_interval_of_its_test_units() -> None:
    found = cell(build(list(records({"sure": np.array(0.7)}))), "sure")
    assert found["seeds"] == pytest.approx(0, abs=1e-9)
    assert found["half"] == pytest.approx(found["units"])
    assert found["half"] == pytest.approx(2.2 * HARD.std(ddof=1), rel=0.05)
    assert (found["low"], found["high"]) == pytest.approx(
        (0.7 - found["half"], 0.7 + found["half"])
    )


def test_the_test_units_of_folds_add_up() -> None:
    made = list(records({"sure": np.array(0.7)}, seeds=7, folds=3))
    (view,) = build(made).views
    assert view.units == {"b": (3 * 30, 3 * 12)}
    (alone,) = build(list(records({"sure": np.array(0.7)}, seeds=7))).views
    assert alone.units == UNITS


def test_without_resamples_seeds_alone_are_told() -> None:
    levels = {"old": np.array([0.6, 0.7, 0.8])}
    found = cell(build(list(records(levels, resampled={}, units={}))), "old")
    assert found["half"] == pytest.approx(found["seeds"])
    assert np.isnan(found["units"])


def test_intervals_stay_inside_what_a_measure_can_be() -> None:
    found = cell(build(list(records({"good": np.array([0.97, 0.99, 1.0])}))), "good")
    assert found["high"] == 1.0
    assert found["mean"] + found["half"] > 1.0


def test_what_two_methods_share_of_hard_patients_does_not_hide_their_difference() -> None:
    board = build(
        list(records({"dann": np.array(0.72), "prototypes": np.array(0.70)}, noise=0.001))
    )
    assert cell(board, "dann")["half"] > 0.02
    assert cell(board, "dann")["best"]
    assert not cell(board, "prototypes")["tied"]


def test_a_difference_that_other_patients_may_turn_round_is_none() -> None:
    board = build(list(records({"dann": np.array(0.72), "prototypes": np.array(0.70)}, noise=0.05)))
    assert cell(board, "prototypes")["tied"]


def test_one_old_seed_leaves_the_test_units_of_the_others() -> None:
    made = list(records({"dann": np.array([0.7, 0.7, 0.7])}))
    old = made[0].outcome.model_copy(update={"resampled": {}})
    found = cell(build([made[0].model_copy(update={"outcome": old}), *made[1:]]), "dann")
    assert found["units"] > 0.05


def test_gains_have_the_interval_of_paired_resamples() -> None:
    board = build(list(records({"dann": np.array(0.72), "fine-tune": np.array(0.70)}, noise=0.01)))
    found = cell(board, "dann", "gain in target 0")
    assert found["mean"] == pytest.approx(0.02)
    assert 0 < found["units"] < cell(board, "dann")["units"] / 2


@given(st.lists(st.floats(0.2, 0.8), min_size=3, max_size=3), st.floats(0, 0.1))
@settings(max_examples=15)
def test_two_identical_methods_are_tied_everywhere_and_share_a_rank(
    levels: list[float], noise: float
) -> None:
    mine = np.array(levels)
    board = build(list(records({"aaa": mine, "bbb": mine, "other": mine + 0.1}, noise=noise)))
    first, second = (cell(board, name) for name in ("aaa", "bbb"))
    assert first == pytest.approx(second)
    assert first["rank"] == second["rank"]


def test_degrees_of_freedom_are_those_of_the_scarcest_class_of_each_domain() -> None:
    assert resamples.freedom({"a": (50, 20), "b": (8, 2)}) == 20
    assert resamples.freedom({"b": (8, 1)}) == 1
    assert resamples.freedom({}) == np.inf
