"""Scores of masks: overlap and distance of borders, over images and classes."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medtl_bench.arrays import Floats, Ints


def dice(probability: Floats, y: Ints) -> float:
    """Dice overlap, mean over foreground classes present in `y` or the answer.

    probability [n, classes, h, w], y [n, h, w].
    """
    predicted, classes = probability.argmax(1), probability.shape[1]
    both = np.bincount(y[predicted == y], minlength=classes)[1:]
    either = (
        np.bincount(predicted.ravel(), minlength=classes)
        + np.bincount(y.ravel(), minlength=classes)
    )[1:]
    return (
        float((2 * both[either > 0] / either[either > 0]).mean()) if either.any() else float("nan")
    )


def dice_of_class(probability: Floats, y: Ints, *, number: int) -> float:
    """Dice overlap of one class, NaN where neither `y` nor the answer holds it.

    probability [n, classes, h, w], y [n, h, w].
    """
    predicted, true = probability.argmax(1) == number, y == number
    either = predicted.sum() + true.sum()
    return float(2 * (predicted & true).sum() / either) if either else float("nan")


def hd95(probability: Floats, y: Ints) -> float:
    """95% Hausdorff distance in pixels, mean over the foreground classes; lower is better.

    Shapes as for `dice`.

    Of a class it is the mean over images, as `hd95_of_class` says; a class that no image
    holds is left out.
    """
    values = np.array(
        [hd95_of_class(probability, y, number=number) for number in range(1, probability.shape[1])]
    )
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")


def hd95_of_class(probability: Floats, y: Ints, *, number: int) -> float:
    """95% Hausdorff distance of one class in pixels, mean over images; lower is better.

    Shapes as for `dice`.

    In an image: the larger of two 95th percentiles (linear between ranks), of the
    distances from each border pixel of the answer to the nearest border pixel of the
    truth, and of those back (Huttenlocher et al. 1993; Taha and Hanbury 2015, 95%).
    Border pixels are those with one of their four neighbours outside the class, or beyond
    the image. An image where neither truth nor answer holds the class is left out; where
    one of them does, its distance is the image's diagonal. NaN if all are left out.
    """
    predicted, true = probability.argmax(1) == number, y == number
    some, asked = predicted.any((1, 2)), true.any((1, 2))
    distances = np.full(len(y), np.nan)
    distances[some ^ asked] = np.hypot(*y.shape[1:])
    if (both := some & asked).any():
        there, back = _border(predicted[both]), _border(true[both])
        distances[both] = np.maximum(_percentiles(there, back), _percentiles(back, there))
    return float(np.nanmean(distances)) if np.isfinite(distances).any() else float("nan")


def _border(masks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    cross = ndimage.generate_binary_structure(2, 1)[None]
    return masks & ~ndimage.binary_erosion(masks, cross)


def _percentiles(start: NDArray[np.bool_], goal: NDArray[np.bool_]) -> Floats:
    """Return for each image [n, h, w] the 95th percentile of the distances from pixels of `start` to the nearest of `goal`."""
    distance = np.stack([ndimage.distance_transform_edt(~inside) for inside in goal])[start]
    image = np.nonzero(start)[0]
    ordered = distance[np.lexsort((distance, image))]
    counts = np.bincount(image)
    below, between = np.divmod(0.95 * (counts - 1), 1)
    place = (np.cumsum(counts) - counts + below).astype(int)
    return np.asarray(
        ordered[place] * (1 - between) + ordered[np.minimum(place + 1, len(ordered) - 1)] * between
    )
