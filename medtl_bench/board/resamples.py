"""Measures of trials on resamples of their test units, brought to rows and seeds."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from medtl_bench.arrays import Bools, Floats, Ints
from medtl_bench.metrics.resamples import RESAMPLES
from medtl_bench.results import resamples

Units = Mapping[str, tuple[int, int]]


def by_cell(trials: pd.DataFrame, wide: pd.DataFrame, cell: Ints, cells: int) -> dict[str, Floats]:
    """Return each measure that trials have on resamples, as means [cells, RESAMPLES] over them.

    trials: with `resampled` as records have it. wide: their measures, of which a cell
    must have as many on resamples, else it is NaN. cell [trials]: the number of each
    one's cell.
    """
    found = {}
    texts = trials["resampled"].tolist()
    for name in sorted(set().union(*texts) & set(wide.columns)):
        there = np.array([name in of_trial for of_trial in texts], bool)
        values = resamples.decode([of_trial[name] for of_trial in texts if name in of_trial])
        measured = np.bincount(cell[wide[name].notna()], minlength=cells)
        found[name] = _means(values, cell[there], measured)
    return found


def _means(values: Floats, cell: Ints, measured: Ints) -> Floats:
    """Return means [cells, RESAMPLES] of values [n, RESAMPLES], NaN where some are missing."""
    counts = np.bincount(cell, minlength=len(measured))
    whole = (counts == measured) & (counts > 0)
    means = np.full((len(measured), RESAMPLES), np.nan, np.float32)
    order = np.argsort(cell, kind="stable")
    starts = np.flatnonzero(np.diff(cell[order], prepend=-1))
    sums = np.add.reduceat(values[order], starts, axis=0, dtype=float)
    means[cell[order][starts]] = sums / counts[counts > 0][:, None]
    means[~whole] = np.nan
    return means


def crossed(values: Floats, of_cell: Floats, row: Ints, seed: Ints) -> Floats:
    """Return resampled cells [cells, RESAMPLES] by row and seed [rows, seeds, RESAMPLES].

    NaN where `values` [rows, seeds] is. row, seed [cells]: where each cell stands.
    """
    placed = np.full((*values.shape, of_cell.shape[1]), np.nan, np.float32)
    placed[row, seed] = of_cell
    there: Bools = np.isfinite(values)
    return np.where(there[..., None], placed, np.nan)


def units_by(trials: pd.DataFrame, columns: list[str]) -> dict[tuple[str, ...], Units]:
    """Return the test units by domain of the trials of each place, that is a value of columns.

    Those of a domain's folds are others, and add up.
    """
    found: dict[tuple[str, ...], dict[int, Units]] = {}
    for *place, fold, units in zip(*(trials[n] for n in (*columns, "fold", "units")), strict=True):
        of_place = found.setdefault(tuple(place), {})
        of_place[fold] = {**of_place.get(fold, {}), **units}
    return {place: _over_folds(list(of_folds.values())) for place, of_folds in found.items()}


def _over_folds(of_folds: list[Units]) -> dict[str, tuple[int, int]]:
    """Return the units by domain of several folds together, in the order of the names."""
    total: dict[str, tuple[int, int]] = {}
    for units in of_folds:
        for domain, (n, fewest) in units.items():
            known, scarce = total.get(domain, (0, 0))
            total[domain] = (known + n, scarce + fewest)
    return dict(sorted(total.items()))


def freedom(units: Units) -> float:
    """Return the degrees of freedom of a variance that these test units estimate.

    The scarcest class of a domain limits it; infinite where no units are known.
    """
    if not units:
        return float("inf")
    return float(max(1, sum(fewest - 1 for _, fewest in units.values())))
