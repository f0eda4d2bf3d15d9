"""EWC against its formula, and on a stream that tempts to forget."""

from functools import partial

import numpy as np
import pytest
import torch
from medtl_baselines.finetune import FineTune
from medtl_ewc.ewc import EWC

from medtl_bench.data import Split
from medtl_bench.protocols import Clock, MakeLearner, stream
from medtl_bench.seeds import generator
from tests.simulated import CLASSES, moving_signal

SEEDS = range(5)


def _trained(**parameters: object) -> tuple[EWC, Split]:
    draw = generator("ewc formula")
    split = Split(torch.randn(70, 4, generator=draw), torch.randint(2, (70,), generator=draw))
    method = EWC(CLASSES, generator("init"), width=8, steps=5, adapt_steps=5, **parameters)
    method.fit([split], split.x)
    return method, split


def test_fisher_is_the_mean_squared_gradient_of_single_rows() -> None:
    method, split = _trained()
    expected = {name: torch.zeros_like(p) for name, p in method.net.module.named_parameters()}
    for row in range(len(split)):
        method.net.module.zero_grad()
        log_p = method.net(split.x[row : row + 1]).log_softmax(1)[0, split.y[row]]
        log_p.backward()
        for name, parameter in method.net.module.named_parameters():
            expected[name] += parameter.grad**2 / len(split)
    for name, value in method.fisher(split).items():
        assert torch.allclose(value, expected[name], rtol=1e-4, atol=1e-8), name


def test_penalty_is_the_weighted_squared_distance_summed_over_springs() -> None:
    method, split = _trained()
    method.adapt(split)
    assert len(method.springs) == 2
    theta = torch.cat([value.detach().flatten() for value in method.net.parameters.values()])
    expected = sum(float((f * (theta - anchor) ** 2).sum()) for f, anchor in method.springs)
    assert expected > 0
    assert float(method.penalty(method.net)) == pytest.approx(expected, rel=1e-5)


def test_online_keeps_one_decayed_spring() -> None:
    method, split = _trained(online=True, decay=0.5)
    first = method.springs[0][0].clone()
    method.adapt(split)
    assert len(method.springs) == 1
    fresh = torch.cat([value.flatten() for value in method.fisher(split).values()])
    assert torch.allclose(method.springs[0][0], 0.5 * first + fresh, rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("online", [False, True])
def test_ewc_forgets_less_than_fine_tuning_and_still_learns(online: bool) -> None:
    plain = np.array([_matrix(FineTune, seed) for seed in SEEDS])
    sprung = np.array([_matrix(partial(EWC, online=online), seed) for seed in SEEDS])
    assert _forgetting(plain) - _forgetting(sprung) > 0.05
    assert _learned(sprung) > 0.75
    assert sprung[:, -1].mean() > plain[:, -1].mean()


def _matrix(make: MakeLearner, seed: int) -> np.ndarray:
    dataset = moving_signal(seed)
    names = dataset.streams[0].domains
    scores = stream(dataset, dataset.streams[0], make, seed=seed, clock=Clock())
    found = {(s.learned, s.domain): s.value for s in scores if s.stage == "learn" and s.metric == "balanced_accuracy"}
    return np.array([[found[i, j] for j in names] for i in names])


def _forgetting(matrices: np.ndarray) -> float:
    return float((matrices[:, :-1, :-1].max(1) - matrices[:, -1, :-1]).mean())


def _learned(matrices: np.ndarray) -> float:
    return float(np.diagonal(matrices, axis1=1, axis2=2)[:, 1:].mean())
