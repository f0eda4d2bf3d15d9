"""Tensors in a file: where each begins, and the bytes read or mapped.

A method may have replaced the file by what is none.
"""

import os
import stat
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor

from medtl_bench.results.record import Frozen

# bytes, as torch aligns what it allocates: elsewhere kernels may sum in another order and
# round otherwise
ALIGNED = 64
DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (torch.bfloat16, torch.float16, torch.float32, torch.float64, torch.int64)
} | {"bool": torch.bool}
# without blocking where it is a pipe, without following where it is a link
FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


class Part(Frozen):
    """Where a tensor's bytes begin, the name of its dtype, and its shape."""

    offset: int
    dtype: str
    shape: tuple[int, ...]


def put(file: BinaryIO, tensor: Tensor) -> Part:
    """Write a tensor to a file and return where it is."""
    file.write(bytes(-file.tell() % ALIGNED))
    name = str(tensor.dtype).removeprefix("torch.")
    part = Part(offset=file.tell(), dtype=name, shape=tuple(tensor.shape))
    file.write(_octets(tensor).numpy().data)
    return part


def _octets(tensor: Tensor) -> Tensor:
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8)


def get(octets: Tensor, part: Part) -> Tensor:
    """Return a tensor of the bytes of a file, as a view of them.

    Raises ValueError where there is none such.
    """
    dtype, rows = DTYPES.get(part.dtype), [size for size in part.shape if size >= 0]
    if dtype is None or len(rows) < len(part.shape) or part.offset % ALIGNED or part.offset < 0:
        raise ValueError(f"there is no tensor {part}")
    end = part.offset + dtype.itemsize * int(np.prod(part.shape, dtype=object))
    if end > len(octets):
        raise ValueError(f"the file ends at {len(octets)}, before the tensor {part}")
    return octets[part.offset : end].view(dtype).reshape(part.shape)


def mapped(path: Path, size: int) -> Tensor:
    """Return the bytes of a file, read when they are used.

    To write into them changes them for this process alone. Raises OSError or ValueError
    where there is no such file of that size.
    """
    with opened(path, size) as file:
        return torch.from_numpy(np.memmap(file, mode="c", shape=(size,)))


def copied(path: Path, size: int, digest: str) -> Tensor:
    """Return the bytes of a file in memory of this process alone.

    Raises OSError or ValueError where there is no such file of that size and SHA-256.
    """
    octets = torch.empty(size, dtype=torch.uint8)
    with opened(path, size) as file:
        count = os.readv(file.fileno(), [octets.numpy().data]) if size else 0
    if count < size or sha256(octets.numpy().data).hexdigest() != digest:
        raise ValueError(f"{path.name} is not what was written")
    return octets


def of_bytes(content: bytes) -> Tensor:
    """Return bytes as a tensor, aligned."""
    octets = torch.empty(len(content), dtype=torch.uint8)
    octets.numpy()[:] = np.frombuffer(content, np.uint8)
    return octets


def opened(path: Path, size: int | None = None) -> BinaryIO:
    """Open a file to read; raises OSError where it is no plain file, or not of that size."""
    file = os.fdopen(os.open(path, FLAGS), "rb", buffering=0)
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode) or size not in {None, status.st_size}:
        file.close()
        raise OSError(f"{path.name} is no plain file of {size} bytes")
    return file
