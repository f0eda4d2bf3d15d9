"""What a recorded function gives for other inputs, and what is never recorded."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, vmap

from medtl_bench.training.recorder import record


def test_a_recorded_step_gives_for_other_inputs_what_the_function_gives():
    net = nn.Sequential(nn.Linear(5, 8), nn.ReLU(inplace=True), nn.Linear(8, 3))
    names = [name for name, _ in net.named_parameters()]

    def loss(theta, x, y):
        return -functional_call(net, theta, (x,)).log_softmax(1).gather(1, y[:, None]).mean()

    def step(x, y, *theta):
        return tuple(
            vmap(grad(loss), (0, 0, 0))(dict(zip(names, theta, strict=True)), x, y).values()
        )

    def inputs(seed):
        source = torch.Generator().manual_seed(seed)
        theta = [torch.randn(4, *p.shape, generator=source) for p in net.parameters()]
        return (
            torch.randn(4, 6, 5, generator=source),
            torch.randint(3, (4, 6), generator=source),
            *theta,
        )

    first, repeat = record(step, *inputs(0))
    assert repeat is not None
    for seed in (0, 1, 2):
        torch.testing.assert_close(repeat(*inputs(seed)), step(*inputs(seed)))
    torch.testing.assert_close(first, step(*inputs(0)))


def test_inputs_changed_in_place_between_calls_are_read_anew():
    x = torch.ones(3)
    _, repeat = record(lambda x: (x * 2,), x)
    x.add_(1)
    assert repeat(x)[0].tolist() == [4, 4, 4]


def test_constants_and_kernels_with_several_outputs_are_kept():
    constant = torch.tensor([1.0, 2.0, 3.0])
    _, repeat = record(
        lambda x: (torch.cat(x.split(1)) + constant, x.sort().values), torch.zeros(3)
    )
    assert [out.tolist() for out in repeat(torch.tensor([2.0, 1.0, 0.0]))] == [[3, 3, 3], [0, 1, 2]]


def test_a_view_that_shows_the_same_is_no_kernel():
    _, repeat = record(lambda x: (x.t().t().expand(2, 3).view(2, 3) + 1,), torch.zeros(2, 3))
    assert called(repeat)[-1] == "add"
    assert len(called(repeat)) <= 2  # the first transpose is written down; nothing reads it


def called(repeat) -> list[str]:
    """Return the names of what is called.

    Those of kernels that no function of torch calls have a dot in them.
    """
    nodes = repeat.__self__.graph.nodes
    return [node.target.__name__ for node in nodes if node.op == "call_function"]


def test_what_no_output_depends_on_is_not_done_again():
    def loss(theta, x):
        return ((theta * x).exp() - 1).square().sum()

    _, repeat = record(lambda theta, x: (grad(loss)(theta, x),), torch.ones(3), torch.ones(3))
    assert not [name for name in called(repeat) if name.split(".")[0] == "sum"]
    theta, x = torch.tensor([0.1, 0.2, 0.3]), torch.tensor([1.0, -1.0, 2.0])
    torch.testing.assert_close(repeat(theta, x)[0], grad(loss)(theta, x))


def test_what_is_the_same_each_time_is_done_once():
    scale = torch.tensor([1.0, 2.0, 3.0])
    _, repeat = record(lambda x: (x * (scale.exp() * 2 + torch.ones_like(x)),), torch.zeros(3))
    assert called(repeat) == ["mul"]
    torch.testing.assert_close(repeat(torch.ones(3))[0], scale.exp() * 2 + 1)


def test_products_with_numbers_that_round_nothing_are_left_out_or_joined_with_a_constant():
    scale = torch.tensor([0.1, 1.7, 3.3])
    x = torch.tensor([0.3, 1.1, 7.9])
    for function in (
        lambda x: (x * 1 * scale,),
        lambda x: (x * 2.0 * scale,),
        lambda x: (scale * (0.25 * x),),
    ):
        _, repeat = record(function, torch.zeros(3))
        assert called(repeat) == ["mul"]
        assert torch.equal(repeat(x)[0], function(x)[0])


@pytest.mark.parametrize(
    "function",
    [
        lambda x: (x * 3 * torch.full((30,), 0.1),),  # rounds
        lambda x: (x * 2 * x,),  # not constant
        lambda x: (x * 2 + torch.full((30,), 0.1),),  # not a product
        lambda x: ((x * 2) * (x * 2),),
        lambda x: ((two := x * 2) * torch.full((30,), 0.1), two + 1),  # also used otherwise
        lambda x: ((x + 1).mul(1).add_(1), x),  # changed in place
        lambda x: ((y := x + 1) * 1, y.add_(1)),
        # another type, another layout
        lambda x: ((x.long() * 1.0).exp(), (x.expand(2, 30) * 1).view(60)),
    ],
)
def test_other_products_are_as_they_were(function):
    _, repeat = record(function, torch.zeros(30))
    x = torch.linspace(0.3, 7.9, 30)
    for repeated, expected in zip(repeat(x), function(x), strict=True):
        assert torch.equal(repeated, expected)


def test_what_is_changed_after_it_was_made_is_made_each_time():
    def function(x):
        total = torch.zeros(3)
        shown = total[:2]
        total.add_(x)
        return (shown * 2,)

    _, repeat = record(function, torch.ones(3))
    assert repeat is not None
    for _ in range(2):
        assert repeat(torch.tensor([1.0, 2.0, 3.0]))[0].tolist() == [2, 4]


def test_kernels_are_called_by_torchs_own_functions_where_these_do_the_same():
    def function(x):
        halves = x.view(2, 3).split([1, 1])
        largest = x.view(2, 3).max(1)
        return halves[0].squeeze(0) * 2 - largest.values.sum(), largest.indices, (x[1:] + 1).relu_()

    _, repeat = record(function, torch.zeros(6))
    assert {"view", "mul", "sum", "relu_.default", "slice.Tensor"} <= set(called(repeat))
    x = torch.tensor([1.0, 5.0, 2.0, 0.0, -3.0, 4.0])
    torch.testing.assert_close(repeat(x), function(x))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: (x * 2 if x.sum() > 0 else x,),
        lambda x: (x * float(x[0]),),
        lambda x: (x * x.sum().item(),),
        lambda x: (x * x.tolist()[0],),
        lambda x: (x * float(x.numpy()[0]),),
        lambda x: (x * float(x.detach().numpy().sum()),),
        lambda x: (x * float(np.asarray(x)[0]),),
        lambda x: nn.functional.batch_norm(x[:, None], x[:1] * 0, x[:1], training=True).t(),
        lambda x: (x[x > 0],),
        lambda x: (x.unique(),),
        lambda x: (x + torch.rand(3),),
        lambda x: (nn.functional.dropout(x, 0.5),),
        lambda x: (x.add_(1),),
        lambda x: (x.view(3).mul_(2) + 1,),
        lambda x: (x.detach().zero_(),),
        lambda x: (torch.add(x, 1, out=x),),
    ],
)
def test_what_cannot_be_repeated_is_done_once_and_not_recorded(function):
    outputs, repeat = record(function, torch.tensor([1.0, 2.0, 3.0]))
    assert outputs[0].ndim == 1
    assert repeat is None


def test_a_constant_changed_in_place_is_not_recorded():
    counter = torch.zeros(())
    _, repeat = record(lambda x: (x + counter.add_(1),), torch.zeros(2))
    assert repeat is None


def test_what_is_changed_through_a_view_is_changed_again():
    def function(x):
        y = x * 2
        y[0].mul_(3)
        return (y,)

    _, repeat = record(function, torch.ones(2))
    assert repeat is not None
    assert repeat(torch.tensor([1.0, 2.0]))[0].tolist() == [6, 4]
