"""Expression as it is learned from: normalised counts, of the genes that vary most."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from medtl_bench.arrays import Ints
from medtl_bench.errors import DataError
from medtl_bench.files.division import TRAIN
from medtl_h5ad.reading import are_counts

NO_COUNTS = "taken as it is, for its values are no counts."
SCALED = (
    "Some values are below 0: if they were scaled or corrected over all cells, test cells took "
    "part in that."
)


def normalised(rows: sparse.csr_array, name: str) -> tuple[sparse.csr_array, str]:
    """Return expression [cells, genes], and in words what was done to it.

    Counts become log(1 + counts per 10,000). `name`: of the matrix. Raises DataError where a
    value is too large for float32.
    """
    if are_counts(rows.data):
        totals = np.repeat(rows.sum(1), np.diff(rows.indptr))
        values = np.log1p(1e4 * rows.data / totals)
        how = "which are made log(1 + counts per 10,000), cell by cell"
        return _like(rows, values), f"{name} holds counts, {how}."
    largest = np.abs(rows.data).max()
    if largest > np.finfo(np.float32).max:
        raise DataError(f"The matrix {name} holds values up to {largest:.3g}, which are too large.")
    scaled = f"{SCALED} " if (rows.data < 0).any() else ""
    return _like(rows, rows.data), f"{scaled}{name} is {NO_COUNTS}"


def _like(rows: sparse.csr_array, values: NDArray[np.float64]) -> sparse.csr_array:
    """Return a matrix of other values in the same places, in float32, without stored zeros."""
    made = sparse.csr_array(
        (values.astype(np.float32), rows.indices, rows.indptr), shape=rows.shape
    )
    made.eliminate_zeros()
    return made


def most_variable(x: sparse.csr_array, batch: Ints, part: Ints, most: int) -> NDArray[np.int64]:
    """Return the columns of largest variance over training rows, in order.

    The variance is taken within each batch and averaged. No test row and no label enters,
    and no difference between batches counts.
    """
    variances = []
    for name in np.unique(batch):
        rows = x[(batch == name) & (part == TRAIN)].astype(np.float64)
        variances.append(rows.power(2).mean(0) - np.square(rows.mean(0)))
    return np.sort(np.argsort(-np.mean(variances, 0), kind="stable")[:most])
