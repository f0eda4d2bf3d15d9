"""Tox21, SIDER and MUV with assays as domains, and one split of scaffolds for all of them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medtl_bench.contract.dataset import Card, Dataset
from medtl_bench.contract.scenario import Stream, Transfer
from medtl_bench.contract.split import Domain, Split
from medtl_bench.contract.task import Task
from medtl_bench.files import cache
from medtl_bench.files.division import TEST, TRAIN, VAL, divided
from medtl_bench.files.downloads import Download, Remote, content
from medtl_moleculenet import cards, molecules
from medtl_moleculenet.molecules import MISSING, Table

PINNED = (
    "https://raw.githubusercontent.com/deepchem/deepchem/fbe3b911a94a6eb8c84c1a9e7ac67a472c49ea80/"
)
PUBLIC = "public data of the NIH; the table is part of DeepChem (MIT)"
TOX21_DOWNLOAD = Download(
    PUBLIC,
    (
        Remote(
            "moleculenet/tox21.csv.gz",
            PINNED + "datasets/tox21.csv.gz",
            "48b34e4e59a2bae6f95734cd206c1869ab355f50a5e50bb7371a21f861d5e297",
        ),
    ),
)
MUV_DOWNLOAD = Download(
    PUBLIC,
    (
        Remote(
            "moleculenet/muv.csv.gz",
            PINNED + "datasets/muv.csv.gz",
            "93c8b4a37c5996c76e57d5f3f065fb8b7cf1c19067011eff2293fd2a94ce274a",
        ),
    ),
)
SIDER_DOWNLOAD = Download(
    "CC BY-NC-SA 4.0 (SIDER); the table is part of DeepChem (MIT)",
    (
        Remote(
            "moleculenet/sider.csv.gz",
            PINNED + "examples/sider/sider.csv.gz",
            "4cc7ccb20dded475853c583596e227116c222c6ca7dbb40159bdbe9ee3f099b9",
        ),
    ),
)
RANKING = ("roc_auc", "pr_auc_gain", "average_precision", "balanced_accuracy", "ece", "brier")
SCREENING = ("bedroc20", "ef1", "roc_auc", "average_precision", "ece", "brier")
COMMON = 0.02  # a group of more than this share of the molecules (benzene) is learned from


@dataclass(frozen=True)
class Collection:
    """Assays over one set of molecules; `new` of them, the last, are the targets of the transfer.

    `classes`: of 0 and 1. `most`: how many molecules are used at most. `decoys`: how many
    inactives of a base and of a new assay are used at most, or None for all. `val` and
    `test`: shares of the groups.
    """

    name: str
    download: Download
    assays: tuple[str, ...]
    new: int
    classes: tuple[str, str]
    metrics: tuple[str, ...]
    val: float
    test: float
    most: int = 2**31
    decoys: tuple[int, int] | None = None
    streams: tuple[Stream, ...] = ()

    def wanted(self, label: NDArray[np.int8]) -> NDArray[np.bool_]:
        """Return which labels [molecules, assays] are used.

        All, or every active and the first decoys of each assay.
        """
        if self.decoys is None:
            return np.ones(label.shape, dtype=bool)
        base, new = self.decoys
        most = np.array([base] * (len(self.assays) - self.new) + [new] * self.new)
        return (label == 1) | ((label == 0) & ((label == 0).cumsum(0) <= most))

    def table(self) -> Table:
        """Return the described molecules, kept after they were computed once.

        Raises what `content` and rdkit raise.
        """
        version, (remote,) = molecules.rdkit_version(), self.download.files
        table = content(remote)
        identity, code = (remote.sha256, version, repr(self)), [Path(molecules.__file__)]
        return cache.arrays(
            self.name,
            identity,
            code,
            lambda: molecules.described(table, self.assays, self.wanted, self.most),
        )

    def parts(self, table: Table) -> NDArray[np.int8]:
        """Return TRAIN, VAL or TEST for each molecule, the same for a whole group and all assays.

        Common groups are TRAIN; of the others the shares are of those without an active,
        and of those whose rarest active is of each assay.
        """
        group, smiles, active = (
            table["group"],
            molecules.lines(table["smiles"]),
            table["label"] == 1,
        )
        _, first, number, size = np.unique(
            group, return_index=True, return_inverse=True, return_counts=True
        )
        held = np.zeros((len(size), len(self.assays)), dtype=bool)
        np.logical_or.at(held, number, active)
        rarest = np.where(held.any(1), np.where(held, active.sum(0), len(group) + 1).argmin(1), -1)
        rows = np.flatnonzero(size[number] <= COMMON * len(group))
        # the bare hash already chose which molecules are here
        keys = [f"group {smiles[first[number[row]]]}" for row in rows]
        part = np.full(len(group), TRAIN, dtype=np.int8)
        part[rows] = divided(keys, rarest[number[rows]].tolist(), val=self.val, test=self.test)
        return part

    def build(self, card: Callable[["Collection", Table, NDArray[np.int8]], Card]) -> Dataset:
        """Return the dataset."""
        table = self.table()
        part = self.parts(table)
        base, new = self.assays[: -self.new], self.assays[-self.new :]
        splits = [_splits(table, part == wanted) for wanted in (TRAIN, VAL, TEST)]
        return Dataset(
            name=self.name,
            card=card(self, table, part),
            task=Task("classification", self.classes, self.metrics),
            domains=tuple(
                Domain(assay, *of_assay)
                for assay, *of_assay in zip(self.assays, *splits, strict=True)
            ),
            transfers=(Transfer("base-to-new", base, new),),
            streams=self.streams,
        )


def _splits(table: Table, rows: NDArray[np.bool_]) -> list[Split]:
    """Return some molecules as a split of each assay, without those it has no label for."""
    x = torch.from_numpy(np.unpackbits(table["bits"][rows], axis=1)).float()
    group = torch.from_numpy(table["group"][rows].astype(np.int64))
    return [
        _split(x, torch.from_numpy(label.astype(np.int64)), group)
        for label in table["label"][rows].T
    ]


def _split(x: Tensor, label: Tensor, group: Tensor) -> Split:
    known = label != MISSING
    return Split(x, label, group) if known.all() else Split(x, label, group)[known]


NUCLEAR = ("NR-AR", "NR-AR-LBD", "NR-AhR", "NR-Aromatase", "NR-ER", "NR-ER-LBD", "NR-PPAR-gamma")
STRESS = ("SR-ARE", "SR-ATAD5", "SR-HSE", "SR-MMP", "SR-p53")
TOX21 = Collection(
    name="tox21",
    download=TOX21_DOWNLOAD,
    assays=(*NUCLEAR, *STRESS),
    new=3,
    classes=("inactive", "active"),
    metrics=RANKING,
    val=0.1,
    test=0.35,
    most=2000,
    streams=(Stream("stress-responses", STRESS),),
)
SIDER = Collection(
    name="sider",
    download=SIDER_DOWNLOAD,
    assays=(
        "Hepatobiliary disorders",
        "Metabolism and nutrition disorders",
        "Product issues",
        "Eye disorders",
        "Investigations",
        "Musculoskeletal and connective tissue disorders",
        "Gastrointestinal disorders",
        "Social circumstances",
        "Immune system disorders",
        "Reproductive system and breast disorders",
        "Neoplasms benign, malignant and unspecified (incl cysts and polyps)",
        "General disorders and administration site conditions",
        "Endocrine disorders",
        "Surgical and medical procedures",
        "Vascular disorders",
        "Blood and lymphatic system disorders",
        "Skin and subcutaneous tissue disorders",
        "Congenital, familial and genetic disorders",
        "Infections and infestations",
        "Respiratory, thoracic and mediastinal disorders",
        "Psychiatric disorders",
        "Renal and urinary disorders",
        "Pregnancy, puerperium and perinatal conditions",
        "Ear and labyrinth disorders",
        "Cardiac disorders",
        "Nervous system disorders",
        "Injury, poisoning and procedural complications",
    ),
    new=6,
    classes=("not reported", "reported"),
    metrics=RANKING,
    val=0.1,
    test=0.2,
)
MUV = Collection(
    name="muv",
    download=MUV_DOWNLOAD,
    assays=tuple(
        f"MUV-{number}"
        for number in (
            466,
            548,
            600,
            644,
            652,
            689,
            692,
            712,
            713,
            733,
            737,
            810,
            832,
            846,
            852,
            858,
            859,
        )
    ),
    new=5,
    classes=("decoy", "active"),
    metrics=SCREENING,
    val=0.1,
    test=0.5,
    decoys=(700, 4000),
)


def tox21() -> Dataset:
    """Return tox21."""
    return TOX21.build(cards.tox21)


def sider() -> Dataset:
    """Return sider."""
    return SIDER.build(cards.sider)


def muv() -> Dataset:
    """Return muv."""
    return MUV.build(cards.muv)
