"""Gene expression of stem cells in four studies, each a domain: a small real case of batches."""

import io
from importlib.util import find_spec

import numpy as np
import torch
from numpy.typing import NDArray

from medtl_bench.contract.dataset import Card, Dataset
from medtl_bench.contract.scenario import Stream, Transfer
from medtl_bench.contract.split import Domain, Split
from medtl_bench.contract.task import Task
from medtl_bench.errors import NotInstalledError
from medtl_bench.files.division import TEST, TRAIN, VAL, folded
from medtl_bench.files.downloads import Download, Remote, content
from medtl_bench.metrics.registry import INTEGRATION, defaults

COMMIT = "d732983ad52fdd7fb2496a7ca8ac1bec501a63ab"
RDA = Remote(
    "stemcells/stemcells.rda",
    f"https://raw.githubusercontent.com/mixOmicsTeam/mixOmics/{COMMIT}/data/stemcells.rda",
    "f87a3386eece74dd48c9b4a3ffe5e1830ff119b11bb2d2aa05e424d4fa6376b3",
)
TERMS = "part of the R package mixOmics (GPL-2 or later); cite Rohart et al. 2017"
DOWNLOAD = Download(TERMS, (RDA,))
CLASSES = ("Fibroblast", "hESC", "hiPSC")
FOLDS = 3  # so many as the seeds that are the default
STUDIES = ("1", "2", "3", "4")
# in a small study some genes hardly vary, and the others' values in its units are huge
BY_SIZE = ("2", "1", "3", "4")

CARD = Card(
    area="genomics",
    licence=TERMS,
    source="stemcells.rda of the R package mixOmics, github.com/mixOmicsTeam/mixOmics",
    citation="Rohart et al. 2017, MINT: a multivariate integrative method to identify "
    "reproducible molecular signatures across independent experiments and platforms, BMC "
    "Bioinformatics 18; Rohart et al. 2017, mixOmics, PLoS Computational Biology 13",
    shift="Four studies by different laboratories, on different platforms, with "
    "different shares of the three cell types: study 1 is half embryonic stem cells, "
    "study 2 mostly induced ones and fibroblasts, study 4 has three fibroblasts.",
    provenance="real",
    privacy="Cell lines of published studies; expression of 400 genes and the cell type, "
    "nothing of the donors.",
    intended_use="Comparing batch correction and transfer across studies, quickly. Not "
    "for claims about reprogramming: 125 samples.",
    notes="Input: the expression of 400 genes as the package holds it, between 0 and "
    "1. Which genes were kept was decided upstream, over all studies. Every sample "
    "is judged in one of three folds, divided by study and type 57/10/33, of which a "
    "trial sees that of its seed; over three seeds all are judged once. In each, "
    "studies 3 and 4 have two fibroblasts to train on and one to test on, study 2 "
    "has two and one embryonic stem cells, so single scores are coarse.",
)


def build() -> Dataset:
    """Return the dataset.

    Raises NotDownloadedError, or NotInstalledError without the package rdata.
    """
    x, study, kind = load()
    metrics = (*defaults("classification"), *INTEGRATION)
    studies = (_domains(name, x[study == name], kind[study == name]) for name in STUDIES)
    first, *others = zip(*studies, strict=True)
    return Dataset(
        name="stemcells",
        card=CARD,
        task=Task("classification", CLASSES, metrics),
        domains=first,
        transfers=tuple(_from_others(name) for name in STUDIES),
        streams=(Stream("studies", tuple(f"study-{name}" for name in BY_SIZE)),),
        folds=tuple(others),
    )


def _from_others(name: str) -> Transfer:
    others = tuple(f"study-{other}" for other in STUDIES if other != name)
    return Transfer(f"others-to-study-{name}", others, (f"study-{name}",))


def load() -> tuple[NDArray[np.float32], NDArray[np.str_], NDArray[np.str_]]:
    """Return expression [125, 400], study and type of each sample [125]."""
    file = content(RDA)
    if find_spec("rdata") is None:
        raise NotInstalledError(
            "rdata, which reads its R file, is not installed: pip install medtl-bench[cells]"
        )
    from rdata import read_rda  # noqa: PLC0415 - an extra

    samples = read_rda(io.BytesIO(file))["stemcells"]
    return (
        np.asarray(samples["gene"], dtype=np.float32),
        np.asarray(samples["study"]).astype(np.str_),
        np.asarray(samples["celltype"]).astype(np.str_),
    )


def _domains(name: str, x: NDArray[np.float32], kinds: NDArray[np.str_]) -> list[Domain]:
    """Return a study as each fold divides its samples."""
    y = [CLASSES.index(kind) for kind in kinds]
    keys = [f"stemcells {name} {number}" for number in range(len(y))]
    split = Split(torch.from_numpy(x), torch.tensor(y))
    return [_domain(name, split, part) for part in folded(keys, y, folds=FOLDS, val=0.1)]


def _domain(name: str, split: Split, part: NDArray[np.int8]) -> Domain:
    masks = (torch.from_numpy(part == number) for number in (TRAIN, VAL, TEST))
    return Domain(f"study-{name}", *(split[mask] for mask in masks))
