"""Which metrics there are of each kind of task, and the direction that each claims."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtl_bench.metrics import registry

CLASSES = st.integers(2, 5)
SEEDS = st.integers(0, 2**32 - 1)


def test_metrics_of_a_class_are_known_by_its_number_and_their_direction():
    y = np.arange(3).repeat(12).reshape(1, 6, 6)
    right = np.moveaxis(np.eye(3)[y], -1, 1)
    for number in (1, 2):
        dice, distance = (registry.METRICS[f"{name}_class_{number}"] for name in ("dice", "hd95"))
        assert (dice.score(right, y), distance.score(right, y)) == (1, 0)
        assert (dice.higher_is_better, distance.higher_is_better) == (True, False)
        assert dice.classes == distance.classes == number + 1


@pytest.mark.parametrize("kind", ["classification", "segmentation", "regression"])
def test_the_defaults_of_a_kind_fit_it_and_the_first_is_better_when_higher(kind):
    assert set(registry.defaults(kind)) <= set(registry.names(kind))
    assert registry.METRICS[registry.defaults(kind)[0]].higher_is_better


def test_better_answers_get_better_scores_in_the_direction_each_metric_claims():
    y = np.arange(20) % 2
    sure = np.stack([1 - y, y], 1) * 0.8 + 0.1
    worse = np.where((np.arange(20) < 5)[:, None], 1 - sure, sure)
    for name in set(registry.names("classification")) - set(registry.INTEGRATION):
        metric = registry.METRICS[name]
        good, bad = metric.score(sure, y), metric.score(worse, y)
        assert (good > bad) == metric.higher_is_better, name


@pytest.mark.parametrize("name", [*registry.METRICS])
def test_a_range_is_as_the_formula_has_it_and_answers_right_and_wrong_lie_in_it(name):
    metric = registry.METRICS[name]
    assert metric.lowest > -math.inf
    assert metric.lowest < metric.highest
    if metric.of == "embedding":
        return
    kind, draw = metric.kinds[0], np.random.default_rng(0)
    for _ in range(20):
        if kind == "regression":
            arrays = draw.normal(6, 2, 30), draw.normal(6, 2, 30)
        else:
            shape = (6, 5, 5) if kind == "segmentation" else (30,)
            classes = max(2, metric.classes)
            y = draw.integers(classes, size=shape)
            logits = draw.normal(0, 3, (shape[0], classes, *shape[1:]))
            arrays = np.exp(logits) / np.exp(logits).sum(1, keepdims=True), y
        value = metric.score(*arrays)
        assert math.isnan(value) or not metric.beyond(value), value


OF_PREDICTIONS = [name for name, metric in registry.METRICS.items() if metric.of == "predictions"]


@pytest.mark.parametrize("name", OF_PREDICTIONS)
@given(seed=SEEDS, few=st.integers(1, 3))
def test_whether_a_metric_is_defined_depends_on_the_labels_alone(name, seed, few):
    metric, draw = registry.METRICS[name], np.random.default_rng(seed)
    classes = 2 if metric.binary else max(3, metric.classes)
    shape = (2, 3, 3) if metric.kinds[0] == "segmentation" else (8,)
    y = draw.integers(min(few, classes), size=shape)  # some classes have no rows
    answers = [np.zeros_like(y), draw.integers(classes, size=shape), y]
    if metric.kinds[0] == "regression":
        y = y.astype(float) + 6
    else:
        answers = [np.moveaxis(np.eye(classes)[answer], -1, 1) for answer in answers]
    assert len({math.isfinite(metric.score(answer, y)) for answer in answers}) == 1


def test_a_value_beyond_a_range_is_told():
    assert registry.METRICS["mcc"].beyond(-1.1) == "-1.1, not within -1 and 1"
    assert registry.METRICS["accuracy"].beyond(float("nan")) == "nan, not within 0 and 1"
    assert not registry.METRICS["accuracy"].beyond(1 + 1e-9)
