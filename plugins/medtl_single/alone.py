"""An estimator of one target's labels alone, behind the three verbs."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from medtl_baselines.centroid import flattened
from sklearn.dummy import DummyClassifier
from torch import Tensor, nn

from medtl_bench.arrays import Floats
from medtl_bench.contract.algorithm import Algorithm
from medtl_bench.contract.split import Inputs, Split, parts
from medtl_bench.contract.task import Task
from medtl_bench.networks.scaling import scaling

SMALLEST = 1e-6
# measures to which a rare class matters as much as a common one, or more
OF_RARE = {"balanced_accuracy", "bedroc20", "ef1"}


@dataclass
class SingleTask(Algorithm):
    """Fit an estimator on the latest support alone, inputs scaled by its rows.

    Sources and unlabelled inputs are ignored: before any label every row gets one answer.
    Classes weigh alike where the primary metric says so (`OF_RARE`). `rows`: how many of a
    support are used at most, drawn at random.
    """

    rows: int = 5000
    scaling: list[nn.Module] = field(init=False, repr=False)
    estimator: Any = field(init=False, repr=False, default=None)

    @abstractmethod
    # scikit-learn has no type for an estimator
    def make(self, rows: Floats, seed: int) -> Any:  # noqa: ANN401
        """Return a fresh estimator for such rows [n, columns]."""

    @classmethod
    def supports(cls, task: Task) -> str | None:
        """Return a reason for segmentation."""
        if task.kind == "segmentation":
            return "it predicts one answer a row, not one a pixel"
        return None

    @property
    def class_weight(self) -> Literal["balanced"] | None:
        """Return how scikit-learn is to weigh classes."""
        return "balanced" if self.task.primary in OF_RARE else None

    def fit(self, sources: Sequence[Split], unlabelled: Inputs) -> None:
        """Learn nothing."""

    def adapt(self, support: Split) -> None:
        """Fit afresh on the support; where it holds one class only, on its frequencies."""
        order = torch.randperm(len(support), generator=self.generator)
        seed = int(torch.randint(2**31, (), generator=self.generator))
        support = support[order[: self.rows]]
        self.scaling = [scaling(part) for part in parts(support.x).values()]
        rows, y = self.flat(support.x), support.y.numpy()
        one_class = self.task.kind == "classification" and len(np.unique(y)) == 1
        self.estimator = DummyClassifier() if one_class else self.make(rows, seed)
        self.estimator.fit(rows, y)

    def predict(self, x: Inputs) -> Tensor:
        """Return class scores [n, classes], very low for a class never seen, or values [n]."""
        values = self.task.kind == "regression"
        if self.estimator is None:
            return torch.zeros(x.shape[0], *(() if values else (self.task.outputs,)))
        rows = self.flat(x)
        if values:
            return torch.from_numpy(self.estimator.predict(rows)).float()
        answers = np.full((len(rows), self.task.outputs), np.log(SMALLEST))
        answers[:, self.estimator.classes_] = self.scores(rows)
        return torch.from_numpy(answers).float()

    def scores(self, rows: Floats) -> Floats:
        """Return log-probabilities of the classes that the estimator knows [n, known]."""
        return np.asarray(np.log(self.estimator.predict_proba(rows).clip(SMALLEST)))

    def flat(self, x: Inputs) -> Floats:
        """Return scaled inputs, flattened to [n, columns]."""
        return np.asarray(flattened(self.scaling, x).numpy())
