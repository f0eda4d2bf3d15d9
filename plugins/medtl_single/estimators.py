"""Random forest, logistic regression and support vector machine of one target alone."""

from dataclasses import dataclass
from functools import partial

import numpy as np
from sklearn import ensemble, linear_model, svm
from sklearn.dummy import DummyClassifier
from sklearn.metrics.pairwise import rbf_kernel

from medtl_bench.arrays import Floats
from medtl_bench.contract.task import Task
from medtl_single.alone import SMALLEST, SingleTask


@dataclass
class SingleForest(SingleTask):
    """A random forest (Breiman 2001) of scikit-learn's defaults.

    But for one: values are split as classes are, by the best of sqrt(columns) random columns.
    """

    trees: int = 100

    def make(
        self, rows: Floats, seed: int
    ) -> ensemble.RandomForestClassifier | ensemble.RandomForestRegressor:
        """Return the estimator for the kind of task."""
        if self.task.kind == "regression":
            return ensemble.RandomForestRegressor(
                self.trees, max_features="sqrt", random_state=seed
            )
        return ensemble.RandomForestClassifier(
            self.trees, class_weight=self.class_weight, random_state=seed
        )


@dataclass
class SingleLogisticRegression(SingleTask):
    """L2-regularised logistic regression; `c` is the inverse strength, scikit-learn's default."""

    c: float = 1.0

    @classmethod
    def supports(cls, task: Task) -> str | None:
        """Return a reason for all tasks but classification."""
        if task.kind != "classification":
            return f"it has no answer to a {task.kind} task"
        return None

    def make(self, rows: Floats, seed: int) -> linear_model.LogisticRegression:
        """Return the estimator."""
        return linear_model.LogisticRegression(
            C=self.c, class_weight=self.class_weight, max_iter=200, random_state=seed
        )


@dataclass
class SingleSVM(SingleTask):
    """A support vector machine with the kernel exp(-gamma |x - x'|^2) (Cortes and Vapnik 1995).

    Its margins are the class scores, which are not calibrated. The defaults are
    scikit-learn's. `c`: the inverse strength of regularisation. `epsilon`: by how much
    standardised values may be missed at no loss. `gamma`: 0 for one over columns times
    variance.
    """

    c: float = 1.0
    epsilon: float = 0.1
    gamma: float = 0.0

    def make(self, rows: Floats, seed: int) -> svm.SVC | svm.SVR:
        """Return the estimator; matrix products make its kernel faster than libsvm does."""
        scale = 1.0 / max(rows.shape[1] * float(rows.var()), SMALLEST)
        kernel = partial(rbf_kernel, gamma=self.gamma or scale)
        if self.task.kind == "regression":
            machine = svm.SVR(C=self.c, epsilon=self.epsilon, kernel=kernel)
        else:
            machine = svm.SVC(C=self.c, kernel=kernel, class_weight=self.class_weight)
        machine.random_state = seed  # SVR takes none, and would draw from numpy's global generator
        return machine

    def scores(self, rows: Floats) -> Floats:
        """Return each class's margin against the rest; of two, half the margin for and against."""
        if isinstance(self.estimator, DummyClassifier):
            return super().scores(rows)
        margin: Floats = self.estimator.decision_function(rows)
        return margin if margin.ndim > 1 else np.stack([-margin / 2, margin / 2], 1)
