"""The tables as CSV: summaries of rows, and the tidy scores of trials."""

import math
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medtl_bench.board.build import Board
from medtl_bench.board.comparison import Comparison
from medtl_bench.board.protocol import Name
from medtl_bench.board.rows import Cell
from medtl_bench.board.standings import Standing
from medtl_bench.board.tables import FULL, ROW
from medtl_bench.files.atomic import write_atomically
from medtl_bench.report.text.escape import csv_cell
from medtl_bench.results.record import Score

OF_TRIAL = ("dataset", "algorithm", "variant", "family", "protocol", "scenario", "seed", "key")
OF_PLACE = Score._fields[:6]
OF_ROW = (
    *(*ROW, "family", "complete", "ok", "planned", "scenario"),
    *("measure", *Cell._fields),
)
OF_RANK = (
    *("protocol", "measure", "task", "among", "algorithm", "variant", "family", "keeps"),
    *("rank", "low", "high", "groups", "strength", "origins", "datasets", "of_datasets"),
)
OF_TEXT = {
    *("dataset", "protocol", "algorithm", "variant", "family", "scenario", "measure"),
    *("task", "keeps", "stage", "learned", "domain", "metric"),
}
UNKNOWN = (math.nan, math.nan, math.nan, "", math.nan, math.nan)
PIECE = 2**16  # lines
LEVEL, GZIP = 4, 31  # of compression, and its format without a time stamp


def summary_sheet(board: Board, dataset: str) -> str:
    """Return the fields of a cell by row and measure of a dataset."""
    table = board.summary[board.summary["dataset"] == dataset]
    return _csv(table.merge(board.rows, on=ROW, how="left")[list(OF_ROW)])


def ranks_sheet(comparisons: Sequence[Comparison]) -> str:
    """Return the rank of every method in every reading and kind of task, with its interval.

    `among`: of "all" methods, or of those "without rows" of earlier domains. Empty for
    methods that are not ranked.
    """
    rows: list[tuple[object, ...]] = []
    for comparison in comparisons:
        rows += _ranks(comparison, "all", comparison.ranked)
        rows += _ranks(comparison, "without rows", comparison.without_rows)
        rows += [_who(comparison, "all", name, UNKNOWN) for name in comparison.others]
    return _csv(pd.DataFrame(rows, columns=list(OF_RANK)))


def _ranks(
    comparison: Comparison, among: str, ranked: Sequence[Standing]
) -> Iterable[tuple[object, ...]]:
    for standing in ranked:
        told = (
            *(standing.rank, standing.low, standing.high, standing.letters),
            *(standing.strength, standing.origins),
        )
        yield from (_who(comparison, among, name, told) for name in standing.names)


def _who(
    comparison: Comparison, among: str, name: Name, told: tuple[object, ...]
) -> tuple[object, ...]:
    where = (comparison.protocol, comparison.reading.measure, comparison.task, among)
    row, sizes = comparison.rows[name], (len(comparison.cells[name]), len(comparison.datasets))
    return (*where, *name, row.family, row.keeps_data, *told, *sizes)


def _csv(table: pd.DataFrame) -> str:
    safe = table.copy()
    for name in set(table.columns) & OF_TEXT:
        texts = table[name]
        safe[name] = [csv_cell(text) if isinstance(text, str) else text for text in texts]
    return str(safe.to_csv(index=False, float_format="%.6g", lineterminator="\n"))


def write_table(table: pd.DataFrame, file: Path) -> None:
    """Write a table as CSV whole or not at all; raises IntegrityError."""
    write_atomically(file, _csv(table))


def scores_sheet(board: Board) -> bytes:
    """Return the tidy scores, a row each, as gzipped CSV without a time stamp.

    Half a million rows are quick because each trial and each place (all of a score but
    value and n) is made into text once; they are packed piece by piece, for the text of all is
    as large as the records.
    """
    trials = _lines(_texts(board.trials[name]) for name in OF_TRIAL)
    code, places = _places(board.scores)
    trial, value, n = (board.scores[name].to_numpy() for name in ("trial", "value", "n"))
    pack = zlib.compressobj(LEVEL, wbits=GZIP)
    packed = [pack.compress(f"{','.join((*OF_TRIAL, *Score._fields))}\n".encode())]
    for start in range(0, len(code), PIECE):
        piece = slice(start, start + PIECE)
        numbers = map(repr, value[piece].tolist()), map(str, n[piece].tolist())
        columns = (trials[trial[piece]], places[code[piece]], *numbers)
        lines = map(",".join, zip(*columns, strict=True))
        packed.append(pack.compress("\n".join([*lines, ""]).encode()))
    return b"".join([*packed, pack.flush()])


def _lines(columns: Iterable[list[str]]) -> NDArray[np.object_]:
    """Columns of text as lines, to be picked by their numbers."""
    return np.array([",".join(cells) for cells in zip(*columns, strict=True)], dtype=object)


def _places(scores: pd.DataFrame) -> tuple[NDArray[np.intp], NDArray[np.object_]]:
    """Code of every score's place, and the text of each place."""
    code = np.zeros(len(scores), np.int64)
    for name in OF_PLACE:
        numbers = _numbers(scores[name])
        code = code * (int(numbers.max(initial=0)) + 2) + numbers + 1
    codes, first = np.unique(code, return_index=True)
    texts = (_column(scores[name].iloc[first]) for name in OF_PLACE)
    return np.searchsorted(codes, code), _lines(texts)


def _numbers(column: pd.Series) -> NDArray[np.int64]:
    """Return a whole number, at least -1, for each value."""
    numbers = column.cat.codes if column.dtype == "category" else column
    return np.asarray(numbers, np.int64)


def _texts(column: pd.Series) -> list[str]:
    values = column.tolist()
    texts = {value: _text(value) for value in set(values)}
    return [texts[value] for value in values]


def _text(value: object) -> str:
    return _quoted(csv_cell(value)) if isinstance(value, str) else str(value)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(sign in text for sign in ',"') else text


def _column(column: pd.Series) -> list[str]:
    if column.dtype == "category":
        return ["" if isinstance(value, float) else _text(value) for value in column.tolist()]
    return ["" if value == FULL else str(int(value)) for value in column.tolist()]
