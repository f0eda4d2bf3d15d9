"""Davis et al.'s affinities: kinase groups as domains, known against new targets or drugs."""

import csv
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tensordict import TensorDict
from torch import Tensor

from medtl_bench.arrays import Floats
from medtl_bench.contract.dataset import Card, Dataset
from medtl_bench.contract.scenario import Stream, Transfer
from medtl_bench.contract.split import Domain, Split
from medtl_bench.contract.task import Task
from medtl_bench.errors import DataError
from medtl_bench.files.division import TEST, TRAIN, VAL, divided
from medtl_bench.files.downloads import Download, Remote, content
from medtl_bench.files.shipped import read
from medtl_davis.describe import composition, fingerprints, scaffolds

COMMIT = "a546a8433a6822e958f36171c4356ad6f414d623"
PINNED = f"https://raw.githubusercontent.com/hkmztrk/DeepDTA/{COMMIT}/data/davis/"
DIGESTS = {
    "ligands_can.txt": "141094d99510a52091d2ea1b05be7c1f66b2c5fcaeeeb261eaf4cbf2128bde6d",
    "proteins.txt": "187cedeee10cd3b58af915a2861a5ed0c4ff42a2d728f4dea5e0b47e3d75b291",
    "drug-target_interaction_affinities_Kd__Davis_et_al.2011v1.txt": (
        "e2c3d003d49aff61f70be24feafd8d084b0df9404d919338088855828e252d88"
    ),
}
LICENCE = (
    "published with Davis et al. 2011, to be cited; the tables are part of DeepDTA, "
    "which names no licence for them"
)
DOWNLOAD = Download(
    LICENCE,
    tuple(Remote(f"davis/{name}", PINNED + name, digest) for name, digest in DIGESTS.items()),
)
KINASES = Path(__file__).parent / "data" / "kinase_groups.csv"
KINASES_SHA256 = "ab331e3b3e0e90d0d62304f7f41a1fca672dd028395abedbde8af0bd44ae68b3"
GROUPS = ("AGC", "CAMK", "CK1", "CMGC", "STE", "TK", "TKL", "other")
NEW_GROUPS = ("CAMK", "STE")
NEW_PROTEINS, NEW_DRUGS = 0.3, 0.4  # of all
PROTEIN_SHARES = {"val": 0.1, "test": 0.3}  # of those of a domain
DRUG_SHARES = {"val": 0.1, "test": 0.45}
NO_BINDING = 5.0  # pKd of 10 micromolar, the highest concentration tried
Pair = tuple[int, int]  # the numbers of a drug and a protein


@dataclass(frozen=True)
class Assay:
    """Drugs, proteins and what was measured.

    `drug`: SMILES [drugs]. `scaffold`: of each. `protein`: names [proteins]. `family`:
    kinase group of each. `pkd`: [drugs, proteins]. `drug_x`: fingerprints [drugs, 1024].
    `protein_x`: [proteins, 420].
    """

    drug: Sequence[str]
    scaffold: Sequence[str]
    protein: Sequence[str]
    family: Sequence[str]
    pkd: NDArray[np.float32]
    drug_x: Tensor
    protein_x: Tensor


def build() -> Dataset:
    """Return the dataset; raises what reading its files and describing its molecules raise."""
    assay = load()
    kinase_groups = tuple(_kinase_group(assay, name) for name in GROUPS)
    base = tuple(name for name in GROUPS if name not in NEW_GROUPS)
    return Dataset(
        name="davis-dti",
        card=_card(assay),
        task=Task("regression", (), ("concordance", "pr_auc_at_7", "rmse")),
        domains=(*kinase_groups, *_cold_targets(assay), *_cold_drugs(assay)),
        transfers=(
            Transfer("new-kinase-groups", base, NEW_GROUPS, unit="protein"),
            Transfer("cold-target", ("known-targets",), ("new-targets",), unit="protein"),
            Transfer("cold-drug", ("known-drugs",), ("new-drugs",), unit="scaffold"),
        ),
        streams=(Stream("kinase-groups", ("TK", "CMGC", "CAMK", "AGC")),),
    )


def load() -> Assay:
    """Return the assay, of the proteins that share a sequence one.

    Raises DataError where the files do not fit together.
    """
    drug, sequence, kd = _tables()
    family = kinase_groups()
    columns = [number for number, name in enumerate(sequence) if name in family]
    protein = [name for name in sequence if name in family]
    return Assay(
        drug=drug,
        scaffold=scaffolds(drug),
        protein=protein,
        family=[family[name] for name in protein],
        pkd=(9 - np.log10(kd[:, columns])).astype(np.float32),
        drug_x=torch.from_numpy(fingerprints(drug)),
        protein_x=torch.from_numpy(np.stack([composition(sequence[name]) for name in protein])),
    )


def _tables() -> tuple[list[str], dict[str, str], Floats]:
    """Return SMILES [drugs], sequences by name [proteins] and Kd in nM [drugs, proteins]."""
    ligands, proteins, affinities = (content(remote).decode() for remote in DOWNLOAD.files)
    drug, sequence = list(json.loads(ligands).values()), json.loads(proteins)
    kd = np.array([row.split() for row in affinities.splitlines()], dtype=np.float64)
    if kd.shape != (len(drug), len(sequence)):
        raise DataError(
            f"The affinities are {list(kd.shape)}, but of {len(drug)} drugs and "
            f"{len(sequence)} proteins."
        )
    return drug, sequence, kd


def kinase_groups() -> dict[str, str]:
    """Return the kinase group of each protein that is used, as shipped."""
    rows = csv.DictReader(read(KINASES, KINASES_SHA256).decode().splitlines())
    return {row["protein"]: row["group"] for row in rows}


