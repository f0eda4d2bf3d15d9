"""The folders in which this process keeps what is temporary; those of killed runs are removed.

A folder is held by a lock for as long as its process lives, whichever way that ends.
"""

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from functools import cache
from multiprocessing import util
from pathlib import Path

from medtl_bench.errors import MedTLError

PREFIX, MAKING, LOCK = "medtl-bench-", "medtl-making-", ".lock"
SOCKET_BYTES = 107  # which the path of a socket may take
SOCKET = "/pymp-12345678/listener-12345678"  # as multiprocessing names one in a folder
AFTER_SOCKETS = -200  # multiprocessing's own folder has -100
SHORT = "/tmp", "/var/tmp", "/dev/shm"  # noqa: S108 - the folders in them are made safely


def folder() -> Path:
    """Return this process's folder, made at first and removed at its end."""
    return _home(os.getpid(), tempfile.gettempdir())


def settle_sockets() -> None:
    """Have multiprocessing keep its sockets in a folder whose path is short enough for them.

    Raises MedTLError where there is none.
    """
    before = tempfile.tempdir
    tempfile.tempdir = str(_home(os.getpid(), _short()))
    try:
        util.get_temp_dir()
    finally:
        tempfile.tempdir = before


def room_for_sockets(place: Path) -> bool:
    """Return whether the sockets of multiprocessing may stand in a folder."""
    return len(os.fsencode(f"{place}{SOCKET}")) <= SOCKET_BYTES


def _short() -> str:
    usual = tempfile.gettempdir()
    for base in (usual, *SHORT):
        if room_for_sockets(Path(base) / f"{PREFIX}12345678") and os.access(base, os.W_OK):
            return base
    raise MedTLError(
        f"The folder for temporary files, {usual}, has a path that is too long for a socket, and "
        f"nothing can be written to {', '.join(SHORT)}; set TMPDIR to a shorter path."
    )


@cache
def _home(_: int, base: str) -> Path:
    """Make a folder for a process, which is this one, after those of dead ones are removed."""
    for left in _abandoned(base):
        shutil.rmtree(left, ignore_errors=True)
    made = Path(tempfile.mkdtemp(prefix=MAKING, dir=base))
    # it stays open, and so locked, until this process ends
    _lock(made)
    home = made.rename(made.with_name(made.name.replace(MAKING, PREFIX)))
    # not by a fork of this process, and after multiprocessing has removed its folder in it
    util.Finalize(None, shutil.rmtree, (home, True), exitpriority=AFTER_SOCKETS)
    return home


def _abandoned(base: str) -> Iterator[Path]:
    """Yield the folders of processes of this user that have ended."""
    for place in Path(base).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            state = place.lstat()
            ours = stat.S_ISDIR(state.st_mode) and state.st_uid == os.getuid()
            if ours and (place / LOCK).is_file():
                os.close(_lock(place))
                yield place


def _lock(place: Path) -> int:
    """Return the descriptor of a folder's lock, locked.

    Raises OSError where another process holds it.
    """
    descriptor = os.open(place / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
