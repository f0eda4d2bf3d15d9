"""Which sampling fits a metric."""

import pytest

from medtl_bench.contract.sampling import OF_RARE_CLASSES, sampling_for
from medtl_bench.metrics import registry


def test_the_metrics_of_rare_classes_are_metrics_of_classes():
    assert set(registry.names("classification")) >= OF_RARE_CLASSES


@pytest.mark.parametrize(
    ("kind", "metric", "sampling"),
    [
        ("classification", "balanced_accuracy", "balanced"),
        ("classification", "ef1", "balanced"),
        ("classification", "roc_auc", "natural"),
        ("segmentation", "dice", "natural"),
        ("regression", "concordance", "natural"),
    ],
)
def test_rare_classes_are_sampled_more_often_where_the_metric_weighs_them_so(
    kind, metric, sampling
):
    assert sampling_for(kind, metric) == sampling
