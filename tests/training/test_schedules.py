"""Schedules: where they begin, and what the papers' formulas give."""

from itertools import pairwise

import pytest

from medtl_bench.training.schedules import SCHEDULES


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_schedule_begins_at_the_learning_rate_and_never_rises(schedule):
    factors = [SCHEDULES[schedule](step / 100) for step in range(100)]
    assert factors[0] == 1
    assert all(later <= earlier for earlier, later in pairwise(factors))


def test_factors_are_those_of_the_papers():
    assert SCHEDULES["inverse"](0.5) == pytest.approx(6**-0.75)
    assert SCHEDULES["cosine"](0.5) == pytest.approx(0.5)
