"""scikit-learn estimators behind one adapter."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
import torch
from sklearn import ensemble, linear_model
from torch import Tensor, nn

from medtl_baselines.centroid import flattened
from medtl_bench.contract.algorithm import Algorithm
from medtl_bench.contract.ranges import Range
from medtl_bench.contract.split import Inputs, Split, concatenate, parts
from medtl_bench.contract.task import Task
from medtl_bench.networks.scaling import scaling

SMALLEST = 1e-6


@dataclass
class ScikitLearn(Algorithm):
    """Fit an estimator on the pooled sources, and on `adapt` again on them and the support.

    Both then have the same total weight. `refit_rows`: how many earlier rows a refit uses
    at most, drawn at random, as many of each domain.
    """

    refit_rows: int = 600
    scaling: list[nn.Module] = field(init=False, repr=False)
    seen: list[Split] = field(init=False, repr=False)
    estimator: Any = field(init=False, repr=False)

    @abstractmethod
    # scikit-learn has no type for an estimator
    def make(self, rows: int, seed: int) -> Any:  # noqa: ANN401
        """Return a fresh estimator for so many rows."""

    @classmethod
    def supports(cls, task: Task) -> str | None:
        """Return a reason for segmentation."""
        if task.kind == "segmentation":
            return "it predicts one answer a row, not one a pixel"
        return None

    def fit(self, sources: Sequence[Split], unlabelled: Inputs) -> None:
        """Fit scaling and estimator on the pooled sources, every source at equal total weight."""
        self.seen = list(sources)
        pool = concatenate(sources)
        self.scaling = [scaling(part) for part in parts(pool.x).values()]
        self._fit(pool, _equal(sources))

    def adapt(self, support: Split) -> None:
        """Refit on a sample of what was seen and on the support, each with half of the weight."""
        share = self.refit_rows // len(self.seen)
        old = concatenate([self._some(split, share) for split in self.seen])
        self.seen = [*self.seen, support]
        self._fit(concatenate([old, support]), _equal([old, support]))

    def _some(self, split: Split, rows: int) -> Split:
        return split[torch.randperm(len(split), generator=self.generator)[:rows]]

    def _fit(self, split: Split, weight: Tensor) -> None:
        seed = int(torch.randint(2**31, (), generator=self.generator))
        self.estimator = self.make(len(split), seed)
        rows, weight = self.embed(split.x).numpy(), weight / weight.mean()
        self.estimator.fit(rows, split.y.numpy(), weight.numpy())

    def predict(self, x: Inputs) -> Tensor:
        """Return log-probabilities [n, classes], very low for a class never seen, or values."""
        rows = self.embed(x).numpy()
        if self.task.kind == "regression":
            return torch.from_numpy(self.estimator.predict(rows)).float()
        estimate = self.estimator.predict_proba(rows).clip(SMALLEST)
        probability = np.full((len(rows), self.task.outputs), SMALLEST)
        probability[:, self.estimator.classes_] = estimate
        return torch.from_numpy(np.log(probability)).float()

    def embed(self, x: Inputs) -> Tensor:
        """Return standardised inputs, flattened to [n, columns]."""
        return flattened(self.scaling, x)


def _equal(splits: Sequence[Split]) -> Tensor:
    """Return weights of all rows, in which every split has the same total."""
    return torch.cat([torch.full((len(split),), 1 / len(split)) for split in splits])


@dataclass
class LogisticRegression(ScikitLearn):
    """L2-regularised logistic regression; `c` is the inverse strength, scikit-learn's default."""

    c: Annotated[float, Range(0.001, 1000, log=True)] = 1.0

    @classmethod
    def supports(cls, task: Task) -> str | None:
        """Return a reason for all tasks but classification."""
        return (
            None if task.kind == "classification" else (f"it has no answer to a {task.kind} task")
        )

    def make(self, rows: int, seed: int) -> linear_model.LogisticRegression:
        """Return the estimator."""
        return linear_model.LogisticRegression(C=self.c, max_iter=200, random_state=seed)


@dataclass
class RandomForest(ScikitLearn):
    """A random forest (Breiman 2001), each tree grown on at most `tree_rows` rows.

    Otherwise scikit-learn's defaults, but for one. Values are split as classes are, by
    the best of sqrt(columns) random columns: all of them would take ten times as long.
    """

    trees: int = 50
    tree_rows: Annotated[int, Range(100, 2000, log=True)] = 2000

    def make(
        self, rows: int, seed: int
    ) -> ensemble.RandomForestClassifier | ensemble.RandomForestRegressor:
        """Return the estimator for the kind of task."""
        values = self.task.kind == "regression"
        forest = ensemble.RandomForestRegressor if values else ensemble.RandomForestClassifier
        most = min(rows, self.tree_rows)
        return forest(self.trees, max_features="sqrt", max_samples=most, random_state=seed)
