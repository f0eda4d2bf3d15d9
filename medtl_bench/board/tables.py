"""The tables of trials and scores: which count, and how complete each row is."""

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from itertools import chain
from operator import attrgetter
from typing import Any

import numpy as np
import pandas as pd

from medtl_bench.board import directions
from medtl_bench.metrics.registry import TASK_AGNOSTIC, TASK_AWARE
from medtl_bench.results.record import Record, Score, Trial

PLACE = ["dataset", "protocol"]
ROW = [*PLACE, "algorithm", "variant"]
CELL = [*ROW, "scenario", "seed"]
STATUSES = ("ok", "failed", "timeout", "missing")
BROKE = ("failed", "timeout")  # a method that cannot do a task is skipped instead
BOUND = "bound"
TUNED = "tuned"  # the kind of a row whose parameters were chosen: not ranked with the others
_OF_ROW = ("label", "family", "primary", "counterpart", "acts_from", "keeps_data", "kind")
FULL = -1.0  # stands for the number of labels, where all are used or none are counted
_FIELDS = (
    *("trial.dataset", "trial.dataset_digest", "trial.algorithm", "trial.algorithm_source"),
    *("trial.protocol", "trial.scenario", "trial.seed", "trial.threads"),
    *("trial.parameters", "trial.packages", "trial.plugins"),
    *("about.area", "about.provenance", "about.task", "about.metrics", "about.classes"),
    *("about.family", "about.variant", "about.counterpart", "about.remarks"),
    *("about.labels", "about.optional", "about.acts_from", "about.quick"),
    *("about.origin", "about.keeps_data", "about.folds"),
    *("about.candidate", "about.sampler", "trial.chosen"),
    *("outcome.status", "outcome.reason", "outcome.why_alone", "outcome.peak_memory"),
    *("outcome.resampled", "outcome.units"),
)


def settings(trial: Trial) -> dict[str, Any]:
    """Return what its protocol says of a trial beside its scenario; no list in it."""
    values = trial.settings.items()
    return {name: tuple(v) if isinstance(v, list) else v for name, v in values}


def setting(trials: pd.DataFrame, name: str, default: object = ()) -> pd.Series:
    """Return one of the settings of each trial, `default` where it has no such."""
    values = [of_trial.get(name, default) for of_trial in trials["settings"]]
    return pd.Series(values, trials.index, dtype=object)


def trial_table(keys: list[str], records: list[Record], lower: Set[str]) -> pd.DataFrame:
    """Return one row a record: what was tried, under which conditions, what became of it.

    `record` is its position, `settings` those of its protocol, `fold` whose test rows it
    saw, `sign` -1 where a lower score is better and else 1, `kind` TUNED where its
    parameters were chosen. lower: the metrics for which lower is better.
    """
    columns: dict[str, Sequence[Any]] = {"record": range(len(records)), "key": keys}
    for field in _FIELDS:
        columns[field.rpartition(".")[2]] = list(map(attrgetter(field), records))
    columns["finished"] = [record.latest for record in records]
    columns["settings"] = [settings(record.trial) for record in records]
    columns["versions"] = [tuple(sorted(record.trial.versions.items())) for record in records]
    columns["machine"] = [tuple(sorted(record.machine.items())) for record in records]
    columns["seconds"] = [record.outcome.seconds.get("total", np.nan) for record in records]
    columns["primary"] = list(map(_first, columns["metrics"]))
    columns["sign"] = [_sign(metric, lower) for metric in columns["primary"]]
    columns["fold"] = list(map(_fold, columns["seed"], columns["folds"]))
    columns["label"] = list(map(label, columns["algorithm"], columns["variant"]))
    columns["parameters"] = list(map(_of_row, columns["parameters"], columns["chosen"]))
    columns["kind"] = [TUNED if chosen else "" for chosen in columns["chosen"]]
    return pd.DataFrame(dict(zip(columns, map(_column, columns.values()), strict=True)))


