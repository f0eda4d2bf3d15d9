"""A sweep of hyper-parameters as one program, against a bare PyTorch loop for each in turn."""

import math
from collections.abc import Sequence
from functools import partial
from itertools import product

import pytest
import torch
from medtl_dann.dann import DANN
from medtl_heart.dataset import build
from torch import Tensor, nn
from torch.nn import functional as F

from medtl_bench import cooperative
from medtl_bench.contract.dataset import Dataset
from medtl_bench.contract.split import Split, concatenate
from medtl_bench.randomness import generator
from medtl_bench.training.stacked import MOST, Stacker
from tests.together import in_two_processes

pytestmark = pytest.mark.slow
STEPS, ROWS = 200, 32
DRAWS, SEEDS, ALONE = 20, 3, 6
Draw = tuple[float, float]  # the learning rate, and DANN's weight
Problem = tuple[list[Split], Tensor]


@pytest.fixture(scope="module")
def heart() -> Dataset:
    return build()


def problems(heart: Dataset) -> list[Problem]:
    """Return the sources of each transfer, and the unlabelled rows of its target."""
    return [
        (
            [heart.domain(name).train for name in transfer.sources],
            heart.domain(transfer.targets[0]).train.x,
        )
        for transfer in heart.transfers
    ]


def draws() -> list[Draw]:
    source = generator("draws")
    each = torch.rand(DRAWS, 2, generator=source, dtype=torch.float64).tolist()
    return [(10 ** (-3 + 2 * rate), 10 ** (-2 + 3 * weight)) for rate, weight in each]


def bare(problem: Problem, draw: Draw) -> None:
    """Train once as the bench does, with nothing in between."""
    (splits, target), (rate, weight) = problem, draw
    pool, source = concatenate(splits), generator("bare")
    mean, deviation = pool.x.mean(0), pool.x.std(0).clamp_min(1e-6)
    net = nn.ModuleDict(
        {
            "features": nn.Sequential(
                nn.Linear(pool.x.shape[1], 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU()
            ),
            "head": nn.Linear(64, 2),
            "critic": nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1)),
        }
    )
    optimiser = torch.optim.SGD(net.parameters(), lr=rate, momentum=0.9, fused=True)
    n = ROWS * len(splits)
    rows = torch.randint(len(pool), (STEPS, n), generator=source)
    target_rows = torch.randint(len(target), (STEPS, n), generator=source)
    for step in range(STEPS):
        optimiser.zero_grad()
        x, y = torch.cat([pool.x[rows[step]], target[target_rows[step]]]), pool.y[rows[step]]
        z = net["features"]((x - mean) / deviation)
        strength = weight * (2 / (1 + math.exp(-10 * step / STEPS)) - 1)
        odds = net["critic"](torch.lerp(z.detach(), z, -strength))
        domain = F.softplus(-odds[:n]).mean() + F.softplus(odds[n:]).mean()
        (F.cross_entropy(net["head"](z[:n]), y) + domain).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.param_groups[0]["lr"] = rate * (1 + 10 * step / STEPS) ** -0.75
        optimiser.step()


def fitted(heart: Dataset, problem: Problem, draw: Draw, seed: int) -> DANN:
    rate, weight = draw
    source = generator("sweep", *draw, seed)
    numbers = {"learning_rate": rate, "weight": weight}
    learner = DANN(heart.task, source, steps=STEPS, sampling="natural", **numbers)
    learner.fit(*problem)
    return learner


def sweep(heart: Dataset, some: Sequence[Problem], seeds: Sequence[int]) -> None:
    """Train each draw on each problem from each seed, as one process of a run does."""
    stacker = Stacker()
    works = [partial(fitted, heart, *each) for each in product(some, draws(), seeds)]
    for strand in cooperative.run(works, stacker, MOST):
        strand.result()
    assert (stacker.alone, stacker.apart) == ({}, {})


@pytest.mark.parametrize("threads", [1], indirect=True)
@pytest.mark.parametrize(("cores", "bar"), [(1, 3.5), (2, 6.0)])
def test_a_sweep_is_one_program(
    speed, side_by_side, threads: int, heart: Dataset, cores: int, bar: float
) -> None:
    every = problems(heart)
    some = every if cores == 2 else every[:1]
    of_a_core = partial(sweep, heart, some[: len(some) // cores or 1], range(SEEDS))
    ours = of_a_core if cores == 1 else partial(in_two_processes, of_a_core)
    trials = len(some) * DRAWS * SEEDS
    found = side_by_side(
        ours,
        lambda: [bare(some[0], draw) for draw in draws()[:ALONE]],
        pairs=2,
        bar=bar,
        part=ALONE / trials,
    )
    transfers = f"{len(some)} transfer{'s' * (len(some) > 1)}"
    what = (
        f"{trials} trainings of DANN on heart-disease: {DRAWS} draws of rate and weight, "
        f"{SEEDS} seeds, {transfers}, {STEPS} steps, in {cores} process{'es' * (cores > 1)}"
    )
    speed.faster(what, "a bare PyTorch loop", threads, found, bar)
    assert found.ours < 60
