"""The bounds between which a score is read: chance, source-only, target-only and joint."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

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
    """Train on the sources and stay there: no target label, and no forgetting."""

    def adapt(self, support: Split) -> None:
        """Learn nothing."""


@dataclass
class OneBudget(FineTune):
    """A bound that learns from the target's labels for as many steps as others do.

    `one_budget`: whether it does, in `adapt_steps` of which each sees the target.
    """

    one_budget: bool = True
    unsaid: ClassVar[Mapping[str, Any]] = {**FineTune.unsaid, "one_budget": False}


@dataclass
class TargetOnly(OneBudget):
    """Train on the latest target labels alone, for as many steps as others take on them.

    Without `one_budget` for as many as others take on the sources.
    """

    def fit(self, sources: Sequence[Split], unlabelled: Inputs) -> None:
        """Make a network, which stays untrained."""
        self.build(sources)

    def adapt(self, support: Split) -> None:
        """Start again from fresh weights and train on the support alone."""
        self.build([support])
        steps = self.adapt_steps if self.one_budget else self.steps
        self.train(self.objective, [support], None, steps)


@dataclass
class Joint(OneBudget):
    """Train on all rows seen, every domain drawn equally often: what sharing data would give.

    With `one_budget` every step of `adapt` draws from the latest domain, and from others.
    """

    seen: list[Split] = field(init=False, repr=False, default_factory=list)

    def fit(self, sources: Sequence[Split], unlabelled: Inputs) -> None:
        """Train on the sources and keep them."""
        super().fit(sources, unlabelled)
        self.seen = list(sources)

    def adapt(self, support: Split) -> None:
        """Go on training on all that was seen, now with the support."""
        self.seen = [*self.seen, support]
        steps, latest = self.adapt_steps, self.one_budget
        self.train(self.objective, self.seen, None, steps, with_last=latest)
