import numpy as np
import pytest

from medtl_bench.board import measures
from medtl_bench.board.tables import FULL

NAN = float("nan")


def test_gap_closed_by_hand() -> None:
    source, target = np.array([0.6, 0.62]), np.array([0.8, 0.78])
    method = np.array([[0.7, 0.7], [0.6, 0.62], [0.9, 0.92]])
    closed = measures.gap_closed(method, source, target)
    np.testing.assert_allclose(closed.mean(1), [(0.7 - 0.61) / 0.18, 0.0, (0.91 - 0.61) / 0.18])


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ([0.6, 0.6], [0.6, 0.6]),
        ([0.6, 0.6], [0.5, 0.5]),
        ([0.6, 0.6], [0.5, 0.71]),
        ([0.6], [0.9]),
        ([NAN, 0.6], [0.9, 0.9]),
    ],
    ids=[
        "no gap",
        "negative gap",
        "gap under its standard error",
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


def test_names_of_measures_at_k() -> None:
    assert measures.at("target", 5.0) == "target 5"
    assert measures.at("target", FULL) == "target full"
    assert measures.shots_of(
        "target", ["target 10", "target 2", "target full", "source forgetting 3"]
    ) == [2, 10]
