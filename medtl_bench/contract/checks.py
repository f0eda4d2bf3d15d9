"""What is wrong with a dataset: values, shapes and labels against its task, rows and groups in two splits, names."""

from collections.abc import Callable, Iterator
from hashlib import blake2b

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medtl_bench.contract.dataset import Dataset
from medtl_bench.contract.scenario import Stream, Transfer
from medtl_bench.contract.split import Domain, Split, parts
from medtl_bench.contract.task import Task
from medtl_bench.errors import unknown

SHOWN_ROWS = 5


def problems(dataset: Dataset) -> Iterator[str]:
    """Yield what is wrong, each as the end of a sentence that begins with the dataset's name."""
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
        used = (
            scenario.domains
            if isinstance(scenario, Stream)
            else (*scenario.sources, *scenario.targets)
        )
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
        # a tenth of the time of looking at every value
        if not torch.stack(part.aminmax()).isfinite().all():
            yield f"{name} holds NaN or infinity in {_rows(~part.isfinite().flatten(1).all(1))}."
    if (
        task.kind == "segmentation"
        and split.y.shape[1:] != (images := next(iter(parts(split.x).values()))).shape[2:]
    ):
        yield f"masks are {list(split.y.shape[1:])}, but images {list(images.shape[2:])}."
    if split.marked is not None and (split.marked.dtype != torch.bool or split.marked.ndim != 1):
        yield f"marked is {split.marked.dtype} {list(split.marked.shape)}, but one torch.bool a row was expected."
    yield from _label_problems(task, split.y)


def _rows(mask: Tensor) -> str:
    found = mask.nonzero().flatten().tolist()
    more = f" and {len(found) - SHOWN_ROWS} more" if len(found) > SHOWN_ROWS else ""
    return f"rows {', '.join(map(str, found[:SHOWN_ROWS]))}{more}"


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
    return list(
        (
            words @ np.random.default_rng(0).integers(2**63, size=words.shape[1], dtype=np.uint64)
        ).tolist()
    )


def _row_words(split: Split) -> NDArray[np.uint64]:
    rows = len(split)
    # -0.0 becomes 0.0
    flat = [part.reshape(rows, part[:1].numel()) + 0.0 for part in parts(split.x).values()]
    odd = sum(part.shape[1] for part in flat) % 2
    joined = (
        torch.cat([*flat, *[torch.zeros(rows, 1)] * odd], 1) if len(flat) + odd > 1 else flat[0]
    )
    return joined.numpy().view(np.uint64)


def _group_marks(split: Split) -> list[object]:
    return [] if split.groups is None else list(split.groups.tolist())
