"""Scores of masks: overlap and distance of borders, over images and classes."""

import numpy as np
from scipy import ndimage

from medtl_bench.arrays import Bools, Floats, Ints


def dice(probability: Floats, y: Ints) -> float:
    """Dice overlap, mean of that of each foreground class, as `dice_of_class` has it.

    Always defined. probability [n, classes, h, w], y [n, h, w].
    """
    predicted, classes = probability.argmax(1), probability.shape[1]
    both = _foreground(y[predicted == y], classes)
    either = _foreground(predicted, classes) + _foreground(y, classes)
    return float(np.where(either, 2 * both / np.maximum(either, 1), 1.0).mean())


def _foreground(y: Ints, classes: int) -> Ints:
    """Return how many pixels there are of each class but the background, class 0."""
    return np.bincount(y.ravel(), minlength=classes)[1:]


def dice_of_class(probability: Floats, y: Ints, *, number: int) -> float:
    """Dice overlap of one class over the pixels of all images (Dice 1945).

    Always defined: a class that `y` lacks counts 1 if the answer lacks it too, else 0,
    as in BraTS (Bakas et al. 2018), for to leave it out would reward no empty answer
    and punish no invented one (Reinke et al. 2024, Nature Methods 21). probability [n,
    classes, h, w], y [n, h, w].
    """
    predicted, true = probability.argmax(1) == number, y == number
    either = predicted.sum() + true.sum()
    return float(2 * (predicted & true).sum() / either) if either else 1.0


def hd95(probability: Floats, y: Ints) -> float:
    """95% Hausdorff distance in pixels, mean over the foreground classes; lower is better.

    Of a class it is the mean over images, as `hd95_of_class` says. Always defined.
    Shapes as for `dice`.
    """
    foreground = range(1, probability.shape[1])
    return float(np.mean([hd95_of_class(probability, y, number=n) for n in foreground]))


def hd95_of_class(probability: Floats, y: Ints, *, number: int) -> float:
    """95% Hausdorff distance of one class in pixels, mean over images; lower is better.

    In an image: the larger of two 95th percentiles (linear between ranks), of the
    distances from each border pixel of the answer to the nearest border pixel of the
    truth, and of those back (Huttenlocher et al. 1993; Taha and Hanbury 2015, 95%).
    Border pixels are those with one of their four neighbours outside the class, or
    beyond the image. Always defined: where neither truth nor answer of an image holds
    the class its distance is 0, where one of them does it is the image's diagonal, as
    in BraTS (Bakas et al. 2018). Shapes as for `dice`.
    """
    predicted, true = probability.argmax(1) == number, y == number
    in_answer, in_truth = predicted.any((1, 2)), true.any((1, 2))
    distances = np.zeros(len(y))
    distances[in_answer ^ in_truth] = np.hypot(*y.shape[1:])
    if (both := in_answer & in_truth).any():
        answer, truth = _border(predicted[both]), _border(true[both])
        distances[both] = np.maximum(_percentiles(answer, truth), _percentiles(truth, answer))
    return float(distances.mean())


def _border(masks: Bools) -> Bools:
    cross = ndimage.generate_binary_structure(2, 1)[None]
    return masks & ~ndimage.binary_erosion(masks, cross)


def _percentiles(start: Bools, goal: Bools) -> Floats:
    """Return the 95th percentile of the distances from pixels of `start` to the nearest of `goal`.

    Of each image, all of them [n, h, w]. The distances of all images stand in one array,
    sorted image by image, so that the percentiles need no loop.
    """
    distance = np.stack([ndimage.distance_transform_edt(~inside) for inside in goal])[start]
    image = np.nonzero(start)[0]
    ordered = distance[np.lexsort((distance, image))]
    counts = np.bincount(image)
    rank, fraction = np.divmod(0.95 * (counts - 1), 1)
    lower = (np.cumsum(counts) - counts + rank).astype(int)
    # past the end only where nothing lies between two ranks
    upper = np.minimum(lower + 1, len(ordered) - 1)
    return np.asarray(ordered[lower] * (1 - fraction) + ordered[upper] * fraction)
