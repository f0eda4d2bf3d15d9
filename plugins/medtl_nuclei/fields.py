"""Which pictures show one field of one slide.

They are neighbours cut from it, whose facing edges continue each other, or copies.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from medtl_bench.arrays import Floats
from medtl_nuclei.pictures import Picture

# agreement from which edges continue each other; in the histology images 3 of 107 such
# pairs lie below 0.9
SAME = 0.85
THUMBNAIL = 16


def fields(pictures: Sequence[Picture]) -> NDArray[np.int64]:
    """Return for each picture the number of its field [n]: all that links join are one field."""
    n = len(pictures)
    pairs: list[tuple[int, int]] = []
    for numbers in _comparable(pictures):
        pairs += _linked([pictures[number] for number in numbers], numbers)
    first, second = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    graph = coo_matrix((np.ones(len(first)), (first, second)), shape=(n, n))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def agreement(a: Floats, b: Floats) -> Floats:
    """Return the concordance correlation (Lin 1989) of rows of a and of b [n, d], as [n, n].

    2 cov(a, b) / (var a + var b + (mean a - mean b)^2): 1 only where the values
    themselves are equal.
    """
    mean_a, mean_b = a.mean(1, keepdims=True), b.mean(1, keepdims=True)
    covariance = (a - mean_a) @ (b - mean_b).T / a.shape[1]
    spread = a.var(1)[:, None] + b.var(1)[None, :] + (mean_a - mean_b.T) ** 2
    return np.asarray(2 * covariance / np.maximum(spread, 1e-12))


def _comparable(pictures: Sequence[Picture]) -> list[list[int]]:
    """Return the numbers of pictures by modality and size; only these can be of one field."""
    alike: dict[tuple[str, tuple[int, int]], list[int]] = {}
    for number, picture in enumerate(pictures):
        alike.setdefault((picture.modality, picture.grey.size), []).append(number)
    return list(alike.values())


def _linked(pictures: Sequence[Picture], numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield pairs of which one continues the other right or downwards, or is nearly the same."""
    grey = np.stack([np.asarray(picture.grey) for picture in pictures]).astype(float)
    small = np.stack([_thumbnail(picture) for picture in pictures]).astype(float)
    right, left = grey[:, :, -1], grey[:, :, 0]
    bottom, top = grey[:, -1, :], grey[:, 0, :]
    for a, b in ((bottom, top), (right, left), (small, small)):
        for i, j in np.argwhere(agreement(a, b) > SAME):
            if i != j:
                yield numbers[i], numbers[j]


def _thumbnail(picture: Picture) -> NDArray[np.uint8]:
    return np.asarray(picture.grey.resize((THUMBNAIL, THUMBNAIL))).ravel()
