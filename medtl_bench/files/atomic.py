"""Writes files whole or not at all."""

import os
from pathlib import Path
from tempfile import NamedTemporaryFile

from medtl_bench.errors import IntegrityError

TEMPORARY = ".medtl-bench-"


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a whole file or leave the old one.

    Raises IntegrityError naming the file and the bytes that were needed.
    """
    data = content.encode() if isinstance(content, str) else content
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, data)
    except OSError as error:
        reason = error.strerror or error
        raise IntegrityError(f"Could not write {path} ({len(data)} bytes): {reason}.") from error


def _replace(path: Path, data: bytes) -> None:
    """Write beside the file, down to the disk, then put it in the file's place in one step."""
    temporary = None
    try:
        with NamedTemporaryFile(
            dir=path.parent, prefix=TEMPORARY, suffix=".tmp", delete=False
        ) as file:
            temporary = Path(file.name)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
