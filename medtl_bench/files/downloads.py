"""Files that are not shipped: pinned by address and SHA-256, in a cache or an offline folder."""

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol

import platformdirs

from medtl_bench.errors import IntegrityError, MedTLError, NotDownloadedError
from medtl_bench.files.transfers import Transfer, TransferError

if TYPE_CHECKING:
    import requests

OFFLINE = "MEDTL_BENCH_DATA"
RETRIES = 2
NAMES = {"sha256": "SHA-256", "md5": "MD5"}


class Progress(Protocol):
    """What is told of a download, in bytes: first `total`, and again at another try."""

    @property
    def total(self) -> float | None:
        """Return how many bytes there are, or None where that is not known."""

    @total.setter
    def total(self, size: int) -> None: ...

    def update(self, size: int) -> None:
        """Note that so many more bytes have come."""

    def close(self) -> None:
        """Note the end."""


@dataclass(frozen=True)
class Remote:
    """One file, pinned by its address and its SHA-256.

    `path`: in the cache and in an offline folder. `address`: empty where a file can only
    be placed by hand. `md5`: where its publisher gives no other checksum, then in place
    of an empty SHA-256. `size`: in bytes, where it is known; no more is downloaded.
    """

    path: str
    address: str
    sha256: str
    md5: str = ""
    size: int = 0

    def __post_init__(self) -> None:
        """Raise MedTLError unless the path stays in the folder."""
        parts = PurePosixPath(self.path).parts
        if not parts or ".." in parts or self.path.startswith("/") or "\\" in self.path:
            rule = "The path of a file to download must stay in its folder"
            raise MedTLError(f"{rule}, but got {self.path!r}.")

    @property
    def origin(self) -> str:
        """Return the address in words."""
        return self.address or "where the card of the dataset says"

    @property
    def algorithm(self) -> str:
        """Return the name of the algorithm of its checksum, as hashlib has it."""
        return "sha256" if self.sha256 else "md5"

    @property
    def checksum(self) -> str:
        """Return the checksum that the file must have."""
        return self.sha256 or self.md5


@dataclass(frozen=True)
class Download:
    """What a dataset needs before it can be built: files, and their licence or terms in words."""

    licence: str
    files: tuple[Remote, ...]


def folder() -> Path:
    """Return where files are looked for: the offline folder, or the platform's cache.

    The environment variable MEDTL_BENCH_DATA names the former.
    """
    return Path(os.environ.get(OFFLINE) or platformdirs.user_cache_dir("medtl-bench"))


def is_offline() -> bool:
    """Return whether files are looked for in an offline folder, which is only read."""
    return bool(os.environ.get(OFFLINE))


def content(remote: Remote) -> bytes:
    """Return the bytes of a file.

    Raises NotDownloadedError if it is not there, IntegrityError if its checksum differs.
    """
    path = folder() / remote.path
    try:
        file = path.read_bytes()
    except OSError as error:
        way = f"get it from {remote.origin} and place it there"
        message = f"The file {path} cannot be read ({error.strerror}); {way}."
        raise NotDownloadedError(message) from error
    digest = hashlib.new(remote.algorithm, file, usedforsecurity=False).hexdigest()
    _check(remote, digest, f"The file {path}")
    return file


def lacking(download: Download) -> list[Remote]:
    """Return those files of a download that are not there as they were published."""
    return [remote for remote in download.files if not _is_there(remote)]


def _is_there(remote: Remote) -> bool:
    with suppress(NotDownloadedError, IntegrityError):
        content(remote)
        return True
    return False


def fetch(remote: Remote, bar: Progress | None = None) -> None:
    """Download a file into the cache, whole or not at all; `bar` is told of the progress.

    An offline folder is only read. Raises NotDownloadedError if the file cannot be had,
    IntegrityError if its checksum differs, where an older file is kept, or if the cache
    cannot be written.
    """
    if is_offline() or not remote.address:
        content(remote)
        return
    import requests  # noqa: PLC0415 - only a download needs it

    try:
        _fetch(remote, bar)
    except (requests.RequestException, TransferError) as error:
        raise NotDownloadedError(_unreachable(remote, error)) from error
    except OSError as error:
        raise _unwritten(remote, error) from error


def _fetch(remote: Remote, bar: Progress | None) -> None:
    """Have pooch download a file beside its place in the cache, and put it there once whole."""
    import pooch  # noqa: PLC0415 - only a download needs it

    def download(address: str, file: str, _: object) -> None:
        transfer = Transfer(address, remote.size)
        try:
            _write(transfer, remote, Path(file), bar)
        finally:
            transfer.close()
        digest = pooch.file_hash(file, alg=remote.algorithm)
        _check(remote, digest, f"The download of {remote.path}")

    pooch.get_logger().setLevel("WARNING")
    checksums = {remote.path: f"{remote.algorithm}:{remote.checksum}"}
    addresses = {remote.path: remote.address}
    cache = pooch.create(folder(), "", registry=checksums, urls=addresses, retry_if_failed=RETRIES)
    cache.fetch(remote.path, downloader=download)


def _write(transfer: Transfer, remote: Remote, file: Path, bar: Progress | None) -> None:
    """Write a file as it comes; raise IntegrityError where it cannot be written."""
    if bar is not None:
        bar.total = transfer.announced
    received = 0
    with file.open("wb", buffering=0) as target:
        for piece in transfer:
            received += len(piece)
            try:
                _write_all(target, piece)
            except OSError as error:
                size = max(received, transfer.announced, remote.size)
                raise _unwritten(remote, error, f" ({size:,} bytes)") from error
            if bar is not None:
                bar.update(len(piece))
    if bar is not None:
        bar.close()


def _write_all(target: FileIO, piece: bytes) -> None:
    while piece:
        piece = piece[target.write(piece) :]


def _unwritten(remote: Remote, error: OSError, size: str = "") -> IntegrityError:
    where, reason = folder() / remote.path, error.strerror or error
    return IntegrityError(f"Could not write {where}{size}: {reason}.")


def _check(remote: Remote, digest: str, what: str) -> None:
    """Raise IntegrityError unless the digest of `what`, a file in words, is the pinned one."""
    if digest != remote.checksum:
        algorithm = NAMES[remote.algorithm]
        difference = f"its {algorithm} is {digest}, but {remote.checksum} was expected"
        raise IntegrityError(f"{what} is not as it was published at {remote.origin}: {difference}.")


def _unreachable(remote: Remote, error: "requests.RequestException | TransferError") -> str:
    by_hand = f"get it by other means and place it at {folder() / remote.path}"
    return f"The file {remote.address} could not be downloaded ({_why(error)}); {by_hand}."


def _why(error: "requests.RequestException | TransferError") -> str:
    if isinstance(error, TransferError):
        return str(error)
    if error.response is not None:
        return f"the server answered {error.response.status_code}"
    return f"no connection, {type(error).__name__}"
