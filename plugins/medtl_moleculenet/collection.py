"""A collection of assays over one set of molecules: its table, its split and its dataset."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medtl_bench.arrays import Bools, Ints
from medtl_bench.contract.dataset import Card, Dataset
from medtl_bench.contract.scenario import Stream, Transfer
from medtl_bench.contract.split import Domain, Split
from medtl_bench.contract.task import Task
from medtl_bench.files import cache
from medtl_bench.files.division import TEST, TRAIN, VAL, divided
from medtl_bench.files.downloads import Download, content
from medtl_moleculenet import molecules
from medtl_moleculenet.molecules import MISSING, Table

COMMON = 0.02  # a group of more than this share of the molecules (benzene) is learned from


@dataclass(frozen=True)
class Collection:
    """Assays over one set of molecules; `new` of them, the last, are the targets of the transfer.

    `classes`: of 0 and 1. `decoys`: how many inactives of a base and of a new assay are
    used at most, or None for all. `val` and `test`: shares of the groups.
    """

    name: str
    download: Download
    assays: tuple[str, ...]
    new: int
    classes: tuple[str, str]
    metrics: tuple[str, ...]
    val: float
    test: float
    decoys: tuple[int, int] | None = None
    streams: tuple[Stream, ...] = ()

    def used(self, label: Ints) -> Bools:
        """Return which labels [molecules, assays] are used.

        All, or every active and the first decoys of each assay.
        """
        if self.decoys is None:
            return np.ones(label.shape, dtype=bool)
        base, new = self.decoys
        most = np.array([base] * (len(self.assays) - self.new) + [new] * self.new)
        return np.asarray((label == 1) | ((label == 0) & ((label == 0).cumsum(0) <= most)))

    def table(self) -> Table:
        """Return the described molecules, kept after they were computed once.

        Raises what `content` and rdkit raise.
        """
        version, (remote,) = molecules.rdkit_version(), self.download.files
        file = content(remote)

        def make() -> Table:
            return molecules.described(file, self.assays, self.used)

        identity = (remote.sha256, version, repr(self))
        return cache.arrays(self.name, identity, [Path(molecules.__file__)], make)

    def parts(self, table: Table) -> NDArray[np.int8]:
        """Return TRAIN, VAL or TEST for each molecule, the same for a whole group and all assays.

        Common groups are TRAIN; of the others the shares are of those without an active,
        and of those whose rarest active is of each assay.
        """
        smiles = molecules.lines(table["smiles"])
        _, first, number, size = np.unique(
            table["group"], return_index=True, return_inverse=True, return_counts=True
        )
        part = np.full(len(number), TRAIN, dtype=np.int8)
        rows = np.flatnonzero(size[number] <= COMMON * len(number))
        keys = [f"group {smiles[row]}" for row in first[number[rows]]]
        labels = _rarest(number, table["label"] == 1)[number[rows]].tolist()
        part[rows] = divided(keys, labels, val=self.val, test=self.test)
        return part

    def build(self, card: Callable[["Collection", Table, Ints], Card]) -> Dataset:
        """Return the dataset."""
        table = self.table()
        part = self.parts(table)
        splits = [_splits(table, part == number) for number in (TRAIN, VAL, TEST)]
        of_assay = zip(self.assays, *splits, strict=True)
        base, new = self.assays[: -self.new], self.assays[-self.new :]
        return Dataset(
            name=self.name,
            card=card(self, table, part),
            task=Task("classification", self.classes, self.metrics),
            domains=tuple(Domain(assay, *parts) for assay, *parts in of_assay),
            transfers=(Transfer("base-to-new", base, new),),
            streams=self.streams,
            labels="own",
        )


def _rarest(number: Ints, active: Bools) -> Ints:
    """Return for each group the assay of its rarest active, or -1 where it has no active.

    `number`: of the group of each molecule [n]. `active`: [n, assays].
    """
    present = np.zeros((number.max() + 1, active.shape[1]), dtype=bool)
    np.logical_or.at(present, number, active)
    counts = np.where(present, active.sum(0), len(number) + 1)
    return np.where(present.any(1), counts.argmin(1), -1)


def _splits(table: Table, rows: Bools) -> list[Split]:
    """Return some molecules as a split of each assay, without those it has no label for."""
    x = torch.from_numpy(np.unpackbits(table["bits"][rows], axis=1)).float()
    group = torch.from_numpy(table["group"][rows].astype(np.int64))
    labels = torch.from_numpy(table["label"][rows].T.astype(np.int64))
    return [_split(x, label, group) for label in labels]


def _split(x: Tensor, label: Tensor, group: Tensor) -> Split:
    measured = label != MISSING
    split = Split(x, label, group)
    return split if measured.all() else split[measured]
