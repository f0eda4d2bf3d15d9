"""Divides rows into training, validation and test splits, the same on every machine."""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from medtl_bench.hashing import hashed

TRAIN, VAL, TEST = 0, 1, 2


def divided(
    keys: Sequence[str], labels: Sequence[Hashable], *, val: float, test: float
) -> NDArray[np.int8]:
    """Return TRAIN, VAL or TEST for each row: of every label the given shares.

    They are taken in the order of the keys' hashes. Rows with the same key stay together
    and count as one, with the label of the first.
    """
    label_of = dict(zip(reversed(keys), reversed(labels), strict=True))
    part_of: dict[str, int] = {}
    for label in dict.fromkeys(labels):
        shuffled = sorted((key for key in label_of if label_of[key] == label), key=hashed)
        part_of |= zip(shuffled, _parts(len(shuffled), val, test), strict=True)
    return np.array([part_of[key] for key in keys], dtype=np.int8)


def _parts(count: int, val: float, test: float) -> list[int]:
    tests, vals = round(test * count), round(val * count)
    return [TEST] * tests + [VAL] * vals + [TRAIN] * (count - tests - vals)
