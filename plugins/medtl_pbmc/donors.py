"""Blood cells of three donors as principal components, without types: how well they mix."""

import gzip

import numpy as np
import torch

from medtl_bench.contract.dataset import Card, Dataset
from medtl_bench.contract.scenario import Transfer
from medtl_bench.contract.split import Domain, Split
from medtl_bench.contract.task import Task
from medtl_bench.files.downloads import Download, Remote, content
from medtl_pbmc.dataset import CARD as CELLS

COMMIT = "4d2b63f52216c7c7e34e5d399a6f978540f904d4"
UPSTREAM = f"https://raw.githubusercontent.com/slowkow/harmonypy/{COMMIT}/data/"
COMPONENTS = Remote(
    "pbmc_harmony/pbmc_3500_pcs.tsv.gz",
    f"{UPSTREAM}pbmc_3500_pcs.tsv.gz",
    "29a2c9640dfccebb59a2673ce07ed2a394530f287e518a15a11a35f00fd93d17",
)
DONORS = Remote(
    "pbmc_harmony/pbmc_3500_meta.tsv.gz",
    f"{UPSTREAM}pbmc_3500_meta.tsv.gz",
    "4154245890ab9bdb69b439d62d216331553570c1e87fb574ec575ece4c56f6e7",
)
TERMS = "10x Genomics data, CC BY 4.0, in the repository of harmonypy (GPL-3)"
DOWNLOAD = Download(TERMS, (COMPONENTS, DONORS))

CARD = Card(
    area="genomics",
    origin=CELLS.origin,
    licence=TERMS,
    source="10x Genomics, peripheral blood mononuclear cells; "
    "pbmc_3500_{pcs,meta}.tsv.gz of github.com/slowkow/harmonypy",
    citation="Korsunsky et al. 2019, Fast, sensitive and accurate integration of "
    "single-cell data with Harmony, Nature Methods 16",
    shift="Three batches (A: 500, B: 2,000, C: 1,000 cells). The neighbourhood of a cell "
    "effectively holds 1.5 of them before any correction (iLISI, perplexity 30).",
    provenance="real",
    privacy="Donors of a commercial cell supplier, published openly by 10x Genomics; "
    "components and barcodes only.",
    intended_use="Judging how well batches are mixed. There are no cell types, so "
    "nothing here shows what mixing costs: read it beside a dataset that has them.",
    notes="Input: 30 principal components of 3,500 cells, computed upstream over all "
    "cells of all batches. No labels and no test split: integration is judged on the "
    "rows it was given.",
)


def build() -> Dataset:
    """Return the dataset; raises NotDownloadedError."""
    x = np.loadtxt(_lines(COMPONENTS), dtype=np.float32, skiprows=1)
    donor = np.array([line.split("\t")[0] for line in _lines(DONORS)[1:]])
    names = [f"donor-{name}" for name in np.unique(donor)]
    rows = (torch.from_numpy(x[donor == name]) for name in np.unique(donor))
    return Dataset(
        name="pbmc-donors",
        card=CARD,
        task=Task("integration"),
        domains=tuple(map(_domain, names, rows)),
        transfers=(Transfer("all-donors", tuple(names[:-1]), (names[-1],)),),
    )


def _lines(remote: Remote) -> list[str]:
    return gzip.decompress(content(remote)).decode().splitlines()


def _domain(name: str, x: torch.Tensor) -> Domain:
    rows = Split(x, torch.zeros(len(x), dtype=torch.int64))
    nothing = rows[torch.zeros(len(x), dtype=torch.bool)]
    return Domain(name, rows, nothing, nothing)
