"""Plain training on the sources and plain fine-tuning on the target, which others must beat."""

from dataclasses import dataclass

from torch import Tensor

from medtl_bench.networks.network import Network
from medtl_bench.training.batches import Batch
from medtl_bench.training.method import GradientMethod


@dataclass
class FineTune(GradientMethod):
    """Minimise the task's loss over all labelled rows of the sources, then of the support."""

    def objective(self, net: Network, batch: Batch) -> Tensor:
        """Return the mean loss over the rows of all sources (empirical risk minimisation)."""
        return self.supervised(net, batch)
