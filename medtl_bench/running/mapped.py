"""Datasets as a run keeps them: built once, by the process that describes one, and mapped into memory by those that use it."""

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

ALIGNED = 64  # bytes, as torch aligns what it allocates: kernels may round otherwise elsewhere
FACTS, ARRAYS = "facts.json", "arrays.bin"


class _Part(Frozen):
    """Where a tensor's bytes begin, their numpy type, and its shape."""

    offset: int
    dtype: str
    shape: tuple[int, ...]


class _Split(Frozen):
    x: _Part | dict[str, _Part]
    y: _Part
    of_rows: dict[str, _Part]


class _Facts(Frozen):
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
    mine = _of(folder, dataset.name)
    mine.mkdir(parents=True)
    try:
        with (mine / ARRAYS).open("xb") as file:
            domains = {
                d.name: {n: _put_split(file, s) for n, s in d.splits().items()}
                for d in dataset.domains
            }
            file.write(bytes(ALIGNED))  # an empty file could not be mapped
        facts = _Facts(
            name=dataset.name,
            card=dataset.card,
            task=dataset.task,
            transfers=dataset.transfers,
            streams=dataset.streams,
            domains=domains,
        )
        (mine / FACTS).write_text(facts.model_dump_json())
    except BaseException:
        shutil.rmtree(mine, ignore_errors=True)
        raise


def read(name: str, folder: Path) -> Dataset | None:
    """Return a dataset that is kept, without checking it again; None if there is none of that name, or none that makes sense.

    Its tensors are mapped: what is not used is not read, and to write into one changes it
    for this process alone.
    """
    mine = _of(folder, name)
    try:
        facts = _Facts.model_validate_json((mine / FACTS).read_bytes())
    except (OSError, ValueError):
        return None
    mapped = np.memmap(mine / ARRAYS, mode="c")
    domains = [
        Domain(n, **{which: _get_split(mapped, s) for which, s in splits.items()})
        for n, splits in facts.domains.items()
    ]
    return Dataset(
        facts.name,
        facts.card,
        facts.task,
        tuple(domains),
        facts.transfers,
        facts.streams,
        checked=True,
    )


def _of(folder: Path, name: str) -> Path:
    return folder / hashed(name)[:32]


def _put_split(file: BinaryIO, split: Split) -> _Split:
    x = (
        _put(file, split.x)
        if isinstance(split.x, Tensor)
        else {n: _put(file, part) for n, part in parts(split.x).items()}
    )
    return _Split(
        x=x,
        y=_put(file, split.y),
        of_rows={name: _put(file, part) for name, part in split.of_rows().items()},
    )


def _put(file: BinaryIO, tensor: Tensor) -> _Part:
    array = tensor.contiguous().numpy()
    file.write(bytes(-file.tell() % ALIGNED))
    part = _Part(offset=file.tell(), dtype=array.dtype.str, shape=array.shape)
    file.write(array.data)
    return part


def _get_split(mapped: NDArray[np.uint8], split: _Split) -> Split:
    return Split(
        _get_x(mapped, split),
        _get(mapped, split.y),
        **{n: _get(mapped, part) for n, part in split.of_rows.items()},
    )


def _get_x(mapped: NDArray[np.uint8], split: _Split) -> Inputs:
    if isinstance(split.x, _Part):
        return _get(mapped, split.x)
    from tensordict import TensorDict  # noqa: PLC0415 - takes longer to import than torch

    return TensorDict(
        {name: _get(mapped, part) for name, part in split.x.items()}, batch_size=split.y.shape[:1]
    )


def _get(mapped: NDArray[np.uint8], part: _Part) -> Tensor:
    dtype = np.dtype(part.dtype)
    end = part.offset + dtype.itemsize * int(np.prod(part.shape))
    return torch.from_numpy(mapped[part.offset : end].view(dtype).reshape(part.shape))
