"""The diagonal of the empirical Fisher information.

It is the mean over rows of the square of each row's gradient. A row's gradient for the
weights of a linear layer is an outer product, g x^T of the gradient g at its outputs and
its inputs x, so that the sum of the squares over rows is a product of two matrices, (G *
G)^T (X * X). For other layers every row's gradient is written out, which takes ten times
longer.
"""

from functools import partial

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
    squares = of_rows(net, task, split.x, split.y) if squares is None else squares
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
    """Return the same where all parameters are in linear layers, each used at most once, on one vector a row; else None."""
    layers = {
        name: module for name, module in net.module.named_modules() if type(module) is nn.Linear
    }
    if {
        f"{layer}.{name}" for layer in layers for name, _ in layers[layer].named_parameters()
    } != net.parameters.keys():
        return None
    seen: list[tuple[str, Tensor, Tensor]] = []

    def note(layer: str, _: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        # the gradient at the output, whatever is done to that in place
        zero = torch.zeros_like(output, requires_grad=True)
        seen.append((layer, inputs[0].detach().square(), zero))  # before anything changes them
        return output + zero

    handles = [
        module.register_forward_hook(partial(note, layer)) for layer, module in layers.items()
    ]
    try:
        outputs = net(x)
    finally:
        for handle in handles:
            handle.remove()
    used = [layer for layer, _, _ in seen]
    if len(set(used)) < len(used) or any(
        squared.ndim != 2 or len(squared) != len(y) for _, squared, _ in seen
    ):
        return None
    losses = vmap(lambda output, label: task.loss(output[None], label[None]))(outputs, y)
    gradients = torch.autograd.grad(losses.sum(), [zero for _, _, zero in seen])
    squares = {
        name: torch.zeros_like(value, requires_grad=False) for name, value in net.parameters.items()
    }
    for (layer, squared, _), g in zip(seen, gradients, strict=True):
        squares[f"{layer}.weight"] = g.square().T @ squared
        if layers[layer].bias is not None:
            squares[f"{layer}.bias"] = g.square().sum(0)
    return squares
