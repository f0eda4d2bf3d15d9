"""What a record may say of classes confused and of groups of patients."""

import pytest

from medtl_bench.errors import IntegrityError
from medtl_bench.results.possible import check_possible
from medtl_bench.results.record import Score
from tests.records import METRIC, record


def told(metric: str, value: float):
    return record(scores=(Score("fit", None, None, None, "b", metric, value, 9),))


@pytest.mark.parametrize(
    "metric", ["confusion 0 1", f"{METRIC} sex = female", f"source_threshold_{METRIC}"]
)
def test_a_share_by_class_by_group_or_at_a_threshold_may_be_told(metric):
    check_possible(told(metric, 0.5))
    with pytest.raises(IntegrityError, match=r"1\.5, not within 0 and 1"):
        check_possible(told(metric, 1.5))


def test_a_group_is_scored_by_a_metric_of_the_task():
    with pytest.raises(IntegrityError, match="none of its task's"):
        check_possible(told("mcc sex = female", 0.5))
