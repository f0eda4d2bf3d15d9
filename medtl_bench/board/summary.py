"""Means, intervals, ties and ranks of every measure."""

import numpy as np
import pandas as pd

from medtl_bench.arrays import Bools, Floats
from medtl_bench.board import measures, statistics
from medtl_bench.board.tables import BOUND, PLACE, ROW

BY_SEED = [*PLACE, "group", "algorithm", "variant", "seed"]
SOURCE_ONLY, TARGET_ONLY, PLAIN = "source-only", "target-only", "fine-tune"
HEADLINES = {"transfer": measures.at(measures.TARGET, 0), "stream": measures.AVERAGE}
GAINED = (HEADLINES["transfer"], measures.AREA)


def derive(trials: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Return every measure by dataset, protocol, group (the scenario of a stream, else ""), algorithm, variant and seed."""
    found = []
    for protocol, measured in (
        ("transfer", measures.transfer_measures),
        ("stream", measures.stream_measures),
    ):
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
    return (
        pd.concat(found, ignore_index=True)
        if found
        else pd.DataFrame(columns=[*ROW, "scenario", *_SUMMARY])
    )


_SUMMARY = ["measure", "mean", "half", "n", "best", "tied", "rank"]


def _by_seed(trials: pd.DataFrame, wide: pd.DataFrame) -> pd.DataFrame:
    """Means over the scenarios of a seed (a stream's stand apart), NaN where the row lacks one of those planned."""
    grouped = trials.assign(group=trials["scenario"].where(trials["protocol"] == "stream", ""))
    planned = (
        grouped.drop_duplicates([*PLACE, "scenario", "seed"])
        .groupby([*PLACE, "group", "seed"])
        .size()
    )
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
    about = rows[(rows["dataset"] == dataset) & (rows["protocol"] == protocol)].set_index(
        ["algorithm", "variant"]
    )
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
        _lines(
            values[i],
            mean[i],
            ranked & (name != measures.SECONDS),
            higher=measures.better(name, primary),
        )
        for i, name in enumerate(names)
    ]
    columns = {
        "measure": np.repeat(names, len(wide)),
        "mean": mean.ravel(),
        "half": half.ravel(),
        "n": n.ravel(),
    }
    marks = {
        name: np.concatenate([one[name] for one in found]) for name in ("best", "tied", "rank")
    }
    of_row = {
        name: np.tile(wide.index.get_level_values(name), len(names))
        for name in ("algorithm", "variant")
    }
    return pd.DataFrame(
        {"dataset": dataset, "protocol": protocol, **of_row, "scenario": group, **columns, **marks}
    )


def _lines(
    values: Floats, mean: Floats, ranked: Bools, *, higher: bool
) -> dict[str, Bools | Floats]:
    """Mark and rank those rows that are `ranked`; values [rows, seeds]."""
    best, tied, rank = (
        np.zeros(len(mean), bool),
        np.zeros(len(mean), bool),
        np.full(len(mean), np.nan),
    )
    best[ranked], tied[ranked] = statistics.mark(values[ranked], higher)
    if ranked.any():
        rank[ranked] = statistics.ranks(mean[ranked, None], np.array([higher]))[:, 0]
    return {"best": best, "tied": tied, "rank": rank}


def _with_gap(
    names: list[str], values: Floats, about: pd.DataFrame, *, higher: bool
) -> tuple[list[str], Floats]:
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


def _with_gains(
    names: list[str], values: Floats, about: pd.DataFrame, *, higher: bool
) -> tuple[list[str], Floats]:
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
