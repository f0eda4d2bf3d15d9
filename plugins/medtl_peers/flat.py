"""What methods on flat rows share: standardised inputs, a sample of rows, and class scores."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from medtl_bench.arrays import Floats, Ints
from medtl_bench.contract.algorithm import Algorithm
from medtl_bench.contract.split import Inputs, Split, concatenate, parts
from medtl_bench.contract.task import Task
from medtl_bench.networks.scaling import scaling

SMALLEST = 1e-6


@dataclass
class FlatMethod(Algorithm):
    """Learn from at most `rows` labelled rows, as many of each source.

    On `adapt` half are the support's, half of all before. Where a domain has too few rows
    they are repeated, which is how it gets its weight in methods that take no weights.
    """

    rows: int = 600
    scaling: list[nn.Module] = field(init=False, repr=False)
    seen: list[Split] = field(init=False, repr=False)
    estimator: Any = field(init=False, repr=False)

    @classmethod
    def supports(cls, task: Task) -> str | None:
        """Return a reason for segmentation."""
        if task.kind == "segmentation":
            return "it predicts one answer a row, not one a pixel"
        return None

    @abstractmethod
    def learn(self, parts: Sequence[Split]) -> None:
        """Set `self.estimator`, fitted on labelled rows of several domains."""

    def fit(self, sources: Sequence[Split], unlabelled: Inputs) -> None:
        """Fit the scaling on the pooled sources, and learn from a sample of each."""
        self.seen = list(sources)
        self.scaling = [scaling(part) for part in parts(concatenate(sources).x).values()]
        self.learn(self.sample(self.seen, self.rows))

    def adapt(self, support: Split) -> None:
        """Learn again from a sample of what was seen and from the support."""
        half = self.rows // 2
        old, new = self.sample(self.seen, half), self.sample([support], half)
        self.seen = [*self.seen, support]
        self.learn([*old, *new])

    def sample(self, splits: Sequence[Split], rows: int) -> list[Split]:
        """Return so many rows in all, equally from each split.

        They are drawn without replacement, or all, again and again.
        """
        share = max(1, rows // len(splits))
        return [split[self.shuffled(len(split), share)] for split in splits]

    def shuffled(self, rows: int, share: int) -> Tensor:
        """Return `share` of the numbers below `rows`, all as often, give or take one."""
        rounds = -(-share // rows)
        orders = [torch.randperm(rows, generator=self.generator) for _ in range(rounds)]
        return torch.cat(orders)[:share]

    def predict(self, x: Inputs) -> Tensor:
        """Return class scores [n, classes], that of a class never seen very low, or values [n]."""
        rows = self.flat(x)
        if self.task.kind == "regression":
            return torch.from_numpy(self.values(rows)).float()
        scores = np.full((len(rows), self.task.outputs), np.log(SMALLEST))
        scores[:, self.classes()] = self.scores(rows)
        return torch.from_numpy(scores).float()

    def flat(self, x: Inputs) -> Floats:
        """Return standardised inputs, flattened to [n, columns]."""
        scaled = zip(self.scaling, parts(x).values(), strict=True)
        columns = torch.cat([scale(part).flatten(1) for scale, part in scaled], 1)
        return np.asarray(columns.numpy())

    def classes(self) -> Ints:
        """Return the classes that the estimator knows, in its order."""
        return np.asarray(self.estimator.classes_)

    def values(self, rows: Floats) -> Floats:
        """Return the estimator's values [n]."""
        return np.asarray(self.estimator.predict(rows))

    def scores(self, rows: Floats) -> Floats:
        """Return the logarithm of the estimator's probabilities [n, known classes]."""
        return np.asarray(np.log(self.estimator.predict_proba(rows).clip(SMALLEST)))
