import numpy as np
import pytest

from medtl_bench.board import measures
from medtl_bench.board.tables import FULL

NAN = float("nan")


def test_gap_closed_by_hand() -> None:
    source, target = np.array([0.6, 0.62]), np.array([0.8, 0.81])
    method = np.array([[0.7, 0.7], [0.6, 0.62], [0.9, 0.92]])
    closed = measures.gap_closed(method, source, target)
    np.testing.assert_allclose(closed.mean(1), [(0.7 - 0.61) / 0.195, 0.0, (0.91 - 0.61) / 0.195])


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ([0.6, 0.6], [0.6, 0.6]),
        ([0.6, 0.6], [0.5, 0.5]),
        ([0.6, 0.6], [0.7, 0.75]),
        ([0.6], [0.9]),
        ([NAN, 0.6], [0.9, 0.9]),
    ],
    ids=[
        "no gap",
        "negative gap",
        "interval of the gap holds 0",
        "one seed",
        "one seed in common",
    ],
)
def test_gap_closed_is_blank_where_the_gap_is_not_clear(
    source: list[float], target: list[float]
) -> None:
    assert np.isnan(
        measures.gap_closed(np.full((2, len(source)), 0.7), np.array(source), np.array(target))
    ).all()


def test_a_gap_that_few_patients_make_is_not_clear() -> None:
    source, target, method = np.full(3, 0.6), np.full(3, 0.8), np.full((1, 3), 0.7)
    noise = np.random.default_rng(0).normal(0.2, 0.05, (1, 100))
    sure, unsure = np.repeat(noise, 3, 0), np.repeat(3 * noise, 3, 0)
    assert measures.gap_closed(method, source, target, sure, 20) == pytest.approx(0.5)
    assert np.isnan(measures.gap_closed(method, source, target, unsure, 20)).all()
    assert np.isnan(measures.gap_closed(method, source, target, sure, 1)).all()


def test_names_of_measures_at_k() -> None:
    assert measures.at("target", 5.0) == "target 5"
    assert measures.at("target", FULL) == "target full"
    assert measures.shots_of(
        "target", ["target 10", "target 2", "target full", "source forgetting 3"]
    ) == [2, 10]
