"""The diagonal of the empirical Fisher information.

It is the mean over rows of the square of each row's gradient. A row's gradient for the
weights of a linear layer is an outer product, g x^T of the gradient g at its outputs and
its inputs x, so that the sum of the squares over rows is a product of two matrices, (G *
G)^T (X * X). For other layers every row's gradient is written out, which takes ten times
longer.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import grad, vmap

from medtl_bench.contract.split import Inputs, Split
from medtl_bench.contract.task import Task
from medtl_bench.networks.network import Network, Parameters

CHUNK = 256  # rows


def diagonal(net: Network, task: Task, split: Split) -> Parameters:
    """Return by parameter the mean over rows of the squared gradient of their log-likelihood."""
    net.module.eval()
    squares = of_layers(net, task, split.x, split.y)
    if squares is None:
        squares = of_rows(net, task, split.x, split.y)
    return {name: squares[name] / len(split) for name in net.parameters}


def of_rows(net: Network, task: Task, x: Inputs, y: Tensor) -> Parameters:
    """Return the sum over rows of the squared gradients of any network."""
    theta = {name: value.detach() for name, value in net.parameters.items()}

    def loss(theta: Parameters, x: Inputs, y: Tensor) -> Tensor:
        return task.loss(net.with_parameters(theta)(x[None]), y[None])

    total = {name: torch.zeros_like(value) for name, value in theta.items()}
    for some_x, some_y in zip(x.split(CHUNK), y.split(CHUNK), strict=True):
        for name, g in vmap(grad(loss), (None, 0, 0))(theta, some_x, some_y).items():
            total[name] += g.square_().sum(0)
    return total


def of_layers(net: Network, task: Task, x: Inputs, y: Tensor) -> Parameters | None:
    """Return the same for a network of linear layers, or None for any other.

    All parameters must be in linear layers, each used at most once, on one vector a row.
    """
    layers = _linear(net)
    if layers is None:
        return None
    outputs, uses = _observed(net, layers, x)
    if not _once_a_row(uses, len(y)):
        return None
    # the sum's gradient at a row is that of the row's own loss, for rows do not meet
    losses = vmap(lambda output, label: task.loss(output[None], label[None]))(outputs, y)
    gradients = torch.autograd.grad(losses.sum(), [use.zero for use in uses])
    squares = {name: torch.zeros_like(theta.detach()) for name, theta in net.parameters.items()}
    for use, g in zip(uses, gradients, strict=True):
        squares[f"{use.layer}.weight"] = g.square().T @ use.squared_inputs
        if layers[use.layer].bias is not None:
            squares[f"{use.layer}.bias"] = g.square().sum(0)
    return squares


class Use(NamedTuple):
    """One call of a layer: the squares of its inputs, and zeros that were added to its outputs.

    The gradient at the zeros is that at the outputs, whatever is done to these in place.
    """

    layer: str
    squared_inputs: Tensor
    zero: Tensor


def _linear(net: Network) -> dict[str, nn.Linear] | None:
    """Return the linear layers by name if they hold all parameters of the network."""
    # a subclass may compute something else
    layers = {name: m for name, m in net.module.named_modules() if type(m) is nn.Linear}
    parameters = {f"{n}.{part}" for n in layers for part, _ in layers[n].named_parameters()}
    return layers if parameters == net.parameters.keys() else None


def _observed(net: Network, layers: dict[str, nn.Linear], x: Inputs) -> tuple[Tensor, list[Use]]:
    """Return the outputs of the network, and how its layers were used on the way."""
    uses: list[Use] = []

    def note(layer: str, _: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        zero = torch.zeros_like(output, requires_grad=True)
        # squared now, before a later operation changes the inputs in place
        uses.append(Use(layer, inputs[0].detach().square(), zero))
        return output + zero

    handles = [layer.register_forward_hook(partial(note, name)) for name, layer in layers.items()]
    try:
        return net(x), uses
    finally:
        for handle in handles:
            handle.remove()


def _once_a_row(uses: Sequence[Use], rows: int) -> bool:
    """Return whether each layer was used at most once, on one vector of each row."""
    names = [use.layer for use in uses]
    vectors = all(u.squared_inputs.ndim == 2 and len(u.squared_inputs) == rows for u in uses)
    return len(set(names)) == len(names) and vectors
