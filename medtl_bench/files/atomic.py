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
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(
            dir=path.parent, prefix=TEMPORARY, suffix=".tmp", delete=False
        ) as file:
            temporary = Path(file.name)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        raise IntegrityError(
            f"Could not write {path} ({len(data)} bytes): {error.strerror or error}."
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
