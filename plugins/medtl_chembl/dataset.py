"""MoleculeACE's 30 targets as domains: whether a molecule is active at 100 nM, and how strongly.

A molecule is given by its fingerprint.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medtl_bench.arrays import Bools
from medtl_bench.contract.dataset import Card, Dataset
from medtl_bench.contract.scenario import Stream, Transfer
from medtl_bench.contract.split import Domain, Split
from medtl_bench.contract.task import Task
from medtl_bench.files.division import TEST, TRAIN, VAL
from medtl_bench.files.shipped import arrays

FILE = Path(__file__).parent / "data" / "moleculeace.npz"
SHA256 = "b3aa707867ee84287762675005fd5a7b7563ebcbe0f2695732729703e5db2f81"
# beside TRAIN, VAL and TEST: training rows whose fingerprint another molecule in val or test has
LEFT_OUT = 3
ACTIVE = 7.0  # pKi or pEC50 of 100 nM
METRICS = ("roc_auc", "pr_auc_gain", "bedroc20", "ef1", "balanced_accuracy", "ece", "brier")

Table = dict[str, NDArray[Any]]
MakeSplit = Callable[[Table, Bools], Split]  # of the rows of a table


@dataclass(frozen=True)
class Target:
    """A protein and what was measured on it; `unseen` ones are the targets of the transfer."""

    chembl: str
    protein: str
    measure: str
    family: str
    unseen: bool = False

    @property
    def name(self) -> str:
        """Return the name of the domain."""
        return f"{self.protein}-{self.measure}"


TARGETS = (
    Target("CHEMBL1862", "abl1", "Ki", "kinase", unseen=True),
    Target("CHEMBL1871", "androgen-receptor", "Ki", "nuclear receptor", unseen=True),
    Target("CHEMBL2034", "glucocorticoid-receptor", "Ki", "nuclear receptor"),
    Target("CHEMBL2047", "fxr", "EC50", "nuclear receptor", unseen=True),
    Target("CHEMBL204", "thrombin", "Ki", "protease", unseen=True),
    Target("CHEMBL2147", "pim1", "Ki", "kinase"),
    Target("CHEMBL214", "5-ht1a", "Ki", "GPCR"),
    Target("CHEMBL218", "cb1", "EC50", "GPCR", unseen=True),
    Target("CHEMBL219", "d4", "Ki", "GPCR", unseen=True),
    Target("CHEMBL228", "sert", "Ki", "transporter"),
    Target("CHEMBL231", "h1", "Ki", "GPCR", unseen=True),
    Target("CHEMBL233", "mu-opioid", "Ki", "GPCR"),
    Target("CHEMBL234", "d3", "Ki", "GPCR"),
    Target("CHEMBL235", "ppar-gamma", "EC50", "nuclear receptor"),
    Target("CHEMBL236", "delta-opioid", "Ki", "GPCR"),
    Target("CHEMBL237", "kappa-opioid", "EC50", "GPCR"),
    Target("CHEMBL237", "kappa-opioid", "Ki", "GPCR"),
    Target("CHEMBL238", "dat", "Ki", "transporter", unseen=True),
    Target("CHEMBL239", "ppar-alpha", "EC50", "nuclear receptor"),
    Target("CHEMBL244", "factor-xa", "Ki", "protease"),
    Target("CHEMBL262", "gsk3-beta", "Ki", "kinase"),
    Target("CHEMBL264", "h3", "Ki", "GPCR"),
    Target("CHEMBL2835", "jak1", "Ki", "kinase"),
    Target("CHEMBL287", "sigma-1", "Ki", "other"),
    Target("CHEMBL2971", "jak2", "Ki", "kinase"),
    Target("CHEMBL3979", "ppar-delta", "EC50", "nuclear receptor"),
    Target("CHEMBL4005", "pi3k-alpha", "Ki", "kinase"),
    Target("CHEMBL4203", "clk4", "Ki", "kinase", unseen=True),
    Target("CHEMBL4616", "ghrelin-receptor", "EC50", "GPCR"),
    Target("CHEMBL4792", "orexin-2", "Ki", "GPCR", unseen=True),
)
BASE = tuple(target.name for target in TARGETS if not target.unseen)
UNSEEN = tuple(target.name for target in TARGETS if target.unseen)
AMINERGIC = ("d3-Ki", "d4-Ki", "5-ht1a-Ki", "h1-Ki", "h3-Ki")


def build() -> Dataset:
    """Return chembl-activity."""
    label = "Label: pKi or pEC50 >= 7, that is 100 nM or better."
    task = Task("classification", ("inactive", "active"), METRICS)
    return _dataset("chembl-activity", task, _activity_split, label)


def build_affinity() -> Dataset:
    """Return chembl-affinity."""
    label = (
        "Label: pKi or pEC50, that is 9 less the logarithm to base 10 of the shipped "
        "value in nM. MoleculeACE's activity cliffs (a molecule much like another of the "
        "same target, and at least ten times as strong or as weak) are marked: the "
        "metric marked_rmse is theirs alone."
    )
    task = Task("regression", (), ("rmse", "concordance", "pr_auc_at_7"))
    return _dataset("chembl-affinity", task, _affinity_split, label)


def _dataset(name: str, task: Task, split: MakeSplit, label: str) -> Dataset:
    table = load()
    return Dataset(
        name=name,
        card=_card(table, label),
        task=task,
        domains=tuple(
            _domain(table, number, target, split) for number, target in enumerate(TARGETS)
        ),
        transfers=(Transfer("base-to-unseen", BASE, UNSEEN),),
        streams=(Stream("aminergic-receptors", AMINERGIC),),
        labels="own",
    )


def load() -> Table:
    """Return the shipped arrays; raises DataError or IntegrityError.

    A row each: `molecule` (its number), `target` (its number in TARGETS), `y` (-log10 of
    nM), `cliff`, `part`. A molecule each: `fingerprint` (1,024 bits as 128 bytes),
    `scaffold` (its number). `smiles`: all of them as bytes, a line a molecule.
    """
    return arrays(FILE, SHA256)


def active(y: NDArray[Any]) -> NDArray[np.int64]:
    """Return 1 where -log10 of nM reaches the threshold."""
    return (9 + y >= ACTIVE).astype(np.int64)


def strength(y: NDArray[Any]) -> NDArray[np.float32]:
    """Return pKi or pEC50 of -log10 of nM."""
    return (9 + y).astype(np.float32)


def _domain(table: Table, number: int, target: Target, split: MakeSplit) -> Domain:
    parts = (_rows(table, number, part) for part in (TRAIN, VAL, TEST))
    return Domain(target.name, *(split(table, rows) for rows in parts))


def _rows(table: Table, number: int, part: int) -> Bools:
    return np.asarray((table["target"] == number) & (table["part"] == part))


def _activity_split(table: Table, rows: Bools) -> Split:
    return Split(_fingerprints(table, rows), torch.from_numpy(active(table["y"][rows])))


def _affinity_split(table: Table, rows: Bools) -> Split:
    y, marked = strength(table["y"][rows]), torch.from_numpy(table["cliff"][rows])
    return Split(_fingerprints(table, rows), torch.from_numpy(y), marked=marked)


def _fingerprints(table: Table, rows: Bools) -> Tensor:
    bits = np.unpackbits(table["fingerprint"][table["molecule"][rows]], axis=1)
    return torch.from_numpy(bits).float()


def _overlap(table: Table) -> float:
    """Return the share of unseen targets' test molecules that a base target is trained on."""
    unseen = np.array([target.unseen for target in TARGETS])[table["target"]]
    tested = table["molecule"][unseen & (table["part"] == TEST)]
    trained = table["molecule"][~unseen & (table["part"] == TRAIN)]
    return float(np.isin(tested, trained).mean())


