"""Arrays that take long to make of a dataset's files: made once, kept in the cache, and made again when anything changes."""

import io
import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from numpy.typing import NDArray

from medtl_bench.shipped import hashed, packed

Arrays = dict[str, NDArray[Any]]
UNREADABLE = (OSError, EOFError, ValueError, zlib.error, zipfile.BadZipFile)


def prepared(name: str, marks: Sequence[str], code: Sequence[Path], make: Callable[[], Arrays]) -> Arrays:
    """Return what `make` returns, from the cache where it was kept under the same name, marks and code.

    `marks`: what the arrays depend on, such as the SHA-256 of files and versions of libraries. `code`: the source files that
    make them. A kept file that cannot be read is made again, and a cache that cannot be written is done without.
    """
    known = hashed(*marks, *(sha256(path.read_bytes()).hexdigest() for path in code))
    kept = Path(platformdirs.user_cache_dir("medtl-bench")) / "prepared" / f"{name}-{known[:32]}.npz"
    with suppress(*UNREADABLE), np.load(io.BytesIO(kept.read_bytes()), allow_pickle=False) as found:
        return {array: found[array] for array in found.files}
    arrays = make()
    with suppress(OSError):
        _write(kept, packed(arrays))
    return arrays


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(draft).replace(path)
    finally:
        Path(draft).unlink(missing_ok=True)
