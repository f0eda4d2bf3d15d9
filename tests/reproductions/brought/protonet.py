"""Prototypical networks (Snell et al. 2017, NeurIPS), for a published table alone."""

from dataclasses import dataclass, field

import torch
from torch.func import vmap

from medtl_bench.contract.hooks import AlgorithmEntry, hookimpl
from medtl_bench.training.method import GradientMethod


def prototypes(z, y, classes):
    """Return the mean of each class [classes, width] of features [n, width]."""
    of_class = (y[:, None] == torch.arange(classes)).float()
    return of_class.T @ z / of_class.sum(0).clamp(min=1)[:, None]


def closeness(z, means):
    """Return the negative squared distance of each row to each mean [n, classes]."""
    return -(z[:, None] - means).square().sum(2)


@dataclass
class ProtoNet(GradientMethod):
    """Score by the nearest mean of the support's classes; sources are the tasks of training."""

    means: torch.Tensor | None = field(init=False, repr=False, default=None)

    def objective(self, net, batch):
        """Return the mean loss of each source's second half, by the means of its first."""
        half = batch.y.shape[1] // 2

        def query_loss(x, y):
            means = prototypes(net.features(x[:half]), y[:half], self.task.outputs)
            return self.task.loss(closeness(net.features(x[half:]), means), y[half:])

        return vmap(query_loss)(batch.x, batch.y).mean()

    def adapt(self, support):
        """Take the means of the support's classes; the network stays."""
        self.means = prototypes(self.embed(support.x), support.y, self.task.outputs)

    def predict(self, x):
        """Return class scores; one answer for every row before there is a label."""
        if self.means is None:
            return torch.zeros(len(x), self.task.outputs)
        return closeness(self.embed(x), self.means)


@hookimpl
def medtl_algorithms():
    return [
        AlgorithmEntry(
            "protonet", ProtoNet, "The nearest mean of a class.", "meta-learning",
            "Snell et al. 2017, NeurIPS",
        )
    ]  # fmt: skip
