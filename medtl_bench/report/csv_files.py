"""The tables as CSV: summaries of rows, and the tidy scores of every trial that counts."""

import gzip
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medtl_bench.board import measures
from medtl_bench.board.build import Board
from medtl_bench.board.tables import ROW
from medtl_bench.report.rows import Comparison
from medtl_bench.report.text.escape import csv_cell
from medtl_bench.results.record import Score

OF_TRIAL = ("dataset", "algorithm", "variant", "family", "protocol", "scenario", "seed", "key")
OF_PLACE = Score._fields[:6]
OF_ROW = (
    *ROW,
    "family",
    "complete",
    "ok",
    "planned",
    "scenario",
    "measure",
    "mean",
    "half",
    "n",
    "best",
    "tied",
    "rank",
)

OF_RANK = (
    *("protocol", "measure", "algorithm", "variant", "family"),
    *("mean_rank", "low", "high", "datasets", "of_datasets"),
)
OF_TEXT = {"dataset", "protocol", "algorithm", "variant", "family", "scenario", "measure"}


def summary_sheet(board: Board, dataset: str) -> str:
    """Return mean, half (width of the 95% interval), n, marks and rank of every row and measure of a dataset."""
    table = board.summary[board.summary["dataset"] == dataset].merge(
        board.rows, on=ROW, how="left"
    )[list(OF_ROW)]
    return _csv(table)


def ranks_sheet(comparisons: Sequence[Comparison]) -> str:
    """Return the mean rank of every method in every reading with the ends of its interval, empty for incomplete methods."""
    rows = []
    for one in comparisons:
        ranks = dict(zip(one.ranked, zip(*one.ranks[:3], strict=True), strict=True))
        for algorithm, variant in (*one.ranked, *one.others):
            mean, low, high = ranks.get((algorithm, variant), (np.nan, np.nan, np.nan))
            datasets = len(one.cells[algorithm, variant])
            family = one.families[algorithm, variant]
            where = (one.reading.protocol, one.reading.measure, algorithm, variant, family)
            rows.append((*where, mean, low, high, datasets, len(one.datasets)))
    return _csv(pd.DataFrame(rows, columns=list(OF_RANK)))


def _csv(table: pd.DataFrame) -> str:
    safe = table.copy()
    for name in set(table.columns) & OF_TEXT:
        safe[name] = [csv_cell(text) for text in table[name]]
    return str(safe.to_csv(index=False, float_format="%.6g", lineterminator="\n"))


def scores_sheet(board: Board) -> bytes:
    """Return the tidy scores, a row each, as gzipped CSV without a time stamp.

    Half a million rows are quick because each trial and each place (all of a score but
    value and n) is made into text once.
    """
    of_trial = [_texts(board.trials[name]) for name in OF_TRIAL]
    trials = np.array([",".join(cells) for cells in zip(*of_trial, strict=True)], dtype=object)
    code, places = _places(board.scores)
    rows = (
        trials[board.scores["trial"]],
        places[code],
        map(repr, board.scores["value"].tolist()),
        map(str, board.scores["n"].tolist()),
    )
    text = "\n".join(
        [",".join((*OF_TRIAL, *Score._fields)), *map(",".join, zip(*rows, strict=True)), ""]
    )
    return gzip.compress(text.encode(), compresslevel=4, mtime=0)


def _places(scores: pd.DataFrame) -> tuple[NDArray[np.intp], NDArray[np.object_]]:
    """Code of every score's place, and the text of each place."""
    code = np.zeros(len(scores), np.int64)
    for name in OF_PLACE:
        column = scores[name]
        its = column.cat.codes if column.dtype == "category" else column.astype(np.int64)
        code = code * (int(its.max()) + 2 if len(its) else 1) + its.to_numpy(np.int64) + 1
    codes, first = np.unique(code, return_index=True)
    columns = [_column(scores[name].iloc[first]) for name in OF_PLACE]
    return np.searchsorted(codes, code), np.array(
        [",".join(cells) for cells in zip(*columns, strict=True)], dtype=object
    )


def _texts(column: pd.Series) -> list[str]:
    values = column.tolist()
    texts = {
        value: _quoted(csv_cell(value)) if isinstance(value, str) else str(value)
        for value in set(values)
    }
    return [texts[value] for value in values]


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(sign in text for sign in ',"') else text


def _column(column: pd.Series) -> list[str]:
    if column.dtype == "category":
        return [
            "" if isinstance(value, float) else _quoted(csv_cell(value))
            for value in column.tolist()
        ]
    return ["" if value == measures.FULL else str(int(value)) for value in column.tolist()]