def _card(table: Table, label: str) -> Card:
    numbers = range(len(TARGETS))
    rates = [active(table["y"][table["target"] == number]).mean() for number in numbers]
    ids = ", ".join(f"{target.name} {target.chembl}" for target in TARGETS)
    return Card(
        area="drug discovery",
        origin="ChEMBL",
        licence="CC BY-SA 3.0 (ChEMBL); MIT (MoleculeACE)",
        source="MoleculeACE 3.0.0 on PyPI, curated from ChEMBL 29",
        citation="van Tilborg, Alenicheva and Grisoni 2022, Exposing the limitations of "
        "molecular machine learning with activity cliffs, Journal of Chemical "
        "Information and Modeling 62(23)",
        shift="Another protein: other chemistry is measured and other chemistry is "
        f"active. The share of actives runs from {min(rates):.0%} (fxr) to "
        f"{max(rates):.0%} (jak1), for the threshold is the same everywhere. Molecules "
        f"may be measured on several proteins: {_overlap(table):.0%} of the unseen targets' test "
        "molecules stand in a base target's training split, with that target's label.",
        provenance="real",
        privacy="No person's data.",
        intended_use="Comparing transfer and few-shot methods on public bioactivity. "
        "Assays of many laboratories are mixed; not for decisions about compounds or "
        "safety.",
        notes=f"{label} Input: 1,024-bit Morgan fingerprint of radius 2 without "
        "stereochemistry. MoleculeACE's train/test split is kept; it tears scaffolds, so "
        "rows carry no groups and scores are kinder than on new chemistry. Validation is "
        "about 12% of the training rows, in whole Murcko scaffolds. "
        f"{(table['part'] == LEFT_OUT).sum()} training rows are left out, because "
        "another molecule (a stereoisomer, a longer chain) in test or validation has the "
        "same fingerprint. The unseen targets are a third of each family: those with the "
        "fewest rows whose rarer class is at least a fifth of the training rows, and no "
        f"second assay of a base protein. Targets: {ids}.",
    )
