import pytest

from medtl_bench.board.directions import higher_is_better, lower_is_better
from tests.records import record


def test_directions_are_those_that_the_records_tell_whatever_is_installed() -> None:
    mine = record(metrics=("mine", "rmse"), lower_is_better=("mine",))
    theirs = record(metrics=("concordance", "rmse"), lower_is_better=("rmse",))
    assert lower_is_better([mine]) == {"mine"}
    assert lower_is_better([mine, theirs]) == {"mine", "rmse"}
    assert lower_is_better([]) == set()


@pytest.mark.parametrize("prefix", ["", "task_aware_", "marked_", "task_aware_marked_"])
def test_a_prefix_changes_no_direction(prefix: str) -> None:
    assert not higher_is_better(f"{prefix}error", {"error"})
    assert higher_is_better(f"{prefix}dice", {"error"})
