"""The controls: labels that tell nothing, and trainings that go on."""

import torch
from medtl_controls.controls import TIMES, ConvergedSource, ConvergedTarget, ShuffledLabels
from medtl_toy.dataset import vectors

from medtl_bench.contract.algorithm import Algorithm
from medtl_bench.metrics.classes import balanced_accuracy
from medtl_bench.randomness import generator

DATA = vectors()
TARGET = DATA.domains[-1]
STEPS = 40


def trained(cls: type[Algorithm], seed: int) -> Algorithm:
    learner = cls(DATA.task, generator("controls", seed), steps=STEPS, adapt_steps=STEPS)
    learner.fit([domain.train for domain in DATA.domains[:-1]], TARGET.train.x)
    learner.adapt(TARGET.train)
    return learner


def scored(cls: type[Algorithm], seed: int) -> float:
    scores = trained(cls, seed).predict(TARGET.test.x)
    return float(balanced_accuracy(torch.softmax(scores, 1).numpy(), TARGET.test.y.numpy()))


def test_shuffled_labels_teach_nothing_and_the_converged_target_much() -> None:
    low = [scored(ShuffledLabels, seed) for seed in range(4)]
    high = [scored(ConvergedTarget, seed) for seed in range(4)]
    assert abs(sum(low) / 4 - 0.5) < 0.12
    assert min(high) > 0.85


def test_labels_are_dealt_out_anew_by_the_learners_generator() -> None:
    split = TARGET.train
    learners = [ShuffledLabels(DATA.task, generator("deal", seed)) for seed in (0, 0, 1)]
    first, again, other = (learner._shuffled(split).y for learner in learners)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first, split.y)
    assert torch.equal(first.sort().values, split.y.sort().values)


def test_the_converged_target_takes_four_times_the_steps_from_fresh_weights(monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(ConvergedTarget, "train", lambda *args: asked.append(args[1:]))
    trained(ConvergedTarget, 0)
    ((_, rows, unlabelled, steps),) = asked
    assert steps == TIMES * STEPS
    assert rows == [TARGET.train]
    assert unlabelled is None


def test_the_converged_source_takes_four_times_the_steps_and_no_label_of_the_target(
    monkeypatch,
) -> None:
    asked = []
    monkeypatch.setattr(ConvergedSource, "train", lambda *args: asked.append(args[1:]))
    trained(ConvergedSource, 0)
    ((_, rows, _, steps),) = asked
    assert steps == TIMES * STEPS
    assert [len(split) for split in rows] == [len(d.train) for d in DATA.domains[:-1]]
