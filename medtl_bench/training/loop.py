"""The one optimisation loop."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from medtl_bench.networks.network import Network
from medtl_bench.training.batches import Batch
from medtl_bench.training.descent import Descent, Options

Objective = Callable[[Network, Batch], Tensor]


def optimise(net: Network, objective: Objective, steps: Iterator[Batch], options: Options) -> None:
    """Minimise an objective over batches.

    Changes the network's parameters in place, but those that require no gradient. Raises
    FloatingPointError when it diverges.
    """
    net.module.train()
    parameters = [parameter for parameter in net.module.parameters() if parameter.requires_grad]
    for parameter in parameters:
        parameter.data = parameter.data.contiguous()  # as Adam needs them
    descent, loss = Descent(parameters, options), torch.zeros(())
    for batch in steps:
        loss = objective(net, batch)
        gradients = torch.autograd.grad(loss, parameters, materialize_grads=True)
        descent.step(gradients, batch.progress)
    descent.end()
    refuse_divergence(loss)


def refuse_divergence(loss: Tensor) -> None:
    """Raise FloatingPointError when the last loss of a training is not finite."""
    if not loss.isfinite():
        raise FloatingPointError(f"Training diverged: the last loss is {float(loss.detach())}.")
