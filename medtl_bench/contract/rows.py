"""Which rows are equal, whatever split they stand in."""

from hashlib import blake2b

import numpy as np
import torch
from numpy.typing import NDArray

from medtl_bench.contract.split import Split, parts

Sums = NDArray[np.uint64]


class RowSums:
    """A number of each row of a split, the same for equal rows and seldom for others.

    In a tenth of the time of digests, and once for each split that is asked about.
    """

    def __init__(self) -> None:
        """Know no split yet."""
        self._sums: dict[Split, Sums] = {}

    def __call__(self, split: Split) -> Sums:
        """Return the numbers [n]."""
        if split not in self._sums:
            words = _words(split)
            draw = np.random.default_rng(0)
            weights = draw.integers(2**63, size=words.shape[1], dtype=np.uint64)
            self._sums[split] = words @ weights
        return self._sums[split]


def digests(split: Split) -> list[object]:
    """Return 128 bits of each row, the same for equal rows."""
    return [blake2b(row, digest_size=16).digest() for row in _words(split)]


def _words(split: Split) -> Sums:
    """Return the inputs of each row, two float32 to a word [n, words]."""
    rows = len(split)
    # -0.0 becomes 0.0, which has other bits
    flat = [part.reshape(rows, part[:1].numel()) + 0.0 for part in parts(split.x).values()]
    if sum(part.shape[1] for part in flat) % 2:
        flat.append(torch.zeros(rows, 1))
    joined = torch.cat(flat, 1) if len(flat) > 1 else flat[0]
    return joined.numpy().view(np.uint64)
