"""Divides rows into training, validation and test splits, the same on every machine."""

import math
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from medtl_bench.errors import DataError
from medtl_bench.hashing import hashed

TRAIN, VAL, TEST = 0, 1, 2


def divided(
    keys: Sequence[object], labels: Sequence[Hashable], *, val: float, test: float
) -> NDArray[np.int8]:
    """Return TRAIN, VAL or TEST for each row: of every label the given shares.

    They are taken in the order of the hashes of the keys, as they read. Rows with the same key
    stay together and count as one, with the label of the first. Raises DataError on other
    lengths, or on shares that leave nothing to train on.
    """
    if len(keys) != len(labels):
        raise DataError(f"There are {len(keys)} keys of rows, but {len(labels)} labels.")
    if min(val, test) < 0 or val + test >= 1:
        rule = "The shares of validation and test must be positive and leave some for training"
        raise DataError(f"{rule}, but are {val:g} and {test:g}.")
    names = [str(key) for key in keys]
    label_of = dict(zip(reversed(names), reversed(labels), strict=True))
    by_label: dict[Hashable, list[str]] = {}
    for name, label in label_of.items():
        # NaN, of rows without a label, is not equal to itself
        missing = isinstance(label, float) and math.isnan(label)
        by_label.setdefault(None if missing else label, []).append(name)
    part_of: dict[str, int] = {}
    for members in by_label.values():
        part_of |= zip(sorted(members, key=hashed), _parts(len(members), val, test), strict=True)
    return np.array([part_of[name] for name in names], dtype=np.int8)


def _parts(count: int, val: float, test: float) -> list[int]:
    tests, vals = round(test * count), round(val * count)
    return [TEST] * tests + [VAL] * vals + [TRAIN] * (count - tests - vals)
