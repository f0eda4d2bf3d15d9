"""Any h5ad file: each batch a domain of one label space, each batch left out in turn."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from medtl_bench.contract.dataset import Card, Dataset
from medtl_bench.contract.labels import as_found
from medtl_bench.contract.scenario import Stream, Transfer
from medtl_bench.contract.split import Domain, Split
from medtl_bench.contract.task import Task
from medtl_bench.errors import MedTLError, unknown
from medtl_bench.files.division import TEST, TRAIN, VAL
from medtl_bench.files.paths import own_name
from medtl_bench.metrics.registry import INTEGRATION, defaults
from medtl_h5ad import cells as choice
from medtl_h5ad import columns, reading
from medtl_h5ad.cells import Cells
from medtl_h5ad.columns import Column
from medtl_h5ad.genes import NO_COUNTS, most_variable, normalised
from medtl_h5ad.request import GENES, LEAST, RESERVED, Request, coded, meant

if TYPE_CHECKING:
    import pandas as pd

DEFAULT_TRANSFERS = 2


@dataclass(frozen=True)
class Loaded:
    """All cells of a file, and in words how they were read.

    `matrix`: the name of the one that was read, if it is not X. `unknown`: the further texts
    that mean no batch or label. `scale`: what was done to the values.
    """

    cells: Cells
    matrix: str
    unknown: tuple[str, ...]
    scale: str


def build(argument: str) -> Dataset:
    """Return the dataset of a file and its columns.

    Raises MedTLError on a wrong name, DataError on a wrong file.
    """
    request = Request.parse(argument)
    loaded = load(request)
    cells = choice.split(choice.usable(loaded.cells, request.least))
    genes = most_variable(cells.x, cells.batch.codes, cells.part, request.genes)
    kept = choice.divisible(choice.different(replace(cells, x=cells.x[:, genes])))
    choice.check(kept)
    names, total = kept.batch.names, cells.x.shape[1]
    notes = (loaded.scale, f"{len(genes)} of {total} genes are kept.", *kept.notes)
    domains = _domains(kept)
    transfers = [_to(name, names, number) for number, name in enumerate(names)]
    return Dataset(
        name=_name(request, loaded, "" if len(genes) == min(GENES, total) else str(len(genes))),
        card=_card(request, kept, " ".join(notes)),
        task=Task("classification", kept.label.names, (*defaults("classification"), *INTEGRATION)),
        domains=domains,
        transfers=as_found(transfers, domains),
        streams=as_found((Stream("batches", names),), domains),
    )


def load(request: Request) -> Loaded:
    """Return all cells of a file; raises MedTLError or DataError.

    The columns are looked at before any matrix is loaded.
    """
    with reading.opened(request.path) as file:
        batch, label, further = _columns(file.obs, request)
        rows, matrix = reading.counts(file, request.path, request.layer)
        x, scale = normalised(rows, matrix)
        if scale.endswith(NO_COUNTS) and (others := reading.layers_of_counts(file)):
            scale += f" Counts are in {', '.join(others)}, which &layer= names."
    cells = Cells(x, batch, label, np.zeros(x.shape[0], dtype=np.int8))
    return Loaded(cells, "" if matrix == reading.X else matrix, further, scale)


def _columns(obs: "pd.DataFrame", request: Request) -> tuple[Column, Column, tuple[str, ...]]:
    """Return the columns of batches and labels, and the further texts that mean neither.

    Raises MedTLError where a column is not there, or is no such column.
    """
    names = [meant(typed, map(str, obs.columns)) for typed in (request.batch, request.label)]
    if names[0] == names[1]:
        raise MedTLError(
            f"The column {names[0]!r} is asked for as batch and as label: each label would stand "
            "in one batch only, so nothing could be transferred."
        )
    further = _further(obs, names, request.unknown)
    roles = zip(names, ("batch", "label"), strict=True)
    batch, label = (columns.read(obs, name, role, further) for name, role in roles)
    for column in (batch, label):
        columns.check_names(column, obs, request.least)
    return batch, label, further


def _further(obs: "pd.DataFrame", names: Sequence[str], typed: Sequence[str]) -> tuple[str, ...]:
    """Return the texts that the user names as unknown, in order; raises MedTLError on others."""
    values = [text for name in names for text in columns.texts(obs, name)]
    texts = [meant(text, values) for text in typed]
    for text in texts:
        if text not in values:
            raise unknown(f"value of {' or '.join(map(repr, names))}", text, values)
    return tuple(sorted({text for text in texts if not columns.means_none(text)}))


def _name(request: Request, loaded: Loaded, genes: str) -> str:
    """Return the name of the dataset in its normal form: what differs from the default is told."""
    unknowns = ",".join(coded(text, RESERVED + ",") for text in loaded.unknown)
    options = {
        "batch": coded(loaded.cells.batch.name),
        "label": coded(loaded.cells.label.name),
        "layer": coded(loaded.matrix),
        "genes": genes,
        "unknown": unknowns,
        "least": "" if request.least == LEAST else str(request.least),
    }
    query = "&".join(f"{name}={value}" for name, value in options.items() if value)
    return f"h5ad:{coded(own_name(request.path))}?{query}"


def _domains(cells: Cells) -> tuple[Domain, ...]:
    rows = Split(torch.from_numpy(cells.x.toarray()), torch.from_numpy(cells.label.codes))
    names = enumerate(cells.batch.names)
    return tuple(_domain(name, rows, cells, number) for number, name in names)


def _domain(name: str, rows: Split, cells: Cells, number: int) -> Domain:
    batch = cells.batch.codes == number
    masks = (torch.from_numpy(batch & (cells.part == part)) for part in (TRAIN, VAL, TEST))
    return Domain(name, *(rows[mask] for mask in masks))


def _to(name: str, names: Sequence[str], number: int) -> Transfer:
    others = tuple(other for other in names if other != name)
    return Transfer(f"others-to-{name}", others, (name,), optional=number >= DEFAULT_TRANSFERS)


def _card(request: Request, cells: Cells, notes: str) -> Card:
    return Card(
        area="genomics",
        licence="that of the file, which its owner knows",
        source=f"the file {own_name(request.path)}",
        origin=own_name(request.path),
        citation="that of the file",
        shift=f"The batches that the column {cells.batch.name!r} names.",
        provenance="real",
        privacy="Not known here. Results hold scores, the file's name and the names of "
        "batches and labels, no expression.",
        intended_use="Comparing methods on data of one's own.",
        notes=f"Labels: the column {cells.label.name!r}. {notes} Those genes are kept that "
        "vary most over training cells within batches. Splits 60/10/30 by batch and "
        "label. Whether the data is real is taken on trust; donors that stand in several "
        "batches are not known of.",
    )
