"""The board's half of the protocol `stream`: domains are learned one after another."""

from collections.abc import Iterator, Set

import numpy as np
import pandas as pd

from medtl_bench.arrays import Bools, Floats, Ints
from medtl_bench.board import directions
from medtl_bench.board.measures import SECONDS, codes_of, earned_before_labels, places_of
from medtl_bench.board.protocol import ProtocolBoard, Reading, Tables
from medtl_bench.board.tables import KINDS_OF_PRIMARY, setting
from medtl_bench.metrics.formulas import (
    AVERAGE,
    FORGETTING,
    LEARNING,
    average_accuracy,
    backward_transfer,
    forgetting,
    forward_transfer,
    learning_accuracy,
)
from medtl_bench.metrics.registry import TASK_AGNOSTIC, TASK_AWARE

BACKWARD, FORWARD = "backward transfer", "forward transfer"
MATRICES = "matrices"
KINDS = {prefix: kind for kind, prefix in KINDS_OF_PRIMARY.items()}


class StreamBoard(ProtocolBoard):
    """How well domains are known at a stream's end, and what was forgotten on the way."""

    headline = AVERAGE
    readings = (
        Reading("Average accuracy at the end of a stream of domains", AVERAGE),
        Reading("Forgetting along a stream of domains", FORGETTING),
    )
    by_scenario = True
    conditions = ("shots", "draws")

    def measures(self, trials: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
        """Return average and learning accuracy, forgetting, backward and forward transfer.

        The same task-aware, of class scores masked to the classes of the domain, and
        task-agnostic, of questions whose domain was not told, where any were scored so.
        Forward transfer is blank where a domain's labels have nothing to do with what was
        learned before it.
        """
        earned = earned_before_labels(trials)
        wide: dict[str, Floats] = {}
        for prefix in (p for p, kind in KINDS.items() if not p or scores[kind].any()):
            measured = _measured(trials, *matrices(trials, scores, prefix))
            measured[FORWARD][~earned] = np.nan
            wide |= {prefix + name: values for name, values in measured.items()}
        return pd.DataFrame(wide, index=trials.index)

    def further(self, trials: pd.DataFrame, scores: pd.DataFrame) -> Tables:
        """Return the matrices R of every row, means over seeds."""
        return {MATRICES: mean_matrices(trials, scores)}

    def higher_is_better(self, measure: str, primary: str, lower: Set[str]) -> bool:
        """Return the direction of a measure; both transfers are turned upwards."""
        name = _plain(measure)
        if name in (AVERAGE, LEARNING):
            return directions.higher_is_better(primary, lower)
        return name not in (FORGETTING, SECONDS)

    def bounds(self, measure: str, primary: str) -> tuple[float, float]:
        """Return the lowest and highest that a measure can be: a mean, or one of differences."""
        name = _plain(measure)
        if name in (FORGETTING, BACKWARD, FORWARD):
            return directions.difference_bounds(primary)
        own = super().bounds(measure, primary)
        return directions.bounds(primary) if name in (AVERAGE, LEARNING) else own


BOARD = StreamBoard()


def _plain(measure: str) -> str:
    return measure.removeprefix(TASK_AWARE).removeprefix(TASK_AGNOSTIC)


def matrices(trials: pd.DataFrame, scores: pd.DataFrame, prefix: str = "") -> tuple[Floats, Floats]:
    """Return R [trials, T, T] and b [trials, T] of the primary metric, T the longest stream.

    prefix: of the metric, to have the task-aware or task-agnostic scores instead.
    """
    domains = setting(trials, "domains")
    place = places_of(domains, scores["domain"].cat.categories)
    t = int(domains.map(len).max()) if len(trials) else 0
    r, b = np.full((len(trials), t, t), np.nan), np.full((len(trials), t), np.nan)
    chosen = scores[scores[KINDS[prefix]]]
    _fill(r, chosen[chosen["stage"] == "learn"], place, ("learned", "domain"))
    _fill(b, chosen[chosen["stage"] == "untrained"], place, ("domain",))
    return r, b


def _fill(array: Floats, rows: pd.DataFrame, place: pd.Series, axes: tuple[str, ...]) -> None:
    """Write scores into an array [trials, ...], whose further axes are domains."""
    where = [place.reindex(codes_of(rows, axis)).to_numpy() for axis in axes]
    inside = np.asarray(np.isfinite(where).all(axis=0))
    index = [rows["trial"].to_numpy(), *where]
    array[tuple(i[inside].astype(int) for i in index)] = rows["value"].to_numpy()[inside]


def _measured(trials: pd.DataFrame, r: Floats, b: Floats) -> dict[str, Floats]:
    """All measures [trials]; streams of one length and the same scored domains are one."""
    lengths, signs = setting(trials, "domains").map(len).to_numpy(), trials["sign"].to_numpy()
    names = (AVERAGE, FORGETTING, LEARNING, BACKWARD, FORWARD)
    measured = {name: np.full(len(trials), np.nan) for name in names}
    for same, t, scored in _alike(lengths, _scored(trials, r)):
        square, untrained, sign = r[same, :t, :t], b[same, :t], signs[same][:, None]
        turned = sign[:, :, None] * square
        measured[AVERAGE][same] = average_accuracy(square, scored)
        measured[LEARNING][same] = learning_accuracy(square, scored)
        if t > 1:
            measured[FORGETTING][same] = forgetting(turned, scored)
            measured[BACKWARD][same] = backward_transfer(turned, scored)
            measured[FORWARD][same] = forward_transfer(turned, sign * untrained, scored)
    return measured


def _scored(trials: pd.DataFrame, r: Floats) -> Bools:
    """Return which domains [trials, T] have a score in any trial of the same stream."""
    there = pd.DataFrame(np.asarray(np.isfinite(r).any(1)), index=trials.index)
    return there.groupby(trials["peers"]).transform("any").to_numpy(bool)


def _alike(lengths: Ints, scored: Bools) -> Iterator[tuple[Bools, int, Bools]]:
    """Yield the trials whose streams are of one length and score the same domains, and these."""
    for t in np.unique(lengths[lengths > 0]):
        for domains in np.unique(scored[lengths == t, :t], axis=0):
            yield (lengths == t) & (scored[:, :t] == domains).all(1), int(t), domains


def mean_matrices(trials: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each stream and row of the board, with `domains` and R as `matrix`.

    `matrix` [T, T] is the mean over the trials, NaN where one of them lacks the score, and
    before a domain is learned whose score cannot be earned until then.
    """
    r, _ = matrices(trials, scores)
    before = np.triu(np.ones(r.shape[1:], bool), 1)
    r[~earned_before_labels(trials)[:, None, None] & before] = np.nan
    domains = setting(trials, "domains")
    columns = ["dataset", "scenario", "algorithm", "variant"]
    rows = []
    for row, of_row in trials.groupby(columns):
        learned = domains[of_row.index[0]]
        t = len(learned)
        rows.append((*map(str, row), learned, r[of_row.index, :t, :t].mean(0)))
    return pd.DataFrame(rows, columns=[*columns, "domains", "matrix"])
