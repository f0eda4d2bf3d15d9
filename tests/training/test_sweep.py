"""Learners whose hyper-parameters differ in numbers, trained as one.

Each must come out as it does by itself; what reads a number in Python must be noticed.
"""

from dataclasses import dataclass, replace
from functools import partial

import pytest
import torch
from medtl_augment.augmix import AugMix
from medtl_augment.mixing import Mixup
from medtl_baselines.bounds import Joint, TargetOnly
from medtl_baselines.finetune import FineTune
from medtl_dann.dann import DANN
from medtl_ewc.ewc import EWC
from medtl_maml.maml import MAML
from torch import Tensor, nn

from medtl_bench import cooperative
from medtl_bench.training import reference
from medtl_bench.training.method import Training, numbers_of
from medtl_bench.training.stacked import Stacker
from tests.stacks import TASK, counted, fitted, rows, weights

CLOSE = {"rtol": 1e-6, "atol": 1e-8}
RATES = (0.01, 0.001, 0.003)
SWEPT = {
    FineTune: {},
    Joint: {},
    TargetOnly: {},
    DANN: {"weight": (1.0, 0.1, 3.0), "gamma": (10.0, 5.0, 1.0)},
    EWC: {"weight": (300.0, 3.0, 30.0), "decay": (0.5, 0.9, 0.1)},
    MAML: {"inner_rate": (0.1, 0.01, 0.4)},
    Mixup: {"alpha": (0.2, 1.0, 0.4)},
}


def draws(numbers, seeds: int = 1) -> list[dict[str, float]]:
    """Return the keywords of three draws, each for so many seeds."""
    numbers = {"learning_rate": RATES} | numbers
    each = [{name: values[n] for name, values in numbers.items()} for n in range(3)]
    return [{"seed": seed} | draw for seed in range(seeds) for draw in each]


def swept(method, numbers, seeds: int = 1, close=CLOSE, **options) -> tuple[Stacker, list[int]]:
    """Train draws beside each other and alone, and assert that they agree."""
    stacker, sizes, serve = counted()
    works = [partial(fitted, method, **draw, **options) for draw in draws(numbers, seeds)]
    strands = cooperative.run(works, serve, 64)
    for strand, work in zip(strands, works, strict=True):
        torch.testing.assert_close(weights(strand.result()), weights(work()), **close)
    return stacker, sizes


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("method", SWEPT)
def test_draws_of_numbers_are_one_stack_and_each_comes_out_as_alone(method):
    stacker, sizes = swept(method, SWEPT[method], seeds=2)
    assert stacker.alone == {}
    assert stacker.apart == {}
    assert set(sizes) == {6}


@pytest.mark.parametrize("method", [*SWEPT, "Tensors"])
def test_the_precision_of_numbers_is_no_matter_of_types(method):
    method, numbers = (Tensors, NUMBERS) if method == "Tensors" else (method, SWEPT[method])
    close = {"rtol": 1e-2, "atol": 1e-3}  # Adam makes whole steps of rounding
    stacker, sizes = swept(method, numbers, close=close)
    assert (stacker.alone, stacker.apart, set(sizes)) == ({}, {}, {3})


@pytest.mark.usefixtures("double")
def test_second_orders_and_images_sweep_too():
    assert swept(MAML, SWEPT[MAML], first_order=True, inner_steps=2)[0].apart == {}
    images = [rows(seed, shape=(1, 8, 8)) for seed in range(2)]
    numbers = {"weight": (12.0, 1.0, 3.0), "severity": (0.3, 0.1, 0.5)}
    assert swept(OnlyFitted, numbers, sources=images, steps=4)[0].apart == {}


class OnlyFitted(AugMix):
    def adapt(self, support):
        pass


@dataclass
class Decaying(FineTune):
    """Weights decay by a number; its seen type is noted."""

    decay: float = 0.1

    def objective(self, net, batch):
        return self.supervised(net, batch) + self.amount() * size(net)

    def amount(self):
        return self.decay


def size(net) -> Tensor:
    return sum(value.square().sum() for value in net.parameters.values())


NUMBERS = {"decay": (0.1, 0.3, 1.0)}


@dataclass
class Doubled(Decaying):
    def amount(self):
        decay = self.decay
        decay *= 2
        return decay


@dataclass
class Tensors(Decaying):
    """Does with a number what works for tensors and numbers alike."""

    def amount(self):
        scale = 2**self.decay + 1 / self.decay - self.decay**2
        return abs(scale) * torch.where(torch.ones(2) > self.decay, 1.0, self.decay).sum()


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("method", [Decaying, Doubled, Tensors])
def test_what_calculates_with_a_number_stacks(method):
    stacker, _ = swept(method, NUMBERS, seeds=2)
    assert (stacker.alone, stacker.apart) == ({}, {})


@dataclass
class Branching(Decaying):
    def amount(self):
        return self.decay if self.decay > 0.2 else 0.0


