"""The data contract: Split, Domain, Dataset, Task, Transfer, Stream and Card. Frozen; a Dataset checks itself."""

from collections.abc import Sequence
from dataclasses import InitVar, dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Literal, Self, TypeAlias, TypeVar

import torch
from torch import Tensor
from torch.nn import functional as F

from medtl_bench import metrics
from medtl_bench.errors import DataError, unknown
from medtl_bench.hookspecs import Area

if TYPE_CHECKING:  # takes longer to import than torch, and only datasets with inputs of several parts need it
    from tensordict import TensorDict

    Inputs: TypeAlias = Tensor | TensorDict
else:
    Inputs = Tensor
Kind = Literal["classification", "segmentation", "regression", "integration"]
Provenance = Literal["real", "semi-synthetic", "simulated"]

Named = TypeVar("Named", "Domain", "Transfer", "Stream")


@dataclass(frozen=True, eq=False)
class Split:
    """Some rows of a domain.

    `x`: float32 inputs [n, ...], or a TensorDict of such parts with batch size [n]. `y`: int64 classes [n]
    (classification) or [n, height, width] (segmentation), float32 values [n] (regression), zeros [n]
    (integration). `groups`: int64 [n], what must not be torn apart by a split (a patient, a scaffold, a slide), or None.
    `marked`: bool [n], rows that are also scored apart, or None; no learner is shown it.
    """

    x: Inputs
    y: Tensor
    groups: Tensor | None = None
    marked: Tensor | None = None

    def __post_init__(self) -> None:
        """Raise DataError when a part is no tensor of rows, or when the parts differ in length."""
        for name, part in (("x", self.x), ("y", self.y), *self.of_rows().items()):
            if not (part is None or isinstance(part, Tensor) or (name == "x" and hasattr(part, "batch_size"))):
                raise DataError(f"A split is made of torch tensors, but {name} is a {type(part).__name__}.")
            if part is not None and not part.ndim:
                raise DataError(f"A split is made of rows, but {name} has no rows to count.")
        lengths = {"x": self.x.shape[0], "y": self.y.shape[0], **{name: part.shape[0] for name, part in self.of_rows().items()}}
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"{name} has {n}" for name, n in lengths.items())
            raise DataError(f"The parts of a split must have the same number of rows, but {told}.")

    def __len__(self) -> int:
        """Return the number of rows."""
        return int(self.y.shape[0])

    def __getitem__(self, rows: Tensor) -> "Split":
        """Return the rows that an index or a mask [n] picks."""
        return Split(self.x[rows], self.y[rows], **{name: part[rows] for name, part in self.of_rows().items()})

    def of_rows(self) -> dict[str, Tensor]:
        """Return what is known of the rows beside x and y."""
        known = {"groups": self.groups, "marked": self.marked}
        return {name: part for name, part in known.items() if part is not None}

    def unmarked(self) -> "Split":
        """Return the split without its marks, as learners are handed it."""
        return self if self.marked is None else Split(self.x, self.y, self.groups)

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """Return itself: a split never changes, and learners that keep their data are copied before each `adapt`."""
        return self


def concatenate(splits: Sequence[Split]) -> Split:
    """Return one split with the rows of all, in order, without groups, whose numbers mean nothing across domains, or marks."""
    return Split(torch.cat([s.x for s in splits]), torch.cat([s.y for s in splits]))


@dataclass(frozen=True, eq=False)
class Domain:
    """One hospital, scanner, assay, species or task, in three splits; `val` may be empty."""

    name: str
    train: Split
    val: Split
    test: Split

    def splits(self) -> dict[str, Split]:
        """Return the splits by name."""
        return {"train": self.train, "val": self.val, "test": self.test}


