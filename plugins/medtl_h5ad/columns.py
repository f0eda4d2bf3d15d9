"""A column of the cells: which batch or label each has, and in what order these come."""

import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from medtl_bench.arrays import Bools, Ints
from medtl_bench.errors import DataError, unknown

if TYPE_CHECKING:
    import pandas as pd

UNKNOWN = -1
NO_VALUE = "no value"
# what tools and annotators write where they do not know, in lower case
UNKNOWN_TEXTS = frozenset(
    {
        *("", "nan", "na", "n/a", "<na>", "nat", "none", "null", "?", "-", "unknown", "missing"),
        *("unassigned", "not assigned", "unlabeled", "unlabelled", "unannotated", "undefined"),
    }
)
MANY = 20  # values, which few columns of batches or labels have
MOST_NUMBERS = 200
MOST_DIGITS = 20
COULD_BE = range(2, 51)
AS_TEXT = " If its numbers are names, store them as text."


@dataclass(frozen=True)
class Column:
    """A column: its `names` in order, and of each cell [n] the number of its own, or UNKNOWN.

    `role`: "batch" or "label". `left`: how many cells have which text that means none.
    """

    name: str
    role: str
    names: tuple[str, ...]
    codes: Ints
    left: Counter[str]

    @property
    def known(self) -> Bools:
        """Return which cells have a name."""
        return np.not_equal(self.codes, UNKNOWN)

    @property
    def counts(self) -> Ints:
        """Return how many cells each name has."""
        return np.bincount(self.codes[self.known], minlength=len(self.names))

    def of(self, rows: Bools) -> "Column":
        """Return the column of some cells, without the names that none of them has."""
        part = replace(self, codes=self.codes[rows])
        there = part.counts > 0
        number = np.append(np.cumsum(there) - 1, UNKNOWN)
        names = tuple(np.array(self.names, dtype=object)[there])
        return replace(part, names=names, codes=number[part.codes])


def texts(obs: "pd.DataFrame", name: str) -> list[str]:
    """Return the different values of a column as text, those of a categorical in its order.

    Raises MedTLError where the table has no such column, or two.
    """
    if name not in obs.columns:
        raise unknown("column of cells", name, map(str, obs.columns))
    if obs[name].ndim != 1:
        raise DataError(f"The file has several columns of cells named {name!r}.")
    return [_text(value) for value in _categories(obs[name]).cat.categories]


def _categories(values: "pd.Series[Any]") -> "pd.Series[Any]":
    return values.astype("category").cat.remove_unused_categories()


def read(obs: "pd.DataFrame", name: str, role: str, further: Collection[str]) -> Column:
    """Return a column of the table of cells; raises as `texts` does.

    `further`: texts that mean no name, beside those that mean none in any file.
    """
    values, codes = texts(obs, name), _categories(obs[name]).cat.codes.to_numpy()
    names = [
        text for text in _in_order(obs[name], values) if not (text in further or means_none(text))
    ]
    number = {text: place for place, text in enumerate(names)}
    numbers = np.array([number.get(text, UNKNOWN) for text in [*values, ""]])[codes]
    left = Counter(codes[numbers == UNKNOWN].tolist())
    told = Counter({repr(values[c]) if c >= 0 else NO_VALUE: n for c, n in left.items()})
    return Column(name, role, tuple(names), numbers, told)


def means_none(text: str) -> bool:
    """Return whether a text means in any file that something is not known."""
    return text.strip().casefold() in UNKNOWN_TEXTS


def _text(value: Any) -> str:  # noqa: ANN401 - a column holds anything
    """Return a value as text; 1.0 is "1", as numbers become where one is missing."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _in_order(values: "pd.Series[Any]", texts: list[str]) -> list[str]:
    """Return different names in order: of numbers, of a categorical, or else a natural one.

    Tools sort categories as text, which is no order that anybody chose.
    """
    different = list(dict.fromkeys(texts))
    return different if _is_numeric(values) or _is_chosen(values) else natural(different)


def _is_chosen(values: "pd.Series[Any]") -> bool:
    """Return whether a column is a categorical whose order is not that of sorted categories."""
    if not hasattr(values, "cat"):
        return False
    return bool(values.cat.ordered or not values.cat.categories.is_monotonic_increasing)


def natural(names: Iterable[str]) -> list[str]:
    """Return names in an order in which "s2" comes before "s10"."""
    return sorted(names, key=lambda name: (_padded(name), name))


def _padded(name: str) -> str:
    return re.sub(r"\d+", lambda digits: digits[0].zfill(MOST_DIGITS), name)


def _is_numeric(values: "pd.Series[Any]") -> bool:
    return getattr(values.dtype, "kind", "O") in "iuf"


def check_names(column: Column, obs: "pd.DataFrame", least: int) -> None:
    """Raise DataError where a column holds measurements or names of cells.

    `least`: cells that a batch or label must have.
    """
    counts = column.counts
    rare = 2 * counts[counts < least].sum() > counts.sum()
    few_each = len(counts) > MANY and rare
    numbers = _is_numeric(obs[column.name]) and len(counts) > MOST_NUMBERS
    if few_each or numbers:
        raise DataError(
            f"The column {column.name!r} has {len(counts)} different values in {counts.sum()} "
            "cells, as measurements or names of cells have, so it cannot be the "
            f"{column.role}. Columns of {COULD_BE[0]} to {COULD_BE[-1]} values: "
            f"{_listed(_could_be(obs))}.{AS_TEXT if numbers else ''}"
        )


def _could_be(obs: "pd.DataFrame") -> list[str]:
    """Return the columns that may be of batches or labels."""
    return [str(name) for name in obs.columns if obs[name].nunique() in COULD_BE]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names)) or "none"