@dataclass
class Clipped(Decaying):
    def amount(self):
        return max(0.2, self.decay)


@dataclass
class Converted(Decaying):
    def amount(self):
        return float(self.decay)


@dataclass
class Shown(Decaying):
    """Reads the number from its text, or what a tensor is not."""

    def amount(self):
        text = repr(self.decay)
        return float(text) if text.replace(".", "").isdigit() else 0.3


@dataclass
class AsksForTheType(Decaying):
    def amount(self):
        return self.decay if isinstance(self.decay, float) else 0.3


@dataclass
class FallsBack(Decaying):
    """Hides that a number cannot be read."""

    def amount(self):
        try:
            return float(self.decay)
        except RuntimeError:
            return 1.0


@dataclass
class FallsBackLate(FallsBack):
    def objective(self, net, batch):
        late = float(batch.progress) > 0.8
        return self.supervised(net, batch) + (self.amount() if late else self.decay) * size(net)


class Fixed(nn.Module):
    def __init__(self, decay: float) -> None:
        super().__init__()
        self.decay = decay


@dataclass
class InAModule(Decaying):
    """Reads the number once in Python, into a module that does not show it."""

    def parts(self):
        return {"fixed": Fixed(self.decay)}

    def objective(self, net, batch):
        return self.supervised(net, batch) + net.module["fixed"].decay * size(net)


PYTHON = [
    Branching, Clipped, Converted, Shown, AsksForTheType, FallsBack, FallsBackLate, InAModule,
]  # fmt: skip


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("method", PYTHON)
def test_numbers_read_in_python_are_noticed_and_equal_ones_still_stack(method):
    stacker, _ = swept(method, NUMBERS, seeds=2)
    assert stacker.alone == {}
    assert {program[0] for program in stacker.apart} == {method}


@pytest.mark.usefixtures("double")
def test_learners_that_only_differ_are_trained_one_by_one_with_the_reason():
    stacker, _ = swept(Branching, NUMBERS)
    (reason,) = stacker.alone
    assert "data-dependent" in reason
    assert stacker.alone[reason] == 3  # `adapt` reads no number


def test_where_numbers_are_equal_an_objective_sees_them_as_alone(monkeypatch):
    seen = []
    monkeypatch.setattr(Decaying, "amount", lambda self: seen.append(self.decay) or self.decay)
    works = [partial(fitted, Decaying, seed, learning_rate=RATES[seed]) for seed in range(3)]
    cooperative.run(works, Stacker(), 64)
    assert {type(number) for number in seen} == {float}


@dataclass
class Optioned(FineTune):
    weight: float | None = 1.0
    count: int = 1
    on: bool = False


def test_only_real_numbers_of_a_method_and_the_learning_rate_may_differ():
    learner = Optioned(TASK, torch.Generator())
    of_the_descent = {"momentum": 0.9, "weight_decay": 0.0, "clip_norm": 0.0, "average": 0.0}
    assert numbers_of(learner) == {"learning_rate": 1e-3, "weight": 1.0} | of_the_descent
    learner.build([rows(0)])

    def key(**changed):
        other = replace(learner, **changed)
        other.net = learner.net
        return Training(other, other.objective, [rows(0)], None, 9).key

    assert key() == key(weight=2.0, learning_rate=0.1) == key(weight=float("nan"))
    changes = [{}, {"weight": None}, {"weight": 1}, {"count": 2}, {"on": True}, {"width": 8}]
    assert len({key(**change) for change in changes}) == len(changes)


def test_no_number_is_the_same_in_all_learners_that_are_held():
    def trainings(weights, gammas):
        pairs = zip(weights, gammas, strict=True)
        learners = [DANN(TASK, torch.Generator(), weight=w, gamma=g) for w, g in pairs]
        return [Training(one, one.objective, [rows(0)], None, 9) for one in learners]

    def chosen(*numbers):
        return reference._chosen(trainings(*numbers))

    assert chosen([1.0] * 4, [2.0] * 4) == [3]
    assert chosen([1.0, 9.0, 5.0, 2.0], [2.0] * 4) == [3, 1]
    assert chosen([1.0, 9.0, 5.0, 2.0], [1.0, 4.0, 3.0, 2.0]) == [3, 1]
    assert chosen([1.0, 9.0, 5.0, 2.0], [7.0, 2.0, 3.0, 2.0]) == [3, 1, 0]


def test_a_number_is_held_once_however_many_stacks_differ_in_it(monkeypatch):
    held = []
    made = reference.references
    monkeypatch.setattr(
        "medtl_bench.training.stacked.references",
        lambda trainings, steps: held.append(steps) or made(trainings, steps),
    )
    stacker = Stacker()

    def run(**numbers):
        works = [partial(fitted, OnlyFit, seed, **numbers, decay=RATES[seed]) for seed in range(3)]
        cooperative.run(works, stacker, 64)

    run()
    run()
    assert held == [12]


class OnlyFit(Decaying):
    def adapt(self, support):
        pass