@dataclass(frozen=True)
class Task:
    """What is asked of a row; owns the loss and the metrics, the first of which is the primary one.

    `classes`: names of the classes (classification, segmentation with class 0 as background) or () for regression and for
    integration, which has no labels: rows of several batches are to be embedded so that the batches mix.
    """

    kind: Kind
    classes: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Fill in the default metrics; raise DataError on too few classes or a metric the kind has not."""
        if not self.metrics:
            object.__setattr__(self, "metrics", metrics.defaults(self.kind))
        unclassed = self.kind in {"regression", "integration"}
        if unclassed and self.classes:
            raise DataError(f"A {self.kind} task has no classes, but got {list(self.classes)}.")
        if not unclassed and len(self.classes) < 2:
            raise DataError(f"A {self.kind} task needs at least two classes, but got {list(self.classes)}.")
        if len(set(self.classes)) < len(self.classes):
            raise DataError(f"A task must name each class once, but got {list(self.classes)}.")
        for name in self.metrics:
            self._check_metric(name)
        if metrics.METRICS[self.primary].detail:
            raise DataError(f"The first metric must be one that is scored at every stage, which {self.primary!r} is not.")
        if self.kind != "integration" and self.primary in metrics.INTEGRATION:
            raise DataError(f"A {self.kind} task is ranked by what is predicted, but its first metric is {self.primary!r}.")

    def _check_metric(self, name: str) -> None:
        if name not in metrics.names(self.kind):
            raise unknown(f"{self.kind} metric", name, metrics.names(self.kind))
        if metrics.METRICS[name].binary and len(self.classes) != 2:
            raise DataError(f"The metric {name!r} needs exactly two classes, but got {list(self.classes)}.")
        if len(self.classes) < (least := metrics.METRICS[name].classes):
            raise DataError(f"The metric {name!r} needs at least {least} classes, but got {list(self.classes)}.")

    @property
    def primary(self) -> str:
        """Return the metric that the boards rank by."""
        return self.metrics[0]

    @property
    def running(self) -> tuple[str, ...]:
        """Return the metrics that are scored at every stage: all but those that are details."""
        return tuple(name for name in self.metrics if not metrics.METRICS[name].detail)

    @property
    def embedded(self) -> tuple[str, ...]:
        """Return the metrics that are taken of an embedding."""
        return tuple(name for name in self.metrics if name in metrics.INTEGRATION)

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
        return -outputs.log_softmax(1).gather(1, y.unsqueeze(1)).mean()  # the same, where F.cross_entropy is slow: under vmap


@dataclass(frozen=True)
class Transfer:
    """Learn on the sources, be judged on the targets. An `optional` one runs only with the preset `full`."""

    name: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    optional: bool = False


@dataclass(frozen=True)
class Stream:
    """Learn the domains one after the other, in this order."""

    name: str
    domains: tuple[str, ...]


@dataclass(frozen=True)
class Card:
    """What a reader must know before trusting a number: where the data is from, what shifts, what it may be used for."""

    area: Area
    licence: str
    source: str
    citation: str
    shift: str
    provenance: Provenance
    privacy: str
    intended_use: str
    notes: str = ""


@dataclass(frozen=True, eq=False)
class Dataset:
    """A card, a task, domains that share one label space, and the transfers and streams worth running on them.

    Raises DataError, naming dataset, domain and rows, when values are not finite, shapes or labels disagree with the task, a
    row or a group stands in two splits of a domain, or a transfer or stream names a domain that is not there. `checked`: say
    that this was seen to before.
    """

    name: str
    card: Card
    task: Task
    domains: tuple[Domain, ...]
    transfers: tuple[Transfer, ...] = ()
    streams: tuple[Stream, ...] = ()
    checked: InitVar[bool] = False

    def __post_init__(self, checked: bool) -> None:
        """Check everything, or raise DataError."""
        from medtl_bench import checks  # noqa: PLC0415 - it is written in terms of this module

        for problem in () if checked else checks.problems(self):
            raise DataError(f"Dataset {self.name!r}, {problem}")

    def domain(self, name: str) -> Domain:
        """Return the domain of that name; raises MedTLError with near matches."""
        return _one("domain", name, self.domains)

    def transfer(self, name: str) -> Transfer:
        """Return the transfer of that name; raises MedTLError with near matches."""
        return _one("transfer", name, self.transfers)

    def stream(self, name: str) -> Stream:
        """Return the stream of that name; raises MedTLError with near matches."""
        return _one("stream", name, self.streams)

    def digest(self) -> str:
        """Return a SHA-256 over task, names and every tensor: two datasets with one digest hold the same data."""
        digest = sha256(repr((self.name, self.task, self.transfers, self.streams)).encode())
        for domain in self.domains:
            for name, split in domain.splits().items():
                digest.update(f"{domain.name}/{name}/{len(split)}".encode())
                held = {**parts(split.x), "labels": split.y, **split.of_rows()}
                for part, tensor in held.items():
                    digest.update(f"{part!r}{tensor.dtype}{tuple(tensor.shape)}".encode())
                    digest.update(tensor.contiguous().numpy().tobytes())
        return digest.hexdigest()


def _one(what: str, name: str, among: Sequence[Named]) -> Named:
    for one in among:
        if one.name == name:
            return one
    raise unknown(what, name, [one.name for one in among])


def parts(x: Inputs) -> dict[str, Tensor]:
    """Return the tensors that inputs are made of, by name; a plain tensor is the one part `x`."""
    return {"x": x} if isinstance(x, Tensor) else {str(name): x[name] for name in sorted(x.keys())}
