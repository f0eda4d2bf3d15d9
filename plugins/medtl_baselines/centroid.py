"""Nearest class mean."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from medtl_bench.contract.algorithm import Algorithm
from medtl_bench.contract.split import Inputs, Split, concatenate, parts
from medtl_bench.contract.task import Task
from medtl_bench.networks.scaling import scaling


@dataclass
class NearestCentroid(Algorithm):
    """Score a class by minus the mean squared distance to the mean of its standardised rows.

    After `adapt`, a class's mean is that of the support where the support holds the
    class, else that of the sources.
    """

    scaling: list[nn.Module] = field(init=False, repr=False)
    means: Tensor = field(init=False, repr=False)

    @classmethod
    def supports(cls, task: Task) -> str | None:
        """Return a reason for all tasks but classification."""
        return (
            None if task.kind == "classification" else (f"it has no answer to a {task.kind} task")
        )

    def fit(self, sources: Sequence[Split], unlabelled: Inputs) -> None:
        """Take the scaling and the means from the pooled sources."""
        pool = concatenate(sources)
        self.scaling = [scaling(part) for part in parts(pool.x).values()]
        self.means = torch.full((self.task.outputs, self.embed(pool.x).shape[1]), torch.nan)
        self.adapt(pool)

    def adapt(self, support: Split) -> None:
        """Replace the means of the classes that the support holds."""
        z = self.embed(support.x)
        for c in support.y.unique():
            self.means[c] = z[support.y == c].mean(0)

    def predict(self, x: Inputs) -> Tensor:
        """Return minus the mean squared distance to each mean.

        A class never seen scores below all others.
        """
        distance = torch.cdist(self.embed(x), self.means) ** 2 / self.means.shape[1]
        farthest = distance.nan_to_num().amax(1, keepdim=True)
        return -distance.where(~distance.isnan(), farthest + 1)

    def embed(self, x: Inputs) -> Tensor:
        """Return standardised inputs, flattened to [n, columns]."""
        return flattened(self.scaling, x)


def flattened(scaling: Sequence[nn.Module], x: Inputs) -> Tensor:
    """Return inputs, each part standardised by its module, flattened to [n, columns]."""
    scaled = zip(scaling, parts(x).values(), strict=True)
    return torch.cat([scale(part).flatten(1) for scale, part in scaled], 1)
