"""Random answers of a learner and the truth, with ties."""

import numpy as np


def answers(seed: int, classes: int, n: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Return class probabilities in steps of a tenth, so that ties are common, and labels."""
    draw = np.random.default_rng(seed)
    counts = draw.multinomial(10, np.ones(classes) / classes, size=n)
    return counts / 10, draw.integers(classes, size=n)


def pixels(seed: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    probability, y = answers(seed, classes, 3 * 4 * 5)
    return np.moveaxis(probability.reshape(3, 4, 5, classes), -1, 1), y.reshape(3, 4, 5)
