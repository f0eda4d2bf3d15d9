"""From records to a board."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

import pandas as pd

from medtl_bench.board import (
    comparison,
    controls,
    effects,
    facts,
    rows,
    same_method,
    scorers,
    standings,
    tables,
    tuned,
    tuned_rows,
)
from medtl_bench.board.comparison import Comparison
from medtl_bench.board.controls import Control
from medtl_bench.board.directions import lower_is_better
from medtl_bench.board.effects import Effect
from medtl_bench.board.facts import Facts, Totals
from medtl_bench.board.protocol import ProtocolBoard, Tables
from medtl_bench.board.rows import View
from medtl_bench.board.same_method import Agreement
from medtl_bench.board.scorers import Experiment
from medtl_bench.board.selection import counted, select
from medtl_bench.board.standings import Values
from medtl_bench.board.summary import Derived, derive, summarise, together
from medtl_bench.board.tuned_rows import TunedRow
from medtl_bench.metrics.effect import EffectEntry
from medtl_bench.results.record import Record
from medtl_bench.results.store import no_garbage_collection


@dataclass(frozen=True)
class Board:
    """Every number that a page prints.

    `trials`: one row a trial that counts. `scores`: tidy, one row a score of those,
    `trial` pointing to its trial. `rows`: one row for each dataset, protocol, algorithm
    and variant, with its coverage. `summary`: one row for each of those, scenario (where
    each has a table of its own, else "") and measure, with the fields of `rows.Cell`.
    `left_out`: dataset, reason and number of trials that do not count. `equivalence`: the
    tests of `same_method.compare`, `agreements` their verdicts counted by pair. `further`:
    by protocol and name, the tables that only its own part of a page prints. `views`: the
    tables of pages, row by row. `comparisons`: the readings over the datasets of each kind of
    task, and `by_area` over those of one area. `controls`: what datasets can tell; those
    without headroom are in no comparison. `effects`: what the boards say of known effects.
    `tuned`: rows whose hyper-parameters were chosen, beside the same methods with their
    defaults. `experiments`: what scorers without target labels would have chosen.
    """

    trials: pd.DataFrame
    scores: pd.DataFrame
    rows: pd.DataFrame
    summary: pd.DataFrame
    left_out: pd.DataFrame
    equivalence: pd.DataFrame
    agreements: list[Agreement]
    further: Mapping[str, Tables]
    facts: list[Facts]
    totals: Totals
    views: list[View]
    comparisons: tuple[Comparison, ...]
    by_area: Mapping[str, tuple[Comparison, ...]]
    lower: frozenset[str]
    controls: tuple[Control, ...]
    effects: tuple[Effect, ...]
    tuned: tuple[TunedRow, ...]
    experiments: tuple[Experiment, ...]

    @property
    def protocols(self) -> tuple[str, ...]:
        """Return the protocols that there are trials of, in the order given."""
        return tuple(self.further)


def build(
    records: Mapping[str, Record] | Iterable[Record],
    protocols: Mapping[str, ProtocolBoard],
    known: Sequence[EffectEntry] = (),
) -> Board:
    """Return the board of some records, in a mapping by key or not, whatever their order.

    protocols: by name; the trials of others are left out, and tables stand in their order.
    known: the effects that it should show.
    """
    with no_garbage_collection():
        if not isinstance(records, Mapping):
            records = {record.trial.key: record for record in records}
        return _build(records, protocols, known)


def _build(
    records: Mapping[str, Record],
    protocols: Mapping[str, ProtocolBoard],
    known: Sequence[EffectEntry],
) -> Board:
    keys = sorted(records)
    ordered = [records[key] for key in keys]
    lower = lower_is_better(ordered)
    conditions = {name: half.conditions for name, half in protocols.items()}
    of_boards, judging = tuned.divided(tables.trial_table(keys, ordered, lower))
    selected, dropped = select(of_boards, conditions)
    kept = selected[~tuned.is_candidate(selected)]
    dropped = dropped[~tuned.is_candidate(dropped)]
    apart = [name for name, half in protocols.items() if half.by_scenario]
    compared = tables.with_peers(kept, apart)
    trials = compared.sort_values([*tables.CELL, "key"], ignore_index=True)
    left_out = counted(dropped)
    scores = tables.tidy(trials, ordered)
    derived, further = _measure(trials, scores, protocols, lower)
    covered = tables.coverage(trials)
    summary = summarise(derived, covered, protocols, lower)
    measured = together(derived)
    tests = same_method.compare(measured, _counterparts(trials), protocols)
    of_datasets = facts.facts(trials, covered, dropped)
    seen = rows.views(trials, covered, summary, protocols, lower)
    values = standings.by_dataset(derived, protocols)
    controlled = controls.controls(derived, seen, protocols, values)
    ranked = [view for view in seen if view.dataset not in controls.uncounted(controlled)]
    judged = tuned.judged(judging, ordered, protocols)
    on_targets = tuned.on_targets(selected, ordered, protocols)
    return Board(
        trials,
        scores,
        covered,
        summary,
        left_out,
        tests,
        same_method.agreements(tests),
        further,
        of_datasets,
        facts.totals(covered, left_out),
        seen,
        comparison.comparisons(of_datasets, ranked, protocols, values),
        _by_area(of_datasets, ranked, protocols, values),
        lower,
        controlled,
        effects.effects(known, derived),
        tuned_rows.lines(seen, trials, measured, judged, on_targets, protocols),
        scorers.experiments(judging, selected, ordered, protocols),
    )


def _measure(
    trials: pd.DataFrame,
    scores: pd.DataFrame,
    protocols: Mapping[str, ProtocolBoard],
    lower: Set[str],
) -> tuple[list[Derived], dict[str, Tables]]:
    """Let each protocol measure its own trials, if one of them is ok."""
    derived, further = [], {}
    for name, half in protocols.items():
        ours, of_ours = tables.of_protocol(trials, scores, name)
        if (ours["status"] == "ok").any():
            derived.append(derive(ours, of_ours, half, lower))
            further[name] = half.further(ours, of_ours)
        elif len(ours):
            further[name] = {}
    return derived, further


def _counterparts(trials: pd.DataFrame) -> dict[str, str]:
    pairs = trials.loc[trials["counterpart"] != "", ["algorithm", "counterpart"]]
    return {str(name): str(other) for name, other in pairs.to_numpy().tolist()}


def _by_area(
    of_datasets: list[Facts],
    seen: list[View],
    protocols: Mapping[str, ProtocolBoard],
    values: Values,
) -> dict[str, tuple[Comparison, ...]]:
    areas = {}
    for area in sorted({fact.area for fact in of_datasets}):
        members = [fact for fact in of_datasets if fact.area == area]
        names = {fact.dataset for fact in members}
        of_area = [view for view in seen if view.dataset in names]
        areas[area] = comparison.comparisons(members, of_area, protocols, values)
    return areas
