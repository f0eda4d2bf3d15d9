"""Datasets as a run keeps them: built once, then mapped into memory by those that use one.

The process that describes a dataset builds it.
"""

import shutil
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medtl_bench.contract.dataset import Card, Dataset
from medtl_bench.contract.scenario import Stream, Transfer
from medtl_bench.contract.split import Domain, Inputs, Split, parts
from medtl_bench.contract.task import Task
from medtl_bench.hashing import hashed
from medtl_bench.results.record import Frozen

# bytes, as torch aligns what it allocates: elsewhere kernels may sum in another order and
# round otherwise
ALIGNED = 64
Bytes = NDArray[np.uint8]
FACTS, ARRAYS = "facts.json", "arrays.bin"


class _Part(Frozen):
    """Where a tensor's bytes begin, their numpy type, and its shape."""

    offset: int
    dtype: str
    shape: tuple[int, ...]


class _Split(Frozen):
    """Where the tensors of a split begin."""

    x: _Part | dict[str, _Part]
    y: _Part
    of_rows: dict[str, _Part]


class _Facts(Frozen):
    """All of a dataset but its tensors."""

    name: str
    card: Card
    task: Task
    transfers: tuple[Transfer, ...]
    streams: tuple[Stream, ...]
    domains: dict[str, dict[str, _Split]]


def write(dataset: Dataset, folder: Path) -> None:
    """Keep a dataset.

    Raises OSError where there is no room, ValueError where its texts are no JSON, and
    then keeps nothing.
    """
    place = _place(folder, dataset.name)
    place.mkdir(parents=True)
    try:
        with (place / ARRAYS).open("xb") as file:
            domains = {domain.name: _put_domain(file, domain) for domain in dataset.domains}
            file.write(bytes(ALIGNED))  # an empty file could not be mapped
        # last, for what has no facts is not read
        (place / FACTS).write_text(_facts(dataset, domains).model_dump_json())
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise


def _facts(dataset: Dataset, domains: dict[str, dict[str, _Split]]) -> _Facts:
    return _Facts(
        name=dataset.name,
        card=dataset.card,
        task=dataset.task,
        transfers=dataset.transfers,
        streams=dataset.streams,
        domains=domains,
    )


def read(name: str, folder: Path) -> Dataset | None:
    """Return a dataset that is kept, without checking it again.

    None if there is none of that name, or none that makes sense. Its tensors are mapped:
    what is not used is not read, and to write into one changes it for this process alone.
    """
    place = _place(folder, name)
    try:
        facts = _Facts.model_validate_json((place / FACTS).read_bytes())
    except (OSError, ValueError):
        return None
    mapped = np.memmap(place / ARRAYS, mode="c")
    domains = tuple(_get_domain(mapped, *domain) for domain in facts.domains.items())
    scenarios = facts.transfers, facts.streams
    return Dataset(facts.name, facts.card, facts.task, domains, *scenarios, checked=True)


def _place(folder: Path, name: str) -> Path:
    return folder / hashed(name)[:32]


def _put_domain(file: BinaryIO, domain: Domain) -> dict[str, _Split]:
    return {name: _put_split(file, split) for name, split in domain.splits().items()}


def _put_split(file: BinaryIO, split: Split) -> _Split:
    x = _put_x(file, split.x)
    y = _put(file, split.y)
    of_rows = {name: _put(file, tensor) for name, tensor in split.of_rows().items()}
    return _Split(x=x, y=y, of_rows=of_rows)


def _put_x(file: BinaryIO, x: Inputs) -> _Part | dict[str, _Part]:
    if isinstance(x, Tensor):
        return _put(file, x)
    return {name: _put(file, part) for name, part in parts(x).items()}


def _put(file: BinaryIO, tensor: Tensor) -> _Part:
    array = tensor.contiguous().numpy()
    file.write(bytes(-file.tell() % ALIGNED))
    part = _Part(offset=file.tell(), dtype=array.dtype.str, shape=array.shape)
    file.write(array.data)
    return part


def _get_domain(mapped: Bytes, name: str, splits: dict[str, _Split]) -> Domain:
    return Domain(name, **{which: _get_split(mapped, split) for which, split in splits.items()})


def _get_split(mapped: Bytes, split: _Split) -> Split:
    of_rows = {name: _get(mapped, part) for name, part in split.of_rows.items()}
    return Split(_get_x(mapped, split), _get(mapped, split.y), **of_rows)


def _get_x(mapped: Bytes, split: _Split) -> Inputs:
    if isinstance(split.x, _Part):
        return _get(mapped, split.x)
    from tensordict import TensorDict  # noqa: PLC0415 - takes longer to import than torch

    tensors = {name: _get(mapped, part) for name, part in split.x.items()}
    return TensorDict(tensors, batch_size=split.y.shape[:1])


def _get(mapped: Bytes, part: _Part) -> Tensor:
    dtype = np.dtype(part.dtype)
    end = part.offset + dtype.itemsize * int(np.prod(part.shape))
    return torch.from_numpy(mapped[part.offset : end].view(dtype).reshape(part.shape))
