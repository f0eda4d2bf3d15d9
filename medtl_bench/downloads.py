"""Files that are not shipped: pinned by address and SHA-256, kept in a cache, or found in an offline folder."""

import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import platformdirs

from medtl_bench.errors import IntegrityError, NotDownloadedError

OFFLINE = "MEDTL_BENCH_DATA"


@dataclass(frozen=True)
class Remote:
    """One file: its `path` in the cache and in an offline folder, its pinned address and its SHA-256."""

    path: str
    address: str
    sha256: str


@dataclass(frozen=True)
class Download:
    """What a dataset needs before it can be built: the files, and the licence or terms they come under, in words."""

    licence: str
    files: tuple[Remote, ...]


def folder() -> Path:
    """Return where files are looked for: the folder that MEDTL_BENCH_DATA names, or the platform's cache."""
    named = os.environ.get(OFFLINE)
    return Path(named) if named else Path(platformdirs.user_cache_dir("medtl-bench"))


def content(remote: Remote) -> bytes:
    """Return the bytes of a file; raises NotDownloadedError if it is not there, IntegrityError if its SHA-256 differs."""
    path = folder() / remote.path
    try:
        found = path.read_bytes()
    except OSError as error:
        raise NotDownloadedError(f"not downloaded: {path} cannot be read ({error.strerror})") from error
    if (digest := sha256(found).hexdigest()) != remote.sha256:
        raise IntegrityError(f"The file {path} is not as it was published: its SHA-256 is {digest}, not {remote.sha256}.")
    return found
