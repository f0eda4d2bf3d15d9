"""What a trial scores that broke: the worst of its scenario."""

from collections.abc import Set

import pandas as pd

from medtl_bench.board.measures import SECONDS
from medtl_bench.board.protocol import ProtocolBoard
from medtl_bench.board.tables import BOUND, BROKE, ROW


def with_worst(
    wide: pd.DataFrame, trials: pd.DataFrame, protocol: ProtocolBoard, lower: Set[str]
) -> pd.DataFrame:
    """Return measures [trials, measures] in which what broke has the worst value.

    That is the worst value that any row, bounds too, has in the scenario, whatever the
    seed: a row that broke stands with the last and never alone below them, and its
    score can only fall by rows that join. A trial broke that is not ok, or lacks a
    measure that other trials of its row and others of its scenario have, such as a
    metric that is undefined for constant answers. Bounds are not judged, and nobody by
    seconds. lower: the metrics for which lower is better.
    """
    judged = wide.drop(columns=SECONDS)
    worst = _worst(judged, trials, protocol, lower)
    filled = judged.where(~_broke(judged, trials), worst)
    return filled.assign(**{SECONDS: wide[SECONDS]})


def _worst(
    wide: pd.DataFrame, trials: pd.DataFrame, protocol: ProtocolBoard, lower: Set[str]
) -> pd.DataFrame:
    """Return the worst value of each trial's scenario."""
    of_scenario = wide.groupby(trials["peers"])
    least, most = of_scenario.transform("min"), of_scenario.transform("max")
    worst = most.copy()
    for primary in trials["primary"].unique():
        ours = trials["primary"] == primary
        up = [m for m in wide.columns if protocol.higher_is_better(m, primary, lower)]
        worst.loc[ours, up] = least.loc[ours, up]
    return worst


def _broke(wide: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """Which measures of which trials have no value though they should."""
    there, ok = wide.notna(), trials["status"] == "ok"
    broke = trials["status"].isin(BROKE).to_numpy()[:, None]
    row = [trials[name] for name in ROW]
    # of other metrics another run may have asked
    asked = there.groupby([trials["peers"], trials["metrics"]]).transform("any")
    elsewhere = there.groupby(row).transform("any")
    never = ~ok.groupby(row).transform("any")
    judged = (trials["family"] != BOUND).to_numpy()[:, None]
    failed = broke & (elsewhere | never.to_numpy()[:, None])
    lacking = elsewhere & asked & ok.to_numpy()[:, None]
    return ~there & judged & (failed | lacking)
