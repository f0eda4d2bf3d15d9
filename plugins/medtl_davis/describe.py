"""What the inputs are: the fingerprint of a drug and the composition of a protein."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medtl_bench.errors import DataError, NotInstalledError

AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"


def composition(sequence: str) -> NDArray[np.float32]:
    """Return shares of the 20 amino acids, then of their 400 ordered pairs of neighbours [420].

    The composition of Bhasin and Raghava 2004. Letters that are no amino acid count in
    neither. A sequence without any gives zeros.
    """
    place = {letter: number for number, letter in enumerate(AMINO_ACIDS)}
    code = np.array([place.get(letter, -1) for letter in sequence], dtype=np.int64)
    first, second = code[:-1], code[1:]
    pairs = (20 * first + second)[(first >= 0) & (second >= 0)]
    counts = np.bincount(code[code >= 0], minlength=20), np.bincount(pairs, minlength=400)
    shares = [count / max(1, count.sum()) for count in counts]
    return np.concatenate(shares).astype(np.float32)


def fingerprints(smiles: Sequence[str]) -> NDArray[np.float32]:
    """Return 1,024-bit Morgan fingerprints of radius 2 (Rogers and Hahn 2010) [n, 1024].

    Raises as `_molecules` does.
    """
    molecules = _molecules(smiles)
    from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator  # noqa: PLC0415

    generator = GetMorganGenerator(radius=2, fpSize=1024)
    bits = [generator.GetFingerprintAsNumPy(molecule) for molecule in molecules]
    return np.array(bits, dtype=np.float32)


def scaffolds(smiles: Sequence[str]) -> list[str]:
    """Return Bemis-Murcko scaffolds (1996) as SMILES; raises as `_molecules` does."""
    molecules = _molecules(smiles)
    from rdkit.Chem.Scaffolds.MurckoScaffold import MurckoScaffoldSmiles  # noqa: PLC0415

    return [MurckoScaffoldSmiles(mol=molecule) for molecule in molecules]


def _molecules(smiles: Sequence[str]) -> list[Any]:
    """Return the molecules.

    Raises NotInstalledError without rdkit, DataError with every SMILES that it cannot
    read.
    """
    try:
        from rdkit import Chem, rdBase  # noqa: PLC0415 - an extra, and slow to import
    except ImportError as error:
        raise NotInstalledError(
            "rdkit is not installed: pip install medtl-bench[molecules]"
        ) from error
    with rdBase.BlockLogs():
        molecules = [Chem.MolFromSmiles(text) for text in smiles]
    unread = [text for text, read in zip(smiles, molecules, strict=True) if read is None]
    if unread:
        raise DataError(
            f"RDKit cannot read {len(unread)} SMILES of the drugs: {', '.join(unread)}."
        )
    return molecules
