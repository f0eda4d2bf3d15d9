"""The one optimisation loop."""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from medtl_bench.networks.network import Network
from medtl_bench.training.batches import Batch
from medtl_bench.training.descent import Descent, Options
from medtl_bench.training.watch import Watch

Objective = Callable[[Network, Batch], Tensor]


def asked(net: Network, batch: Batch) -> Network:
    """Return a network as an objective sees it: a source's rows pass its domain's head."""
    domains = batch.domains
    return net if domains is None else net.of_blocks(domains, batch.y.shape[1])


def optimise(
    net: Network,
    objective: Objective,
    steps: Iterator[Batch],
    options: Options,
    watch: Watch | None = None,
    beside: Sequence[Tensor] = (),
) -> None:
    """Minimise an objective over batches, or until a watch says that it is over.

    Changes the network's parameters in place, but those that require no gradient. `beside`:
    what else a step may change, for the watch to keep. Raises FloatingPointError when it
    diverges.
    """
    net.module.train()
    named = net.module.named_parameters()
    theta = {name: parameter for name, parameter in named if parameter.requires_grad}
    parameters = list(theta.values())
    for parameter in parameters:
        parameter.data = parameter.data.contiguous()  # as Adam needs them
    descent, loss = Descent(parameters, options), torch.zeros(())
    tensors = [*descent.weights, *beside]
    for number, batch in enumerate(steps, 1):
        loss = objective(asked(net, batch), batch)
        gradients = torch.autograd.grad(loss, parameters, materialize_grads=True)
        descent.step(gradients, batch.progress)
        if watch and watch.due(number):
            predicting = dict(zip(theta, descent.weights, strict=True))
            watch.look(net.with_parameters(predicting), tensors)
            if watch.over:
                break
    if watch:
        loss = torch.tensor(watch.least)
        watch.restore(tensors)
    descent.end()
    refuse_divergence(loss)


def refuse_divergence(loss: Tensor) -> None:
    """Raise FloatingPointError when the last loss of a training is not finite."""
    if not loss.isfinite():
        raise FloatingPointError(f"Training diverged: the last loss is {float(loss.detach())}.")
