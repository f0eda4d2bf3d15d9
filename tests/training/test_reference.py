"""What a stack does with steps that are more than a function of tensors.

Either each learner comes out as it does alone, or all are trained one by one and the reason
is told.
"""

import itertools
import random
import time
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar

import numpy as np
import pytest
import torch
from medtl_augment.mixing import Mixup
from medtl_baselines.finetune import FineTune
from medtl_dann.dann import DANN
from medtl_ewc.ewc import EWC
from medtl_maml.maml import MAML
from torch import nn
from torch.nn import functional as F

from medtl_bench import cooperative
from medtl_bench.contract.algorithm import copied
from medtl_bench.networks.build import build
from medtl_bench.training import reference, stacked
from medtl_bench.training.attributes import content
from tests.stacks import counted, fitted, rows, weights

pytestmark = pytest.mark.usefixtures("double")
STEPS = 60


class WithPart(FineTune):
    """Has a further part between features and head, in all trainings."""

    def part(self):
        raise NotImplementedError

    def parts(self):
        return {"between": self.part()}

    def supervised(self, net, batch):
        x, y = batch.pooled()
        return self.task.loss(net.head(net.between(net.features(x))), y)

    objective = supervised


def held_tensors(learner) -> dict[str, torch.Tensor]:
    state = {name: getattr(learner, name) for name in learner.state}
    return {**dict(learner.net.module.named_buffers()), **state}


def stacks(method, **options):
    """Assert that learners come out of a stack as alone, with all that they hold."""
    stacker, _, serve = counted()
    works = [partial(fitted, method, seed, **options) for seed in range(3)]
    strands = cooperative.run(works, serve, 64)
    assert stacker.alone == {}
    for strand, work in zip(strands, works, strict=True):
        ours, alone = strand.result(), work()
        torch.testing.assert_close(weights(ours), weights(alone), rtol=1e-6, atol=1e-8)
        for name, own in held_tensors(alone).items():
            torch.testing.assert_close(held_tensors(ours)[name], own, rtol=1e-6, atol=1e-8)


class Normed(WithPart):
    def part(self):
        return nn.BatchNorm1d(self.width)


class NormedByMean(WithPart):
    def part(self):
        return nn.BatchNorm1d(self.width, momentum=None)


class Counting(nn.Module):
    """Counts its calls in a buffer, which it divides by."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, z):
        self.calls += 1
        return z / self.calls


class CountedInPlace(WithPart):
    def part(self):
        return Counting()


class Averaging(nn.Module):
    """Sets its buffer anew, as people do who do not think of in-place operations."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))

    def forward(self, z):
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * z.mean(0).detach()
        return z - self.mean


class Averaged(WithPart):
    def part(self):
        return Averaging(self.width)


class AsksBetween(Normed):
    """Is asked before it adapts, as all are: then its network is in the mode of answers."""

    def adapt(self, support):
        self.predict(support.x)
        super().adapt(support)


@pytest.mark.parametrize("method", [Normed, AsksBetween, CountedInPlace, Averaged])
def test_buffers_that_a_step_changes_come_back_to_each_learner(method):
    stacks(method)


class Small(nn.Module):
    """A convolution and batch norm, averaged to one vector a row."""

    def __init__(self, width: int) -> None:
        super().__init__()
        layers = nn.Conv2d(1, width, 3), nn.BatchNorm2d(width), nn.Dropout2d(0.3), nn.ReLU()
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x).mean((2, 3))


class OfImages(FineTune):
    def build(self, sources):
        super().build(sources)
        with torch.random.fork_rng():
            torch.manual_seed(int(torch.randint(99, (), generator=self.generator)))
            self.net.module["features"] = Small(self.width)

    def adapt(self, support):
        pass


def test_batch_norm_and_dropout_of_images_too():
    stacks(OfImages, sources=[rows(seed, shape=(1, 8, 8)) for seed in range(2)])


@dataclass
class Teaching(FineTune):
    """Has a slow average of itself for a teacher, moved in the objective."""

    teacher: dict[str, torch.Tensor] = field(init=False, repr=False, default_factory=dict)
    state: ClassVar[tuple[str, ...]] = ("teacher",)

    def build(self, sources):
        super().build(sources)
        self.teacher = {name: p.detach().clone() for name, p in self.net.parameters.items()}

    def objective(self, net, batch):
        x, _ = batch.pooled()
        for name, own in self.teacher.items():
            own.mul_(0.9).add_(net.parameters[name].detach(), alpha=0.1)
        target = net.with_parameters(self.teacher)(x).softmax(1)
        return self.supervised(net, batch) - (target * net(x).log_softmax(1)).sum(1).mean()


