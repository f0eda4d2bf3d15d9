"""From SMILES and labels to fingerprints, and to groups that a split must not tear apart."""

import csv
import gzip
import io
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from medtl_bench.arrays import Bools, Ints
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


def described(content: bytes, assays: Sequence[str], used: Callable[[Ints], Bools]) -> Table:
    """Return the molecules of a gzipped csv table in the order of their SMILES' hashes.

    A molecule each: `label` [n, assays] (1, 0 or MISSING), `bits` [n,
    128] (1,024-bit Morgan fingerprint of radius 2), `group` [n] (molecules that share a
    Bemis-Murcko scaffold or a fingerprint), `smiles` (as bytes, a line a molecule).
    `unparsed`: the SMILES that rdkit cannot read. `conflicts`: labels left out because a
    molecule's rows disagree. `used` tells which labels to use. Raises DataError when the
    table lacks a column or holds another label than 0 and 1.
    """
    smiles, label, conflicts = merged(*read(content, assays))
    label = np.where(used(label), label, MISSING)
    labelled = np.flatnonzero((label != MISSING).any(1))
    parsed, unparsed = _parsed([smiles[row] for row in labelled])
    molecules = list(parsed.values())
    rows = labelled[list(parsed)]
    bits = fingerprints(molecules)
    return {
        "label": label[rows],
        "bits": bits,
        "group": groups(scaffolds(molecules), [row.tobytes() for row in bits]),
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
        columns = [_labels(rows, assay) for assay in assays]
    except KeyError as error:
        raise DataError(
            f"The table of molecules holds the label {error}, but 0, 1 or nothing was expected."
        ) from error
    return [row["smiles"] for row in rows], np.array(columns, dtype=np.int8).T


LABELS = {"": MISSING, "0": 0, "1": 1, "0.0": 0, "1.0": 1}


def _labels(rows: Sequence[Mapping[str, str]], assay: str) -> list[int]:
    return [LABELS[row[assay]] for row in rows]


def merged(smiles: list[str], label: NDArray[np.int8]) -> tuple[list[str], NDArray[np.int8], int]:
    """Return each SMILES once, by hash, their labels, and how many are left out.

    A label is left out where rows of one molecule disagree.
    """
    names = sorted(set(smiles), key=hashed)
    number = {name: place for place, name in enumerate(names)}
    rows = np.array([number[name] for name in smiles])
    shape = (len(names), label.shape[1])
    low, high = np.full(shape, 2, dtype=np.int8), np.full(shape, MISSING, dtype=np.int8)
    np.minimum.at(low, rows, np.where(label == MISSING, 2, label).astype(np.int8))
    np.maximum.at(high, rows, label)
    conflict = (low == 0) & (high == 1)
    return names, np.where(conflict, MISSING, high).astype(np.int8), int(conflict.sum())


def _parsed(smiles: list[str]) -> tuple[dict[int, Any], list[str]]:
    """Return the molecules by their places, and the SMILES that cannot be read.

    rdkit's messages stay off stderr.
    """
    # takes longer to import than a kept table to read
    from rdkit import Chem, rdBase  # noqa: PLC0415

    with rdBase.BlockLogs():
        molecules = [Chem.MolFromSmiles(text) for text in smiles]
    readable = {place: read for place, read in enumerate(molecules) if read is not None}
    return readable, [text for place, text in enumerate(smiles) if place not in readable]


def fingerprints(molecules: list[Any]) -> NDArray[np.uint8]:
    """Return 1,024-bit Morgan fingerprints of radius 2 (Rogers and Hahn 2010) as bytes [n, 128]."""
    from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator  # noqa: PLC0415

    generator = GetMorganGenerator(radius=2, fpSize=1024)
    bits = [generator.GetFingerprintAsNumPy(molecule) for molecule in molecules]
    return np.packbits(np.array(bits, dtype=np.uint8).reshape(len(bits), 1024), axis=1)


def scaffolds(molecules: list[Any]) -> list[str]:
    """Return Bemis-Murcko scaffolds (1996) as SMILES, "" where there is no ring."""
    from rdkit.Chem.Scaffolds.MurckoScaffold import MurckoScaffoldSmiles  # noqa: PLC0415

    return [MurckoScaffoldSmiles(mol=molecule) for molecule in molecules]


def groups(scaffold: list[str], bits: list[bytes]) -> NDArray[np.int32]:
    """Return group numbers [n]: one for all that a scaffold or a fingerprint links.

    "" as a scaffold links nothing.
    """
    n = len(scaffold)
    # a graph of two kinds of nodes: the molecules, and behind them what links them
    node: dict[str | bytes, int] = {}
    links = []
    marks: list[tuple[int, str | bytes]] = [*enumerate(scaffold), *enumerate(bits)]
    for row, mark in marks:
        if mark:
            links.append((row, n + node.setdefault(mark, len(node))))
    if not links:
        return np.arange(n, dtype=np.int32)
    a, b = np.array(links).T
    size = n + len(node)
    graph = coo_array((np.ones(len(a), dtype=bool), (a, b)), shape=(size, size))
    return np.asarray(connected_components(graph, directed=False)[1][:n], dtype=np.int32)


def _lines(texts: list[str]) -> NDArray[np.uint8]:
    return np.frombuffer("\n".join(texts).encode(), dtype=np.uint8)


def lines(content: NDArray[np.uint8]) -> list[str]:
    """Return texts that were kept as bytes, a line each."""
    return content.tobytes().decode().split("\n") if len(content) else []
