"""ComBat (Johnson, Li and Rabinovic 2007, Biostatistics 8(1)), parametric, no covariates."""

from dataclasses import dataclass

import numpy as np

from medtl_bench.arrays import Floats, Ints
from medtl_integration.correction import Correction

TOLERANCE, ROUNDS = 1e-4, 500


@dataclass
class Combat(Correction):
    """Take location gamma and scale delta of each column in each batch out of the inputs.

    Both are shrunk by empirical Bayes.
    """

    def corrected_inputs(self, x: Floats, batch: Ints) -> Floats:
        """Return ComBat's adjusted inputs."""
        return combat(x, batch)


def combat(x: Floats, batch: Ints) -> Floats:
    """Return x [n, columns] adjusted for batch [n] (section 3.2).

    A column that no batch varies in is left as it is. Batches of a single row are moved
    but not scaled, for one row has no variance.
    """
    names, number = np.unique(batch, return_inverse=True)
    batches = [batch == name for name in names]
    means = np.stack([x[rows].mean(0) for rows in batches])
    shares = np.array([rows.mean() for rows in batches])
    overall = shares @ means
    deviation = np.sqrt(np.square(x - means[number]).mean(0))
    varies = deviation > 1e-9
    standard = (x[:, varies] - overall[varies]) / deviation[varies]
    for rows in batches:
        location, scale = shrunk(standard[rows])
        standard[rows] = (standard[rows] - location) / scale
    adjusted = x.copy()
    adjusted[:, varies] = standard * deviation[varies] + overall[varies]
    return adjusted


def shrunk(z: Floats) -> tuple[Floats, Floats]:
    """Return posterior location gamma* and scale delta* of each column of standardised rows z.

    z [n, columns] are the rows of one batch. The normal prior of gamma and the inverse
    gamma prior of delta^2 have the moments that both show over the columns; the
    conditional posterior means (their equation 3) are iterated until neither changes by
    more than a ten-thousandth.
    """
    n, mean = len(z), z.mean(0)
    if n < 2 or z.shape[1] < 2:
        return mean, np.ones(z.shape[1])
    variance = z.var(0, ddof=1)
    prior_mean, prior_variance = mean.mean(), mean.var(ddof=1)
    centre, spread = variance.mean(), max(variance.var(ddof=1), 1e-12)
    shape, rate = 2 + centre**2 / spread, centre + centre**3 / spread
    gamma, delta = mean, variance
    for _ in range(ROUNDS):
        old = gamma, delta
        gamma = (n * prior_variance * mean + delta * prior_mean) / (n * prior_variance + delta)
        squares = np.square(z - gamma).sum(0)
        delta = (rate + squares / 2) / (n / 2 + shape - 1)
        if max(_change(gamma, old[0]), _change(delta, old[1])) < TOLERANCE:
            break
    return gamma, np.sqrt(delta)


def _change(new: Floats, old: Floats) -> float:
    return float((np.abs(new - old) / np.maximum(np.abs(old), 1e-12)).max())
