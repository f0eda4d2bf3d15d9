"""What rows scored in a measure, seed by seed and on resamples of their test units."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from medtl_bench.arrays import Bools, Floats
from medtl_bench.board import resamples, statistics
from medtl_bench.board.protocol import Name
from medtl_bench.board.statistics import Crossed
from medtl_bench.board.summary import Derived
from medtl_bench.board.tables import ROW
from medtl_bench.metrics.resamples import RESAMPLES


@dataclass(frozen=True)
class Scored:
    """What rows scored: `table` [rows, seeds], by algorithm and variant.

    `resampled`: the same on resamples of the test units [rows, seeds, resamples], None where
    no trial has any, with so many degrees of `freedom`.
    """

    table: pd.DataFrame
    resampled: Floats | None = None
    freedom: float = np.inf

    @property
    def values(self) -> Floats:
        """Return the scores [rows, seeds]."""
        return self.table.to_numpy(dtype=float)

    def only(self, rows: Bools) -> "Scored":
        """Return what some of the rows scored."""
        resampled = None if self.resampled is None else self.resampled[rows]
        return replace(self, table=self.table[rows], resampled=resampled)

    def of(self, names: Sequence[Name]) -> "Scored":
        """Return what those of some names scored, NaN for who is not there."""
        index = pd.MultiIndex.from_tuples(names) if names else self.table.index[:0]
        table = self.table.reindex(index)
        if self.resampled is None:
            return replace(self, table=table)
        place = self.table.index.get_indexer(index)
        there = place >= 0
        resampled = np.full((len(names), *self.resampled.shape[1:]), np.nan)
        resampled[there] = self.resampled[place[there]]
        return replace(self, table=table, resampled=resampled)

    def crossed(self) -> Crossed:
        """Return the means of rows, with their intervals."""
        return statistics.crossed(self.values, self.resampled, self.freedom)

    def less(self, row: int, others: "slice | int" = slice(None)) -> "Crossed":
        """Return the means of what others scored less a row, inside a seed and a resample."""
        difference = self.values[others] - self.values[row]
        units = self.resampled
        paired = None if units is None else units[others] - units[row]
        return statistics.crossed(difference, paired, self.freedom)


def scored(part: Derived, measure: str) -> Scored:
    """Return what rows scored on a dataset by a protocol, of whose tables `part` is.

    Several tables are averaged inside a seed and a resample, NaN where a row lacks one.
    """
    column = part.table[measure]
    table, tables = _over_tables(pd.DataFrame(column.unstack("seed")))
    if measure not in part.resampled:
        return Scored(table)
    there = column.notna().to_numpy()
    index = column.index[there]
    sums = np.zeros((*table.shape, RESAMPLES))
    named = [index.get_level_values(name) for name in ROW[2:]]
    row = table.index.get_indexer(pd.MultiIndex.from_arrays(named))
    seed = table.columns.get_indexer(index.get_level_values("seed"))
    np.add.at(sums, (row, seed), part.resampled[measure][there])
    resampled = np.where(table.notna().to_numpy()[..., None], sums / tables, np.nan)
    units = {name: of for of_table in part.units.values() for name, of in of_table.items()}
    return Scored(table, resampled, resamples.freedom(units))


def _over_tables(wide: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Average [tables x rows, seeds] over the tables that are filled, and return their number."""
    filled = wide.dropna(how="all")
    tables = filled.index.get_level_values("group").nunique()
    of_row = filled.groupby(level=["algorithm", "variant"])
    return of_row.mean().where(of_row.count() == tables), tables
