"""The bounds between which a method's score is read: chance, source-only, target-only and joint training."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from medtl_baselines.finetune import FineTune
from medtl_bench.contract.algorithm import Algorithm
from medtl_bench.contract.split import Inputs, Split


@dataclass
class Chance(Algorithm):
    """Answer at random."""

    pixels: tuple[int, ...] = field(init=False, default=())

    def fit(self, sources: Sequence[Split], unlabelled: Inputs) -> None:
        """Remember the shape of an answer."""
        self.pixels = tuple(sources[0].y.shape[1:])

    def adapt(self, support: Split) -> None:
        """Learn nothing."""

    def predict(self, x: Inputs) -> Tensor:
        """Return standard normal scores."""
        channels = () if self.task.kind == "regression" else (self.task.outputs,)
        return torch.randn(x.shape[0], *channels, *self.pixels, generator=self.generator)


@dataclass
class SourceOnly(FineTune):
    """Train on the sources and stay there: what is reached without any target label, and without forgetting."""

    def adapt(self, support: Split) -> None:
        """Learn nothing."""


@dataclass
class TargetOnly(FineTune):
    """Train afresh on the latest labels of the target, for as many steps as others spend on the sources."""

    def fit(self, sources: Sequence[Split], unlabelled: Inputs) -> None:
        """Make a network, which stays untrained."""
        self.build(sources)

    def adapt(self, support: Split) -> None:
        """Start again from fresh weights and train on the support alone."""
        self.build([support])
        self.train(self.objective, [support], None, self.steps)


@dataclass
class Joint(FineTune):
    """Train on everything seen so far, every domain drawn equally often: what sharing all data would give."""

    seen: list[Split] = field(init=False, repr=False, default_factory=list)

    def fit(self, sources: Sequence[Split], unlabelled: Inputs) -> None:
        """Train on the sources and keep them."""
        super().fit(sources, unlabelled)
        self.seen = list(sources)

    def adapt(self, support: Split) -> None:
        """Go on training on all that was seen, now with the support."""
        self.seen = [*self.seen, support]
        self.train(self.objective, self.seen, None, self.adapt_steps)
