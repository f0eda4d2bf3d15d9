"""What is asked of a row: the kind of task, its classes, its metrics and its loss."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from medtl_bench.errors import DataError, unknown
from medtl_bench.metrics import registry

Kind = Literal["classification", "segmentation", "regression", "integration"]


@dataclass(frozen=True)
class Task:
    """What is asked of a row; owns the loss and the metrics, the first of which is the primary one.

    `classes`: names of the classes (classification, segmentation with class 0 as
    background) or () for regression and for integration, which has no labels: rows of
    several batches are to be embedded so that the batches mix.
    """

    kind: Kind
    classes: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Fill in the default metrics; raise DataError on too few classes or a metric the kind has not."""
        if not self.metrics:
            object.__setattr__(self, "metrics", registry.defaults(self.kind))
        unclassed = self.kind in {"regression", "integration"}
        if unclassed and self.classes:
            raise DataError(f"A {self.kind} task has no classes, but got {list(self.classes)}.")
        if not unclassed and len(self.classes) < 2:
            raise DataError(
                f"A {self.kind} task needs at least two classes, but got {list(self.classes)}."
            )
        if len(set(self.classes)) < len(self.classes):
            raise DataError(f"A task must name each class once, but got {list(self.classes)}.")
        for name in self.metrics:
            self._check_metric(name)
        if registry.METRICS[self.primary].detail:
            raise DataError(
                f"The first metric must be one that is scored at every stage, which {self.primary!r} is not."
            )
        if self.kind != "integration" and registry.METRICS[self.primary].of != "predictions":
            raise DataError(
                f"A {self.kind} task is ranked by what is predicted, but its first metric is {self.primary!r}."
            )

    def _check_metric(self, name: str) -> None:
        if name not in registry.names(self.kind):
            raise unknown(f"{self.kind} metric", name, registry.names(self.kind))
        if registry.METRICS[name].binary and len(self.classes) != 2:
            raise DataError(
                f"The metric {name!r} needs exactly two classes, but got {list(self.classes)}."
            )
        if len(self.classes) < (least := registry.METRICS[name].classes):
            raise DataError(
                f"The metric {name!r} needs at least {least} classes, but got {list(self.classes)}."
            )

    @property
    def primary(self) -> str:
        """Return the metric that the boards rank by."""
        return self.metrics[0]

    @property
    def running(self) -> tuple[str, ...]:
        """Return the metrics that are scored at every stage: all but those that are details."""
        return tuple(name for name in self.metrics if not registry.METRICS[name].detail)

    @property
    def embedded(self) -> tuple[str, ...]:
        """Return the metrics that are taken of an embedding."""
        return tuple(name for name in self.metrics if registry.METRICS[name].of != "predictions")

    @property
    def outputs(self) -> int:
        """Return how many numbers a prediction holds for each row or pixel."""
        return max(1, len(self.classes))

    def loss(self, outputs: Tensor, y: Tensor) -> Tensor:
        """Return the mean cross-entropy of class scores [n, classes, ...], or the mean squared error of values [n]."""
        if self.kind == "regression":
            return F.mse_loss(outputs, y)
        if not torch._C._functorch.is_functorch_wrapped_tensor(outputs):
            return F.cross_entropy(outputs, y)
        # the same, where F.cross_entropy is slow: under vmap
        return -outputs.log_softmax(1).gather(1, y.unsqueeze(1)).mean()
