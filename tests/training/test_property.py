"""Small networks and objectives drawn at random: trained in a stack, each is as it is alone.

Some of them do what a stack cannot: count, draw past torch, keep constants of their own.
Those must be trained one by one, for a reason that is told.
"""

import os
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.func import grad
from torch.utils._pytree import tree_leaves

from medtl_bench import cooperative
from medtl_bench.contract.split import Split
from medtl_bench.contract.task import Task
from medtl_bench.training.method import GradientMethod
from medtl_bench.training.stacked import Stacker
from medtl_bench.training.tensors import held, trained

pytestmark = pytest.mark.usefixtures("double")
SIDE, WIDTH, SIZE = 6, 16, 8
# MEDTL_BENCH_DRAWN=500 takes more than two minutes
DRAWN = int(os.environ.get("MEDTL_BENCH_DRAWN", "200"))
MOST = 1e-5  # by which a tensor may be another, as a share of its norm
# of an element: a tensor of less is rounding alone, such as a bias before a norm that began at 0
SMALL = 1e-3
TASKS = (
    Task("classification", ("a", "b")),
    Task("classification", ("a", "b", "c")),
    Task("regression"),
)
Draw = random.Random


class Kept(nn.Module):
    """Takes off a slow mean of what it sees: in place, or set anew."""

    def __init__(self, *, anew: bool) -> None:
        super().__init__()
        self.anew = anew
        self.register_buffer("mean", torch.zeros(WIDTH))

    def forward(self, z: Tensor) -> Tensor:
        if self.training and self.anew:
            self.mean = 0.8 * self.mean + 0.2 * z.mean(0).detach()
        elif self.training:
            self.mean.mul_(0.8).add_(z.mean(0).detach(), alpha=0.2)
        return z - self.mean


