"""MAML against its formula, and on the problem of its paper."""

from functools import partial

import numpy as np
import pytest
import torch
from medtl_baselines.bounds import Joint, TargetOnly
from medtl_baselines.finetune import FineTune
from medtl_maml.maml import MAML

from medtl_bench.contract.algorithm import Algorithm, copied
from medtl_bench.contract.split import Split
from medtl_bench.randomness import generator
from medtl_bench.training.batches import Batch
from tests.simulated import CLASSES, VALUES, sine_task
from tests.together import stacked

SHOTS = 5
SEEDS = 5


@pytest.mark.parametrize("first_order", [False, True])
@pytest.mark.parametrize("inner_steps", [1, 3])
def test_meta_gradient_equals_plain_autograd(inner_steps: int, first_order: bool) -> None:
    draw = generator("maml formula")
    x, y = (
        torch.randn(3, 8, 4, generator=draw, dtype=torch.float64),
        torch.randint(2, (3, 8), generator=draw),
    )
    method = MAML(
        CLASSES, generator("init"), inner_steps=inner_steps, first_order=first_order, width=8
    )
    method.build([Split(x[0].float(), y[0])])
    method.net.module.double()
    weights = list(method.net.module.parameters())

    losses = []
    for task in range(3):
        adapted = weights
        for _ in range(inner_steps):
            loss = CLASSES.loss(_forward(method, adapted, x[task, :4]), y[task, :4])
            gradient = torch.autograd.grad(loss, adapted, create_graph=not first_order)
            adapted = [w - 0.1 * g for w, g in zip(adapted, gradient, strict=True)]
        losses.append(CLASSES.loss(_forward(method, adapted, x[task, 4:]), y[task, 4:]))
    expected_loss = torch.stack(losses).mean()
    expected = torch.autograd.grad(expected_loss, weights)

    loss = method.objective(method.net, Batch(x, y, None, 0.0))
    assert loss.item() == pytest.approx(expected_loss.item(), rel=1e-9)
    for found, wanted in zip(torch.autograd.grad(loss, weights), expected, strict=True):
        assert torch.allclose(found, wanted, rtol=1e-9, atol=1e-12)


def _forward(method: MAML, weights: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """Return the default perceptron's outputs, written out."""
    w1, b1, w2, b2, w3, b3 = weights
    z = method.net.module["features"][0](x)
    return torch.relu(torch.relu(z @ w1.T + b1) @ w2.T + b2) @ w3.T + b3


def test_five_shots_of_a_new_sine_beat_fine_tuning_joint_training_and_a_fresh_start() -> None:
    errors = {
        cls: stacked(partial(_error, cls), SEEDS) for cls in (MAML, FineTune, Joint, TargetOnly)
    }
    for other in (FineTune, Joint, TargetOnly):
        ratio = np.mean(errors[MAML]) / np.mean(errors[other])
        assert ratio < 0.7, (other.__name__, ratio, errors)


def _error(cls: type[Algorithm], seed: int) -> float:
    """Return the mean squared error on new sines after five labels."""
    draw = generator("sines", seed)
    sources = [sine_task(draw, 50) for _ in range(40)]
    errors = []
    learner = cls(
        VALUES, generator("learner", seed), steps=400, sources_per_step=10, learning_rate=3e-3
    )
    learner.fit(sources, sources[0].x)
    for number in range(5):
        target = sine_task(draw, 100 + SHOTS)
        adapted = copied(learner, generator("adapt", seed, number))
        adapted.adapt(target[torch.arange(SHOTS)])
        errors.append(float(VALUES.loss(adapted.predict(target.x[SHOTS:]), target.y[SHOTS:])))
    return float(np.mean(errors))


def test_adapting_takes_plain_gradient_steps() -> None:
    split = Split(torch.randn(6, 4), torch.tensor([0, 1, 0, 1, 1, 0]))
    method = MAML(CLASSES, generator("init"), adapt_steps=2, inner_rate=0.05, width=8)
    method.build([split])
    weights = list(method.net.module.parameters())
    expected = [w.detach().clone() for w in weights]
    for _ in range(2):
        expected = [w.requires_grad_() for w in expected]
        gradient = torch.autograd.grad(
            CLASSES.loss(_forward(method, expected, split.x), split.y), expected
        )
        expected = [(w - 0.05 * g).detach() for w, g in zip(expected, gradient, strict=True)]
    method.adapt(split)
    for found, wanted in zip(method.net.module.parameters(), expected, strict=True):
        assert torch.allclose(found, wanted, atol=1e-6)
