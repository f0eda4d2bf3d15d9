"""How well a source may serve a target, from arrays alone.

By distances of inputs, and by the evidence for the target's labels. The distances ask no
label. LogME asks labels of the target, so it must be given training labels and told
apart.
"""

import numpy as np
from scipy.spatial.distance import cdist, pdist
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from medtl_bench.arrays import Floats, Ints

FOLDS = 5
LEAST = 1e-9  # below what a sum of squares is taken to be nothing
MOST_UPDATES, SETTLED = 200, 1e-8


def proxy_a_distance(source: Floats, target: Floats) -> float:
    """Return 2 (1 - 2 e), in 0..2, e the error of a linear classifier of source against target.

    Ben-David et al. 2007. The classifier is a logistic regression in which both sides
    weigh the same; e is its mean error on either side, in 5-fold cross-validation, at
    most 1/2. source [n, d], target [m, d]; both need two rows at least. Near 0: inputs of
    one kind.
    """
    x = np.concatenate([source, target])
    side = np.repeat([0, 1], [len(source), len(target)])
    folds = StratifiedKFold(min(FOLDS, len(source), len(target)), shuffle=True, random_state=0)
    judge = make_pipeline(
        StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1000)
    )
    wrong = cross_val_predict(judge, x, side, cv=folds) != side
    error = (wrong[side == 0].mean() + wrong[side == 1].mean()) / 2
    return float(max(0.0, 2 * (1 - 2 * error)))


def median_distance(x: Floats) -> float:
    """Return the median Euclidean distance of two rows of x [n, d].

    A bandwidth for `mmd` (Gretton et al. 2012, section 8).
    """
    return float(np.median(pdist(x)))


def mmd(source: Floats, target: Floats, bandwidth: float) -> float:
    """Return the unbiased squared maximum mean discrepancy of a Gaussian kernel.

    Gretton et al. 2012, eq. 3. k(a, b) = exp(-|a - b|^2 / (2 bandwidth^2)); near 0, and a
    little below it, for two samples of one distribution. source [n, d], target [m, d];
    both need two rows at least.
    """
    n, m = len(source), len(target)
    within = [_mean_of_pairs(x, bandwidth) for x in (source, target)]
    return float(sum(within) - 2 * _kernel(source, target, bandwidth).sum() / (n * m))


def _mean_of_pairs(x: Floats, bandwidth: float) -> Floats:
    """Return the mean kernel of two different rows; of one row with itself the kernel is 1."""
    total = _kernel(x, x, bandwidth).sum() - len(x)
    return np.asarray(total / (len(x) * (len(x) - 1)))


def _kernel(a: Floats, b: Floats, bandwidth: float) -> Floats:
    return np.asarray(np.exp(-cdist(a, b, "sqeuclidean") / (2 * max(bandwidth, LEAST) ** 2)))


def log_me(features: Floats, y: Floats) -> float:
    """Return the logarithm of the maximum evidence of values y [n] given features [n, d], per row.

    You et al. 2021, eq. 2. The evidence of a Bayesian linear model with weights of
    precision alpha and noise of precision beta, at the fixed point of alpha and beta
    (MacKay's updates). Higher is better. NaN where y does not vary.
    """
    if np.ptp(y) == 0:
        return float("nan")
    n, d = features.shape
    u, singular, _ = np.linalg.svd(features, full_matrices=False)
    squared, along = singular**2, (u.T @ y) ** 2
    beyond = max(float(y @ y - along.sum()), 0.0)  # of y, what no weights can reach
    alpha, beta = _precisions(n, squared, along, beyond)
    _, weights, residual = _posterior(squared, along, beyond, alpha / beta)
    determinant = np.log(alpha + beta * squared).sum() + (d - len(squared)) * np.log(alpha)
    evidence = n * np.log(beta / (2 * np.pi)) + d * np.log(alpha) - determinant
    return float((evidence - beta * residual - alpha * weights) / (2 * n))


def _precisions(n: int, squared: Floats, along: Floats, beyond: float) -> tuple[float, float]:
    """Return alpha and beta where MacKay's updates settle; arguments as for `_posterior`."""
    alpha = beta = 1.0
    for _ in range(MOST_UPDATES):
        ratio = alpha / beta
        determined, weights, residual = _posterior(squared, along, beyond, ratio)
        alpha = max(determined, LEAST) / max(weights, LEAST)
        beta = max(n - determined, LEAST) / max(residual, LEAST)
        if abs(alpha / beta - ratio) <= SETTLED * ratio:
            break
    return alpha, beta


def _posterior(
    squared: Floats, along: Floats, beyond: float, ratio: float
) -> tuple[float, float, float]:
    """Return how many weights the data determine, their squared length, the squared residual.

    The length is that of their mean. `squared`: squared singular values of the features.
    `along`: squared coordinates of y along their vectors. `beyond`: the squared length of
    y beside them. `ratio`: alpha over beta.
    """
    shrunk = squared + ratio
    determined = float((squared / shrunk).sum())
    weights = float((along * squared / shrunk**2).sum())
    residual = float((along * (ratio / shrunk) ** 2).sum()) + beyond
    return determined, weights, residual


def log_me_of_classes(features: Floats, y: Ints) -> float:
    """Return the mean of `log_me` over the classes in y [n], each as 1 against all others as 0.

    NaN with one class only.
    """
    return float(np.mean([log_me(features, (y == c).astype(float)) for c in np.unique(y)]))