class Tied(nn.Module):
    """Two layers of one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.second.weight = self.first.weight

    def forward(self, z: Tensor) -> Tensor:
        return self.second(self.first(z).tanh())


class Hidden(nn.Module):
    """Has what no one can see: a number of its own drawn for a seed, or its calls counted."""

    def __init__(self, *, counts: bool) -> None:
        super().__init__()
        self.calls, self.counts = 0, counts
        self.slope = 1.0 if counts else float(torch.rand(()))

    def forward(self, z: Tensor) -> Tensor:
        self.calls += self.counts
        return z * self.slope if self.calls % 3 < 2 else -z


# at most one: the bias of a norm before another has no gradient but rounding, which both amplify
NORMS: dict[str, Callable[[], nn.Module]] = {
    "batch norm": lambda: nn.BatchNorm1d(WIDTH),
    "bare batch norm": lambda: nn.BatchNorm1d(WIDTH, affine=False, momentum=0.3),
    "layer norm": lambda: nn.LayerNorm(WIDTH),
    "group norm": lambda: nn.GroupNorm(2, WIDTH),
}
LAYERS = NORMS | {
    "linear": lambda: nn.Linear(WIDTH, WIDTH),
    "dropout": lambda: nn.Dropout(0.3),
    "alpha dropout": lambda: nn.AlphaDropout(0.2),
    "tanh": nn.Tanh,
    "in place": lambda: nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ReLU(inplace=True)),
    "tied": Tied,
    "kept": lambda: Kept(anew=False),
    "set anew": lambda: Kept(anew=True),
}
NORMS_OF_IMAGES: dict[str, Callable[[], nn.Module]] = {
    "batch norm 2d": lambda: nn.BatchNorm2d(WIDTH),
    "group norm 2d": lambda: nn.GroupNorm(4, WIDTH),
    "instance norm": lambda: nn.InstanceNorm2d(WIDTH, affine=True),
}
OF_IMAGES = NORMS_OF_IMAGES | {
    "dropout 2d": lambda: nn.Dropout2d(0.3),
    "convolution": lambda: nn.Conv2d(WIDTH, WIDTH, 3, padding=1),
}
FAULTS: dict[str, Callable[[], nn.Module]] = {
    "seed constant": lambda: Hidden(counts=False),
    "module counter": lambda: Hidden(counts=True),
}


def scheduled(_, net, batch):
    return batch.progress * net.parameters[next(iter(net.parameters))].square().sum()


def decayed(_, net, batch):
    return 1e-2 * sum(value.square().sum() for value in net.parameters.values())


def anchored(own, net, batch):
    return (net.features(batch.pooled()[0]).mean(0) - own.anchor).square().mean()


def taught(own, net, batch):
    x, _ = batch.pooled()
    for name, value in own.teacher.items():
        value.mul_(0.9).add_(net.parameters[name].detach(), alpha=0.1)
    target = net.with_parameters(own.teacher).features(x).detach()
    return (net.features(x) - target).square().mean()


def after_a_step(own, net, batch):
    x, y = batch.pooled()

    def loss(theta):
        return own.task.loss(net.with_parameters(theta)(x), y)

    theta = net.parameters
    return loss({name: theta[name] - 0.1 * g for name, g in grad(loss)(theta).items()})


def read(_, net, batch):
    return batch.y.sum() * float(batch.x.detach().flatten().tolist()[0])


TERMS = {
    "schedule": scheduled,
    "decay": decayed,
    "anchor": anchored,
    "teacher": taught,
    "inner step": after_a_step,
}
CHANGES = {
    "noise": lambda _, x: x + 0.1 * torch.rand_like(x),
    "own noise": lambda own, x: x + 0.1 * torch.randn(x.shape, generator=own.generator),
    "order": lambda _, x: 0.9 * x + 0.1 * x[torch.randperm(len(x))],
    "bits": lambda _, x: x * torch.bernoulli(torch.full(x.shape, 0.8)),
}
FAULTY_CHANGES = {
    "numpy": lambda _, x: x * float(np.random.uniform(0.5, 1.5)),
    "python": lambda _, x: x * random.choice([0.5, 1.5]),
    "counter": lambda own, x: own.counted(x),
    "unnamed": lambda own, x: x * own.unnamed,
}


@dataclass
class Random(GradientMethod):
    """A method made of `layers` and `terms`, as they are drawn for a class of its own."""

    layers: ClassVar[tuple[str, ...]] = ()
    terms: ClassVar[tuple[str, ...]] = ()
    still: ClassVar[bool] = False
    state: ClassVar[tuple[str, ...]] = ("teacher", "anchor")
    teacher: dict[str, Tensor] = field(init=False, repr=False, default_factory=dict)
    anchor: Tensor = field(init=False, repr=False, default_factory=lambda: torch.zeros(()))
    unnamed: float = field(init=False, repr=False, default=0.0)
    count: int = field(init=False, repr=False, default=0)

    def build(self, sources):
        super().build(sources)
        with torch.random.fork_rng():
            torch.manual_seed(int(torch.randint(2**31, (), generator=self.generator)))
            if sources[0].x.ndim == 4:
                self.net.module["features"] = self.of_images()
            for parameter in self.net.module["features"].parameters():
                parameter.requires_grad_(not self.still)
            self.anchor, self.unnamed = torch.randn(WIDTH), float(torch.rand(()))
        if "teacher" in self.terms:
            copies = {name: p.detach().clone() for name, p in self.net.parameters.items()}
            self.teacher = copies

    def of_images(self) -> nn.Module:
        layers = [OF_IMAGES[name]() for name in self.layers if name in OF_IMAGES]
        return nn.Sequential(
            nn.Conv2d(1, WIDTH, 3, 2), *layers, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        )

    def parts(self):
        made = {**LAYERS, **FAULTS}
        return {"rest": nn.Sequential(*(made[name]() for name in self.layers if name in made))}

    def augment(self, batch):
        moved = 0.1 * torch.randn(batch.x.shape, generator=self.generator)
        return replace(batch, x=batch.x + moved) if "moved" in self.terms else batch

    def answers(self, net, x):
        return net.head(net.rest(net.features(x)))

    def supervised(self, net, batch):
        x, y = batch.pooled()
        return self.task.loss(self.answers(net, x), y)

    def objective(self, net, batch):
        x, y = batch.pooled()
        for term in self.terms:
            x = {**CHANGES, **FAULTY_CHANGES}.get(term, unchanged)(self, x)
        loss = self.task.loss(self.answers(net, x), y)
        added = {**TERMS, "read": read}
        return loss + sum(added[term](self, net, batch) for term in self.terms if term in added)

    def counted(self, x):
        self.count += 1
        return x if self.count < 3 else -x

    @torch.no_grad()
    def predict(self, x):
        self.net.module.eval()
        return self.answers(self.net, x)


def unchanged(_, x):
    return x


def some(draw: Draw, names, most: int) -> tuple[str, ...]:
    return tuple(draw.sample(sorted(names), draw.randint(0, most)))


def methods(draw: Draw) -> type[Random]:
    """Return a method drawn at random; one in three has a fault."""
    layers = []
    for norms, every in ((NORMS, LAYERS), (NORMS_OF_IMAGES, OF_IMAGES)):
        layers += [*some(draw, every.keys() - norms, 2), *some(draw, norms, 1)]
    terms = [*some(draw, TERMS, 2), *some(draw, CHANGES, 2), *some(draw, ["moved"], 1)]
    if draw.random() < 1 / 3:
        fault = draw.choice([*FAULTS, *FAULTY_CHANGES, "read"])
        (layers if fault in FAULTS else terms).append(fault)
    drawn = {"layers": tuple(layers), "terms": tuple(terms), "still": draw.random() < 0.2}
    return dataclass(type("Drawn", (Random,), drawn))


def split(draw: Draw, task: Task, shape: tuple[int, ...]) -> Split:
    """Return rows, now and then just as many as a batch has."""
    rows, source = draw.choice([5, SIZE, 13, 20]), torch.Generator().manual_seed(draw.randrange(99))
    x = torch.randn(rows, *shape, generator=source)
    y = x.flatten(1)[:, 0] if task.kind == "regression" else torch.arange(rows) % task.outputs
    return Split(x, y)


def worked(method: type[Random], task: Task, options: dict, data: list[Split], seed: int) -> Random:
    """Return a learner that has fitted, answered and adapted."""
    learner = method(task, torch.Generator().manual_seed(seed), **options)
    learner.fit(data[1:], data[0].x + seed)
    learner.predict(data[0].x)
    learner.adapt(data[0])
    return learner


def seed_everything() -> None:
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


def tensors(learner: Random) -> list[Tensor]:
    return tree_leaves([trained(learner.net), held(learner)])


def gap(ours: Tensor, theirs: Tensor) -> float:
    """Return how far a tensor lies from another as a share of the other's norm."""
    ours, theirs = ours.detach().double(), theirs.detach().double()
    return float((ours - theirs).norm() / (theirs.norm() + SMALL * theirs.numel() ** 0.5))


