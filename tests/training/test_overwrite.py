"""What a recorded function writes over, and what it must leave."""

import pytest
import torch
from torch.func import grad

from medtl_bench.training.recorder import record

CONSTANT = torch.linspace(0.5, 2, 30)


def played(function) -> list[str]:
    """Return what a recorded function calls.

    Asserts that it gives what the function does, to the last bit and each time, and that its
    input stays.
    """
    _, repeat = record(function, torch.zeros(30))
    x = torch.linspace(0.3, 7.9, 30)
    before, constant = x.clone(), CONSTANT.clone()
    for _ in range(2):
        assert all(map(torch.equal, repeat(x), function(x.clone())))
        assert torch.equal(x, before)
        assert torch.equal(CONSTANT, constant)
    nodes = repeat.__self__.graph.nodes
    return [node.target.__name__ for node in nodes if node.op == "call_function"]


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (lambda x: (x.exp() + 1,), ["exp", "add_"]),
        (lambda x: (x.exp().neg().sigmoid() * CONSTANT,), ["exp", "neg_", "sigmoid_", "mul_"]),
        (lambda x: (CONSTANT * x.exp(),), ["exp", "mul_"]),  # the second factor
        (lambda x: (torch.add(CONSTANT, x.exp()),), ["exp", "add_"]),
        (lambda x: (x.exp().view(5, 6) - 1,), ["exp", "view", "sub_"]),
        (lambda x: ((y := x.exp()) * y,), ["exp", "mul_"]),
    ],
)
def test_what_nothing_reads_again_is_written_over(function, names):
    assert played(function) == names


@pytest.mark.parametrize(
    "function",
    [
        lambda x: (x + 1,),  # an input
        lambda x: (x[:15] + 1,),  # a part of it
        lambda x: (CONSTANT.view(30) + x,),
        lambda x: ((y := x.exp()), y + 1),  # handed out
        lambda x: ((y := x.exp())[:15], y + 1),
        lambda x: (x.exp().view(5, 6).t() - x.view(6, 5),),  # lies otherwise
        lambda x: (x.exp().sum() + x,),  # smaller
        lambda x: (x.exp() > 1,),  # of another type
        lambda x: ((y := x.exp()).sum() + (y + 1).sum() * y.prod(),),  # read later
        lambda x: (torch.lerp((y := x.exp()).detach(), y, CONSTANT),),  # another argument too
        lambda x: ((y := x.exp()).view(2, 15).add(y.view(2, 15).flip(0)),),
        lambda x: ((parts := x.exp().split(15))[0] + 1, parts[1]),
    ],
)
def test_what_comes_from_outside_is_handed_out_or_read_again_stays(function):
    played(function)


def test_derivatives_write_over_the_gradient_that_they_are_handed():
    def step(x):
        return (grad(lambda x: ((x.exp() - 3).relu() * CONSTANT).square().sum())(x),)

    assert "threshold_backward.grad_input" in played(step)
