"""Which cells of a file are used: those that are known, differ, and have enough of their kind."""

from dataclasses import dataclass, replace
from hashlib import blake2b

import numpy as np
from scipy import sparse

from medtl_bench.arrays import Bools, Ints
from medtl_bench.errors import DataError
from medtl_bench.files.division import TEST, TRAIN, divided
from medtl_h5ad.columns import Column

SHOWN = 5
MANY_OF = {"batch": "batches", "label": "labels"}


@dataclass(frozen=True)
class Cells:
    """Cells: expression [cells, genes], and the batch, the label and the split of each.

    `part`: TRAIN, VAL or TEST; TRAIN before they are divided. `notes`: sentences on what was
    left out to come here.
    """

    x: sparse.csr_array
    batch: Column
    label: Column
    part: Ints
    notes: tuple[str, ...] = ()

    def of(self, rows: Bools, note: str = "") -> "Cells":
        """Return some of the cells; where others are left out, a note says why and how many."""
        batch, label = self.batch.of(rows), self.label.of(rows)
        kept = Cells(self.x[rows], batch, label, self.part[rows], self.notes)
        count = np.count_nonzero(~rows)
        if not (note and count):
            return kept
        return replace(
            kept, notes=(*self.notes, f"Cells left out {note}: {count}{_gone(self, kept)}.")
        )


def _gone(before: Cells, after: Cells) -> str:
    """Say which batches and labels have no cell any more."""
    columns = ((before.batch, after.batch), (before.label, after.label))
    gone = [name for old, new in columns for name in old.names if name not in new.names]
    return f", among them all of {', '.join(gone[:SHOWN])}" if gone else ""


def usable(cells: Cells, least: int) -> Cells:
    """Return the cells that have a batch, a label, a count, none like them, and enough beside them.

    Raises DataError where two batches or two labels are not left, or where labels tell no more
    than batches.
    """
    known = cells.batch.known & cells.label.known
    cells = cells.of(known, f"for want of a batch or label{_unknown(cells)}")
    cells = enough(different(cells), least)
    check(cells)
    return cells


def _unknown(cells: Cells) -> str:
    """Say what stands where there is no batch or label."""
    texts = (cells.batch.left + cells.label.left).most_common(SHOWN)
    return f" ({', '.join(f'{text} {number}' for text, number in texts)})"


def different(cells: Cells) -> Cells:
    """Return the cells that have a value, without those equal to one that is kept.

    Training cells are kept first, so that a batch tests no label that it does not train on.
    """
    cells = cells.of(np.diff(cells.x.indptr) > 0, "for all values being 0")
    return cells.of(_firsts(cells), "for being equal to another one")


def _firsts(cells: Cells) -> Bools:
    """Return which cells are equal to none before them, in the order of the splits."""
    keys = row_keys(cells.x)
    in_order = np.argsort(cells.part, kind="stable").tolist()
    first = np.zeros(len(keys), dtype=bool)
    first[list({keys[row]: row for row in reversed(in_order)}.values())] = True
    return first


def row_keys(x: sparse.csr_array) -> list[str]:
    """Return a digest of each row, the same for equal ones; indices are sorted, no zero stored."""
    ends = zip(x.indptr[:-1].tolist(), x.indptr[1:].tolist(), strict=True)
    columns, values = x.indices.astype(np.int64), x.data
    return [_digest(columns[a:b].tobytes(), values[a:b].tobytes()) for a, b in ends]


def _digest(*parts: bytes) -> str:
    return blake2b(b"".join(parts), digest_size=16).hexdigest()


def enough(cells: Cells, least: int) -> Cells:
    """Return the cells of those batches and labels that have so many, and say which have not."""
    few: dict[str, dict[str, int]] = {"batch": {}, "label": {}}
    kept = cells
    while (rows := _of_many(kept, least, few)) is not None:
        kept = kept.of(rows)
    notes = [_few(role, names, least) for role, names in few.items() if names]
    return replace(kept, notes=(*cells.notes, *notes))


def _of_many(cells: Cells, least: int, few: dict[str, dict[str, int]]) -> Bools | None:
    """Return which cells are of batches and labels that have so many, None if all are."""
    rows = np.ones(len(cells.batch.codes), dtype=bool)
    for column in (cells.batch, cells.label):
        small = column.counts < least
        rows &= ~small[column.codes]
        few[column.role] |= {column.names[n]: int(column.counts[n]) for n in np.flatnonzero(small)}
    return None if rows.all() else rows


def _few(role: str, names: dict[str, int], least: int) -> str:
    """Say which batches or labels have too few cells."""
    shown = [f"{name} ({number})" for name, number in list(names.items())[:SHOWN]]
    more = [f"{len(names) - SHOWN} more"] * (len(names) > SHOWN)
    what = role if len(names) == 1 else MANY_OF[role]
    told = ", ".join([*shown, *more])
    return f"{len(names)} {what} of fewer than {least} cells left out: {told}."


def check(cells: Cells) -> None:
    """Raise DataError where nothing can be transferred between the batches."""
    for column in (cells.batch, cells.label):
        if len(column.names) < 2:
            named = repr(column.names[0]) if column.names else "none"
            raise DataError(
                f"The column {column.name!r} must name two or more {MANY_OF[column.role]}, but of "
                f"those with enough cells it names {named}. {_why(cells)}"
            )
    together = np.zeros((len(cells.batch.names), len(cells.label.names)), dtype=bool)
    together[cells.batch.codes, cells.label.codes] = True
    _check_alone(cells.label, cells.batch, together.sum(0))
    _check_alone(cells.batch, cells.label, together.sum(1))


def _why(cells: Cells) -> str:
    """Say what was left out before too few names were left."""
    return " ".join([*cells.notes, "The option &least= says how many cells are enough."])


def _check_alone(one: Column, other: Column, numbers: Ints) -> None:
    """Raise DataError where each name of a column stands with one name of another only."""
    if (numbers == 1).all():
        raise DataError(
            f"Each {one.role} (column {one.name!r}) stands with one {other.role} only (column "
            f"{other.name!r}), so nothing can be transferred from batch to batch."
        )


def split(cells: Cells) -> Cells:
    """Return the cells with their splits, 60/10/30 by batch and label."""
    part = np.zeros(len(cells.part), dtype=np.int8)
    keys = np.array(row_keys(cells.x))
    for number in range(len(cells.batch.names)):
        rows = cells.batch.codes == number
        labels = cells.label.codes[rows].tolist()
        part[rows] = divided(keys[rows].tolist(), labels, val=0.1, test=0.3)
    return replace(cells, part=part)


def divisible(cells: Cells) -> Cells:
    """Return the cells whose batch trains and tests, and trains on their label."""
    rows = np.isin(_kinds(cells), _kinds(cells)[cells.part == TRAIN])
    for needed in (TRAIN, TEST):
        there = cells.batch.codes[rows & (cells.part == needed)]
        rows &= np.isin(cells.batch.codes, there)
    return cells.of(rows, "for their batch having none to train on or to test")


def _kinds(cells: Cells) -> Ints:
    """Return a number of each cell's batch and label together."""
    kinds: Ints = cells.batch.codes * len(cells.label.names) + cells.label.codes
    return kinds
