"""Training on shuffled labels, below, and above it training for four times the steps."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from medtl_bench.contract.split import Inputs, Split
from medtl_bench.networks.network import Network
from medtl_bench.training.batches import Batch
from medtl_bench.training.method import GradientMethod

TIMES = 4  # the steps that others take at most


@dataclass
class Plain(GradientMethod):
    """Minimise the task's loss."""

    def objective(self, net: Network, batch: Batch) -> Tensor:
        """Return the mean loss over the rows of all sources."""
        return self.supervised(net, batch)


@dataclass
class ShuffledLabels(Plain):
    """Fine-tune on labels that are permuted within each source and each support.

    What it scores above chance, a dataset gives away without its labels.
    """

    def fit(self, sources: Sequence[Split], unlabelled: Inputs) -> None:
        """Train on the sources with shuffled labels."""
        super().fit([self._shuffled(source) for source in sources], unlabelled)

    def adapt(self, support: Split) -> None:
        """Fine-tune on the support with shuffled labels."""
        super().adapt(self._shuffled(support))

    def _shuffled(self, split: Split) -> Split:
        order = torch.randperm(len(split), generator=self.generator)
        return replace(split, y=split.y[order], validation=None)


@dataclass
class ConvergedTarget(Plain):
    """Train on the latest target labels alone until training has converged, if it does."""

    def fit(self, sources: Sequence[Split], unlabelled: Inputs) -> None:
        """Make a network, which stays untrained."""
        self.build(sources)

    def adapt(self, support: Split) -> None:
        """Start again from fresh weights and train on the support for four times the steps."""
        self.build([support])
        self.train(self.objective, [support], None, TIMES * self.adapt_steps)


@dataclass
class ConvergedSource(Plain):
    """Train on the sources for four times the steps at most, and stay there.

    What it scores beside source-only tells whether the ceiling of steps matters.
    """

    def fit(self, sources: Sequence[Split], unlabelled: Inputs) -> None:
        """Train a network on the sources."""
        self.build(sources)
        self.train(self.objective, sources, unlabelled, TIMES * self.steps)

    def adapt(self, support: Split) -> None:
        """Learn nothing."""
