"""What the options of the loop make of gradients and weights."""

import pytest
import torch
from torch.nn.utils import clip_grad_norm_

from medtl_bench.training.adam import Adam
from medtl_bench.training.descent import Descent, Options, clipped
from tests.training.descents import drawn

START = torch.zeros((), dtype=torch.float64)


@pytest.fixture
def source():
    return torch.Generator().manual_seed(0)


def test_as_default_weights_descend_by_adam_bit_by_bit(source):
    ours, theirs = drawn(source), drawn(source)
    for one, other in zip(ours, theirs, strict=True):
        one.copy_(other)
    descent, adam = Descent(ours, Options(0.01)), Adam(theirs, 0.01)
    for _ in range(5):
        gradients = drawn(source)
        descent.step(gradients, START)
        adam.step(gradients)
    descent.end()
    assert all(map(torch.equal, ours, theirs))


@pytest.mark.parametrize("most", [0.1, 1e6])
def test_gradients_are_clipped_as_torch_clips_them(source, most):
    gradients, values = drawn(source), drawn(source)
    for value, gradient in zip(values, gradients, strict=True):
        value.requires_grad_().grad = gradient.clone()
    clip_grad_norm_(values, most)
    torch.testing.assert_close(clipped(gradients, most), [value.grad for value in values])


def test_each_learner_of_a_stack_is_clipped_by_its_own_norm(source):
    gradients = drawn(source, (3,))
    limits = [0.1, 0.0, 1e6]
    together = clipped(gradients, torch.tensor(limits), 3)
    for n, most in enumerate(limits):
        own = [gradient[n] for gradient in gradients]
        alone = clipped(own, most) if most else own
        torch.testing.assert_close([gradient[n] for gradient in together], alone)


def test_the_average_is_over_the_weights_after_each_step(source):
    (value,), decay = [torch.zeros(3)], 0.9
    descent = Descent([value], Options(0.1, "sgd", average=decay))
    after = []
    for _ in range(4):
        descent.step([torch.randn(3, generator=source)], START)
        after.append(value.clone())
    shares = torch.tensor([decay**3, decay**2, decay, 1.0])
    expected = (shares[:, None] * torch.stack(after)).sum(0) / shares.sum()
    descent.end()
    torch.testing.assert_close(value, expected)


def test_an_average_of_some_learners_leaves_the_weights_of_others(source):
    value = torch.zeros(2, 3)
    descent = Descent([value], Options(0.1, average=torch.tensor([0.0, 0.9])), 2)
    for _ in range(3):
        descent.step([torch.ones(2, 3)], START)
    last = value.clone()
    descent.end()
    torch.testing.assert_close(value[0], last[0])
    assert (value[1] > last[1]).all()


def test_a_schedule_scales_the_rate_by_the_progress():
    value = torch.zeros(1)
    descent = Descent([value], Options(1.0, "sgd", momentum=0.0, schedule="cosine"))
    descent.step([torch.ones(1)], torch.tensor(0.5))
    torch.testing.assert_close(value, torch.tensor([-0.5]))
