"""Any h5ad file: each batch a domain of one label space, each batch left out in turn."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from medtl_bench.arrays import Bools, Ints
from medtl_bench.contract.dataset import Card, Dataset
from medtl_bench.contract.scenario import Stream, Transfer
from medtl_bench.contract.split import Domain, Split
from medtl_bench.contract.task import Task
from medtl_bench.errors import DataError, MedTLError, NotInstalledError, unknown
from medtl_bench.files.division import TEST, TRAIN, VAL, divided
from medtl_bench.metrics.registry import INTEGRATION, defaults

if TYPE_CHECKING:
    from anndata import AnnData

GENES = 2000
DEFAULT_TRANSFERS = 2
OPTIONS = ("batch", "label", "genes")
USAGE = "h5ad:PATH?batch=COLUMN&label=COLUMN, and &genes=NUMBER if not 2000"


@dataclass(frozen=True)
class Request:
    """What a name asks for: a file, its columns of batches and labels, the most genes to keep."""

    path: str
    batch: str
    label: str
    genes: int

    @classmethod
    def parse(cls, argument: str) -> "Request":
        """Return what follows "h5ad:" in parts; raises MedTLError."""
        path, _, query = argument.partition("?")
        options = dict(parse_qsl(query, keep_blank_values=True))
        for name in options:
            if name not in OPTIONS:
                raise unknown("option of h5ad:", name, OPTIONS)
        batch, label = options.get("batch"), options.get("label")
        genes = options.get("genes", str(GENES))
        if path and batch and label and genes.isdigit() and int(genes):
            return cls(path, batch, label, int(genes))
        raise MedTLError(f"An h5ad file is named as {USAGE}, but got {'h5ad:' + argument!r}.")


def build(argument: str) -> Dataset:
    """Return the dataset of a file and its columns.

    Raises MedTLError on a wrong name, DataError on a wrong file.
    """
    request = Request.parse(argument)
    cells = load(request)
    names = np.unique(cells.batch).tolist()
    if len(names) < 2:
        raise DataError(
            f"The column {request.batch!r} of {request.path} must name two or more "
            f"batches, but names {names}."
        )
    classes, y = np.unique(cells.label, return_inverse=True)
    part = _divided(cells, y)
    genes = most_variable(cells.x, cells.batch, part, request.genes)
    rows = Split(torch.from_numpy(cells.x[:, genes].toarray()), torch.from_numpy(y))
    notes = (
        f"{cells.scale} {len(genes)} of {cells.x.shape[1]} genes are kept. Cells left out for "
        f"want of a batch or label: {cells.left_out}."
    )
    metrics = (*defaults("classification"), *INTEGRATION)
    return Dataset(
        name=f"h5ad:{argument}",
        card=_card(request, notes),
        task=Task("classification", tuple(classes.tolist()), metrics),
        domains=tuple(_domain(name, rows, part, cells.batch == name) for name in names),
        transfers=_transfers(names),
        streams=(Stream("batches", tuple(names)),),
    )


def _transfers(names: Sequence[str]) -> tuple[Transfer, ...]:
    return tuple(_to(name, names, number) for number, name in enumerate(names))


def _to(name: str, names: Sequence[str], number: int) -> Transfer:
    others = tuple(other for other in names if other != name)
    return Transfer(f"others-to-{name}", others, (name,), optional=number >= DEFAULT_TRANSFERS)


@dataclass(frozen=True)
class Cells:
    """The cells that have a batch and a label: expression [cells, genes] and both [cells].

    `scale`: in words what was done to the expression. `left_out`: how many cells were,
    for want of a batch or label.
    """

    x: sparse.csr_array
    batch: NDArray[np.str_]
    label: NDArray[np.str_]
    scale: str
    left_out: int


def load(request: Request) -> Cells:
    """Return the cells that are asked for; raises MedTLError or DataError."""
    file = read(request.path)
    batch = column(file, request.batch, request.path)
    label = column(file, request.label, request.path)
    x, scale = normalised(file.X, request.path)
    named = (batch != "") & (label != "")
    return Cells(x[named], batch[named], label[named], scale, int((~named).sum()))


def read(path: str) -> "AnnData":
    """Return what an h5ad file holds.

    HDF5 has arrays and text only: no pickled object is ever loaded. Raises DataError if
    the file is not there or cannot be read, NotInstalledError without anndata.
    """
    if find_spec("anndata") is None:
        raise NotInstalledError("anndata is not installed: pip install medtl-bench[cells]")
    from anndata import read_h5ad  # noqa: PLC0415 - an extra

    if not Path(path).is_file():
        raise DataError(f"There is no file {path}.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # anndata warns of every older form of the format
            return read_h5ad(path)
    except Exception as error:  # anndata and h5py raise whatever they meet in a damaged file
        message = " ".join(str(error).split())[:200]
        raise DataError(
            f"The file {path} cannot be read as h5ad: {type(error).__name__}: {message}."
        ) from error


def column(file: "AnnData", name: str, path: str) -> NDArray[np.str_]:
    """Return a column of the cells as text [n], "" where it is unknown.

    Raises MedTLError with near matches.
    """
    if name not in file.obs.columns:
        raise unknown(f"column of cells in {path}", name, map(str, file.obs.columns))
    values = file.obs[name]
    return np.where(values.isna(), "", values.astype(str)).astype(np.str_)


# anndata hands over whichever matrix the file holds, dense or sparse, or None
def normalised(x: Any, path: str) -> tuple[sparse.csr_array, str]:  # noqa: ANN401
    """Return expression [cells, genes], and in words what was done to it.

    Counts become log(1 + counts per 10,000).
    """
    if x is None:
        raise DataError(f"The file {path} has no matrix X.")
    rows = sparse.csr_array(x, dtype=np.float64)
    if not np.isfinite(rows.data).all():
        raise DataError(f"The matrix X of {path} holds values that are NaN or infinite.")
    if (rows.data < 0).any() or (rows.data != np.rint(rows.data)).any():
        return rows.astype(np.float32), "X is taken as it is, for its values are no counts."
    totals = np.maximum(rows.sum(1), 1)
    rows.data = np.log1p(1e4 * rows.data / np.repeat(totals, np.diff(rows.indptr)))
    scale = "X holds counts, which are made log(1 + counts per 10,000), cell by cell."
    return rows.astype(np.float32), scale


def most_variable(
    x: sparse.csr_array, batch: NDArray[np.str_], part: NDArray[np.int8], most: int
) -> NDArray[np.int64]:
    """Return the columns of largest variance over training rows, in order.

    The variance is taken within each batch and averaged. No test row and no label enters,
    and no difference between batches counts.
    """
    variances = []
    for name in np.unique(batch):
        rows = x[(batch == name) & (part == TRAIN)].astype(np.float64)
        variances.append(rows.power(2).mean(0) - np.square(rows.mean(0)))
    return np.sort(np.argsort(-np.mean(variances, 0), kind="stable")[:most])


def _divided(cells: Cells, y: Ints) -> NDArray[np.int8]:
    """Return the split of each cell, by batch and label; equal cells stay together."""
    part = np.zeros(len(y), dtype=np.int8)
    keys = np.array([_key(cells.x[[row]]) for row in range(len(y))])
    for name in np.unique(cells.batch):
        rows = cells.batch == name
        part[rows] = divided(keys[rows].tolist(), y[rows].tolist(), val=0.1, test=0.3)
    return part


def _key(row: sparse.csr_array) -> str:
    row.sum_duplicates()
    return sha256(row.indices.astype(np.int64).tobytes() + row.data.tobytes()).hexdigest()


def _domain(name: str, rows: Split, part: Ints, batch: Bools) -> Domain:
    masks = (torch.from_numpy(batch & (part == number)) for number in (TRAIN, VAL, TEST))
    return Domain(name, *(rows[mask] for mask in masks))


def _card(request: Request, notes: str) -> Card:
    return Card(
        area="genomics",
        licence="that of the file, which its owner knows",
        source=f"the file {Path(request.path).name}",
        citation="that of the file",
        shift=f"The batches that the column {request.batch!r} names.",
        provenance="real",
        privacy="Not known here. Results hold scores, the file's name and the names of "
        "batches and labels, no expression.",
        intended_use="Comparing methods on data of one's own.",
        notes=f"Labels: the column {request.label!r}. {notes} Those genes are kept that "
        "vary most over training cells within batches. Splits 60/10/30 by batch and "
        "label. Whether the data is real is taken on trust; donors that stand in several "
        "batches are not known of.",
    )
