"""Where answers of two classes are cut: chosen on the sources' validation splits alone."""

from dataclasses import dataclass, replace

import pytest
import torch

from medtl_bench.contract.algorithm import Algorithm
from medtl_bench.contract.split import Domain, Split
from medtl_bench.contract.task import Task
from medtl_bench.protocols import threshold
from medtl_bench.protocols.examiner import Clock
from medtl_bench.protocols.transfer import transfer
from medtl_bench.protocols.withheld import blinded

CUT = "source_threshold_balanced_accuracy"
BIAS = 3.0  # of the scores: all are said to be of class 0


@dataclass
class Biased(Algorithm):
    """Ranks rows rightly, with a threshold that is off."""

    def fit(self, sources, unlabelled):
        pass

    def adapt(self, support):
        pass

    def predict(self, x):
        return torch.stack([torch.full((len(x),), BIAS), x[:, 0]], 1)


def split(first: int, rows: int) -> Split:
    number = torch.arange(first, first + rows)
    y = number % 2
    return Split(2.0 * y[:, None] - 1 + number[:, None] / 1000, y)


def scored(make_dataset, change=lambda dataset: dataset):
    starts = zip("abc", range(0, 180, 60), strict=True)
    domains = tuple(
        Domain(name, split(n, 24), split(n + 24, 12), split(n + 36, 20)) for name, n in starts
    )
    dataset = change(make_dataset(domains=domains))
    learned = transfer(
        dataset, dataset.transfer("to-c"), Biased, seed=0, shots=(1,), draws=1, clock=Clock()
    )
    return {(s.stage, s.domain, s.metric): s.value for s in learned}


def test_a_ranking_whose_threshold_is_off_is_told_from_one_that_ranks_badly(make_dataset):
    found = scored(make_dataset)
    for stage in ("fit", "adapt", "full"):
        assert found[stage, "c", "balanced_accuracy"] == 0.5
        assert found[stage, "c", "roc_auc"] == found[stage, "c", CUT] == 1
    assert ("validation", "a", CUT) not in found


def test_no_label_of_a_target_moves_the_threshold(make_dataset):
    def turned(dataset):
        *sources, target = dataset.domains
        other = [replace(s, y=1 - s.y) for s in target.splits().values()]
        return replace(dataset, domains=(*sources, Domain("c", *other)), checked=True)

    before, after = scored(make_dataset), scored(make_dataset, turned)
    assert (before["fit", "c", CUT], after["fit", "c", CUT]) == (1, 0)
    assert before["fit", "a", CUT] == after["fit", "a", CUT]


def test_there_is_none_where_labels_are_withheld(make_dataset):
    assert not scored(make_dataset, blinded)


@pytest.mark.parametrize(
    "task",
    [
        Task("classification", ("a", "b", "c")),
        Task("classification", ("a", "b"), ("roc_auc", "brier")),
        Task("regression"),
    ],
)
def test_there_is_none_for_other_tasks(task):
    outputs, y = torch.randn(6, 2), torch.arange(6) % 2
    assert threshold.chosen(task, [(outputs, y)]) is None
    assert threshold.cut(outputs, y, None) == {}


def test_it_is_of_pooled_answers_and_needs_both_classes():
    task, y = Task("classification", ("a", "b")), torch.arange(6) % 2
    outputs = torch.stack([torch.zeros(6), y + 1.0], 1)
    assert threshold.chosen(task, []) is threshold.chosen(task, [(outputs, 0 * y)]) is None
    pooled = [(outputs[y == 0], y[y == 0]), (outputs[y == 1], y[y == 1])]
    low, high = torch.tensor([1.0, 2.0]).sigmoid()
    assert low < threshold.chosen(task, pooled) < high
