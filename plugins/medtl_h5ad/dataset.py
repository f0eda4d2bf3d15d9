"""Any h5ad file: each batch a domain of one label space, each batch left out in turn."""

import warnings
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

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
        given = dict(parse_qsl(query, keep_blank_values=True))
        for name in given:
            if name not in OPTIONS:
                raise unknown("option of h5ad:", name, OPTIONS)
        genes = given.get("genes", str(GENES))
        if not (
            path and given.get("batch") and given.get("label") and genes.isdigit() and int(genes)
        ):
            raise MedTLError(f"An h5ad file is named as {USAGE}, but got {'h5ad:' + argument!r}.")
        return cls(path, given["batch"], given["label"], int(genes))


def build(argument: str) -> Dataset:
    """Return the dataset of a file and its columns.

    Raises MedTLError on a wrong name, DataError on a wrong file.
    """
    request = Request.parse(argument)
    found = read(request.path)
    batch, label = (column(found, name, request.path) for name in (request.batch, request.label))
    x, told = normalised(found.X, request.path)
    known = (batch != "") & (label != "")
    x, batch, label = x[known], batch[known], label[known]
    names, classes = np.unique(batch).tolist(), np.unique(label).tolist()
    if len(names) < 2:
        raise DataError(
            f"The column {request.batch!r} of {request.path} must name two or more "
            f"batches, but names {names}."
        )
    y = np.array([classes.index(name) for name in label])
    part = _divided(x, batch, y)
    kept = most_variable(x, batch, part, request.genes)
    dense = torch.from_numpy(x[:, kept].toarray())
    notes = (
        f"{told} {len(kept)} of {x.shape[1]} genes are kept. Cells left out for want "
        f"of a batch or label: {(~known).sum()}."
    )
    return Dataset(
        name=f"h5ad:{argument}",
        card=_card(request, notes),
        task=Task("classification", tuple(classes), (*defaults("classification"), *INTEGRATION)),
        domains=tuple(
            _domain(name, dense, torch.from_numpy(y), part, batch == name) for name in names
        ),
        transfers=tuple(
            Transfer(
                f"others-to-{name}",
                tuple(n for n in names if n != name),
                (name,),
                optional=number >= DEFAULT_TRANSFERS,
            )
            for number, name in enumerate(names)
        ),
        streams=(Stream("batches", tuple(names)),),
    )


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
        told = " ".join(str(error).split())[:200]
        raise DataError(
            f"The file {path} cannot be read as h5ad: {type(error).__name__}: {told}."
        ) from error


def column(found: "AnnData", name: str, path: str) -> NDArray[np.str_]:
    """Return a column of the cells as text [n], "" where it is unknown.

    Raises MedTLError with near matches.
    """
    if name not in found.obs.columns:
        raise unknown(f"column of cells in {path}", name, map(str, found.obs.columns))
    values = found.obs[name]
    return np.where(values.isna(), "", values.astype(str)).astype(np.str_)


def normalised(x: object, path: str) -> tuple[sparse.csr_array, str]:
    """Return expression [cells, genes], and in words what was done to it.

    Counts become log(1 + counts per 10,000).
    """
    if x is None:
        raise DataError(f"The file {path} has no matrix X.")
    rows = sparse.csr_array(x, dtype=np.float64)
    if not np.isfinite(rows.data).all():
        raise DataError(f"The matrix X of {path} holds values that are NaN or infinite.")
    if (rows.data < 0).any() or (rows.data != np.rint(rows.data)).any():
        return rows.astype(np.float32), "X is taken as it is, for its values are no "
        "counts."
    totals = np.maximum(rows.sum(1), 1)
    rows.data = np.log1p(1e4 * rows.data / np.repeat(totals, np.diff(rows.indptr)))
    return rows.astype(
        np.float32
    ), "X holds counts, which are made log(1 + counts per 10,000), cell by cell."


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


def _divided(
    x: sparse.csr_array, batch: NDArray[np.str_], y: NDArray[np.int64]
) -> NDArray[np.int8]:
    """Return the split of each cell, by batch and label; equal cells stay together."""
    part = np.zeros(len(y), dtype=np.int8)
    keys = np.array([_key(x[[row]]) for row in range(x.shape[0])])
    for name in np.unique(batch):
        its = batch == name
        part[its] = divided(keys[its].tolist(), y[its].tolist(), val=0.1, test=0.3)
    return part


def _key(row: sparse.csr_array) -> str:
    row.sum_duplicates()
    return sha256(row.indices.astype(np.int64).tobytes() + row.data.tobytes()).hexdigest()


def _domain(
    name: str, x: torch.Tensor, y: torch.Tensor, part: NDArray[np.int8], its: NDArray[np.bool_]
) -> Domain:
    masks = (torch.from_numpy(its & (part == wanted)) for wanted in (TRAIN, VAL, TEST))
    return Domain(name, *(Split(x[mask], y[mask]) for mask in masks))


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
