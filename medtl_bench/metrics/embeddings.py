"""Measures of an embedding of several batches: how batches mix, how types are kept apart.

Arrays throughout: z [n, width] embedded rows, batch [n] and y [n] whole numbers.
scikit-learn is imported when used, because it takes longer than the rest of the core and
only datasets that ask for these measures need it.
"""

import numpy as np

from medtl_bench.arrays import Floats, Ints

PERPLEXITY = 30.0
NEIGHBOURS = 5
RARE = 0.05
MIXING = 0.4  # what it weighs beside kept labels
# of the bisection, as harmonypy has them
TOLERANCE, HALVINGS = 1e-5, 50


def lisi(z: Floats, groups: Ints, perplexity: float = PERPLEXITY) -> Floats:
    """Return how many groups each row's neighbourhood effectively holds [n], from 1 upwards.

    The local inverse Simpson's index: 1 / sum over groups of p^2, p being a group's share
    of the weights of the 3 * perplexity nearest other rows (Korsunsky et al. 2019, Nature
    Methods 16; as harmonypy has it). Of fewer rows than that, all others are neighbours
    and the perplexity is a third of them.
    """
    return _effective(*_weighted(z, perplexity), groups)


def _weighted(z: Floats, perplexity: float) -> tuple[Floats, Ints]:
    """Return weights and numbers [n, k] of the rows in each row's neighbourhood."""
    perplexity = min(perplexity, (len(z) - 1) / 3)
    distance, neighbour = _neighbours(z, round(3 * perplexity))
    return neighbour_weights(distance, perplexity), neighbour


def _effective(weight: Floats, neighbour: Ints, groups: Ints) -> Floats:
    """Return how many groups the weights [n, k] effectively hold [n]."""
    shares = [(weight * (groups[neighbour] == group)).sum(1) for group in np.unique(groups)]
    return np.asarray(1 / np.square(shares).sum(0))


def neighbour_weights(distance: Floats, perplexity: float) -> Floats:
    """Return weights exp(-beta d) / sum of distances [n, k], of entropy log(perplexity) a row.

    The rate beta of a row is found by bisection, as in t-SNE (van der Maaten and Hinton
    2008); the authors of LISI leave distances unsquared.
    """
    rows = len(distance)
    beta, low, high = np.ones(rows), np.zeros(rows), np.full(rows, np.inf)
    # changes no weight, but keeps the far ones from all being zero
    beyond = distance - distance[:, :1]
    weight = np.empty_like(distance)
    for _ in range(HALVINGS):
        weight = np.exp(-beta[:, None] * beyond)
        total = weight.sum(1)
        weight /= total[:, None]
        gap = np.log(total) + beta * (weight * beyond).sum(1) - np.log(perplexity)
        if (np.abs(gap) < TOLERANCE).all():
            break
        low, high = np.where(gap > 0, beta, low), np.where(gap > 0, high, beta)
        beta = np.where(np.isinf(high), 2 * beta, (low + high) / 2)
    return weight


def ilisi(z: Floats, batch: Ints, y: Ints) -> float:  # noqa: ARG001 - all four are called alike
    """Mean LISI of the batches, from 1 to their number; higher is better mixed."""
    return float(lisi(z, batch).mean())


def clisi(z: Floats, batch: Ints, y: Ints) -> float:  # noqa: ARG001
    """Mean LISI of the types, from 1 to their number; lower is better kept apart."""
    return float(lisi(z, y).mean())


def silhouette_batch(z: Floats, batch: Ints, y: Ints) -> float:
    """Mean over types of the mean of 1 - |s|, s the silhouette by batch among a type's rows.

    Luecken et al. 2022, scIB. Types of one batch, or with as many batches as rows, are
    left out; NaN if none is left.
    """
    types = [y == label for label in np.unique(y) if _divides(batch[y == label])]
    mixed = [1 - np.abs(_silhouettes(z[rows], batch[rows])).mean() for rows in types]
    return float(np.mean(mixed)) if mixed else float("nan")


def silhouette_label(z: Floats, batch: Ints, y: Ints) -> float:  # noqa: ARG001
    """(s + 1) / 2, s the mean silhouette by type (Luecken et al. 2022, scIB); NaN with one type."""
    if not _divides(y):
        return float("nan")
    return float((_silhouettes(z, y).mean() + 1) / 2)


def mixing_and_labels(z: Floats, batch: Ints, y: Ints) -> float:
    """0.4 of how batches mix and 0.6 of how types are kept apart, in 0..1, higher is better.

    The weights of scIB (Luecken et al. 2022, Nature Methods 19). Of mixing it is the
    mean of iLISI, scaled to 0..1 by the number of batches, and the silhouette by batch;
    of types that of cLISI, scaled by the number of types and turned, and the silhouette
    by label. scIB scales to the lowest and highest of the methods compared; this needs
    no other method. Defined where two types or more stand in two batches or more, and
    one type in two.
    """
    batches, types = len(np.unique(batch)), len(np.unique(y))
    if min(batches, types) < 2:
        return float("nan")
    weighted = _weighted(z, PERPLEXITY)  # once for both
    of_batches, of_types = (_effective(*weighted, groups).mean() for groups in (batch, y))
    mixed = (of_batches - 1) / (batches - 1), silhouette_batch(z, batch, y)
    kept = (types - of_types) / (types - 1), silhouette_label(z, batch, y)
    return float(MIXING * np.mean(mixed) + (1 - MIXING) * np.mean(kept))


def neighbour_shares(z: Floats, y: Ints, queries: Floats, classes: int) -> Floats:
    """Return the share of each class [n, classes] among the five labelled rows nearest to a query.

    Rows z have labels y. To label cells by such a vote is label transfer, as in Symphony
    (Kang et al. 2021, Nature Communications 12).
    """
    from sklearn.neighbors import NearestNeighbors  # noqa: PLC0415

    neighbours = NearestNeighbors(n_neighbors=min(NEIGHBOURS, len(z))).fit(z)
    nearest = neighbours.kneighbors(queries, return_distance=False)
    return np.asarray(np.eye(classes)[y[nearest]].mean(1))


def rare(y: Ints, classes: int) -> list[int]:
    """Return the classes that make up less than a twentieth of the rows, but are there."""
    share = np.bincount(y, minlength=classes) / max(1, len(y))
    return np.flatnonzero((share > 0) & (share < RARE)).tolist()


def _neighbours(z: Floats, count: int) -> tuple[Floats, Ints]:
    """Return distances and numbers [n, count] of the rows nearest to each, without itself."""
    from sklearn.neighbors import NearestNeighbors  # noqa: PLC0415

    distance, index = NearestNeighbors(n_neighbors=count).fit(z).kneighbors()
    return distance, index


def _silhouettes(z: Floats, groups: Ints) -> Floats:
    from sklearn.metrics import silhouette_samples  # noqa: PLC0415

    return np.asarray(silhouette_samples(z, groups))


def _divides(groups: Ints) -> bool:
    """Return whether silhouettes are defined: for two groups or more, not each of one row."""
    return 2 <= len(np.unique(groups)) < len(groups)
