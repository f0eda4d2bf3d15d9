"""Rebuild the shipped file with RDKit.

`python -m medtl_chembl.rebuild MoleculeACE-3.0.0-py3-none-any.whl`
"""

import csv
import io
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator
from rdkit.Chem.Scaffolds.MurckoScaffold import MurckoScaffoldSmiles

from medtl_bench.files.division import TEST, TRAIN, VAL, hashed
from medtl_bench.files.npz import packed
from medtl_bench.files.rebuild import origin, rebuild
from medtl_chembl.dataset import FILE, LEFT_OUT, TARGETS

MEMBERS = [
    f"MoleculeACE/Data/benchmark_data/{target.chembl}_{target.measure}.csv" for target in TARGETS
]
SHA256 = "77aff61202a770dff8d93df84d2f092d91321d368dd16f444d2e63dc306e2327"
VALIDATION = 0.12


def make(path: Path) -> bytes:
    """Return the shipped file, made from MoleculeACE's tables."""
    tables = [
        list(csv.DictReader(io.StringIO(content.decode())))
        for content in origin(path, MEMBERS, SHA256)
    ]
    rows = [(number, row) for number, table in enumerate(tables) for row in table]
    smiles = sorted({row["smiles"] for _, row in rows})
    place = {text: number for number, text in enumerate(smiles)}
    fingerprint, scaffolds = _described(smiles)
    molecule = np.array([place[row["smiles"]] for _, row in rows], dtype=np.uint16)
    target = np.array([number for number, _ in rows], dtype=np.uint8)
    tested = np.array([row["split"] == "test" for _, row in rows])
    names = sorted(set(scaffolds))
    content: dict[str, NDArray[Any]] = {
        "molecule": molecule,
        "target": target,
        "y": np.array([float(row["y"]) for _, row in rows], dtype=np.float32),
        "cliff": np.array([row["cliff_mol"] == "1" for _, row in rows]),
        "part": _parts(molecule, target, tested, scaffolds, fingerprint),
        "fingerprint": fingerprint,
        "scaffold": np.searchsorted(np.array(names), np.array(scaffolds)).astype(np.uint16),
        "smiles": np.frombuffer("\n".join(smiles).encode(), dtype=np.uint8),
    }
    return packed(content)


def _described(smiles: list[str]) -> tuple[NDArray[np.uint8], list[str]]:
    generator = GetMorganGenerator(radius=2, fpSize=1024)
    molecules = [Chem.MolFromSmiles(text) for text in smiles]
    bits = np.array(
        [generator.GetFingerprintAsNumPy(molecule) for molecule in molecules], dtype=np.uint8
    )
    return np.packbits(bits, axis=1), [MurckoScaffoldSmiles(mol=molecule) for molecule in molecules]


def _parts(
    molecule: NDArray[np.uint16],
    target: NDArray[np.uint8],
    tested: NDArray[np.bool_],
    scaffolds: list[str],
    fingerprint: NDArray[np.uint8],
) -> NDArray[np.uint8]:
    part = np.where(tested, TEST, TRAIN).astype(np.uint8)
    bits = [fingerprint[m].tobytes() for m in molecule]
    for number, its in enumerate(TARGETS):
        rows = np.flatnonzero((target == number) & ~tested)
        part[_validation(its.name, [(row, scaffolds[molecule[row]]) for row in rows.tolist()])] = (
            VAL
        )
        for kept in (TEST, VAL):
            taken = {bits[row] for row in np.flatnonzero((target == number) & (part == kept))}
            part[[row for row in rows if part[row] < kept and bits[row] in taken]] = LEFT_OUT
    return part


def _validation(name: str, rows: list[tuple[int, str]]) -> list[int]:
    """Return rows of whole scaffolds, taken in the order of their hashes as long as they fit."""
    groups = defaultdict(list)
    for row, scaffold in rows:
        groups[scaffold].append(row)
    chosen: list[int] = []
    for scaffold in sorted(groups, key=lambda scaffold: hashed(name, scaffold)):
        if len(chosen) + len(groups[scaffold]) <= VALIDATION * len(rows):
            chosen += groups[scaffold]
    return chosen


if __name__ == "__main__":
    rebuild(make, FILE)
