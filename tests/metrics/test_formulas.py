import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from medtl_bench.arrays import Floats
from medtl_bench.metrics import formulas

NAN = float("nan")
R = np.array([[0.9, 0.5, 0.4], [0.7, 0.8, 0.6], [0.8, 0.6, 0.7]])
B = np.array([0.5, 0.45, 0.3])


def test_stream_formulas_by_hand() -> None:
    assert formulas.average_accuracy(R) == pytest.approx((0.8 + 0.6 + 0.7) / 3)
    assert formulas.forgetting(R) == pytest.approx(((0.9 - 0.8) + (0.8 - 0.6)) / 2)
    assert formulas.backward_transfer(R) == pytest.approx(((0.8 - 0.9) + (0.6 - 0.8)) / 2)
    assert formulas.forward_transfer(R, B) == pytest.approx(((0.5 - 0.45) + (0.6 - 0.3)) / 2)


def test_a_domain_without_scores_is_left_out_of_the_means() -> None:
    r = np.full((4, 4), NAN)
    whole = np.array([0, 1, 3])
    r[:, whole] = np.insert(R, 2, [0.1, 0.2, 0.3], axis=0)
    b, scored = np.array([0.5, 0.45, NAN, 0.3]), np.array([True, True, False, True])
    assert formulas.average_accuracy(r, scored) == pytest.approx((0.8 + 0.6 + 0.7) / 3)
    assert formulas.forgetting(r, scored) == pytest.approx(((0.9 - 0.8) + (0.8 - 0.6)) / 2)
    assert formulas.backward_transfer(r, scored) == pytest.approx(((0.8 - 0.9) + (0.6 - 0.8)) / 2)
    ahead = formulas.forward_transfer(r, b, scored)
    assert ahead == pytest.approx(((0.5 - 0.45) + (0.3 - 0.3)) / 2)
    assert np.isnan(formulas.average_accuracy(r))
    assert np.isnan(formulas.forgetting(r, np.array([False, False, False, True])))


def test_forgetting_takes_the_maximum_before_the_last_domain_and_can_be_negative() -> None:
    r = np.array([[0.5, 0.9, 0.0], [0.6, 0.7, 0.0], [0.8, 0.8, 1.0]])
    assert formulas.forgetting(r) == pytest.approx(((0.6 - 0.8) + (0.9 - 0.8)) / 2)


@given(
    arrays(float, (4, 3, 3), elements=st.floats(0, 1)),
    arrays(float, (4, 3), elements=st.floats(0, 1)),
)
def test_stream_formulas_agree_with_loops(r: Floats, b: Floats) -> None:
    for one, square in enumerate(r):
        forgot = np.mean([max(square[i, j] - square[2, j] for i in range(2)) for j in range(2)])
        assert formulas.forgetting(r)[one] == pytest.approx(forgot)
        assert formulas.backward_transfer(r)[one] == pytest.approx(
            np.mean([square[2, j] - square[j, j] for j in range(2)])
        )
        ahead = np.mean([square[j - 1, j] - b[one, j] for j in (1, 2)])
        assert formulas.forward_transfer(r, b)[one] == pytest.approx(ahead)


@given(st.floats(0, 1), st.sets(st.integers(1, 100), min_size=1))
def test_area_of_a_constant_is_the_constant(value: float, shots: set[int]) -> None:
    k = sorted(shots)
    assert formulas.few_shot_area(np.full(len(k) + 1, value), k) == pytest.approx(value)


def test_area_by_hand() -> None:
    # log2(1 + k) of k = 0, 1, 3 is 0, 1, 2: two trapezia of width 1
    assert formulas.few_shot_area(np.array([0.2, 0.6, 1.0]), [1, 3]) == pytest.approx(
        (0.4 + 0.8) / 2
    )


def test_area_weighs_by_the_width_of_the_steps() -> None:
    # k = 0, 1, 7: widths 1 and 2
    assert formulas.few_shot_area(np.array([0.0, 1.0, 1.0]), [1, 7]) == pytest.approx(
        (0.5 + 2.0) / 3
    )


def test_area_without_a_point_is_not_there() -> None:
    assert np.isnan(formulas.few_shot_area(np.array([0.2, NAN, 1.0]), [1, 3]))
    assert np.isnan(formulas.few_shot_area(np.array([0.2]), []))
