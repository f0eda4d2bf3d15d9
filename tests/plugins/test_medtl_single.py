"""Estimators of one target alone: nothing but its labels moves them."""

import numpy as np
import pytest
import torch
from medtl_single.alone import SingleTask
from medtl_single.estimators import SingleForest, SingleLogisticRegression, SingleSVM
from sklearn import svm

from medtl_bench.contract.split import Split
from medtl_bench.contract.task import Task
from medtl_bench.metrics.classes import balanced_accuracy
from medtl_bench.randomness import generator
from tests.simulated import CLASSES, VALUES, moons, sine_task

CLASSIFIERS = (SingleForest, SingleLogisticRegression, SingleSVM)
RANKED = Task("classification", ("a", "b"), ("roc_auc",))


def split(seed: int, rows: int = 200) -> Split:
    return moons(generator("single", seed), rows, 0)


def taught(cls: type[SingleTask], source: Split, support: Split, **options: float) -> SingleTask:
    learner = cls(CLASSES, generator("single learner"), **options)
    learner.fit([source], source.x)
    learner.adapt(support)
    return learner


@pytest.mark.parametrize("cls", CLASSIFIERS)
def test_before_any_label_every_row_has_the_same_answer(cls: type[SingleTask]) -> None:
    learner = cls(CLASSES, generator("single learner"))
    learner.fit([split(0)], split(1).x)
    assert torch.equal(learner.predict(split(1).x), torch.zeros(200, 2))


@pytest.mark.parametrize("cls", [SingleForest, SingleSVM])
def test_before_any_label_every_value_is_the_sources_mean(cls: type[SingleTask]) -> None:
    rows = sine_task(generator("single values"), 30)
    learner = cls(VALUES, generator("single learner"))
    learner.fit([rows], rows.x)
    assert torch.equal(learner.predict(rows.x), torch.zeros(30))


@pytest.mark.parametrize("cls", CLASSIFIERS)
def test_no_source_and_no_earlier_support_moves_an_answer(cls: type[SingleTask]) -> None:
    x = split(9).x
    first = taught(cls, split(0), split(2))
    other = taught(cls, split(1), split(2))
    assert torch.equal(first.predict(x), other.predict(x))
    again = cls(CLASSES, generator("single twice"))
    again.fit([split(0)], x)
    again.adapt(split(3))
    again.generator = generator("single learner")
    again.adapt(split(2))
    assert torch.equal(first.predict(x), again.predict(x))


@pytest.mark.parametrize("cls", CLASSIFIERS)
def test_it_learns_from_its_support(cls: type[SingleTask]) -> None:
    test = split(5)
    scores = taught(cls, split(0), split(2)).predict(test.x)
    assert balanced_accuracy(torch.softmax(scores, 1).numpy(), test.y.numpy()) > 0.8


@pytest.mark.parametrize("cls", CLASSIFIERS)
def test_a_support_of_one_class_is_answered_with_that_class(cls: type[SingleTask]) -> None:
    rows = split(2)
    learner = taught(cls, split(0), rows[rows.y == 1])
    assert (learner.predict(rows.x).argmax(1) == 1).all()


@pytest.mark.parametrize("cls", CLASSIFIERS)
def test_classes_weigh_alike_where_the_metric_says_so(cls: type[SingleTask]) -> None:
    assert cls(CLASSES, generator("weights")).class_weight == "balanced"
    assert cls(RANKED, generator("weights")).class_weight is None


def test_the_rows_of_a_support_are_limited() -> None:
    learner = taught(SingleSVM, split(0), split(2), rows=20)
    assert learner.estimator.shape_fit_[0] == 20


def test_values_of_the_machine_are_those_of_scikit_learn() -> None:
    rows = sine_task(generator("single values"), 60)
    learner = SingleSVM(VALUES, generator("single learner"), c=10.0, gamma=0.5)
    learner.fit([rows], rows.x)
    learner.adapt(rows)
    x = learner.flat(rows.x)
    wanted = svm.SVR(C=10.0, gamma=0.5).fit(x, rows.y.numpy()).predict(x)
    np.testing.assert_allclose(learner.predict(rows.x).numpy(), wanted, atol=2e-3)
