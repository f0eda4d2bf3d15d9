"""scikit-learn estimators that the baselines lack: for class scores, and for values."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
import torch
from sklearn import neighbors, svm
from sklearn.base import BaseEstimator
from sklearn.metrics.pairwise import rbf_kernel
from torch import Tensor

from medtl_bench.arrays import Floats
from medtl_bench.contract.ranges import Range
from medtl_bench.contract.split import Inputs, Split, concatenate
from medtl_peers.flat import SMALLEST, FlatMethod
from medtl_peers.library import seeded


@dataclass
class Estimator(FlatMethod):
    """Fit one estimator on labelled rows."""

    @abstractmethod
    def make(self, seed: int) -> BaseEstimator:
        """Return a fresh estimator for the kind of task."""

    def learn(self, parts: Sequence[Split]) -> None:
        """Fit the estimator on all rows alike."""
        pool = concatenate(parts)
        seed = int(torch.randint(2**31, (), generator=self.generator))
        self.estimator = self.make(seed)
        # SVR takes no seed and draws one from numpy's global generator
        with seeded(self.generator):
            self.fitted(self.flat(pool.x), pool.y.numpy())

    def fitted(self, rows: Floats, y: Floats) -> None:
        """Fit the estimator."""
        self.estimator.fit(rows, y)

    def embed(self, x: Inputs) -> Tensor:
        """Return standardised inputs, flattened to [n, columns]."""
        return torch.from_numpy(self.flat(x))


@dataclass
class SupportVectors(Estimator):
    """A support vector machine with a Gaussian kernel (Cortes and Vapnik 1995).

    Its margins are the class scores. `c`: the inverse strength of regularisation,
    scikit-learn's default. gamma is scikit-learn's too, one over columns times variance.
    The kernel is computed in matrix products and handed over, many times faster than
    libsvm does it. Margins are not calibrated.
    """

    c: Annotated[float, Range(0.001, 1000, log=True)] = 1.0
    trained_on: Floats = field(init=False, repr=False)
    gamma: float = field(init=False, repr=False)

    def make(self, seed: int) -> BaseEstimator:
        """Return the estimator."""
        if self.task.kind == "regression":
            return svm.SVR(C=self.c, kernel="precomputed")
        return svm.SVC(C=self.c, kernel="precomputed", random_state=seed)

    def fitted(self, rows: Floats, y: Floats) -> None:
        """Fit the estimator on the kernel of the rows with themselves."""
        self.trained_on = rows
        self.gamma = 1.0 / max(rows.shape[1] * float(rows.var()), SMALLEST)
        self.estimator.fit(self.kernel(rows), y)

    def kernel(self, rows: Floats) -> Floats:
        """Return the kernel of rows [n] with those that were trained on [m], [n, m]."""
        return np.asarray(rbf_kernel(rows, self.trained_on, self.gamma))

    def values(self, rows: Floats) -> Floats:
        """Return the estimator's values [n]."""
        return super().values(self.kernel(rows))

    def scores(self, rows: Floats) -> Floats:
        """Return each class's margin against the rest; of two, half the margin for and against."""
        margin: Floats = self.estimator.decision_function(self.kernel(rows))
        return margin if margin.ndim > 1 else np.stack([-margin / 2, margin / 2], 1)


@dataclass
class NearestNeighbours(Estimator):
    """k nearest neighbours of standardised inputs by Euclidean distance (Cover and Hart 1967).

    k is scikit-learn's 5.
    """

    neighbours: Annotated[int, Range(1, 50, log=True)] = 5

    def make(self, seed: int) -> BaseEstimator:
        """Return the estimator."""
        if self.task.kind == "regression":
            return neighbors.KNeighborsRegressor(self.neighbours)
        return neighbors.KNeighborsClassifier(self.neighbours)