def test_a_teacher_that_a_step_moves_comes_back():
    stacker, _, serve = counted()
    tasks = cooperative.run([partial(fitted, Teaching, seed) for seed in range(3)], serve, 64)
    assert stacker.alone == {}
    for seed, task in enumerate(tasks):
        alone = fitted(Teaching, seed)
        for name, own in alone.teacher.items():
            torch.testing.assert_close(task.result().teacher[name], own, rtol=1e-6, atol=1e-8)


class Frozen(FineTune):
    """Trains the head alone; each learner has drawn other features."""

    def build(self, sources):
        super().build(sources)
        self.net.module["features"].requires_grad_(requires_grad=False)


def test_what_is_frozen_stays_as_each_learner_has_it():
    stacks(Frozen)
    before = FineTune.build
    learner = fitted(Frozen, 0)
    assert before is not Frozen.build
    assert all(p.requires_grad == name.startswith("head") for name, p in named(learner))


def named(learner):
    return learner.net.module.named_parameters()


class Dropped(WithPart):
    def part(self):
        return nn.Sequential(nn.Dropout(0.3), nn.BatchNorm1d(self.width), nn.AlphaDropout(0.1))


def drawing(draw):
    """Return a method whose rows are moved by what a function draws, given them and the learner."""

    class Drawn(FineTune):
        def objective(self, net, batch):
            x, y = batch.pooled()
            return self.task.loss(net(x + draw(self, x)), y)

    return Drawn


