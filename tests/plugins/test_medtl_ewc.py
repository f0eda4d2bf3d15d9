"""EWC against its formula, and on a stream that tempts to forget."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from medtl_baselines.finetune import FineTune
from medtl_ewc import fisher
from medtl_ewc.ewc import EWC, Spring
from tensordict import TensorDict
from torch import nn

from medtl_bench.contract.split import Inputs, Split
from medtl_bench.contract.task import Task
from medtl_bench.networks.build import build
from medtl_bench.networks.network import Network, Parameters
from medtl_bench.protocols.examiner import Clock, MakeLearner
from medtl_bench.protocols.stream import stream
from medtl_bench.randomness import generator
from tests.simulated import CLASSES, moving_signal

SEEDS = range(5)


def _trained(**parameters: object) -> tuple[EWC, Split]:
    draw = generator("ewc formula")
    split = Split(torch.randn(70, 4, generator=draw), torch.randint(2, (70,), generator=draw))
    method = EWC(CLASSES, generator("init"), width=8, steps=5, adapt_steps=5, **parameters)
    method.fit([split], split.x)
    return method, split


@pytest.mark.parametrize(
    "kind", ["vectors", "towers", "sequences", "masks", "values", "linear_twice", "in_place"]
)
def test_fisher_is_the_mean_squared_gradient_of_single_rows(kind: str) -> None:
    net, task, split = _network(kind)
    expected = {name: torch.zeros_like(p) for name, p in net.module.named_parameters()}
    for row in range(len(split)):
        net.module.zero_grad()
        task.loss(net(split.x[row : row + 1]), split.y[row : row + 1]).backward()
        for name, parameter in net.module.named_parameters():
            expected[name] += 0 if parameter.grad is None else parameter.grad**2 / len(split)
    found = fisher.diagonal(net, task, split)
    assert found.keys() == expected.keys()
    for name, value in found.items():
        assert torch.allclose(value, expected[name], rtol=1e-4, atol=1e-8), name


@pytest.mark.parametrize("kind", ["vectors", "towers", "values", "in_place"])
def test_linear_layers_are_not_taken_row_by_row(kind: str) -> None:
    net, task, split = _network(kind)
    assert fisher.of_layers(net, task, split.x, split.y) is not None


@pytest.mark.parametrize("kind", ["sequences", "masks", "linear_twice"])
def test_other_layers_are(kind: str) -> None:
    net, task, split = _network(kind)
    assert fisher.of_layers(net, task, split.x, split.y) is None


def _network(kind: str) -> tuple[Network, Task, Split]:
    """Return an untrained network with rows for it.

    "towers" has inputs of two parts, "linear_twice" uses a layer twice, "in_place"
    overwrites its outputs.
    """
    draw = generator("ewc networks", kind)
    task = {"values": Task("regression"), "masks": Task("segmentation", ("a", "b"))}.get(
        kind, CLASSES
    )
    rows = 300 if kind == "vectors" else 20
    x: Inputs = torch.randn(
        rows, *{"sequences": (2, 24), "masks": (1, 8, 8)}.get(kind, (6,)), generator=draw
    )
    if kind == "towers":
        x = TensorDict(
            {"drug": x, "protein": torch.randn(rows, 4, generator=draw)}, batch_size=[rows]
        )
    y = {
        "values": torch.randn(rows, generator=draw),
        "masks": torch.randint(2, (rows, 8, 8), generator=draw),
    }.get(kind, torch.randint(2, (rows,), generator=draw))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = build(x, task, 32)
        same = nn.Linear(6, 6)
        if kind == "linear_twice":
            net = Network(
                nn.ModuleDict(
                    {"features": nn.Sequential(same, nn.Tanh(), same), "head": nn.Linear(6, 2)}
                )
            )
        if kind == "in_place":
            net = Network(
                nn.ModuleDict(
                    {
                        "features": nn.Sequential(same, nn.ReLU(inplace=True)),
                        "head": nn.Linear(6, 2),
                    }
                )
            )
    net.module.eval()
    return net, task, Split(x, y)


def test_penalty_is_the_weighted_squared_distance_summed_over_domains() -> None:
    method, split = _trained()
    terms = [_term(method, split)]
    for _ in range(2):
        method.adapt(split)
        terms.append(_term(method, split))
    method.train(method.supervised, [split], None, 5)
    theta = _flat(method.net.parameters)
    expected = sum(float((fisher * (theta - anchor) ** 2).sum()) for fisher, anchor in terms)
    assert expected > 0
    assert method.penalty(method.net).item() == pytest.approx(expected, rel=1e-4)


def test_a_weight_without_any_stiffness_is_free() -> None:
    zero = torch.zeros(2)
    joined = Spring(zero, zero, torch.zeros(())).joined(
        torch.tensor([0.0, 1.0]), torch.tensor([5.0, 5.0])
    )
    assert joined.stiffness.tolist() == [0, 1]
    assert joined.rest.tolist() == [0, 5]
    assert joined.least == 0


def test_online_keeps_one_decayed_spring() -> None:
    method, split = _trained(online=True, decay=0.5)
    first = method.spring.stiffness.clone()
    method.adapt(split)
    fresh, theta = _term(method, split)
    assert torch.allclose(method.spring.stiffness, 0.5 * first + fresh, rtol=1e-4, atol=1e-8)
    assert torch.equal(method.spring.rest, theta)
    assert method.penalty(method.net).item() == 0


def test_with_a_head_a_domain_the_spring_holds_what_the_domains_share() -> None:
    draw, own = generator("ewc heads"), replace(CLASSES, labels="own")
    labels = [torch.randint(2, (30,), generator=draw) for _ in "abc"]
    rows = [(torch.randn(30, 4, generator=draw), y) for y in labels]
    a, b, c = (Split(x, y, domain=name) for name, (x, y) in zip("abc", rows, strict=True))
    method = EWC(own, generator("init"), width=8, steps=5, adapt_steps=5)
    method.fit([a, b], a.x)
    shared = [v for name, v in method.net.parameters.items() if name.startswith("features")]
    stiffness = method.spring.stiffness
    assert len(stiffness) == sum(value.numel() for value in shared)
    each = [method.vector(method.fisher(split)) for split in (a, b)]
    torch.testing.assert_close(stiffness, torch.stack(each).mean(0))
    assert not torch.allclose(*each)
    assert method.penalty(method.net).item() == 0
    method.adapt(c)
    assert len(method.spring.stiffness) == len(stiffness)
    assert method.penalty(method.net).item() > 0


def _term(method: EWC, split: Split) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what is remembered of a domain: the Fisher diagonal and the weights."""
    return _flat(method.fisher(split)), _flat(method.net.parameters)


def _flat(values: Parameters) -> torch.Tensor:
    return torch.cat([value.detach().flatten() for value in values.values()])


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
    matrix = np.full((len(names), len(names)), np.nan)
    for s in stream(dataset, dataset.streams[0], make, seed=seed, clock=Clock()):
        if s.stage == "learn" and s.metric == "balanced_accuracy":
            matrix[names.index(s.learned), names.index(s.domain)] = s.value
    return matrix


def _forgetting(matrices: np.ndarray) -> float:
    return float((matrices[:, :-1, :-1].max(1) - matrices[:, -1, :-1]).mean())


def _learned(matrices: np.ndarray) -> float:
    return float(np.diagonal(matrices, axis1=1, axis2=2)[:, 1:].mean())
