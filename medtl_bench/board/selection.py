"""Which trials stand on a board together: of one data, one preset, one state a row.

A row is never a mean of unlike trials. Data is newest, for what was measured on older
data is another dataset. Presets are not by age: a quick check beside a finished run
does not undo it.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from medtl_bench.board.tables import CELL, PLACE, ROW

BUILD_TAG = re.compile(r"\+[\w.]+")  # of a version, as in 2.14.1+cpu: how it was built
NO_PROTOCOL = "a protocol that no plugin here brings"
QUICK = "the preset smoke, beside trials of another preset"
OLDER_DATA = "older data, or another first metric"
OTHER_SETTINGS = "other conditions than most (shots, draws, or domains of a scenario)"
OTHER_STATE = "another state of the method than is shown (plugin, parameters, versions)"
OLDER = "a newer trial of the same row, scenario and seed"


class Selected(NamedTuple):
    """The trials that count, and those `left_out`, with the reason in `why`."""

    trials: pd.DataFrame
    left_out: pd.DataFrame


def select(table: pd.DataFrame, conditions: Mapping[str, Collection[str]]) -> Selected:
    """Return the trials that count.

    conditions: by protocol the settings that all its trials of a dataset must share; a
    trial of another protocol does not count. Within a dataset and protocol count, in
    turn: trials of the preset smoke only where there are no others; those of the newest
    data; those of the settings under which most trials are ok, within a scenario too.
    Of a row count those of its newest plugin, with the parameters of most trials that
    are ok, and the newest versions, build tags aside. Among equals the newest are
    chosen. Of several trials of one row, scenario and seed the newest counts.
    """
    chosen = _Choice(table)
    chosen.keep(NO_PROTOCOL, table["protocol"].isin(list(conditions)))
    chosen.keep(QUICK, _full(chosen.trials))
    data = _joined(chosen.trials, ["dataset_digest", "primary"])
    chosen.by(OLDER_DATA, PLACE, data, NEWEST_OK)
    for place, inside in ((PLACE, True), ([*PLACE, "scenario"], False)):
        split = _split(chosen.trials, conditions, inside=inside)
        chosen.by(OTHER_SETTINGS, place, split, MOST)
    chosen.by(OTHER_STATE, ROW, chosen.trials["algorithm_source"], NEWEST)
    chosen.by(OTHER_STATE, ROW, _joined(chosen.trials, ["parameters"]), MOST)
    chosen.by(OTHER_STATE, ROW, states(chosen.trials), NEWEST)
    newest = chosen.trials.sort_values(["finished", "key"])
    chosen.keep(OLDER, ~newest.duplicated(CELL, keep="last").reindex(chosen.trials.index))
    return Selected(chosen.trials, pd.concat(chosen.dropped))


NEWEST, MOST = ("newest", "kind"), ("ok", "newest", "kind")
NEWEST_OK = ("newest ok", *NEWEST)


class _Choice:
    """The trials that still count, and those dropped on the way."""

    def __init__(self, table: pd.DataFrame) -> None:
        """Begin with all."""
        self.trials = table
        self.dropped = [table[:0].assign(why="")]

    def keep(self, why: str, which: pd.Series) -> None:
        """Keep some trials, and drop the others for a reason."""
        if not which.all():
            self.dropped.append(self.trials[~which].assign(why=why))
            self.trials = self.trials[which]

    def by(self, why: str, place: list[str], kind: pd.Series, order: Sequence[str]) -> None:
        """Keep in each place the trials of the kind that comes last in an order."""
        texts = kind.astype(str)
        if _several(self.trials, place, texts):
            self.keep(why, _of_last_kind(self.trials, place, texts, list(order)))


def _several(table: pd.DataFrame, place: list[str], kind: pd.Series) -> bool:
    """Return whether trials of several kinds stand in a place, as they seldom do."""
    kinds = table[place].assign(kind=kind).drop_duplicates()
    return bool(kinds.duplicated(place).any())


def _of_last_kind(
    table: pd.DataFrame, place: list[str], kind: pd.Series, order: list[str]
) -> pd.Series:
    """Which trials are of the kind that comes last in their place.

    order: by how many are `ok`, by the `newest` of them or the `newest ok`, at last by
    name.
    """
    ok = table["status"] == "ok"
    judged = table[place].assign(kind=kind, ok=ok, newest=table["finished"])
    judged["newest ok"] = table["finished"].where(ok, "")
    grouped = judged.groupby([*place, "kind"], as_index=False)
    counted = grouped.agg({"ok": "sum", "newest": "max", "newest ok": "max"})
    last = counted.sort_values([*place, *order]).drop_duplicates(place, keep="last")
    wanted = last.set_index(place)["kind"].reindex(pd.MultiIndex.from_frame(table[place]))
    return pd.Series(kind.to_numpy() == wanted.to_numpy(), table.index, dtype=bool)


def _full(table: pd.DataFrame) -> pd.Series:
    """Which trials are no quick checks, or stand where no others are ok."""
    full = ~table["quick"].astype(bool)
    others = (full & (table["status"] == "ok")).groupby([table[name] for name in PLACE])
    return full | ~others.transform("any")


def _joined(table: pd.DataFrame, names: Sequence[str]) -> pd.Series:
    """Return a text of some columns for each trial."""
    columns = [table[name] for name in names]
    texts = [repr(values) for values in zip(*columns, strict=True)]
    return pd.Series(texts, table.index, dtype=object)


def states(table: pd.DataFrame) -> pd.Series:
    """Return in words the versions under which each trial ran, build tags aside."""
    names = ("versions", "packages", "plugins", "threads")
    return _joined(table, names).map(without_build_tags)


def without_build_tags(versions: str) -> str:
    """Return a text of versions without how each was built: 2.14.1 for 2.14.1+cpu."""
    return BUILD_TAG.sub("", versions)


def _split(
    table: pd.DataFrame, conditions: Mapping[str, Collection[str]], *, inside: bool
) -> pd.Series:
    """Which settings of each trial are conditions of its protocol, or which are not."""
    pairs = zip(table["protocol"], table["settings"], strict=True)
    parts = [repr(_part(of_trial, conditions[name], inside)) for name, of_trial in pairs]
    return pd.Series(parts, table.index, dtype=object)


def _part(
    of_trial: Mapping[str, object], names: Collection[str], inside: bool
) -> list[tuple[str, object]]:
    return sorted(item for item in of_trial.items() if (item[0] in names) == inside)


def counted(left_out: pd.DataFrame) -> pd.DataFrame:
    """Return dataset, reason and number of the trials that do not count."""
    sizes = left_out.groupby(["dataset", "why"], sort=True).size()
    return sizes.rename("trials").reset_index()[["dataset", "why", "trials"]]
