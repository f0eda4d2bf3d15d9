"""scikit-learn estimators that the bench's baselines lack; classes get scores, values are regressed with the same method."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn import ensemble, neighbors, svm
from sklearn.base import BaseEstimator
from torch import Tensor

from medtl_bench.data import Inputs, Split, concatenate
from medtl_peers.flat import FlatMethod, Floats
from medtl_peers.library import seeded


@dataclass
class Estimator(FlatMethod):
    """Fit one estimator on labelled rows."""

    rows: int = 2000

    @abstractmethod
    def make(self, seed: int) -> BaseEstimator:
        """Return a fresh estimator for the kind of task."""

    def learn(self, parts: Sequence[Split]) -> None:
        """Fit the estimator on all rows alike."""
        pool = concatenate(parts)
        self.estimator = self.make(int(torch.randint(2**31, (), generator=self.generator)))
        with seeded(self.generator):  # SVR takes no seed and draws one from numpy's global generator
            self.estimator.fit(self.flat(pool.x), pool.y.numpy())

    def embed(self, x: Inputs) -> Tensor:
        """Return standardised inputs, flattened to [n, columns]."""
        return torch.from_numpy(self.flat(x))


@dataclass
class SupportVectors(Estimator):
    """A support vector machine with a Gaussian kernel (Cortes and Vapnik 1995); its margins are the class scores.

    `c`: the inverse strength of regularisation, scikit-learn's default. Margins are not calibrated.
    """

    c: float = 1.0

    def make(self, seed: int) -> BaseEstimator:
        """Return the estimator."""
        return svm.SVR(C=self.c) if self.task.kind == "regression" else svm.SVC(C=self.c, random_state=seed)

    def scores(self, rows: Floats) -> Floats:
        """Return each class's margin against the rest; of two, half the margin for the one and against the other."""
        margin: Floats = self.estimator.decision_function(rows)
        return margin if margin.ndim > 1 else np.stack([-margin / 2, margin / 2], 1)


@dataclass
class GradientBoosting(Estimator):
    """Histogram gradient boosting (Friedman 2001); otherwise scikit-learn's defaults."""

    trees: int = 50

    def make(self, seed: int) -> BaseEstimator:
        """Return the estimator."""
        regression = self.task.kind == "regression"
        boosting: Any = ensemble.HistGradientBoostingRegressor if regression else ensemble.HistGradientBoostingClassifier
        return boosting(max_iter=self.trees, random_state=seed)


@dataclass
class NearestNeighbours(Estimator):
    """k nearest neighbours by Euclidean distance of standardised inputs (Cover and Hart 1967); k is scikit-learn's 5."""

    neighbours: int = 5

    def make(self, seed: int) -> BaseEstimator:
        """Return the estimator."""
        if self.task.kind == "regression":
            return neighbors.KNeighborsRegressor(self.neighbours)
        return neighbors.KNeighborsClassifier(self.neighbours)
