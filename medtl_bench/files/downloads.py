"""Files that are not shipped: pinned by address and SHA-256, fetched into a cache, or found in an offline folder."""

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import platformdirs

from medtl_bench.errors import IntegrityError, MedTLError, NotDownloadedError

if TYPE_CHECKING:
    import requests

    from medtl_bench.cli.console import Bar

OFFLINE = "MEDTL_BENCH_DATA"
RETRIES = 2
NAMES = {"sha256": "SHA-256", "md5": "MD5"}


@dataclass(frozen=True)
class Remote:
    """One file: its `path` in the cache and in an offline folder, its pinned address and its SHA-256.

    `address`: empty where a file can only be placed by hand. `md5`: where its publisher
    gives no other checksum, then in place of an empty SHA-256.
    """

    path: str
    address: str
    sha256: str
    md5: str = ""

    def __post_init__(self) -> None:
        """Raise MedTLError unless the path stays in the folder."""
        parts = PurePosixPath(self.path).parts
        if not parts or ".." in parts or self.path.startswith("/") or "\\" in self.path:
            raise MedTLError(
                f"The path of a file to download must stay in its folder, but got {self.path!r}."
            )

    @property
    def origin(self) -> str:
        """Return the address in words."""
        return self.address or "where the card of the dataset says"

    @property
    def algorithm(self) -> str:
        """Return the name of the algorithm of its checksum, as hashlib has it."""
        return "sha256" if self.sha256 else "md5"


@dataclass(frozen=True)
class Download:
    """What a dataset needs before it can be built: the files, and the licence or terms they come under, in words."""

    licence: str
    files: tuple[Remote, ...]


def folder() -> Path:
    """Return where files are looked for: the folder that MEDTL_BENCH_DATA names, or the platform's cache."""
    named = os.environ.get(OFFLINE)
    return Path(named) if named else Path(platformdirs.user_cache_dir("medtl-bench"))


def is_offline() -> bool:
    """Return whether files are looked for in an offline folder, which is only read."""
    return bool(os.environ.get(OFFLINE))


def content(remote: Remote) -> bytes:
    """Return the bytes of a file.

    Raises NotDownloadedError if it is not there, IntegrityError if its checksum differs.
    """
    path = folder() / remote.path
    try:
        found = path.read_bytes()
    except OSError as error:
        told = f"The file {path} cannot be read ({error.strerror}); get it from {remote.origin} and place it there."
        raise NotDownloadedError(told) from error
    _check(
        remote,
        hashlib.new(remote.algorithm, found, usedforsecurity=False).hexdigest(),
        f"The file {path}",
    )
    return found


def lacking(download: Download) -> list[Remote]:
    """Return those files of a download that are not there as they were published."""
    found = list(download.files)
    for remote in download.files:
        with suppress(NotDownloadedError, IntegrityError):
            content(remote)
            found.remove(remote)
    return found


def fetch(remote: Remote, bar: "Bar | None" = None) -> None:
    """Download a file into the cache, whole or not at all; `bar` shows progress.

    An offline folder is only read.

    Raises NotDownloadedError if the file cannot be had, IntegrityError if its checksum
    differs, where an older file is kept, or if the cache cannot be written.
    """
    if is_offline() or not remote.address:
        content(remote)
        return
    import pooch  # noqa: PLC0415 - only a download needs it
    import requests  # noqa: PLC0415

    def download(address: str, file: str, _: object) -> None:
        try:
            pooch.HTTPDownloader(progressbar=bar or False)(address, file, None)
        except requests.HTTPError as refusal:
            if refusal.response is not None:
                refusal.response.close()  # pooch leaves it open
            raise
        _check(
            remote, pooch.file_hash(file, alg=remote.algorithm), f"The download of {remote.path}"
        )

    pooch.get_logger().setLevel("WARNING")
    known = {remote.path: f"{remote.algorithm}:{remote.sha256 or remote.md5}"}
    cache = pooch.create(
        folder(), "", registry=known, urls={remote.path: remote.address}, retry_if_failed=RETRIES
    )
    try:
        cache.fetch(remote.path, downloader=download)
    except requests.RequestException as error:
        raise NotDownloadedError(_unreachable(remote, error)) from error
    except OSError as error:
        raise IntegrityError(
            f"Could not write {folder() / remote.path}: {error.strerror or error}."
        ) from error


def _check(remote: Remote, digest: str, what: str) -> None:
    if digest != (expected := remote.sha256 or remote.md5):
        told = f"its {NAMES[remote.algorithm]} is {digest}, but {expected} was expected"
        raise IntegrityError(f"{what} is not as it was published at {remote.origin}: {told}.")


def _unreachable(remote: Remote, error: "requests.RequestException") -> str:
    answered = error.response
    why = (
        f"no connection, {type(error).__name__}"
        if answered is None
        else f"the server answered {answered.status_code}"
    )
    by_hand = f"get it by other means and place it at {folder() / remote.path}"
    return f"The file {remote.address} could not be downloaded ({why}); {by_hand}."
