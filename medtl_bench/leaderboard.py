"""From records to a board: which trials count, how complete every row is, and its means, intervals, ties and ranks."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain

import numpy as np
import pandas as pd

from medtl_bench import counterparts, measures, statistics
from medtl_bench.metrics import TASK_AWARE
from medtl_bench.results import Record, Score, no_garbage_collection
from medtl_bench.statistics import Bools, Floats

PLACE = ["dataset", "protocol"]
ROW = [*PLACE, "algorithm", "variant"]
CELL = [*ROW, "scenario", "seed"]
BY_SEED = [*PLACE, "group", "algorithm", "variant", "seed"]
STATUSES = ("ok", "failed", "timeout", "skipped", "missing")
BOUND = "bound"
SOURCE_ONLY, TARGET_ONLY, PLAIN = "source-only", "target-only", "fine-tune"
HEADLINES = {"transfer": measures.at(measures.TARGET, 0), "stream": measures.AVERAGE}
GAINED = (HEADLINES["transfer"], measures.AREA)


@dataclass(frozen=True)
class Board:
    """The tables that every page is made from.

    `trials`: one row a trial that counts. `scores`: tidy, one row a score of those, `trial` pointing to its trial.
    `rows`: one row for each dataset, protocol, algorithm and variant, with its coverage. `summary`: one row for each of those,
    scenario (of a stream, else "") and measure, with mean, half (width of the 95% interval), n, best, tied and rank.
    `left_out`: dataset, reason and number of trials that do not count. `equivalence`: the tests of counterparts.compare.
    `targets`: scores with intervals over targets, of measures.over_targets.
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
        return _build(records if isinstance(records, Mapping) else {record.trial.key: record for record in records})


def _build(records: Mapping[str, Record]) -> Board:
    keys = sorted(records)
    given = [records[key] for key in keys]
    kept, left_out = select(trial_table(keys, given))
    trials = kept.sort_values([*CELL, "key"], ignore_index=True)
    trials["peers"] = trials.groupby([*PLACE, "scenario"]).ngroup()
    scores = tidy(trials, given)
    rows = coverage(trials)
    derived = derive(trials, scores)
    pairs = {str(name): str(other) for name, other in trials[["algorithm", "counterpart"]].to_numpy().tolist() if other}
    equivalence, targets = counterparts.compare(derived, pairs), measures.over_targets(trials, scores)
    return Board(trials, scores, rows, summarise(derived, rows), left_out, equivalence, targets)


def trial_table(keys: list[str], records: list[Record]) -> pd.DataFrame:
    """Return one row a record: what was tried, under which conditions, what became of it; `record` is its position."""
    columns = {
        "record": range(len(records)),
        "key": keys,
        **{name: [getattr(r.trial, name) for r in records] for name in _OF_TRIAL},
        **{
            name: [getattr(r.about, name) for r in records]
            for name in ("area", "provenance", "task", "family", "variant", "counterpart")
        },
        "versions": [tuple(sorted(r.trial.versions.items())) for r in records],
        "metrics": [r.about.metrics for r in records],
        "classes": [r.about.classes for r in records],
        "primary": [r.about.metrics[0] if r.about.metrics else "" for r in records],
        "status": [r.outcome.status for r in records],
        "reason": [r.outcome.reason for r in records],
        "seconds": [r.outcome.seconds.get("total", np.nan) for r in records],
        "machine": [tuple(sorted(r.machine.items())) for r in records],
        "finished": [r.finished for r in records],
    }
    table = pd.DataFrame(columns)
    table["sign"] = [1.0 if measures.higher_is_better(metric) else -1.0 for metric in table["primary"]]
    table["label"] = [f"{a} ({v})" if v else a for a, v in zip(table["algorithm"], table["variant"], strict=True)]
    return table