@dataclass
class Comparison:
    """The largest gap between a stack and each alone, and why it was not stacked, if so."""

    method: type[Random]
    gap: float
    reasons: set[str]
    failed: bool

    def __str__(self) -> str:
        made = self.method.layers, self.method.terms, self.method.still
        return f"{self.gap:.2g} {made} {self.reasons}"


def compared(number: int) -> Comparison:
    """Return what comes of a method drawn at random.

    It is trained twice with one stacker: the second time nothing is held against a learner alone.
    What fails alone must fail in a stack too.
    """
    draw = Draw(number)
    method, works = drawn_work(draw)
    stacker, gaps = Stacker(sparing=False), [0.0]
    for _ in range(2):
        seed_everything()
        strands = cooperative.run(works, stacker, 64)
    for strand, work in zip(strands, works, strict=True):
        seed_everything()
        (alone,) = cooperative.run([work], stacker, 64)
        assert type(strand.error) is type(alone.error), (strand.error, alone.error)
        if alone.error is None:
            pairs = zip(tensors(strand.result()), tensors(alone.result()), strict=True)
            gaps += [gap(*pair) for pair in pairs]
    return Comparison(method, max(gaps), set(stacker.alone), bool(strands[0].error))


def drawn_work(draw: Draw) -> tuple[type[Random], list[Callable[[], Random]]]:
    """Return a method, and what two or three learners of it do on data drawn at random."""
    method, task = methods(draw), draw.choice(TASKS)
    shape = draw.choice([(5,), (1, SIDE, SIDE)])
    data = [split(draw, task, shape) for _ in range(draw.randint(2, 4))]
    options = {
        "steps": draw.randint(2, 5), "adapt_steps": draw.randint(1, 2), "batch_size": SIZE,
        "width": WIDTH, "sources_per_step": draw.randint(1, 4), "learning_rate": 0.01,
    }  # fmt: skip
    work = partial(worked, method, task, options, data)
    return method, [partial(work, seed) for seed in range(draw.randint(2, 3))]


def test_methods_drawn_at_random_train_in_a_stack_as_alone():
    for number in range(12):
        comparison = compared(number)
        assert comparison.gap <= MOST, (number, str(comparison))


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_many_methods_drawn_at_random_train_in_a_stack_as_alone():
    told: Counter[str] = Counter()
    for number in range(DRAWN):
        comparison = compared(number)
        assert comparison.gap <= MOST, (number, str(comparison))
        told.update(comparison.reasons or {"failed" if comparison.failed else "stacked"})
    print(*told.most_common(), sep="\n")
    assert told["stacked"] > DRAWN / 2
