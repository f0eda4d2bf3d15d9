"""Divides rows into training, validation and test splits, the same on every machine."""

import math
from collections.abc import Hashable, Mapping, Sequence

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
    if min(val, test) < 0 or val + test >= 1:
        rule = "The shares of validation and test must be positive and leave some for training"
        raise DataError(f"{rule}, but are {val:g} and {test:g}.")
    part_of: dict[str, int] = {}
    for members in _of_labels(keys, labels):
        count = len(members)
        part_of |= zip(members, _parts(count, round(val * count), round(test * count)), strict=True)
    return _of_keys(part_of, keys)


def folded(
    keys: Sequence[object], labels: Sequence[Hashable], *, folds: int, val: float
) -> list[NDArray[np.int8]]:
    """Return for each fold TRAIN, VAL or TEST for each row, so that each row is TEST in one fold.

    Of every label a fold tests one of so many runs of the rows, in the order of the
    hashes of their keys, and validates on the share `val` of all that follow. Otherwise
    as `divided`.
    """
    if folds < 2 or val < 0 or val + 1 / folds >= 1:
        rule = (
            "Rows are divided into two folds or more, and validation must leave some for training"
        )
        raise DataError(f"{rule}, but there are {folds} folds and a share of {val:g}.")
    of_labels = _of_labels(keys, labels)
    parts = (_fold(of_labels, fold, folds, val) for fold in range(folds))
    return [_of_keys(part, keys) for part in parts]


def _of_keys(part_of: Mapping[str, int], keys: Sequence[object]) -> NDArray[np.int8]:
    return np.array([part_of[str(key)] for key in keys], dtype=np.int8)


def _fold(of_labels: Sequence[list[str]], fold: int, folds: int, val: float) -> dict[str, int]:
    part_of: dict[str, int] = {}
    for members in of_labels:
        count = len(members)
        start, end = (round(number * count / folds) for number in (fold, fold + 1))
        turned = [*members[start:], *members[:start]]
        part_of |= zip(turned, _parts(count, round(val * count), end - start), strict=True)
    return part_of


def _of_labels(keys: Sequence[object], labels: Sequence[Hashable]) -> list[list[str]]:
    """Return for each label its keys, as they read, each once and in the order of their hashes."""
    if len(keys) != len(labels):
        raise DataError(f"There are {len(keys)} keys of rows, but {len(labels)} labels.")
    names = [str(key) for key in keys]
    label_of = dict(zip(reversed(names), reversed(labels), strict=True))
    by_label: dict[Hashable, list[str]] = {}
    for name, label in label_of.items():
        # NaN, of rows without a label, is not equal to itself
        missing = isinstance(label, float) and math.isnan(label)
        by_label.setdefault(None if missing else label, []).append(name)
    return [sorted(members, key=hashed) for members in by_label.values()]


def _parts(count: int, vals: int, tests: int) -> list[int]:
    return [TEST] * tests + [VAL] * vals + [TRAIN] * (count - tests - vals)
