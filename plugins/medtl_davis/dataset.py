"""Davis et al.'s affinities: kinase groups as domains, known against new targets or drugs."""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tensordict import TensorDict
from torch import Tensor

from medtl_bench.contract.dataset import Card, Dataset
from medtl_bench.contract.scenario import Stream, Transfer
from medtl_bench.contract.split import Domain, Split
from medtl_bench.contract.task import Task
from medtl_bench.errors import DataError
from medtl_bench.files.division import TEST, TRAIN, VAL, divided, hashed
from medtl_bench.files.downloads import Download, Remote, content
from medtl_bench.files.shipped import read
from medtl_davis.describe import composition, fingerprints, scaffolds

PINNED = "https://raw.githubusercontent.com/hkmztrk/DeepDTA/a546a8433a6822e958f36171c4356ad6f414d623/data/davis/"
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
MOST = {TRAIN: 800, VAL: 100, TEST: 400}  # pairs
NO_BINDING = 5.0  # pKd of 10 micromolar, the highest concentration tried


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
            Transfer("new-kinase-groups", base, NEW_GROUPS),
            Transfer("cold-target", ("known-targets",), ("new-targets",)),
            Transfer("cold-drug", ("known-drugs",), ("new-drugs",)),
        ),
        streams=(Stream("kinase-groups", ("TK", "CMGC", "CAMK", "AGC")),),
    )


def load() -> Assay:
    """Return the assay, of the proteins that share a sequence one.

    Raises DataError where the files do not fit together.
    """
    ligands, proteins, affinities = (content(remote).decode() for remote in DOWNLOAD.files)
    drug, sequence = list(json.loads(ligands).values()), json.loads(proteins)
    kd = np.array([row.split() for row in affinities.splitlines()], dtype=np.float64)
    if kd.shape != (len(drug), len(sequence)):
        raise DataError(
            f"The affinities are {list(kd.shape)}, but of {len(drug)} drugs and "
            f"{len(sequence)} proteins."
        )
    family = kinase_groups()
    kept = [place for place, name in enumerate(sequence) if name in family]
    names = [list(sequence)[place] for place in kept]
    return Assay(
        drug,
        scaffolds(drug),
        names,
        [family[name] for name in names],
        (9 - np.log10(kd[:, kept])).astype(np.float32),
        torch.from_numpy(fingerprints(drug)),
        torch.from_numpy(np.stack([composition(sequence[name]) for name in names])),
    )


def kinase_groups() -> dict[str, str]:
    """Return the kinase group of each protein that is used, as shipped."""
    rows = csv.DictReader(read(KINASES, KINASES_SHA256).decode().splitlines())
    return {row["protein"]: row["group"] for row in rows}


def _kinase_group(assay: Assay, name: str) -> Domain:
    mine = [place for place, family in enumerate(assay.family) if family == name]
    return _of_proteins(assay, name, mine)


def _cold_targets(assay: Assay) -> tuple[Domain, Domain]:
    part = divided(
        [f"target {name}" for name in assay.protein], assay.family, val=0, test=NEW_PROTEINS
    )
    known, new = (np.flatnonzero(part == side).tolist() for side in (TRAIN, TEST))
    return _of_proteins(assay, "known-targets", known), _of_proteins(assay, "new-targets", new)


def _cold_drugs(assay: Assay) -> tuple[Domain, Domain]:
    part = divided(
        [f"drug {scaffold}" for scaffold in assay.scaffold],
        [0] * len(assay.drug),
        val=0,
        test=NEW_DRUGS,
    )
    known, new = (np.flatnonzero(part == side).tolist() for side in (TRAIN, TEST))
    return _of_drugs(assay, "known-drugs", known), _of_drugs(assay, "new-drugs", new)


def _of_proteins(assay: Assay, name: str, proteins: list[int]) -> Domain:
    """Return a domain of some proteins and all drugs, in which no protein stands in two splits."""
    part = divided(
        [f"{name} {assay.protein[p]}" for p in proteins], [0] * len(proteins), **PROTEIN_SHARES
    )
    pairs = {
        side: [
            (d, proteins[i]) for i in np.flatnonzero(part == side) for d in range(len(assay.drug))
        ]
        for side in MOST
    }
    return Domain(name, *(_split(assay, pairs[side], MOST[side], by_protein=True) for side in MOST))


def _of_drugs(assay: Assay, name: str, drugs: list[int]) -> Domain:
    """Return a domain of some drugs and all proteins, in which no scaffold stands in two splits."""
    part = divided([f"{name} {assay.scaffold[d]}" for d in drugs], [0] * len(drugs), **DRUG_SHARES)
    pairs = {
        side: [
            (drugs[i], p) for i in np.flatnonzero(part == side) for p in range(len(assay.protein))
        ]
        for side in MOST
    }
    return Domain(
        name, *(_split(assay, pairs[side], MOST[side], by_protein=False) for side in MOST)
    )


def _split(assay: Assay, pairs: list[tuple[int, int]], most: int, *, by_protein: bool) -> Split:
    """Return the first pairs in the order of their hashes.

    They are grouped by protein, or by the scaffold of the drug.
    """
    chosen = sorted(pairs, key=lambda pair: hashed(assay.drug[pair[0]], assay.protein[pair[1]]))[
        :most
    ]
    drug, protein = torch.tensor(chosen).T
    x = TensorDict(
        {"drug": assay.drug_x[drug], "protein": assay.protein_x[protein]}, batch_size=[len(chosen)]
    )
    y = torch.from_numpy(assay.pkd)[drug, protein]
    number = {scaffold: place for place, scaffold in enumerate(dict.fromkeys(assay.scaffold))}
    of_drug = torch.tensor([number[scaffold] for scaffold in assay.scaffold])
    return Split(x, y, protein if by_protein else of_drug[drug])


def _card(assay: Assay) -> Card:
    counts = ", ".join(
        f"{name} {sum(family == name for family in assay.family)}" for name in GROUPS
    )
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
        notes=f"Label: pKd = 9 - log10(Kd in nM); {(assay.pkd <= NO_BINDING).mean():.0%} "
        "of all pairs are 5, which stands for no binding found at 10 micromolar. Input: "
        "the drug's 1,024-bit Morgan fingerprint of radius 2 without stereochemistry, "
        "and the protein's composition, that is the shares of its 20 amino acids and 400 "
        "pairs of neighbours, which needs no fixed length. The tables give mutants, "
        "phosphorylated forms and second domains of a protein the one sequence of its "
        f"wild type: of the 442 entries the {len(assay.protein)} with a sequence of "
        "their own are used, as the wild type or the first domain, and 63 are left out. "
        "Proteins are kept apart by sequence alone: close relatives such as AKT1 and "
        "AKT2 may stand on two sides. Drugs are kept apart by Bemis-Murcko scaffold. "
        f"Each split holds at most {MOST[TRAIN]:,} training, {MOST[VAL]} validation and "
        f"{MOST[TEST]} test pairs, the first in the order of their hashes. A few labels "
        "of a new group, target set or drug set are of other proteins or drugs than "
        "those asked about.",
    )
