"""What is asked of a row: the kind of task, its classes, its metrics and its loss."""

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from medtl_bench.contract.names import texts
from medtl_bench.contract.vocabulary import LabelMeaning
from medtl_bench.errors import DataError, unknown
from medtl_bench.metrics import registry

Kind = Literal["classification", "segmentation", "regression", "integration"]
Change = Literal["flips", "affine", "intensity"]  # of images


@dataclass(frozen=True)
class Task:
    """What is asked of a row; owns the loss and the metrics, of which the first is the primary.

    `classes`: names of the classes (classification, segmentation with class 0 as
    background) or () for regression and for integration, which has no labels: rows of
    several batches are to be embedded so that the batches mix. `allowed`: which changes of
    images leave a label what it is (masks move along), for methods that augment: to be
    mirrored, to be turned, stretched and shifted a little, to be of another contrast and
    brightness. `labels`: whether domains share one question; a protocol tells learners
    what the dataset says of its scenario.
    """

    kind: Kind
    classes: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    allowed: tuple[Change, ...] = get_args(Change)
    labels: LabelMeaning = "shared"

    def __post_init__(self) -> None:
        """Fill in the default metrics.

        Raises DataError on too few classes or names that are no texts, MedTLError on an unknown
        kind, or a metric that it has not.
        """
        if self.kind not in get_args(Kind):
            raise unknown("kind of task", str(self.kind), get_args(Kind))
        for names in ("classes", "metrics", "allowed"):
            what = f"the {names} of a {self.kind} task"
            object.__setattr__(self, names, texts(what, getattr(self, names)))
        if not self.metrics:
            object.__setattr__(self, "metrics", registry.defaults(self.kind))
        self._check_classes()
        for change in self.allowed:
            if change not in get_args(Change):
                raise unknown("change of images", change, get_args(Change))
        for name in self.metrics:
            self._check_metric(name)
        self._check_primary()

    def _check_classes(self) -> None:
        unclassed, names = self.kind in {"regression", "integration"}, list(self.classes)
        if unclassed and names:
            raise DataError(f"A {self.kind} task has no classes, but got {names}.")
        if not unclassed and len(names) < 2:
            raise DataError(f"A {self.kind} task needs at least two classes, but got {names}.")
        if len(set(names)) < len(names):
            raise DataError(f"A task must name each class once, but got {names}.")

    def _check_metric(self, name: str) -> None:
        if name not in registry.names(self.kind):
            raise unknown(f"{self.kind} metric", name, registry.names(self.kind))
        metric, names = registry.METRICS[name], list(self.classes)
        need = "exactly two" if metric.binary else f"at least {metric.classes}"
        if (metric.binary and len(names) != 2) or len(names) < metric.classes:
            raise DataError(f"The metric {name!r} needs {need} classes, but got {names}.")

    def _check_primary(self) -> None:
        if registry.METRICS[self.primary].detail:
            rule = "The first metric must be one that is scored at every stage"
            raise DataError(f"{rule}, which {self.primary!r} is not.")
        if self.kind != "integration" and registry.METRICS[self.primary].of != "predictions":
            rule = f"A {self.kind} task is ranked by what is predicted"
            raise DataError(f"{rule}, but its first metric is {self.primary!r}.")

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
        """Return the mean loss as a scalar.

        The cross-entropy of class scores [n, classes, ...] and y [n, ...], or the squared
        error of values [n] and y [n].
        """
        if self.kind == "regression":
            return F.mse_loss(outputs, y)
        if not torch._C._functorch.is_functorch_wrapped_tensor(outputs):
            return F.cross_entropy(outputs, y)
        # the same, where F.cross_entropy is slow: under vmap
        return -outputs.log_softmax(1).gather(1, y.unsqueeze(1)).mean()
