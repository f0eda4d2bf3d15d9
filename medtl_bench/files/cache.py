"""Arrays that take long to compute from a dataset's files, kept in the platform's cache.

When in doubt they are computed again.
"""

import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import platformdirs
from numpy.typing import NDArray

from medtl_bench.files.npz import packed, unpacked
from medtl_bench.hashing import hashed

DIGEST = 64  # characters of a SHA-256, which stands before the content

Arrays = dict[str, NDArray[Any]]


def folder() -> Path:
    """Return where computed arrays are kept."""
    return Path(platformdirs.user_cache_dir("medtl-bench")) / "computed"


def arrays(
    name: str, identity: Sequence[str], code: Sequence[Path], make: Callable[[], Arrays]
) -> Arrays:
    """Return what `make` computes, or what an earlier call has kept.

    Of a call with the same name, identity and code, that is. `identity`: what the arrays
    depend on, such as the SHA-256 of files and the versions of libraries. `code`: the
    source files that compute them. What is damaged is computed again, and where nothing
    can be kept nothing is.
    """
    sources = [sha256(path.read_bytes()).hexdigest() for path in code]
    path = folder() / f"{name}-{hashed(name, *identity, *sources)[:32]}"
    content = _read(path)
    if content is None:
        content = packed(make())
        with suppress(OSError):
            _write(path, content)
    return unpacked(content)


def _read(path: Path) -> bytes | None:
    """Return the content of a file as it was written, or None where there is none such."""
    try:
        file = path.read_bytes()
    except OSError:
        return None
    digest, content = file[:DIGEST], file[DIGEST:]
    return content if sha256(content).hexdigest().encode() == digest else None


def _write(path: Path, content: bytes) -> None:
    # not `write_atomically`: a cache need not outlive a power failure, and waits for no
    # disk
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(sha256(content).hexdigest().encode() + content)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink()
        raise
