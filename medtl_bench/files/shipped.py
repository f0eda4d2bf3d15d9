"""Reads data files that a plugin ships, unharmed or not at all."""

from hashlib import sha256
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from medtl_bench.errors import DataError, IntegrityError
from medtl_bench.files.npz import unpacked

REMEDY = "install the package again"


def read(path: Path, digest: str) -> bytes:
    """Return the bytes of a shipped file.

    Raises DataError if it cannot be read, IntegrityError if its SHA-256 differs.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
        raise DataError(f"The data file {path} {problem}; {REMEDY}.") from error
    actual = sha256(content).hexdigest()
    if actual != digest:
        difference = f"its SHA-256 is {actual[:12]}..., but {digest[:12]}... was expected"
        problem = f"is not as it was published: {difference}"
        raise IntegrityError(f"The data file {path} {problem}; {REMEDY}.")
    return content


def arrays(path: Path, digest: str) -> dict[str, NDArray[Any]]:
    """Return the arrays of a shipped npz file by name; raises as `read` does."""
    return unpacked(read(path, digest))
