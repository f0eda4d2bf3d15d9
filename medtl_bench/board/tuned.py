"""Hyper-parameters that were chosen: how candidates were judged, and how they do on targets.

A choice is made by trials that know nothing of a target but its unlabelled rows. The
oracle is the candidate that is best on the targets' test splits: what no choice can
pass but by luck. It is shown and never ranked.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from medtl_bench.board.directions import lower_is_better
from medtl_bench.board.protocol import ProtocolBoard
from medtl_bench.board.selection import select
from medtl_bench.board.tables import PLACE, tidy, trial_table, with_peers
from medtl_bench.results.record import Record
from medtl_bench.results.rules import (
    LEAVE_ONE_OUT,
    RULE,
    SOURCE_VALIDATION,
    TUNES,
    is_for_tuning,
)

Protocols = Mapping[str, ProtocolBoard]
FOR = [*PLACE, "algorithm", "scenario"]  # what parameters are chosen for
COLUMNS = [*FOR, "rule", "sampler", "candidate", "variant", "score", "sign", "trials"]
CHOICES = [*FOR, "rule", "candidate", "variant", "score", "default"]
ORACLE = "oracle"


def divided(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the trials of boards, and those that judge candidates, from a table of both."""
    judging = table["settings"].map(is_for_tuning).to_numpy(bool)
    return table[~judging], table[judging]


def judged(table: pd.DataFrame, records: list[Record], protocols: Protocols) -> pd.DataFrame:
    """Return how candidates were judged, with columns COLUMNS: a row a candidate and rule.

    table: of `divided`. `score`: the mean over `trials`, seeds and held-out sources, of
    what the protocol tunes by, or of the primary metric on the sources' validation
    splits; NaN where one of them has none.
    """
    rules = table["settings"].map(lambda of_trial: of_trial[RULE])
    conditions = {name: half.conditions for name, half in protocols.items()}
    frames = [pd.DataFrame(columns=COLUMNS)]
    for rule, of_rule in table.groupby(rules):
        counted = select(of_rule, conditions).trials
        for name, half in protocols.items():
            if len(ours := counted[counted["protocol"] == name]):
                frames.append(_judged(ours, records, half, str(rule)))
    return _joined(frames)


