"""AugMix (Hendrycks et al. 2020, ICLR): one answer to an image and to mixtures of it."""

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from medtl_augment.augmented import OfImages
from medtl_augment.operations import OPERATIONS
from medtl_bench.contract.ranges import Range
from medtl_bench.contract.task import Task
from medtl_bench.networks.network import Network
from medtl_bench.training.batches import Batch

MIXTURES = ("first", "second")


@dataclass
class AugMix(OfImages):
    """Minimise L(f(x), y) + weight * JS(p; p1; p2) (eq. 1, algorithm 1).

    p, p1 and p2 answer to x and to two mixtures of it. A mixture is m x + (1 - m) sum_i
    w_i chain_i(x) with w ~ Dirichlet(1, ..., 1) and m ~ Beta(1, 1) for each image; a
    chain is one to three operations, each drawn for all images of a step, its strength
    for each. `weight`, `chains` and `severity` are the paper's (section 4, 3 of 10); its
    operations are those of section 3 but equalise, on tensors (`operations`).
    """

    weight: Annotated[float, Range(1, 30, log=True)] = 12.0
    chains: int = 3
    severity: Annotated[float, Range(0.05, 1)] = 0.3

    @classmethod
    def supports(cls, task: Task) -> str | None:
        """Return a reason for all tasks but classification."""
        if task.kind == "classification":
            return None
        return "it compares class probabilities of whole images"

    def augment(self, batch: Batch) -> Batch:
        """Return the batch with two mixtures of each image in `extra`."""
        x, shape = batch.x.flatten(0, 1), batch.y.shape[:2]
        return replace(
            batch, extra={name: self.mixture(x).unflatten(0, shape) for name in MIXTURES}
        )

    def objective(self, net: Network, batch: Batch) -> Tensor:
        """Return the loss on the images and the weighted divergence of the three answers."""
        x, y = batch.pooled()
        mixtures = [batch.extra[name].flatten(0, 1) for name in MIXTURES]
        # one pass for all three, so that a training step calls the network once
        outputs = net(torch.cat([x, *mixtures])).unflatten(0, (3, -1))
        return self.task.loss(outputs[0], y) + self.weight * divergence(outputs.log_softmax(2))

    def mixture(self, x: Tensor) -> Tensor:
        """Return a mixture of each image [n, channels, height, width] and its chains."""
        low, high = x.amin((1, 2, 3), keepdim=True), x.amax((1, 2, 3), keepdim=True)
        span = (high - low).clamp_min(1e-6)
        u = (x - low) / span
        random = self.numpy()
        w = torch.from_numpy(random.dirichlet([1.0] * self.chains, len(x))).to(x.dtype)
        m = torch.from_numpy(random.beta(1, 1, (len(x), 1, 1, 1))).to(x.dtype)
        mixed = torch.zeros_like(u)
        for i in range(self.chains):
            mixed += w[:, i, None, None, None] * self._chain(u, random)
        return low + span * (m * u + (1 - m) * mixed)

    def _chain(self, u: Tensor, random: np.random.Generator) -> Tensor:
        """Return images after one to three operations, one after the other."""
        for _ in range(random.integers(1, 4)):
            operation = OPERATIONS[random.integers(len(OPERATIONS))]
            u = operation(u, self._strength(len(u)))
        return u

    def _strength(self, n: int) -> Tensor:
        """Return how strongly each image is changed [n], in -severity..severity."""
        return self.severity * (2 * torch.rand(n, generator=self.generator) - 1)


def divergence(log_p: Tensor) -> Tensor:
    """Return the mean Jensen-Shannon divergence of log-probabilities [views, n, classes]."""
    mean = log_p.exp().mean(0).clamp_min(1e-7).log()
    return (log_p.exp() * (log_p - mean)).sum(2).mean()
