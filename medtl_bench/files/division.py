"""Divides rows into training, validation and test splits, the same on every machine."""

from collections.abc import Hashable, Sequence
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

TRAIN, VAL, TEST = 0, 1, 2


def hashed(*identity: str | int) -> str:
    """Return a SHA-256 of an identity: to sort by it shuffles in an order that no library version changes."""
    return sha256("\0".join(map(str, identity)).encode()).hexdigest()


def divided(
    keys: Sequence[str], labels: Sequence[Hashable], *, val: float, test: float
) -> NDArray[np.int8]:
    """Return TRAIN, VAL or TEST for each row: of every label the given shares, in the order of the keys' hashes.

    Rows with the same key stay together and count as one, with the label of the first.
    """
    label_of = dict(zip(reversed(keys), reversed(labels), strict=True))
    part_of: dict[str, int] = {}
    for label in dict.fromkeys(labels):
        mine = sorted((key for key, its in label_of.items() if its == label), key=hashed)
        tested, validated = round(test * len(mine)), round(val * len(mine))
        parts = [TEST] * tested + [VAL] * validated + [TRAIN] * (len(mine) - tested - validated)
        part_of.update(zip(mine, parts, strict=True))
    return np.array([part_of[key] for key in keys], dtype=np.int8)
