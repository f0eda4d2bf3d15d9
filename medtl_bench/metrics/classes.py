"""Scores of class probabilities against classes, by the most probable class or by calibration."""

import numpy as np

from medtl_bench.arrays import Floats, Ints

BINS = 15


def balanced_accuracy(probability: Floats, y: Ints) -> float:
    """Mean recall over the classes that are present in `y` (Brodersen et al. 2010).

    probability [n, classes], y [n].
    """
    classes = probability.shape[1]
    hits = np.bincount(y, probability.argmax(1) == y, classes)
    total = np.bincount(y, minlength=classes)
    present = total > 0
    return float((hits[present] / total[present]).mean())


def accuracy(probability: Floats, y: Ints) -> float:
    """Share of rows whose most probable class is the true one.

    probability [n, classes], y [n].
    """
    return float((probability.argmax(1) == y).mean())


def mcc(probability: Floats, y: Ints) -> float:
    """Matthews correlation of answer and truth, two classes (Matthews 1975), in -1..1.

    (TP TN - FP FN) / sqrt((TP + FP)(TP + FN)(TN + FP)(TN + FN)), undefined where a factor
    is 0: taken as 0 where answer or truth holds one class only. probability [n, 2], y
    [n].
    """
    counts = np.bincount(2 * y + probability.argmax(1), minlength=4).astype(float)
    tn, fp, fn, tp = counts
    squared = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return float((tp * tn - fp * fn) / np.sqrt(squared)) if squared else 0.0


def expected_calibration_error(probability: Floats, y: Ints) -> float:
    """Mean gap of confidence and accuracy over 15 equal bins of the top probability.

    Guo et al. 2017. Lower is better. probability [n, classes, ...], y [n, ...].
    """
    probability, y = _pixels(probability, y)
    confidence, hit = probability.max(1), probability.argmax(1) == y
    bins = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    return float(np.abs(np.bincount(bins, hit - confidence, BINS)).sum() / len(y))


def brier(probability: Floats, y: Ints) -> float:
    """Mean squared distance of the probabilities to the one-hot label, in 0..2 (Brier 1950).

    Lower is better. probability [n, classes, ...], y [n, ...].
    """
    probability, y = _pixels(probability, y)
    squares = (probability**2).sum(1)
    true = probability[np.arange(len(y)), y]
    return float((squares - 2 * true + 1).mean())


def _pixels(probability: Floats, y: Ints) -> tuple[Floats, Ints]:
    """Return the pixels of all images as rows [n, classes], [n]; rows stay what they are."""
    rows = np.moveaxis(probability, 1, -1).reshape(-1, probability.shape[1])
    return rows, y.reshape(-1)