_OF_TRIAL = (
    *("dataset", "dataset_digest", "algorithm", "algorithm_source", "protocol", "scenario", "sources", "targets", "domains"),
    *("shots", "draws", "seed", "threads"),
)
_CONDITIONS = ["dataset_digest", "shots", "draws", "threads", "versions", "metrics"]


def select(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the trials that count, and dataset, reason and number of those that do not.

    Within a dataset and protocol only those conditions count under which most trials are ok, the newest of equals. Of
    several trials of one row, scenario and seed the newest counts.
    """
    alike = table[_most_usual(table, PLACE, _CONDITIONS)]
    alike = alike[_most_usual(alike, [*PLACE, "scenario"], ["sources", "targets", "domains"])]
    kept = alike.sort_values(["finished", "key"])
    older = kept.duplicated(CELL, keep="last")
    reasons = {
        "other conditions than most (data, shots, draws, metrics, threads or package versions)": table.drop(alike.index),
        "a newer trial of the same row, scenario and seed": kept[older],
    }
    counted = [t.groupby("dataset", sort=True).size().rename("trials").reset_index().assign(why=w) for w, t in reasons.items()]
    return kept[~older], pd.concat(counted, ignore_index=True)[["dataset", "why", "trials"]]


def _most_usual(table: pd.DataFrame, place: list[str], conditions: list[str]) -> pd.Series:
    """Which rows have the conditions that most ok trials of their place have."""
    kind = pd.Series([repr(row) for row in zip(*(table[name] for name in conditions), strict=True)], table.index, dtype=object)
    found = table.assign(kind=kind, ok=table["status"] == "ok").groupby([*place, "kind"], as_index=False)
    counted = found.agg(ok=("ok", "sum"), newest=("finished", "max")).sort_values([*place, "ok", "newest", "kind"])
    chosen = counted.drop_duplicates(place, keep="last").set_index(place)["kind"]
    wanted = chosen.reindex(pd.MultiIndex.from_frame(table[place])).to_numpy()
    return pd.Series(kind.to_numpy() == wanted, table.index, dtype=bool)


def tidy(trials: pd.DataFrame, records: list[Record]) -> pd.DataFrame:
    """Return one row a score, `trial` being its row in `trials`; `shots` is measures.FULL and `draw` -1 where there is none."""
    of_trials = [records[position].outcome.scores for position in trials["record"]]
    columns = list(zip(*chain.from_iterable(of_trials), strict=True)) or [()] * len(Score._fields)
    scores = pd.DataFrame({"trial": np.repeat(np.arange(len(trials)), [len(scores) for scores in of_trials])})
    named = dict(zip(Score._fields, columns, strict=True))
    for name in ("shots", "draw", "value"):
        column = np.array(named[name], dtype=float)
        scores[name] = column if name == "value" else np.where(np.isnan(column), measures.FULL, column)
    scores["n"] = np.array(named["n"], dtype=np.int64)
    for together in (("stage",), ("metric",), ("learned", "domain")):
        for name, categorical in zip(together, _categoricals([named[name] for name in together]), strict=True):
            scores[name] = categorical
    metric, categories = scores["metric"].cat.codes.to_numpy(), scores["metric"].cat.categories
    for name, prefix in (("primary", ""), ("task_aware", TASK_AWARE)):
        wanted = pd.Index([prefix + primary for primary in trials["primary"]], dtype=object)
        scores[name] = metric == categories.get_indexer(wanted)[scores["trial"]]
    return scores


def _categoricals(columns: list[tuple[str | None, ...]]) -> list[pd.Categorical]:
    """Make columns of names into categoricals with the same categories, so that they can be compared."""
    seen = sorted({value for values in columns for value in set(values) if value is not None})
    place: dict[str | None, int] = {None: -1, **{value: code for code, value in enumerate(seen)}}
    names = pd.Index(seen, dtype=object)
    codes = (np.fromiter(map(place.__getitem__, values), np.int32, len(values)) for values in columns)
    return [pd.Categorical.from_codes(its, names) for its in codes]


def coverage(trials: pd.DataFrame) -> pd.DataFrame:
    """Return for each row how many trials there are of each status, `planned` and whether it is `complete`.

    What was planned is not known from results: it is taken to be every (scenario, seed) that any row of the dataset and
    protocol has. `reason` is the most frequent one of the trials that are not ok.
    """
    statuses = pd.crosstab([trials[name] for name in ROW], trials["status"]).reindex(columns=STATUSES, fill_value=0)
    rows = statuses.reset_index().rename_axis(columns=None)
    planned = trials.drop_duplicates([*PLACE, "scenario", "seed"]).groupby(PLACE).size()
    rows["planned"] = planned.reindex(pd.MultiIndex.from_frame(rows[PLACE])).to_numpy(int)
    rows["missing"] = rows["planned"] - rows[list(STATUSES[:4])].sum(axis=1)
    rows["complete"] = rows["ok"] == rows["planned"]
    newest = trials.sort_values(["finished", "key"]).drop_duplicates(ROW, keep="last")
    rows = rows.merge(newest[[*ROW, "label", "family", "primary", "counterpart"]], on=ROW)
    unfit = trials[trials["status"] != "ok"].groupby([*ROW, "reason"]).size().rename("times").reset_index()
    unfit = unfit.sort_values([*ROW, "times", "reason"]).drop_duplicates(ROW, keep="last")
    rows = rows.merge(unfit[[*ROW, "reason"]], on=ROW, how="left").fillna({"reason": ""})
    return rows.assign(ranked=rows["complete"] & (rows["family"] != BOUND))


def derive(trials: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Return every measure by dataset, protocol, group (the scenario of a stream, else ""), algorithm, variant and seed."""
    found = []
    for protocol, measured in (("transfer", measures.transfer_measures), ("stream", measures.stream_measures)):
        of_protocol = (trials["protocol"] == protocol).to_numpy()
        ok = of_protocol & (trials["status"] == "ok").to_numpy()
        if ok.any():
            derived = measured(trials, scores[of_protocol[scores["trial"]]])
            wide = derived.assign(**{measures.SECONDS: trials["seconds"]})[ok]
            found.append(_by_seed(trials[of_protocol], wide))
    if not found:
        return pd.DataFrame(index=pd.MultiIndex.from_arrays([[] for _ in BY_SEED], names=BY_SEED))
    together = pd.concat(found)
    return together[[*together.columns.drop(measures.SECONDS), measures.SECONDS]]


def summarise(by_seed: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Return mean, interval, marks and rank of every measure, by dataset, protocol, scenario of a stream, and row."""
    blocks = (frame for _, frame in by_seed.groupby(level=[*PLACE, "group"]))
    found = [_block(frame, rows) for frame in blocks if frame.notna().any(axis=None)]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=[*ROW, "scenario", *_SUMMARY])


_SUMMARY = ["measure", "mean", "half", "n", "best", "tied", "rank"]


def _by_seed(trials: pd.DataFrame, wide: pd.DataFrame) -> pd.DataFrame:
    """Means over the scenarios of a seed (a stream's stand apart), NaN where the row lacks one of those planned."""
    grouped = trials.assign(group=trials["scenario"].where(trials["protocol"] == "stream", ""))
    planned = grouped.drop_duplicates([*PLACE, "scenario", "seed"]).groupby([*PLACE, "group", "seed"]).size()
    keys = [grouped.loc[wide.index, name] for name in BY_SEED]
    by_seed = wide.groupby(keys)
    mean, count = by_seed.mean(), by_seed.count()
    expected = planned.reindex(mean.reset_index(["algorithm", "variant"]).index).to_numpy()
    return mean.where(count.eq(expected, axis=0))


def _block(by_seed: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Summarise one dataset and protocol, or one stream, from measures by row and seed."""
    dataset, protocol, group = by_seed.index[0][:3]
    wide = by_seed.droplevel([*PLACE, "group"]).dropna(axis=1, how="all").unstack("seed")
    names = list(dict.fromkeys(wide.columns.get_level_values(0)))
    values = wide.to_numpy(float).reshape(len(wide), len(names), -1).transpose(1, 0, 2)
    about = rows[(rows["dataset"] == dataset) & (rows["protocol"] == protocol)].set_index(["algorithm", "variant"])
    about = about.loc[wide.index]
    primary = about["primary"].iloc[0]
    if protocol == "transfer":
        names, values = _with_gains(names, values, about, higher=measures.higher_is_better(primary))
        names, values = _with_gap(names, values, about, higher=measures.higher_is_better(primary))
    counts = np.isfinite(values).sum(-1)
    values = np.where((counts == counts.max(0, initial=0))[..., None], values, np.nan)
    mean, half, n = statistics.mean_interval(values)
    ranked = about["ranked"].to_numpy(bool)
    found = [
        _lines(values[i], mean[i], ranked & (name != measures.SECONDS), higher=measures.better(name, primary))
        for i, name in enumerate(names)
    ]
    columns = {"measure": np.repeat(names, len(wide)), "mean": mean.ravel(), "half": half.ravel(), "n": n.ravel()}
    marks = {name: np.concatenate([one[name] for one in found]) for name in ("best", "tied", "rank")}
    of_row = {name: np.tile(wide.index.get_level_values(name), len(names)) for name in ("algorithm", "variant")}
    return pd.DataFrame({"dataset": dataset, "protocol": protocol, **of_row, "scenario": group, **columns, **marks})


def _lines(values: Floats, mean: Floats, ranked: Bools, *, higher: bool) -> dict[str, Bools | Floats]:
    """Mark and rank those rows that are `ranked`; values [rows, seeds]."""
    best, tied, rank = np.zeros(len(mean), bool), np.zeros(len(mean), bool), np.full(len(mean), np.nan)
    best[ranked], tied[ranked] = statistics.mark(values[ranked], higher)
    if ranked.any():
        rank[ranked] = statistics.ranks(mean[ranked, None], np.array([higher]))[:, 0]
    return {"best": best, "tied": tied, "rank": rank}


def _with_gap(names: list[str], values: Floats, about: pd.DataFrame, *, higher: bool) -> tuple[list[str], Floats]:
    """Add the measure gap closed for methods; values [measures, rows, seeds]."""
    rows = {name: i for i, (name, variant) in enumerate(about.index) if not variant}
    start, end = HEADLINES["transfer"], measures.at(measures.TARGET, measures.FULL)
    if not {SOURCE_ONLY, TARGET_ONLY} <= set(rows) or not {start, end} <= set(names):
        return names, values
    turned = values if higher else -values
    first, last = turned[names.index(start)], turned[names.index(end)]
    closed = measures.gap_closed(first, first[rows[SOURCE_ONLY]], last[rows[TARGET_ONLY]])
    closed[(about["family"] == BOUND).to_numpy()] = np.nan
    return [*names, measures.GAP], np.concatenate([values, closed[None]])


def _with_gains(names: list[str], values: Floats, about: pd.DataFrame, *, higher: bool) -> tuple[list[str], Floats]:
    """Add what methods gain over plain training, turned so that positive is better; values [measures, rows, seeds]."""
    rows = {name: i for i, (name, variant) in enumerate(about.index) if not variant}
    there = [name for name in GAINED if name in names]
    if PLAIN not in rows or not there:
        return names, values
    found = values[[names.index(name) for name in there]]
    gained = (found - found[:, [rows[PLAIN]]]) * (1.0 if higher else -1.0)
    gained[:, (about["family"] == BOUND).to_numpy()] = np.nan
    gained[:, rows[PLAIN]] = np.nan
    return [*names, *map(measures.gain, there)], np.concatenate([values, gained])
