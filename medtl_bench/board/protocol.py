"""What a protocol brings to a board: its measures, and which of them rank its tables."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from medtl_bench.arrays import Bools, Floats
from medtl_bench.board import directions
from medtl_bench.board.measures import SECONDS

Name = tuple[str, str]
Tables = Mapping[str, pd.DataFrame]


class Reading(NamedTuple):
    """A measure that the overall pages rank methods by, under a title of its own."""

    title: str
    measure: str


@dataclass(frozen=True)
class Block:
    """What the rows of one table scored, seed by seed.

    `measures`: their names. `rows`: algorithm and variant of each row. `values`: an array
    [measures, rows, seeds], NaN where there is none. `bounds` [rows]: which rows are
    bounds, not methods. `sign`: -1 where a lower score of the dataset is better, else 1.
    `resampled`: of some measures the values on resamples of the test units [rows, seeds,
    resamples], with so many degrees of `freedom`.
    """

    measures: tuple[str, ...]
    rows: tuple[Name, ...]
    values: Floats
    bounds: Bools
    sign: float
    resampled: Mapping[str, Floats] = field(default_factory=dict)
    freedom: float = np.inf

    def of(self, measure: str) -> Floats | None:
        """Return the values [rows, seeds] of a measure, or None if no row has it."""
        return self.values[self.measures.index(measure)] if measure in self.measures else None

    def place(self, algorithm: str) -> int | None:
        """Return which row is an algorithm without changed parameters, or None."""
        return self.rows.index((algorithm, "")) if (algorithm, "") in self.rows else None

    def extended(self, further: Mapping[str, Floats]) -> "Block":
        """Return a block that has further measures [rows, seeds] after its own."""
        if not further:
            return self
        values = np.concatenate([self.values, np.stack(list(further.values()))])
        return replace(self, measures=(*self.measures, *further), values=values)

    def unrolled(self) -> "Block":
        """Return a block of the resampled values, each resample of a seed in place of a seed."""
        values = [of_measure.reshape(len(self.rows), -1) for of_measure in self.resampled.values()]
        return Block(tuple(self.resampled), self.rows, np.stack(values), self.bounds, self.sign)


class ProtocolBoard(ABC):
    """A protocol's half of a board; a new protocol sets `headline` and defines `measures`.

    `headline`: the measure that ranks its tables. `readings`: what the overall pages rank
    by. `by_scenario`: whether each scenario has a table of its own; else a row is averaged
    over its scenarios inside a seed. `conditions`: those settings of a trial that all
    trials of a dataset must share to stand on one table; the others are of a scenario.
    `controlled`: the measure in which a dataset's upper control must be above its lower one,
    if any.
    """

    headline: str
    readings: tuple[Reading, ...] = ()
    by_scenario: bool = False
    conditions: tuple[str, ...] = ()
    controlled: str = ""

    @abstractmethod
    def measures(self, trials: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
        """Return a row for each trial of this protocol and a column for each measure.

        trials: index 0, 1, ... `scores["trial"]` points there. The columns of both are
        those of `board.tables`; `board.measures` has means that heed what is missing. A
        trial may lack a row: its measures are then blank.
        """

    def relative(self, block: Block) -> Mapping[str, Floats]:
        """Return measures [rows, seeds] that compare rows of a table, by name.

        It is asked again with resamples in place of seeds, for their intervals.
        """
        return {}

    def further(self, trials: pd.DataFrame, scores: pd.DataFrame) -> Tables:
        """Return tables that only this protocol's part of a page prints, by name.

        A column `dataset` tells whose page a row is for.
        """
        return {}

    def ranked_by(self, task: str, primary: str) -> str:
        """Return the measure that ranks the table of a dataset with this kind of task."""
        return self.headline

    def tuned_by(self, task: str, primary: str) -> tuple[str, ...]:
        """Return the measures by which hyper-parameters are chosen: the first that there is."""
        return (self.ranked_by(task, primary),)

    def higher_is_better(self, measure: str, primary: str, lower: Set[str]) -> bool:
        """Return the direction of a measure on a dataset with this primary metric.

        As it stands a measure goes the way of the primary metric; one that has the name
        of a metric goes that one's way, and fewer seconds are better. lower: the metrics
        for which lower is better.
        """
        if measure == SECONDS or not directions.higher_is_better(measure, lower):
            return False
        return directions.higher_is_better(primary, lower)

    def bounds(self, measure: str, primary: str) -> tuple[float, float]:
        """Return the lowest and highest that a measure can be.

        As it stands, what its metric can be; anything where it has the name of none.
        """
        return (0.0, np.inf) if measure == SECONDS else directions.bounds(measure)

    @property
    def tested(self) -> tuple[str, ...]:
        """Return the measures by which a method is compared with its counterpart."""
        return tuple(dict.fromkeys((self.headline, *(r.measure for r in self.readings))))