def _joined(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    filled = [frame for frame in frames if len(frame)]
    together = pd.concat(filled) if filled else frames[0]
    return together.sort_values([*FOR, "rule", "candidate"], ignore_index=True)


def _judged(
    ours: pd.DataFrame, records: list[Record], half: ProtocolBoard, rule: str
) -> pd.DataFrame:
    scored = _scored(ours, records, half, by_sources=rule == SOURCE_VALIDATION)
    tunes = [of_trial[TUNES] for of_trial in scored["settings"]]
    return _means(scored.assign(scenario=tunes), rule)


def _scored(
    trials: pd.DataFrame, records: list[Record], half: ProtocolBoard, *, by_sources: bool = False
) -> pd.DataFrame:
    """Return trials of one protocol with a column `score`."""
    there, scores = with_scores(trials, records, half)
    if by_sources:
        return there.assign(score=on_validation(scores).reindex(there.index))
    measured = half.measures(there, scores).reindex(there.index)
    score = pd.Series(np.nan, there.index, dtype=float)
    for (task, primary), of_kind in there.groupby(["task", "primary"]):
        names = half.tuned_by(str(task), str(primary))
        score[of_kind.index] = _first(measured.loc[of_kind.index], names)
    return there.assign(score=score.where(there["status"] == "ok"))


def with_scores(
    trials: pd.DataFrame, records: list[Record], half: ProtocolBoard
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return trials of one protocol as its measures take them, and their scores."""
    apart = list(trials["protocol"].unique()) if half.by_scenario else []
    there = with_peers(trials, apart).reset_index(drop=True)
    return there, tidy(there, records)


def on_validation(scores: pd.DataFrame) -> "pd.Series[float]":
    """Return the mean of the primary metric on validation splits, by trial."""
    ours = scores[scores["primary"] & (scores["stage"] == "validation")]
    return pd.Series(ours.groupby("trial")["value"].mean())


def _first(measured: pd.DataFrame, names: Sequence[str]) -> pd.Series:
    """Return the first of some measures that any trial has."""
    there = [name for name in names if name in measured and measured[name].notna().any()]
    return measured[there[0]] if there else pd.Series(np.nan, measured.index)


def _means(scored: pd.DataFrame, rule: str) -> pd.DataFrame:
    """Return the mean score of each candidate, NaN where it has fewer than others."""
    grouped = scored.groupby([*FOR, "sampler", "candidate"], as_index=False)
    means = grouped.agg(
        variant=("variant", "first"),
        score=("score", "mean"),
        sign=("sign", "first"),
        trials=("score", "count"),
    )
    most = means.groupby(FOR)["trials"].transform("max")
    whole = (means["trials"] == most) & (most > 0)
    return means.assign(score=means["score"].where(whole), rule=rule)[COLUMNS]


def choices(table: pd.DataFrame, wanted: str = LEAVE_ONE_OUT) -> pd.DataFrame:
    """Return which candidate is chosen for each scenario, with columns CHOICES.

    table: of `judged`. By the rule that is wanted where it judges all scenarios of a
    dataset and method, else by the other that does, as source validation where there is
    one source. Of equal candidates the first is chosen, and the default is the first of
    all.
    """
    best = [_best(frame) for _, frame in _of_wanted(table, wanted).groupby(FOR)]
    rows = [one[CHOICES] for one in best if one is not None]
    return pd.DataFrame(rows, columns=CHOICES).reset_index(drop=True)


def _best(frame: pd.DataFrame) -> "pd.Series[Any] | None":
    ordered = frame.sort_values("candidate")
    turned = (ordered["score"] * ordered["sign"]).to_numpy(float)
    if not np.isfinite(turned).any():
        return None
    defaults = ordered.loc[ordered["candidate"] == 0, "score"].tolist()
    told = ordered.assign(default=defaults[0] if defaults else np.nan)
    return pd.Series(told.iloc[int(np.nanargmax(turned))])


def _of_wanted(table: pd.DataFrame, wanted: str) -> pd.DataFrame:
    """Return of each dataset, protocol and method the rows of one rule."""
    row = [*PLACE, "algorithm"]
    known = table[table["score"].notna()]
    judged_by = known.groupby([*row, "rule"])["scenario"].nunique().reset_index(name="judges")
    judged_by["wanted"] = judged_by["rule"] == wanted
    last = judged_by.sort_values([*row, "judges", "wanted", "rule"])
    used = last.drop_duplicates(row, keep="last")[[*row, "rule"]]
    return table.merge(used, on=[*row, "rule"])


def on_targets(trials: pd.DataFrame, records: list[Record], protocols: Protocols) -> pd.DataFrame:
    """Return what candidates score on targets, as `judged` has it; only the oracle is told so.

    trials: those that count, of boards. Defaults are there where other candidates are.
    """
    frames = [pd.DataFrame(columns=COLUMNS)]
    tried = with_defaults(trials)
    for name, half in protocols.items():
        if len(ours := tried[tried["protocol"] == name]):
            frames.append(_means(_scored(ours, records, half), ORACLE))
    return _joined(frames)


def is_candidate(trials: pd.DataFrame) -> pd.Series:
    """Which trials are of candidates on targets, which are no rows of a board."""
    return trials["candidate"].gt(0) & (trials["kind"] == "")


def with_defaults(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the trials of candidates on targets, with those of their methods' defaults."""
    candidates = is_candidate(trials)
    methods = [trials[name] for name in (*PLACE, "algorithm")]
    several = candidates.groupby(methods).transform("any")
    return trials[candidates | (several & (trials["variant"] == ""))]


def choose(
    records: Mapping[str, Record], protocols: Protocols, wanted: str
) -> Iterator[tuple[Any, ...]]:
    """Yield what is chosen by some records: the columns CHOICES of each scenario.

    It looks at no trial but those that judge candidates.
    """
    found = choices(_judged_by(records, protocols), wanted)
    yield from found.itertuples(index=False, name=None)


def scores(
    records: Mapping[str, Record], protocols: Protocols, wanted: str
) -> dict[tuple[str, str], dict[int, float]]:
    """Return how candidates were judged, by dataset and method: means over scenarios.

    Higher is better. By the rule that `choose` goes by; one that lacks a scenario has none.
    """
    table = _of_wanted(_judged_by(records, protocols), wanted)
    turned = table.assign(score=table["score"] * table["sign"])
    grouped = turned.groupby(["dataset", "algorithm", "candidate"])["score"]
    means = grouped.mean().where(grouped.count() == grouped.size()).dropna().reset_index()
    found: dict[tuple[str, str], dict[int, float]] = {}
    for dataset, algorithm, candidate, score in means.itertuples(index=False):
        found.setdefault((str(dataset), str(algorithm)), {})[int(candidate)] = float(score)
    return found


def _judged_by(records: Mapping[str, Record], protocols: Protocols) -> pd.DataFrame:
    judging = {key: rec for key, rec in records.items() if is_for_tuning(rec.trial.settings)}
    keys = sorted(judging)
    ordered = [judging[key] for key in keys]
    table = trial_table(keys, ordered, lower_is_better(ordered))
    return judged(table, ordered, protocols)
