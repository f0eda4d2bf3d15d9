"""Methods as they come beside the same with chosen hyper-parameters, and what choosing cost."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from medtl_bench.arrays import Floats
from medtl_bench.board.protocol import ProtocolBoard
from medtl_bench.board.rows import Cell, Row, View
from medtl_bench.board.statistics import mean_interval, ranks
from medtl_bench.board.tables import PLACE
from medtl_bench.board.tuned import ORACLE

NOT_KNOWN = Cell(math.nan, math.nan, 0)


class Step(NamedTuple):
    """The best of the first `draws` candidates: how it was judged, and its score on targets.

    Both are means over the scenarios of a table, NaN where they are not known.
    """

    draws: int
    judged: float
    on_target: float


class TunedRow(NamedTuple):
    """A row whose hyper-parameters were chosen by a `rule` among so many `draws` of a `sampler`.

    `default`, `tuned`: what both score in the `measure` that was tuned by. `gain`: tuned less
    default, paired by seed and turned so that positive is better. `oracle`: the score of
    the draw that is best on the targets' test splits, NaN where draws were not run there.
    `ranks`: among the tuned rows of its table by their defaults, and as they were tuned.
    `steps`: from the default alone to all draws.
    """

    dataset: str
    protocol: str
    scenario: str
    algorithm: str
    rule: str
    draws: int
    seeds: int
    measure: str
    default: Cell
    tuned: Cell
    gain: Cell
    oracle: float
    ranks: tuple[float, float]
    steps: tuple[Step, ...]
    sampler: str = ""


def lines(
    views: Sequence[View],
    trials: pd.DataFrame,
    by_seed: pd.DataFrame,
    judged: pd.DataFrame,
    on_targets: pd.DataFrame,
    protocols: Mapping[str, ProtocolBoard],
) -> tuple[TunedRow, ...]:
    """Return the tuned rows of all views; ranks are among those of one rule and budget.

    by_seed: measures by the columns of `summary.BY_SEED`. judged, on_targets: of `tuned`.
    """
    how = {
        (one["dataset"], one["protocol"], one["algorithm"], one["variant"]): one["chosen"]
        for one in trials[trials["kind"] != ""].to_dict("records")
    }
    found: list[TunedRow] = []
    for view in views:
        names = protocols[view.protocol].tuned_by(view.task, view.primary)
        measure = next((name for name in names if name in view.columns), view.headline)
        table = _Table(view, measure, by_seed, judged, on_targets)
        rows = [table.line(row, how[view.dataset, view.protocol, *row.name]) for row in view.tuned]
        bounds = {row.name[0] for row in view.tuned if row.bound}
        found += _ranked(rows, bounds, higher=view.higher.get(measure, True))
    return tuple(found)


class _Table(NamedTuple):
    """A view, the measure that its methods were tuned by, and all that is known of draws."""

    view: View
    measure: str
    by_seed: pd.DataFrame
    judged: pd.DataFrame
    on_targets: pd.DataFrame

    @property
    def sign(self) -> float:
        return 1.0 if self.view.higher.get(self.measure, True) else -1.0

    def line(self, row: Row, chosen: Mapping[str, Any]) -> TunedRow:
        """Return a tuned row beside its default."""
        view, algorithm, draws = self.view, row.name[0], int(chosen["draws"])
        sampler = str(chosen.get("sampler", ""))
        ours = algorithm, sampler, draws
        judged = self._of(self.judged, str(chosen["rule"]), *ours)
        scored = self._of(self.on_targets, ORACLE, *ours)
        return TunedRow(
            *(view.dataset, view.protocol, view.scenario, algorithm),
            rule=str(chosen["rule"]),
            draws=draws,
            seeds=int(chosen["seeds"]),
            measure=self.measure,
            default=self._default(algorithm),
            tuned=row.cells.get(self.measure, NOT_KNOWN),
            gain=self._gain(row),
            oracle=self._oracle(scored),
            ranks=(math.nan, math.nan),
            steps=tuple(self._steps(judged, scored)),
            sampler=sampler,
        )

    def _default(self, algorithm: str) -> Cell:
        row = next((one for one in self.view.complete if one.name == (algorithm, "")), None)
        return row.cells.get(self.measure, NOT_KNOWN) if row else NOT_KNOWN

    def _gain(self, row: Row) -> Cell:
        view = self.view
        ours = self.by_seed[self.measure].xs(
            (view.dataset, view.protocol, view.scenario), level=(*PLACE, "group")
        )
        wide = pd.DataFrame(ours.unstack("seed"))
        names = pd.MultiIndex.from_tuples([row.name, (row.name[0], "")])
        tuned, default = wide.reindex(names).to_numpy(float)
        estimate = mean_interval(self.sign * (tuned - default))
        return Cell(float(estimate.mean), float(estimate.half), int(estimate.n))

    def _of(
        self, table: pd.DataFrame, rule: str, algorithm: str, sampler: str, draws: int
    ) -> pd.DataFrame:
        """Return the scores of a method's first draws, a column for each scenario of the table."""
        view = self.view
        ours = table[
            (table["dataset"] == view.dataset)
            & (table["protocol"] == view.protocol)
            & (table["algorithm"] == algorithm)
            & (table["rule"] == rule)
            & ((table["sampler"] == sampler) | (table["candidate"] == 0))
            & (table["candidate"] < draws)
        ]
        if view.scenario:
            ours = ours[ours["scenario"] == view.scenario]
        return ours.pivot_table(index="candidate", columns="scenario", values="score")

    def _oracle(self, scored: pd.DataFrame) -> float:
        return float(self.sign * (self.sign * scored).max().mean()) if len(scored) else math.nan

    def _steps(self, judged: pd.DataFrame, scored: pd.DataFrame) -> Iterator[Step]:
        """Yield the best of the first draws as they were judged, for all numbers of them."""
        there = judged.to_numpy(float)
        on_target = scored.reindex(index=judged.index, columns=judged.columns).to_numpy(float)
        turned = np.where(np.isfinite(there), self.sign * there, -np.inf)
        scenarios = np.arange(there.shape[1])
        for number in range(len(there)):
            best = turned[: number + 1].argmax(0)
            seen, after = there[best, scenarios].mean(), on_target[best, scenarios].mean()
            yield Step(int(judged.index[number]) + 1, float(seen), float(after))


def budget(row: TunedRow) -> tuple[str, str, int, int]:
    """Return what rows share that are ranked among each other."""
    return row.rule, row.sampler, row.draws, row.seeds


def _ranked(
    rows: Sequence[TunedRow], bounds: Collection[str], *, higher: bool
) -> Iterator[TunedRow]:
    """Yield rows with their ranks among methods of one rule and budget; bounds have none."""
    means = np.array([(row.default.mean, row.tuned.mean) for row in rows])
    bound = np.array([row.algorithm in bounds for row in rows])
    for number, row in enumerate(rows):
        alike = np.array([budget(one) == budget(row) for one in rows])
        counted = np.where((alike & ~bound)[:, None], means, np.nan)
        found = _ranks(counted, higher=higher)[number]
        yield row._replace(ranks=(float(found[0]), float(found[1])))


def _ranks(means: Floats, *, higher: bool) -> Floats:
    return np.asarray(ranks(means, np.array([higher, higher])))
