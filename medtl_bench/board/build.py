"""From records to a board."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from medtl_bench.board import measures, same_method
from medtl_bench.board.summary import derive, summarise
from medtl_bench.board.tables import CELL, PLACE, coverage, select, tidy, trial_table
from medtl_bench.results.record import Record
from medtl_bench.results.store import no_garbage_collection


@dataclass(frozen=True)
class Board:
    """The tables that every page is made from.

    `trials`: one row a trial that counts. `scores`: tidy, one row a score of those,
    `trial` pointing to its trial. `rows`: one row for each dataset, protocol, algorithm
    and variant, with its coverage. `summary`: one row for each of those, scenario (of a
    stream, else "") and measure, with mean, half (width of the 95% interval), n, best,
    tied and rank. `left_out`: dataset, reason and number of trials that do not count.
    `equivalence`: the tests of counterparts.compare. `targets`: scores with intervals
    over targets, of measures.over_targets.
    """

    trials: pd.DataFrame
    scores: pd.DataFrame
    rows: pd.DataFrame
    summary: pd.DataFrame
    left_out: pd.DataFrame
    equivalence: pd.DataFrame
    targets: pd.DataFrame


def build(records: Mapping[str, Record] | Iterable[Record]) -> Board:
    """Return the board of some records, in a mapping by key or not, whatever their order."""
    with no_garbage_collection():
        return _build(
            records
            if isinstance(records, Mapping)
            else {record.trial.key: record for record in records}
        )


def _build(records: Mapping[str, Record]) -> Board:
    keys = sorted(records)
    given = [records[key] for key in keys]
    kept, left_out = select(trial_table(keys, given))
    trials = kept.sort_values([*CELL, "key"], ignore_index=True)
    trials["peers"] = trials.groupby([*PLACE, "scenario"]).ngroup()
    scores = tidy(trials, given)
    rows = coverage(trials)
    derived = derive(trials, scores)
    pairs = {
        str(name): str(other)
        for name, other in trials[["algorithm", "counterpart"]].to_numpy().tolist()
        if other
    }
    equivalence, targets = (
        same_method.compare(derived, pairs),
        measures.over_targets(trials, scores),
    )
    return Board(trials, scores, rows, summarise(derived, rows), left_out, equivalence, targets)
