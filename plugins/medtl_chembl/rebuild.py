"""Rebuild the shipped file with RDKit.

`python -m medtl_chembl.rebuild MoleculeACE-3.0.0-py3-none-any.whl`
"""

import csv
import io
from collections import defaultdict
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator
from rdkit.Chem.Scaffolds.MurckoScaffold import MurckoScaffoldSmiles

from medtl_bench.arrays import Bools, Ints
from medtl_bench.files.division import TEST, TRAIN, VAL
from medtl_bench.files.npz import packed
from medtl_bench.files.rebuild import origin, rebuild
from medtl_bench.hashing import hashed
from medtl_chembl.dataset import FILE, LEFT_OUT, TARGETS

MEMBERS = [
    f"MoleculeACE/Data/benchmark_data/{target.chembl}_{target.measure}.csv" for target in TARGETS
]
SHA256 = "77aff61202a770dff8d93df84d2f092d91321d368dd16f444d2e63dc306e2327"
VALIDATION = 0.12


def make(path: Path) -> bytes:
    """Return the shipped file, made from MoleculeACE's tables."""
    tables = [_read(content) for content in origin(path, MEMBERS, SHA256)]
    target = np.repeat(np.arange(len(tables), dtype=np.uint8), [len(table) for table in tables])
    rows = list(chain.from_iterable(tables))
    smiles, molecule = np.unique(np.array(_column(rows, "smiles")), return_inverse=True)
    fingerprint, scaffolds = _described(smiles.tolist())
    _, scaffold = np.unique(np.array(scaffolds), return_inverse=True)
    tested = np.array(_column(rows, "split")) == "test"
    content: dict[str, NDArray[Any]] = {
        "molecule": molecule.astype(np.uint16),
        "target": target,
        "y": np.array(list(map(float, _column(rows, "y"))), dtype=np.float32),
        "cliff": np.array(_column(rows, "cliff_mol")) == "1",
        "part": _parts(molecule, target, tested, scaffolds, fingerprint),
        "fingerprint": fingerprint,
        "scaffold": scaffold.astype(np.uint16),
        "smiles": np.frombuffer("\n".join(smiles.tolist()).encode(), dtype=np.uint8),
    }
    return packed(content)


def _read(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


def _column(rows: list[dict[str, str]], name: str) -> list[str]:
    return [row[name] for row in rows]


def _described(smiles: list[str]) -> tuple[NDArray[np.uint8], list[str]]:
    generator = GetMorganGenerator(radius=2, fpSize=1024)
    molecules = [Chem.MolFromSmiles(text) for text in smiles]
    bits = [generator.GetFingerprintAsNumPy(molecule) for molecule in molecules]
    scaffolds = [MurckoScaffoldSmiles(mol=molecule) for molecule in molecules]
    return np.packbits(np.array(bits, dtype=np.uint8), axis=1), scaffolds


def _parts(
    molecule: Ints,
    target: Ints,
    tested: Bools,
    scaffolds: list[str],
    fingerprint: NDArray[np.uint8],
) -> NDArray[np.uint8]:
    part = np.where(tested, TEST, TRAIN).astype(np.uint8)
    bits = [fingerprint[number].tobytes() for number in molecule]
    for number, protein in enumerate(TARGETS):
        rows = np.flatnonzero((target == number) & ~tested).tolist()
        scaffold_of = {row: scaffolds[molecule[row]] for row in rows}
        part[_validation(protein.name, scaffold_of)] = VAL
        # equal fingerprints give way to the test split, then to the validation split
        for judged in (TEST, VAL):
            taken = {bits[row] for row in np.flatnonzero((target == number) & (part == judged))}
            torn = [row for row in rows if part[row] < judged and bits[row] in taken]
            part[torn] = LEFT_OUT
    return part


def _validation(name: str, rows: dict[int, str]) -> list[int]:
    """Return rows of whole scaffolds, taken in the order of their hashes as long as they fit."""
    groups = defaultdict(list)
    for row, scaffold in rows.items():
        groups[scaffold].append(row)
    chosen: list[int] = []
    for scaffold in sorted(groups, key=lambda scaffold: hashed(name, scaffold)):
        if len(chosen) + len(groups[scaffold]) <= VALIDATION * len(rows):
            chosen += groups[scaffold]
    return chosen


if __name__ == "__main__":
    rebuild(make, FILE)
