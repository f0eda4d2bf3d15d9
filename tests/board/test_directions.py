import pytest

from medtl_bench.board.directions import higher_is_better, lower_is_better
from tests.records import record, transfer_scores


def test_metrics_named_and_metrics_scored_are_collected() -> None:
    scored = transfer_scores(0.5, extra={"marked_brier": 0.1, "roc_auc": 0.9})
    lower = lower_is_better([record(metrics=("rmse", "concordance"), scores=scored)])
    assert lower == {"rmse", "brier"}
    assert lower_is_better([]) == set()


@pytest.mark.parametrize("prefix", ["", "task_aware_", "marked_", "task_aware_marked_"])
def test_a_prefix_changes_no_direction(prefix: str) -> None:
    assert not higher_is_better(f"{prefix}error", {"error"})
    assert higher_is_better(f"{prefix}dice", {"error"})