def _fold(seed: int, folds: int) -> int:
    return seed % max(folds, 1)


def _of_row(parameters: Mapping[str, Any], chosen: object) -> Mapping[str, Any] | None:
    """Return parameters, nothing where those chosen may differ by scenario of one row."""
    return None if chosen else parameters


def _first(metrics: Sequence[str]) -> str:
    return metrics[0] if metrics else ""


def _column(values: Sequence[object]) -> pd.Series:
    """Return a column; texts as objects, which are grouped and picked faster than as `str`."""
    texts = isinstance(next(iter(values), None), str)
    return pd.Series(values, dtype=object if texts else None)


def label(algorithm: str, variant: str) -> str:
    """Return how a row of a board is called."""
    return f"{algorithm} ({variant})" if variant else algorithm


def _sign(metric: str, lower: Set[str]) -> float:
    return 1.0 if directions.higher_is_better(metric, lower) else -1.0


KINDS_OF_PRIMARY = {"primary": "", "task_aware": TASK_AWARE, "task_agnostic": TASK_AGNOSTIC}


def tidy(trials: pd.DataFrame, records: list[Record]) -> pd.DataFrame:
    """Return one row a score, `trial` being its row in `trials`.

    `shots` is FULL and `draw` -1 where there is none. `primary`, `task_aware` and
    `task_agnostic` mark the scores by the primary metric of their task: plain, masked to a
    domain's classes, and of a question whose domain was not told.
    """
    of_trials = [records[position].outcome.scores for position in trials["record"]]
    named = _columns(of_trials)
    counts = [len(of_trial) for of_trial in of_trials]
    scores = pd.DataFrame({"trial": np.repeat(np.arange(len(trials)), counts)})
    for name in ("shots", "draw"):
        column = np.array(named[name], dtype=float)
        scores[name] = np.where(np.isnan(column), FULL, column)
    scores["value"] = np.array(named["value"], dtype=float)
    scores["n"] = np.array(named["n"], dtype=np.int64)
    for together in (("stage",), ("metric",), ("learned", "domain")):
        categoricals = _categoricals([named[name] for name in together])
        for name, categorical in zip(together, categoricals, strict=True):
            scores[name] = categorical
    for name, prefix in KINDS_OF_PRIMARY.items():
        scores[name] = _is_metric(scores, [prefix + primary for primary in trials["primary"]])
    return scores


