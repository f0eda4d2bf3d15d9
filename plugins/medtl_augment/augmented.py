"""What methods that augment have in common."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from medtl_bench.contract.split import Inputs, Split
from medtl_bench.networks.network import Network
from medtl_bench.training.batches import Batch
from medtl_bench.training.method import GradientMethod


@dataclass
class Augmented(GradientMethod):
    """Plain training on augmented batches, of the sources and then of the support."""

    def objective(self, net: Network, batch: Batch) -> Tensor:
        """Return the mean loss over the augmented rows."""
        return self.supervised(net, batch)

    def adapt(self, support: Split) -> None:
        """Fine-tune on the augmented support."""
        self.train(self.objective, [support], None, self.adapt_steps)

    def numpy(self) -> np.random.Generator:
        """Return a seeded generator for distributions that torch cannot draw from its own."""
        return np.random.default_rng(int(torch.randint(2**62, (), generator=self.generator)))


@dataclass
class OfImages(Augmented):
    """A method for images [n, channels, height, width] alone."""

    @classmethod
    def takes(cls, x: Inputs) -> str | None:
        """Return a reason for all inputs but images."""
        if isinstance(x, Tensor) and x.ndim == 4:
            return None
        return f"it augments images, and these inputs are {_kind(x)}"


def _kind(x: Inputs) -> str:
    if not isinstance(x, Tensor):
        return "of several parts"
    return {2: "vectors", 3: "sequences"}.get(x.ndim, f"of {x.ndim} axes")