def _kinase_group(assay: Assay, name: str) -> Domain:
    proteins = [number for number, family in enumerate(assay.family) if family == name]
    return _of_proteins(assay, name, proteins)


def _cold_targets(assay: Assay) -> tuple[Domain, Domain]:
    keys = [f"target {name}" for name in assay.protein]
    part = divided(keys, assay.family, val=0, test=NEW_PROTEINS)
    old, new = (np.flatnonzero(part == side).tolist() for side in (TRAIN, TEST))
    return _of_proteins(assay, "known-targets", old), _of_proteins(assay, "new-targets", new)


def _cold_drugs(assay: Assay) -> tuple[Domain, Domain]:
    keys = [f"drug {scaffold}" for scaffold in assay.scaffold]
    part = divided(keys, [0] * len(keys), val=0, test=NEW_DRUGS)
    old, new = (np.flatnonzero(part == side).tolist() for side in (TRAIN, TEST))
    return _of_drugs(assay, "known-drugs", old), _of_drugs(assay, "new-drugs", new)


def _of_proteins(assay: Assay, name: str, proteins: list[int]) -> Domain:
    """Return a domain of some proteins and all drugs, in which no protein stands in two splits."""
    keys = [f"{name} {assay.protein[p]}" for p in proteins]
    part = divided(keys, [0] * len(keys), **PROTEIN_SHARES)
    drugs = range(len(assay.drug))
    splits = []
    for side in (TRAIN, VAL, TEST):
        pairs = [(d, proteins[i]) for i in np.flatnonzero(part == side) for d in drugs]
        splits.append(_split(assay, pairs, by_protein=True))
    return Domain(name, *splits)


def _of_drugs(assay: Assay, name: str, drugs: list[int]) -> Domain:
    """Return a domain of some drugs and all proteins, in which no scaffold stands in two splits."""
    keys = [f"{name} {assay.scaffold[d]}" for d in drugs]
    part = divided(keys, [0] * len(keys), **DRUG_SHARES)
    proteins = range(len(assay.protein))
    splits = []
    for side in (TRAIN, VAL, TEST):
        pairs = [(drugs[i], p) for i in np.flatnonzero(part == side) for p in proteins]
        splits.append(_split(assay, pairs, by_protein=False))
    return Domain(name, *splits)


def _split(assay: Assay, pairs: list[Pair], *, by_protein: bool) -> Split:
    """Return pairs, grouped by protein or by the scaffold of the drug."""
    drug, protein = torch.tensor(pairs).T
    parts = {"drug": assay.drug_x[drug], "protein": assay.protein_x[protein]}
    x = TensorDict(parts, batch_size=[len(drug)])
    y = torch.from_numpy(assay.pkd)[drug, protein]
    return Split(x, y, protein if by_protein else _scaffold_numbers(assay)[drug])


def _scaffold_numbers(assay: Assay) -> Tensor:
    """Return the number of the scaffold of each drug [drugs], in the order of first sight."""
    number = {scaffold: place for place, scaffold in enumerate(dict.fromkeys(assay.scaffold))}
    return torch.tensor([number[scaffold] for scaffold in assay.scaffold])


def _card(assay: Assay) -> Card:
    sizes = Counter(assay.family)
    counts = ", ".join(f"{name} {sizes[name]}" for name in GROUPS)
    return Card(
        area="drug discovery",
        licence=LICENCE,
        source="Supplement of Davis et al. 2011, as tables of DeepDTA (Ozturk et al. "
        "2018) at the commit a546a84, data/davis",
        citation="Davis et al. 2011, Comprehensive analysis of kinase inhibitor "
        "selectivity, Nature Biotechnology 29; Ozturk, Ozgur and Ozkirimli 2018, "
        "DeepDTA: deep drug-target binding affinity prediction, Bioinformatics 34(17); "
        "kinase groups: Manning et al. 2002, The protein kinase complement of the human "
        "genome, Science 298",
        shift="new-kinase-groups: learned from six groups, asked about CAMK and STE "
        "kinases, whose inhibitors and binding rates differ. cold-target: asked about "
        "proteins that were not learned from, of the same groups. cold-drug: asked about "
        f"drugs of other scaffolds. Proteins of each group: {counts}; other holds what "
        "Manning et al. call other and atypical, lipid kinases, and three kinases of "
        "parasites and bacteria.",
        provenance="real",
        privacy="No person's data.",
        intended_use="Comparing transfer methods on drug-target affinity; not for "
        "decisions about drugs.",
        notes="Label: pKd = 9 - log10(Kd in nM); "
        f"{(assay.pkd <= NO_BINDING).mean():.0%} of all pairs are 5, which stands for "
        "no binding found at 10 micromolar. Input: the drug's 1,024-bit Morgan "
        "fingerprint of radius 2 without stereochemistry, and the protein's "
        "composition, that is the shares of its 20 amino acids and 400 pairs of "
        "neighbours, which needs no fixed length. The tables give mutants, "
        "phosphorylated forms and second domains of a protein the one sequence of "
        f"its wild type: of the 442 entries the {len(assay.protein)} with a sequence "
        "of their own are used, as the wild type or the first domain, and 63 are "
        "left out. Proteins are kept apart by sequence alone: close relatives such "
        "as AKT1 and AKT2 may stand on two sides. Drugs are kept apart by "
        f"Bemis-Murcko scaffold. Each way of asking uses all {assay.pkd.size:,} "
        "pairs. A label is a protein with its pairs with all 68 drugs, or a scaffold "
        "with those of its drugs with all proteins, as they are measured; the labels "
        "of a new group, target set or drug set are of other proteins or drugs than "
        "those asked about.",
    )