def _columns(of_trials: Iterable[Sequence[Score]]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {name: [] for name in Score._fields}
    # trial by trial: what all at once would be taken apart with is larger than the columns
    for scores in of_trials:
        for column, values in zip(columns.values(), zip(*scores, strict=True), strict=False):
            column.extend(values)
    return columns


def _is_metric(scores: pd.DataFrame, metrics: list[str]) -> Any:  # noqa: ANN401
    """Which scores are by the metric that `metrics` has at the place of their trial."""
    column = scores["metric"].cat
    codes = column.categories.get_indexer(pd.Index(metrics, dtype=object))
    return column.codes.to_numpy() == codes[scores["trial"]]


def _categoricals(columns: list[list[str | None]]) -> list[pd.Categorical]:
    """Make columns of names into categoricals that can be compared."""
    together = set(chain.from_iterable(columns))
    seen = sorted(name for name in together if name is not None)
    place: dict[str | None, int] = {None: -1, **{name: code for code, name in enumerate(seen)}}
    names = pd.Index(seen, dtype=object)
    codes = [np.fromiter(map(place.__getitem__, c), np.int32, len(c)) for c in columns]
    return [pd.Categorical.from_codes(of_column, names) for of_column in codes]


def with_peers(trials: pd.DataFrame, apart: Collection[str]) -> pd.DataFrame:
    """Return trials with the columns that say whom they are compared with.

    `peers`: a number of the scenario. `group`: the scenario where each has a table of
    its own, as in the protocols named in `apart`, else "". `core`: whether a row is
    complete only with that scenario and averaged over it; optional ones are neither,
    unless there are no others.
    """
    scenarios = [trials[name] for name in (*PLACE, "scenario")]
    needed = ~trials["optional"].astype(bool).groupby(scenarios).transform("any")
    any_needed = needed.groupby([trials[name] for name in PLACE]).transform("any")
    return trials.assign(
        peers=trials.groupby([*PLACE, "scenario"]).ngroup(),
        group=trials["scenario"].where(trials["protocol"].isin(list(apart)), ""),
        core=needed | ~any_needed,
    )


def coverage(trials: pd.DataFrame) -> pd.DataFrame:
    """Return for each row how many trials there are by status, and if it is `complete`.

    trials: of `with_peers`. What was `planned` is not known from results: it is taken
    to be every core scenario with every seed that the row has. A row is complete with
    one whole seed, which is one with every core scenario of a table: how many seeds
    others have is nothing to it. A trial of a method counts there also where it failed,
    for it has the worst score then. `reason` is the most frequent one of the trials
    that are not ok.
    """
    core = trials[trials["core"]]
    statuses = pd.crosstab([core[name] for name in ROW], core["status"])
    rows = statuses.reindex(columns=STATUSES, fill_value=0).reset_index()
    rows = rows.rename_axis(columns=None)
    scenarios = core.groupby(PLACE)["scenario"].nunique()
    seeds = core.groupby(ROW)["seed"].nunique().to_numpy(int)
    places = pd.MultiIndex.from_frame(rows[PLACE])
    rows["planned"] = seeds * scenarios.reindex(places).to_numpy(int)
    rows["missing"] = rows["planned"] - rows[list(STATUSES[:3])].sum(axis=1)
    newest = core.sort_values(["finished", "key"]).drop_duplicates(ROW, keep="last")
    rows = rows.merge(newest[[*ROW, *_OF_ROW]], on=ROW)
    rows = rows.merge(_whole(core), on=ROW, how="left")
    rows = rows.merge(_reasons(core), on=ROW, how="left").fillna({"reason": ""})
    counted = (rows["family"] != BOUND) & (rows["kind"] == "")
    return rows.assign(ranked=rows["complete"] & counted)


def _whole(core: pd.DataFrame) -> pd.DataFrame:
    """Return which rows have a whole seed in some table of theirs."""
    needed = core.groupby([*PLACE, "group"])["scenario"].nunique()
    there = counts(core).groupby([core[name] for name in (*ROW, "group", "seed")]).sum()
    place = there.reset_index()[[*PLACE, "group"]]
    whole = there.to_numpy() == needed.reindex(pd.MultiIndex.from_frame(place)).to_numpy()
    complete = pd.Series(whole, there.index).groupby(level=ROW).any()
    return complete.rename("complete").reset_index()


def counts(trials: pd.DataFrame) -> pd.Series:
    """Which trials have a score: those that are ok, and of methods those that broke.

    Nothing can be told where none of a scenario is ok.
    """
    ok = trials["status"] == "ok"
    broke = trials["status"].isin(BROKE) & (trials["family"] != BOUND)
    return ok | (broke & ok.groupby(trials["peers"]).transform("any"))


def _reasons(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the most frequent reason of each row that has trials which are not ok."""
    unfit = trials[trials["status"] != "ok"]
    counts = unfit.groupby([*ROW, "reason"]).size().rename("times").reset_index()
    ordered = counts.sort_values([*ROW, "times", "reason"])
    return ordered.drop_duplicates(ROW, keep="last")[[*ROW, "reason"]]


def of_protocol(
    trials: pd.DataFrame, scores: pd.DataFrame, protocol: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the trials and scores of one protocol, `trial` pointing to the new rows."""
    ours = (trials["protocol"] == protocol).to_numpy()
    place = np.cumsum(ours) - 1
    kept = scores[ours[scores["trial"]]]
    kept = kept.assign(trial=place[kept["trial"]]).reset_index(drop=True)
    return trials[ours].reset_index(drop=True), kept
