"""From SMILES and labels to fingerprints, and to groups that a split must not tear apart."""

import csv
import gzip
import io
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from medtl_bench.errors import DataError, NotInstalledError
from medtl_bench.hashing import hashed

MISSING = -1
Table = dict[str, NDArray[Any]]


def rdkit_version() -> str:
    """Return the version of rdkit; raises NotInstalledError."""
    try:
        return metadata.version("rdkit")
    except metadata.PackageNotFoundError as error:
        raise NotInstalledError(
            "rdkit is not installed: pip install medtl-bench[molecules]"
        ) from error


def described(
    content: bytes,
    assays: Sequence[str],
    wanted: Callable[[NDArray[np.int8]], NDArray[np.bool_]],
    most: int,
) -> Table:
    """Return the molecules of a gzipped csv table in the order of their SMILES' hashes.

    At most so many. A molecule each: `label` [n, assays] (1, 0 or MISSING), `bits` [n,
    128] (1,024-bit Morgan fingerprint of radius 2), `group` [n] (molecules that share a
    Bemis-Murcko scaffold or a fingerprint), `smiles` (as bytes, a line a molecule).
    `unparsed`: the SMILES that rdkit cannot read. `conflicts`: labels left out because a
    molecule's rows disagree. `wanted` tells which labels to use. Raises DataError when
    the table lacks a column or holds another label than 0 and 1.
    """
    smiles, label, conflicts = merged(*read(content, assays))
    label = np.where(wanted(label), label, MISSING)
    known = np.flatnonzero((label != MISSING).any(1))
    parsed, unparsed = _parsed([smiles[row] for row in known])
    kept = parsed[:most]
    rows = known[[place for place, _ in kept]]
    bits = fingerprints([molecule for _, molecule in kept])
    return {
        "label": label[rows],
        "bits": bits,
        "group": groups(
            scaffolds([molecule for _, molecule in kept]), [row.tobytes() for row in bits]
        ),
        "smiles": _lines([smiles[row] for row in rows]),
        "unparsed": _lines(unparsed),
        "conflicts": np.array(conflicts),
    }


def read(content: bytes, assays: Sequence[str]) -> tuple[list[str], NDArray[np.int8]]:
    """Return SMILES and labels [rows, assays] of a gzipped csv table; raises DataError."""
    try:
        rows = list(csv.DictReader(io.StringIO(gzip.decompress(content).decode())))
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise DataError(f"The table of molecules is no gzipped csv file: {error}.") from error
    lacking = sorted({"smiles", *assays} - set(rows[0] if rows else ()))
    if lacking:
        raise DataError(
            f"The table of molecules lacks the columns {', '.join(map(repr, lacking))}."
        )
    try:
        label = np.array([[_label(row[assay]) for assay in assays] for row in rows], dtype=np.int8)
    except KeyError as error:
        raise DataError(
            f"The table of molecules holds the label {error}, but 0, 1 or nothing was expected."
        ) from error
    return [row["smiles"] for row in rows], label


_LABELS = {"": MISSING, "0": 0, "1": 1, "0.0": 0, "1.0": 1}


def _label(text: str) -> int:
    return _LABELS[text]


def merged(smiles: list[str], label: NDArray[np.int8]) -> tuple[list[str], NDArray[np.int8], int]:
    """Return each SMILES once, by hash, their labels, and how many are left out.

    A label is left out where rows of one molecule disagree.
    """
    names = sorted(set(smiles), key=hashed)
    place = {name: number for number, name in enumerate(names)}
    rows = np.array([place[name] for name in smiles])
    shape = (len(names), label.shape[1])
    low, high = np.full(shape, 2, dtype=np.int8), np.full(shape, MISSING, dtype=np.int8)
    np.minimum.at(low, rows, np.where(label == MISSING, 2, label).astype(np.int8))
    np.maximum.at(high, rows, label)
    conflict = (low == 0) & (high == 1)
    return names, np.where(conflict, MISSING, high).astype(np.int8), int(conflict.sum())


def _parsed(smiles: list[str]) -> tuple[list[tuple[int, Any]], list[str]]:
    """Return the molecules with their places, and the SMILES that cannot be read.

    rdkit's messages stay off stderr.
    """
    # takes longer to import than a kept table to read
    from rdkit import Chem, rdBase  # noqa: PLC0415

    with rdBase.BlockLogs():
        molecules = [Chem.MolFromSmiles(text) for text in smiles]
    readable = [
        (place, molecule) for place, molecule in enumerate(molecules) if molecule is not None
    ]
    return readable, [
        text for text, molecule in zip(smiles, molecules, strict=True) if molecule is None
    ]


def fingerprints(molecules: list[Any]) -> NDArray[np.uint8]:
    """Return 1,024-bit Morgan fingerprints of radius 2 (Rogers and Hahn 2010) as bytes [n, 128]."""
    from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator  # noqa: PLC0415

    generator = GetMorganGenerator(radius=2, fpSize=1024)
    bits = np.array(
        [generator.GetFingerprintAsNumPy(molecule) for molecule in molecules], dtype=np.uint8
    )
    return np.packbits(bits.reshape(len(molecules), 1024), axis=1)


def scaffolds(molecules: list[Any]) -> list[str]:
    """Return Bemis-Murcko scaffolds (1996) as SMILES, "" where there is no ring."""
    from rdkit.Chem.Scaffolds.MurckoScaffold import MurckoScaffoldSmiles  # noqa: PLC0415

    return [MurckoScaffoldSmiles(mol=molecule) for molecule in molecules]


def groups(scaffold: list[str], bits: list[bytes]) -> NDArray[np.int32]:
    """Return group numbers [n]: one for all that a scaffold or a fingerprint links.

    "" as a scaffold links nothing.
    """
    n, place = len(scaffold), {}
    links = [
        (row, n + place.setdefault(mark, len(place)))
        for marks in (scaffold, bits)
        for row, mark in enumerate(marks)
        if mark
    ]
    if not links:
        return np.arange(n, dtype=np.int32)
    a, b = np.array(links).T
    size = n + len(place)
    graph = coo_array((np.ones(len(a), dtype=bool), (a, b)), shape=(size, size))
    return np.asarray(connected_components(graph, directed=False)[1][:n], dtype=np.int32)


def _lines(texts: list[str]) -> NDArray[np.uint8]:
    return np.frombuffer("\n".join(texts).encode(), dtype=np.uint8)


def lines(kept: NDArray[np.uint8]) -> list[str]:
    """Return texts that were kept as bytes, a line each."""
    return kept.tobytes().decode().split("\n") if len(kept) else []