DRAWS = {
    "rand": lambda _, x: torch.rand(x.shape[1]),
    "randn of its own": lambda own, x: torch.randn(x.shape, generator=own.generator),
    "rand_like": lambda _, x: torch.rand_like(x),
    "bernoulli": lambda _, x: torch.bernoulli(x.sigmoid()),
    "normal": lambda _, x: torch.normal(x, 0.1),
    "randint": lambda _, x: torch.randint(3, (len(x), 1)).to(x.dtype),
    "gumbel": lambda _, x: F.gumbel_softmax(x),
    "order": lambda _, x: x[torch.randperm(len(x))],
    "multinomial": lambda _, x: x.gather(1, torch.multinomial(x.sigmoid(), 2)).sum(1)[:, None],
    "uniform_": lambda _, x: torch.empty_like(x).uniform_(-1, 1),
    "two kinds": lambda own, x: torch.rand(1) * torch.rand(1, generator=own.generator),
    "drawn in vain": lambda _, x: 0 * torch.rand(1) + torch.rand(1),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_what_torch_draws_is_each_learners_own(draw):
    method = drawing(draw)
    stacks(method)
    torch.manual_seed(1)
    first = weights(fitted(method, 0))
    torch.manual_seed(2)
    assert torch.equal(first, weights(fitted(method, 0)))


def test_dropout_in_the_network_is_each_learners_own():
    stacks(Dropped)


class DrawsLate(FineTune):
    def objective(self, net, batch):
        x, y = batch.pooled()
        if float(batch.progress) > 0.5:
            x = x + torch.rand(x.shape)
        return self.task.loss(net(x), y)


class DrawsItsOwnLate(FineTune):
    def objective(self, net, batch):
        x, y = batch.pooled()
        if float(batch.progress) > 0.5:
            x = x + torch.rand(x.shape, generator=self.generator)
        return self.task.loss(net(x), y)


@pytest.mark.parametrize("method", [DrawsLate, DrawsItsOwnLate])
def test_draws_that_begin_late_send_a_method_to_training_one_by_one(method):
    stacker, _, serve = counted()
    works = [partial(fitted, method, seed) for seed in range(3)]
    cooperative.run(works, serve, 64)
    (reason,) = stacker.alone
    assert "draws in some steps" in reason


def one_by_one(method, *words: str, steps: int = STEPS, **options):
    """Assert that learners are trained one by one, with words in the reason, and as alone."""
    stacker, _, serve = counted()
    works = [partial(fitted, method, seed, steps=steps, **options) for seed in range(3)]
    seed_everything()
    strands = cooperative.run(works, serve, 64)
    told = " ".join(stacker.alone)
    assert [word for word in words if word not in told] == []
    assert stacker.alone
    for strand, work in zip(strands, works, strict=True):
        seed_everything()
        torch.testing.assert_close(weights(strand.result()), weights(work()), rtol=1e-6, atol=1e-8)


def seed_everything() -> None:
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@dataclass
class CountsItself(FineTune):
    """The last steps see inputs with the other sign, by a counter of its own."""

    count: int = field(init=False, default=0)

    def objective(self, net, batch):
        self.count += 1
        x, y = batch.pooled()
        return self.task.loss(net(x if self.count < 50 else -x), y)


class SetsAFieldThatItHasNot(FineTune):
    def objective(self, net, batch):
        self.latest = batch.y.shape
        return self.supervised(net, batch)


class Swapping(nn.Module):
    """Changes sign after some calls, which it counts in Python."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, z):
        self.calls += 1
        return z if self.calls < 50 else -z


class CountsInAModule(WithPart):
    def part(self):
        return Swapping()


class Remembering(nn.Module):
    """Keeps the last features in an attribute that is no buffer."""

    def forward(self, z):
        before, self.last = getattr(self, "last", torch.zeros(())), z.mean(0).detach()
        return z - 0.1 * before


class RemembersInAModule(WithPart):
    def part(self):
        return Remembering()


def test_what_python_counts_sends_a_method_to_training_one_by_one():
    one_by_one(NormedByMean, "item")
    one_by_one(CountsItself, "count", "state")
    one_by_one(SetsAFieldThatItHasNot, "latest")
    one_by_one(CountsInAModule, "between.calls", "step")
    one_by_one(RemembersInAModule, "between.last")


CALLS = itertools.count(1)


class CountsForAll(FineTune):
    """Changes its inputs' sign in each seventh call, of whichever learner."""

    def objective(self, net, batch):
        x, y = batch.pooled()
        return self.task.loss(net(x if next(CALLS) % 7 else -x), y)


def test_a_counter_that_all_share_is_noticed():
    stacker, _, serve = counted()
    works = [partial(fitted, CountsForAll, seed, steps=STEPS) for seed in range(3)]
    cooperative.run(works, serve, 64)
    (reason,) = stacker.alone
    assert "step" in reason


class DrawsFromNumpy(FineTune):
    def objective(self, net, batch):
        x, y = batch.pooled()
        return self.task.loss(net(x * float(np.random.uniform(-1, 3))), y)


class DrawsFromPython(FineTune):
    def objective(self, net, batch):
        x, y = batch.pooled()
        return self.task.loss(net(x * random.choice([-1, 1])), y)


class DrawsFromNumpyInAugment(FineTune):
    def augment(self, batch):
        return moved(batch, np.random.normal())


def moved(batch, by: float):
    return type(batch)(batch.x + by, batch.y, batch.unlabelled, batch.progress, batch.extra)


def test_draws_that_are_not_torchs_send_a_method_to_training_one_by_one():
    one_by_one(DrawsFromNumpy, "numpy")
    one_by_one(DrawsFromPython, "Python")
    one_by_one(DrawsFromNumpyInAugment, "numpy")


class ByTheClock(FineTune):
    def objective(self, net, batch):
        return self.supervised(net, batch) * (1 + time.perf_counter() % 1e-3 * 1e3)


class FromAGeneratorOfItsOwn(FineTune):
    def objective(self, net, batch):
        x, y = batch.pooled()
        return self.task.loss(net(x * float(HIDDEN.uniform(-1, 3))), y)


class FromAnotherGenerator(FineTune):
    def objective(self, net, batch):
        x, y = batch.pooled()
        return self.task.loss(net(x + torch.rand(1, generator=OTHER)), y)


HIDDEN, OTHER = np.random.default_rng(0), torch.Generator()


@pytest.mark.parametrize(
    ("method", "word"),
    [(ByTheClock, "step"), (FromAGeneratorOfItsOwn, "step"), (FromAnotherGenerator, "generator")],
)
def test_what_is_hidden_anywhere_is_noticed_by_the_gradients(method, word):
    stacker, _, serve = counted()
    cooperative.run([partial(fitted, method, seed) for seed in range(3)], serve, 64)
    (reason,) = stacker.alone
    assert word in reason


class Sloped(nn.Module):
    """Has a slope of its own, drawn when it is made."""

    def __init__(self, hold) -> None:
        super().__init__()
        self.hold = hold(float(torch.rand(())))

    def forward(self, z):
        held = self.hold
        slope = (
            held()
            if callable(held)
            else float(held[0])
            if isinstance(held, list | np.ndarray)
            else held
        )
        return torch.where(z > 0.5, z, slope * z)


HOLDS = {
    "number": float,
    "list": lambda slope: [slope],
    "tensor": torch.tensor,
    "array": lambda slope: np.array([slope]),
    "closure": lambda slope: lambda: slope,
    "partial": lambda slope: partial(float, slope),
}


@pytest.mark.parametrize("hold", HOLDS.values(), ids=HOLDS)
def test_what_modules_drew_for_themselves_is_no_ones_else(hold):
    class Constant(WithPart):
        def part(self):
            return Sloped(hold)

    one_by_one(Constant, "between.hold", "differs", steps=12)


class ReadsTheNetInAugment(FineTune):
    """Moves inputs by what the network is at that moment."""

    def augment(self, batch):
        return moved(batch, float(self.net.parameters["head.bias"].detach().abs().sum()))


class ReadsModulesPastTheNetwork(FineTune):
    def objective(self, net, batch):
        own = net.module["head"].weight
        return self.supervised(net, batch) + 0.1 * own.square().sum()


def test_a_network_read_past_its_parameters_is_noticed():
    one_by_one(ReadsTheNetInAugment, "step", learning_rate=0.05)
    one_by_one(ReadsModulesPastTheNetwork, "step")


@pytest.mark.parametrize("method", [FineTune, DANN, EWC, MAML, Mixup])
def test_what_the_project_ships_is_far_within_the_tolerance(method, monkeypatch):
    apart = []

    def noted(some, others, floor=0.0):
        apart.append(reference.distance(some, others, floor))
        return 0.0

    monkeypatch.setattr(
        "medtl_bench.training.reference.Reference._note", lambda _, far: apart.append(far)
    )
    torch.set_default_dtype(torch.float32)
    cooperative.run([partial(fitted, method, seed) for seed in range(3)], stacked.Stacker(), 64)
    assert len(apart) >= 12
    assert max(apart) < 1e-2 * reference.TOLERANCE


def test_only_the_first_stack_of_a_shape_is_held_against_a_learner_alone(monkeypatch):
    taken = []
    monkeypatch.setattr(stacked, "train", lambda _, held: taken.append(held))
    trainings = [training(FineTune, seed, 16) for seed in range(2)]
    other = [training(FineTune, seed, 8) for seed in range(2)]
    stacker = stacked.Stacker()
    for stack in (trainings, trainings, other, other):
        stacker._served(stack)
    assert taken == [9, 0, reference.FEW, 0]


def training(method, seed: int, width: int) -> stacked.Training:
    learner = method(fitted(FineTune, 0).task, torch.Generator().manual_seed(seed), width=width)
    learner.net = build(rows(seed).x, learner.task, width)
    return stacked.Training(learner, learner.objective, [rows(seed)], None, 9)


def test_contents_are_equal_where_they_calculate_the_same():
    def made(seed):
        return [
            random.Random(seed), np.random.default_rng(seed), itertools.count(seed), {"a": seed},
            partial(pow, seed), torch.full((2,), seed), lambda: seed, {seed}, complex(seed),
            [seed].append, float(seed), type(seed),
        ]  # fmt: skip

    assert list(map(content, made(1))) == list(map(content, made(1)))
    pairs = zip(made(1), made(2), strict=True)
    different = [content(one) != content(two) for one, two in pairs]
    assert different == [True] * 11 + [False]
    assert content(float("nan")) == content(float("nan"))


class Shared(nn.Linear):
    """Reads as a layer of its own, but copies of it as the same: as Keras models do."""

    def __init__(self, width: int, mark: object) -> None:
        super().__init__(width, width)
        self.mark = mark

    def extra_repr(self):
        return f"{id(self.mark):#x}"

    def __deepcopy__(self, memo):
        twin = Shared(self.in_features, self.mark)
        twin.load_state_dict(self.state_dict())
        return twin


class SharesItsMark(WithPart):
    def part(self):
        return Shared(self.width, object())


def test_copies_of_what_says_itself_how_it_is_copied_stack():
    learner = fitted(SharesItsMark, 0)
    twins = [copied(learner, torch.Generator().manual_seed(seed)) for seed in range(3)]
    stacker, sizes, serve = counted()
    cooperative.run([partial(twin.adapt, rows(9, 8)) for twin in twins], serve, 64)
    assert (stacker.alone, sizes) == ({}, [3])
