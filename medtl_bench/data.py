"""The data contract: Split, Domain, Dataset, Task, Transfer, Stream and Card. Frozen; a Dataset checks itself."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b, sha256
from typing import TYPE_CHECKING, Literal, Self, TypeAlias, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
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

SHOWN_ROWS = 5
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
    row or a group stands in two splits of a domain, or a transfer or stream names a domain that is not there.
    """

    name: str
    card: Card
    task: Task
    domains: tuple[Domain, ...]
    transfers: tuple[Transfer, ...] = ()
    streams: tuple[Stream, ...] = ()

    def __post_init__(self) -> None:
        """Check everything, or raise DataError."""
        for problem in _problems(self):
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


def _rows(mask: Tensor) -> str:
    found = mask.nonzero().flatten().tolist()
    more = f" and {len(found) - SHOWN_ROWS} more" if len(found) > SHOWN_ROWS else ""
    return f"rows {', '.join(map(str, found[:SHOWN_ROWS]))}{more}"


def _problems(dataset: Dataset) -> Iterator[str]:
    yield from _naming_problems(dataset)
    for domain in dataset.domains:
        for name, split in domain.splits().items():
            unused = name == "val" or (name == "test" and dataset.task.kind == "integration")
            for problem in _split_problems(dataset, split, allow_empty=unused):
                yield f"domain {domain.name!r}, {name}: {problem}"
        if len({split.groups is None for split in domain.splits().values() if len(split)}) > 1:
            yield f"domain {domain.name!r}: either all its splits have groups or none."
        rows = _shared(domain, "row", _row_marks) if any(_shared(domain, "row", _row_sums)) else ()
        for problem in (*rows, *_shared(domain, "group", _group_marks)):
            yield f"domain {domain.name!r}: {problem}"
    if dataset.task.kind in {"classification", "segmentation"}:
        present = torch.cat([d.train.y.unique() for d in dataset.domains]).unique().tolist()
        if len(present) < 2:
            yield f"all domains: every training label is of one class ({dataset.task.classes[present[0]]!r})."


def _naming_problems(dataset: Dataset) -> Iterator[str]:
    names = [domain.name for domain in dataset.domains]
    if not names or len(set(names)) < len(names):
        yield f"domains {names}: names must be there, each once."
    if dataset.task.kind == "integration" and dataset.streams:
        yield "streams: an integration task has none, for nothing of it is predicted."
    scenarios: list[Transfer | Stream] = [*dataset.transfers, *dataset.streams]
    if not scenarios or len({s.name for s in scenarios}) < len(scenarios):
        yield "transfers and streams: at least one is needed, and no two may share a name."
    for scenario in scenarios:
        used = scenario.domains if isinstance(scenario, Stream) else (*scenario.sources, *scenario.targets)
        for name in sorted(set(used) - set(names)):
            yield f"{type(scenario).__name__.lower()} {scenario.name!r}: {unknown('domain', name, names)}"
        if len(set(used)) < len(used) or len(used) < 2:
            yield f"{type(scenario).__name__.lower()} {scenario.name!r}: it needs two or more domains, each once."
        if isinstance(scenario, Transfer) and not (scenario.sources and scenario.targets):
            yield f"transfer {scenario.name!r}: it needs at least one source and one target."


def _split_problems(dataset: Dataset, split: Split, *, allow_empty: bool) -> Iterator[str]:
    task, first = dataset.task, dataset.domains[0].train
    if not len(split):
        if not allow_empty:
            yield "it has no rows."
        return
    expected = {k: v.shape[1:] for k, v in parts(first.x).items()}
    if {k: v.shape[1:] for k, v in parts(split.x).items()} != expected:
        yield f"the shape of a row differs from that of the first domain, {_shapes(expected)}."
    for name, part in parts(split.x).items():
        if part.requires_grad:
            yield f"{name} requires gradients, but data must be detached."
        if part.dtype != torch.float32:
            yield f"{name} is {part.dtype}, but inputs must be torch.float32."
        if not torch.stack(part.aminmax()).isfinite().all():  # a tenth of the time of looking at every value
            yield f"{name} holds NaN or infinity in {_rows(~part.isfinite().flatten(1).all(1))}."
    if task.kind == "segmentation" and split.y.shape[1:] != (images := next(iter(parts(split.x).values()))).shape[2:]:
        yield f"masks are {list(split.y.shape[1:])}, but images {list(images.shape[2:])}."
    if split.marked is not None and (split.marked.dtype != torch.bool or split.marked.ndim != 1):
        yield f"marked is {split.marked.dtype} {list(split.marked.shape)}, but one torch.bool a row was expected."
    yield from _label_problems(task, split.y)


def _shapes(shapes: dict[str, torch.Size]) -> str:
    return ", ".join(f"{name}: {list(shape)}" for name, shape in shapes.items())


def _label_problems(task: Task, y: Tensor) -> Iterator[str]:
    wanted = torch.float32 if task.kind == "regression" else torch.int64
    if y.dtype != wanted:
        yield f"y is {y.dtype}, but labels of a {task.kind} task must be {wanted}."
    elif y.ndim != (3 if task.kind == "segmentation" else 1):
        yield f"y has the shape {list(y.shape)}, which a {task.kind} task cannot have."
    elif task.kind == "regression":
        if not y.isfinite().all():
            yield f"y holds NaN or infinity in {_rows(~y.isfinite())}."
    elif (wrong := ((y < 0) | (y >= task.outputs)).flatten(1 if y.ndim > 1 else 0)).any():
        rows = wrong.any(1) if y.ndim > 1 else wrong
        yield f"labels must lie in 0..{task.outputs - 1}, but do not in {_rows(rows)}."


def _shared(domain: Domain, what: str, marks: Callable[[Split], list[object]]) -> Iterator[str]:
    owner: dict[object, str] = {}
    for name, split in domain.splits().items():
        found = marks(split)
        clash = torch.tensor([mark in owner for mark in found], dtype=torch.bool)
        if clash.any():
            other = owner[found[int(clash.nonzero()[0, 0])]]
            yield f"a {what} may stand in one split only, but {_rows(clash)} of {name} share theirs with {other}."
        owner.update(dict.fromkeys(found, name))


def _row_marks(split: Split) -> list[object]:
    """Return 128 bits of each row, the same for equal rows."""
    return [blake2b(row, digest_size=16).digest() for row in _row_words(split)]


def _row_sums(split: Split) -> list[object]:
    """Return a number of each row, the same for equal rows and seldom for others, in a tenth of the time of marks."""
    words = _row_words(split)
    return list((words @ np.random.default_rng(0).integers(2**63, size=words.shape[1], dtype=np.uint64)).tolist())


def _row_words(split: Split) -> NDArray[np.uint64]:
    rows = len(split)
    flat = [part.reshape(rows, part[:1].numel()) + 0.0 for part in parts(split.x).values()]  # -0.0 becomes 0.0
    odd = sum(part.shape[1] for part in flat) % 2
    joined = torch.cat([*flat, *[torch.zeros(rows, 1)] * odd], 1) if len(flat) + odd > 1 else flat[0]
    return joined.numpy().view(np.uint64)


def _group_marks(split: Split) -> list[object]:
    return [] if split.groups is None else list(split.groups.tolist())
