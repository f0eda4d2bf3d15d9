"""Learners trained as one: each must come out as it does by itself.

What cannot be stacked must still be trained.
"""

from dataclasses import dataclass, field, replace
from functools import partial
from typing import ClassVar

import pytest
import torch
from medtl_baselines.bounds import Joint, TargetOnly
from medtl_baselines.finetune import FineTune
from medtl_dann.dann import DANN
from medtl_ewc.ewc import EWC
from medtl_maml.maml import MAML
from tensordict import TensorDict
from torch import nn

from medtl_bench import cooperative
from medtl_bench.contract.split import Split
from medtl_bench.protocols.examiner import Clock
from medtl_bench.protocols.stream import stream
from medtl_bench.protocols.transfer import transfer
from medtl_bench.training import stacked
from medtl_bench.training.method import Training
from tests.stacks import CLOSE, TASK, compared, counted, fitted, rows, weights


@pytest.mark.parametrize("method", [FineTune, DANN, EWC, Joint, TargetOnly])
def test_a_stack_trains_each_learner_as_it_would_be_alone(method):
    stacker, sizes = compared(method)
    assert stacker.alone == {}
    assert set(sizes) == {3}


OPTIONS = {
    "momentum": {"optimiser": "sgd", "learning_rate": 0.05},
    "falling rate": {"optimiser": "sgd", "schedule": "inverse", "weight_decay": 0.1},
    "cosine": {"schedule": "cosine", "weight_decay": 0.1},
    "clipped": {"clip_norm": 0.05, "optimiser": "sgd", "learning_rate": 0.5},
    "average": {"average": 0.9},
    "frozen": {"frozen": "features"},
    "balanced": {"sampling": "balanced", "batch_size": 7},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("method", [FineTune, DANN, MAML])
def test_options_of_the_loop_do_to_a_stack_what_they_do_to_each(method, options, double):
    stacker, sizes = compared(method, **options)
    assert stacker.alone == {}
    assert set(sizes) == {3}
    plain, other = weights(fitted(method, 0)), weights(fitted(method, 0, **options))
    assert not torch.allclose(plain, other, atol=1e-4)


def test_bounds_of_one_budget_stack():
    many = [rows(seed) for seed in range(6)]
    for method in (Joint, TargetOnly):
        assert compared(method, sources=many, one_budget=True)[0].alone == {}


def test_meta_learning_stacks_too_in_both_orders():
    for first_order in (False, True):
        stacker, _ = compared(MAML, first_order=first_order)
        assert stacker.alone == {}


@pytest.mark.parametrize("online", [False, True])
def test_springs_are_each_learners_own(make_dataset, online):
    dataset = make_dataset()

    def trial(seed):
        make = partial(EWC, steps=10, adapt_steps=10, online=online)
        return [
            s.value for s in stream(dataset, dataset.streams[0], make, seed=seed, clock=Clock())
        ]

    stacker = stacked.Stacker()
    tasks = cooperative.run([partial(trial, seed) for seed in range(3)], stacker, 64)
    assert stacker.alone == {}
    assert [task.result() for task in tasks] == [
        pytest.approx(trial(seed), abs=1e-4) for seed in range(3)
    ]


def test_a_whole_protocol_scores_the_same_and_branches_of_all_trials_are_stacked(make_dataset):
    dataset, (_, sizes, serve) = make_dataset(), counted()
    scenario = dataset.transfers[0]

    def trial(seed):
        make, clock = partial(FineTune, steps=10, adapt_steps=5), Clock()
        options = {"seed": seed, "shots": (1, 2), "draws": 2, "clock": clock}
        scores = list(transfer(dataset, scenario, make, **options))
        assert len(clock.calls["adapt"]) == 5 * len(scenario.targets)
        return scores

    tasks = cooperative.run([partial(trial, seed) for seed in range(2)], serve, 64)
    for seed, task in enumerate(tasks):
        same_scores(task.result(), trial(seed))
    assert sizes[0] == 2
    assert max(sizes) == 4 * len(scenario.targets)


def same_scores(ours, theirs):
    assert [s._replace(value=0) for s in ours] == [s._replace(value=0) for s in theirs]
    assert [s.value for s in ours] == pytest.approx([s.value for s in theirs], abs=1e-4)


def test_images_masks_pairs_and_many_sources_stack():
    images = [rows(seed, shape=(1, 8, 8)) for seed in range(2)]
    fit_only = partial_fit_only(FineTune)
    # Adam's steps are of one size, so rounding moves weights whose gradient is near zero
    near_zero = {"rtol": 1e-2, "atol": 2e-3}
    stacker, _ = compared(fit_only, sources=images, width=32, close=near_zero)
    assert stacker.alone == {}
    pairs = [
        Split(TensorDict({"a": rows(s).x, "b": rows(s + 9).x}, batch_size=[24]), rows(s).y)
        for s in range(2)
    ]
    assert compared(fit_only, sources=pairs)[0].alone == {}
    assert compared(fit_only, sources=[rows(s) for s in range(6)])[0].alone == {}


def partial_fit_only(method):
    @dataclass
    class FitOnly(method):
        def adapt(self, support):
            pass

    return FitOnly


@dataclass
class Anchored(FineTune):
    """Reads a field of its own in the objective; with `state` empty, nobody can know of it."""

    anchor: torch.Tensor = field(init=False)

    def fit(self, sources, unlabelled):
        self.anchor = torch.rand((), generator=self.generator)
        super().fit(sources, unlabelled)

    def objective(self, net, batch):
        return (
            self.supervised(net, batch) + self.anchor * net.parameters["head.weight"].square().sum()
        )


def test_an_objective_that_reads_what_it_did_not_name_is_trained_one_by_one():
    stacker, _ = compared(Anchored)
    (reason,) = stacker.alone
    assert "anchor" in reason
    assert stacker.alone[reason] == 3


@dataclass
class NamedAnchor(Anchored):
    state: ClassVar[tuple[str, ...]] = ("anchor",)


def test_what_it_names_is_stacked():
    assert compared(NamedAnchor)[0].alone == {}


@dataclass
class OptedOut(FineTune):
    one_by_one: ClassVar[str] = "it writes to a file"


def test_a_method_can_opt_out_with_its_reason():
    assert compared(OptedOut)[0].alone == {"it writes to a file": 6}


@dataclass
class Noisy(FineTune):
    """Adds noise to its inputs, and says how much in a tensor of its own."""

    def augment(self, batch):
        noise = torch.randn(batch.x.shape, generator=self.generator)
        return replace(
            batch,
            x=batch.x + 0.1 * noise,
            extra={"weight": torch.rand((), generator=self.generator)},
        )

    def objective(self, net, batch):
        return (
            self.supervised(net, batch) * batch.extra["weight"]
            if batch.extra
            else self.supervised(net, batch)
        )


def test_augmented_batches_are_drawn_as_alone():
    assert compared(Noisy)[0].alone == {}


@dataclass
class Dropping(FineTune):
    def parts(self):
        return {"drop": nn.Dropout(0.5)}

    def objective(self, net, batch):
        x, y = batch.pooled()
        return self.task.loss(net.head(net.drop(net.features(x))), y)


class Sparse(Noisy):
    """Leaves out rows: how many are left is no matter of shapes."""

    def objective(self, net, batch):
        x, y = batch.pooled()
        return self.task.loss(net(x[x[:, 0] > 0]), y[x[:, 0] > 0])


def test_what_vmap_cannot_do_is_done_one_by_one_from_the_same_generator():
    stacker, _, serve = counted()
    tasks = cooperative.run([partial(fitted, Sparse, seed) for seed in range(2)], serve, 64)
    (reason,) = stacker.alone
    assert "vmap" in reason
    assert stacker.alone[reason] == 2  # `adapt` leaves no row out
    torch.testing.assert_close(weights(tasks[0].result()), weights(fitted(Sparse, 0)), **CLOSE)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("shape", [(5,), (1, 8, 8)])
def test_masks_of_dropout_are_each_learners_own(shape):
    images = [rows(seed, shape=shape) for seed in range(2)]
    stacker, _ = compared(partial_fit_only(Dropping), sources=images)
    assert stacker.alone == {}
    different = [fitted(Dropping, 0), fitted(FineTune, 0)]
    assert not torch.equal(*map(weights, different))


def test_a_learner_that_diverges_does_so_alone():
    def fit(seed):
        sources = [Split(rows(seed).x * (torch.inf if seed == 1 else 1), rows(seed).y)]
        return fitted(FineTune, seed, sources)

    tasks = cooperative.run([partial(fit, seed) for seed in range(3)], stacked.Stacker(), 64)
    assert [type(task.error) for task in tasks] == [type(None), FloatingPointError, type(None)]
    torch.testing.assert_close(weights(tasks[2].result()), weights(fit(2)), **CLOSE)


def test_only_what_is_equal_is_stacked():
    _, sizes, serve = counted()
    methods = [
        partial(fitted, FineTune, 0),
        partial(fitted, DANN, 1),
        partial(fitted, FineTune, 2, batch_size=8),
    ]
    cooperative.run([*methods, partial(fitted, FineTune, 3, steps=5)], serve, 64)
    assert set(sizes[:4]) == {1}


class Annealed(FineTune):
    """Weights decay more and more during the training.

    By a tensor, which a recorded step reads anew.
    """

    def objective(self, net, batch):
        return super().objective(net, batch) + batch.progress * decay(net)


class AnnealedInPython(FineTune):
    """The same by a number in Python, which a recorded step could not see change."""

    def objective(self, net, batch):
        return super().objective(net, batch) + (decay(net) if float(batch.progress) > 0.5 else 0.0)


def decay(net) -> torch.Tensor:
    return sum(value.square().sum() for value in net.parameters.values())


@pytest.mark.parametrize("method", [Annealed, AnnealedInPython])
def test_progress_is_that_of_each_step_whether_steps_are_recorded_or_not(method):
    stacker, sizes = compared(method, learning_rate=0.01)
    assert stacker.alone == {}
    assert set(sizes) == {3}


def test_a_stack_has_room_for_few_large_networks_and_many_small_ones():
    assert room(columns=5) == stacked.MOST
    assert 2 <= room(columns=50_000) < stacked.MOST


def room(columns: int) -> int:
    learner = FineTune(TASK, torch.Generator().manual_seed(0))
    learner.build([rows(0, shape=(columns,))])
    return stacked.room(Training(learner, learner.objective, [rows(0)], None, 1))


@dataclass
class Tied(FineTune):
    """Two layers share one weight."""

    def parts(self):
        first, second = nn.Linear(self.width, self.width), nn.Linear(self.width, self.width)
        second.weight = first.weight
        return {"first": first, "second": second}

    def objective(self, net, batch):
        x, y = batch.pooled()
        return self.task.loss(net.head(net.second(net.first(net.features(x)).tanh())), y)


def test_a_tied_weight_is_trained_through_both_its_names():
    stacker, _ = compared(Tied)
    assert stacker.alone == {}
    module = fitted(Tied, 0).net.module
    assert module["first"].weight is module["second"].weight
