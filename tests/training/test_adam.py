"""Adam against torch's own optimiser."""

import pytest
import torch

from medtl_bench.training.adam import Adam
from tests.training.descents import follow, same_as_apart, twins


def test_steps_are_those_of_torch():
    source = torch.Generator().manual_seed(0)
    ours = [torch.randn(shape, generator=source) for shape in ((3, 4), (4,), ())]
    theirs = [value.clone().requires_grad_() for value in ours]
    mine, other = Adam(ours, 0.01), torch.optim.Adam(theirs, lr=0.01)
    for _ in range(20):
        gradients = [torch.randn(value.shape, generator=source) for value in ours]
        mine.step(gradients)
        for value, gradient in zip(theirs, gradients, strict=True):
            value.grad = gradient
        other.step()
    torch.testing.assert_close(ours, [value.detach() for value in theirs])


def test_learners_of_other_rates_step_as_each_would_alone():
    rates = [0.1, 0.1, 0.01, 0.1, 0.0]
    source = torch.Generator().manual_seed(0)
    shapes = [(5, 33, 7), (5, 16), (5,)]
    values = [torch.randn(shape, generator=source) for shape in shapes]
    each = [[value[n].clone() for value in values] for n in range(5)]
    ours = Adam(values, torch.tensor(rates))
    alone = [Adam(own, rate) for own, rate in zip(each, rates, strict=True)]
    for _ in range(10):
        gradients = [torch.randn(shape, generator=source) for shape in shapes]
        ours.step(gradients)
        for number, other in enumerate(alone):
            other.step([gradient[number] for gradient in gradients])
    torch.testing.assert_close([value.unbind() for value in values], list(zip(*each, strict=True)))


def test_gradients_may_lie_in_memory_in_another_order():
    value, gradient = torch.zeros(2, 3), torch.arange(6.0).view(3, 2).t()
    assert not gradient.is_contiguous()
    Adam([value], 0.1).step([gradient])
    torch.testing.assert_close(value, -0.1 * gradient.sign(), atol=1e-4, rtol=0)


@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_weight_decay_is_that_of_adamw(scale):
    ours, theirs = twins()
    mine = Adam(ours, 0.01, 0.1)
    other = torch.optim.AdamW(theirs, lr=0.01 * scale, weight_decay=0.1)
    follow(mine, other, scale)
    torch.testing.assert_close(ours, [value.detach() for value in theirs])


def test_numbers_may_be_each_learners_own(double):
    same_as_apart(Adam, learning_rate=[0.1, 0.01, 0.001], weight_decay=[0.0, 0.1, 0.2])
