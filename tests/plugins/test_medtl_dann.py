"""DANN against its formula, and on a problem it is made for."""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from medtl_baselines.bounds import SourceOnly
from medtl_dann.dann import DANN, reverse
from medtl_toy.dataset import vectors

from medtl_bench.contract.algorithm import Algorithm
from medtl_bench.contract.dataset import Dataset
from medtl_bench.contract.split import Split
from medtl_bench.protocols.examiner import Clock
from medtl_bench.protocols.transfer import transfer
from medtl_bench.randomness import generator
from medtl_bench.training.batches import Batch
from tests.simulated import CLASSES

SEEDS = range(5)


def test_reversal_passes_values_and_turns_gradients_round() -> None:
    z = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    out = reverse(z, torch.tensor(0.7))
    assert torch.allclose(out, z)
    (gradient,) = torch.autograd.grad((out**2).sum(), z)
    assert torch.allclose(gradient, -0.7 * 2 * z)


@pytest.mark.parametrize("progress", [0.0, 0.3, 0.9])
def test_gradients_are_those_of_the_formula(progress: float) -> None:
    draw = generator("dann formula")
    x, y = torch.randn(1, 8, 3, generator=draw), torch.randint(2, (1, 8), generator=draw)
    unlabelled = torch.randn(8, 3, generator=draw) + 1
    method = DANN(CLASSES, generator("init"), weight=0.8, width=8)
    method.build([Split(x[0], y[0])])
    method.net.module.double()
    batch = Batch(x.double(), y, unlabelled.double(), torch.tensor(progress, dtype=torch.float64))
    strength = 0.8 * (2 / (1 + math.exp(-10 * progress)) - 1)

    def classification() -> torch.Tensor:
        return CLASSES.loss(method.net(batch.x[0]), y[0])

    def domain() -> torch.Tensor:
        source, target = (
            torch.sigmoid(method.net.critic(method.net.features(v)))
            for v in (batch.x[0], batch.unlabelled)
        )
        return -source.log().mean() - (1 - target).log().mean()

    method.objective(method.net, batch).backward()
    for name, parameter in method.net.module.named_parameters():
        sign = -strength if name.startswith("features") else 1.0
        expected = _difference(classification, parameter) + sign * _difference(domain, parameter)
        assert float(parameter.grad.flatten()[0]) == pytest.approx(expected, rel=1e-5, abs=1e-8), (
            name
        )


@torch.no_grad()
def _difference(
    loss: Callable[[], torch.Tensor], parameter: torch.Tensor, step: float = 1e-6
) -> float:
    """Return the central difference of a loss in the first entry of a parameter."""
    flat, values = parameter.data.view(-1), []
    for shift in (step, -2 * step):
        flat[0] += shift
        values.append(float(loss()))
    flat[0] += step
    return (values[0] - values[1]) / (2 * step)


def test_dann_beats_source_only_where_a_shortcut_breaks() -> None:
    dataset = vectors()
    gains = []
    for seed in SEEDS:
        scores = {cls: _target_score(dataset, cls, seed) for cls in (DANN, SourceOnly)}
        gains.append(scores[DANN] - scores[SourceOnly])
    assert np.mean(gains) > 0.1, gains
    assert min(gains) > 0, gains


def _target_score(dataset: Dataset, cls: type[Algorithm], seed: int) -> float:
    scenario = dataset.transfers[0]
    scores = transfer(dataset, scenario, partial(cls), seed=seed, shots=(), draws=0, clock=Clock())
    return next(s.value for s in scores if s.stage == "fit" and s.domain == scenario.targets[0])
