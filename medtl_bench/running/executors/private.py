"""Shared memory of a job's own, bounded, that is gone when the job is. Needs Linux.

`/dev/shm` belongs to the machine, and what stands there outlives the process that made it, as
do segments of System V. Where the system lets a process have its own of both, a job has.
"""

import contextlib
import ctypes
import os
from functools import cache
from pathlib import Path

from medtl_bench.running.executors.memory import SHARED

NEW_MOUNTS, NEW_IPC, NEW_USER = 0x00020000, 0x08000000, 0x10000000  # of Linux's unshare
NO_SUID, NO_DEVICES, RECURSIVE, SLAVE = 2, 4, 1 << 14, 1 << 19  # of Linux's mount
OWN = Path("/proc/self")


@cache
def possible() -> bool:
    """Return whether this process may do it, found out in a fork of it.

    A try that is given up half way would leave a process without its user's name.
    """
    pid = os.fork()
    if not pid:
        code = 1
        with contextlib.suppress(OSError, AttributeError):  # which it is but on Linux
            mount(1)
            code = 0
        os._exit(code)
    return not os.waitpid(pid, 0)[1]


def mount(size: int) -> None:
    """Put an empty folder of so many MiB over `/dev/shm`, for this process and those below it.

    Segments of System V are their own too, and go with them.

    Raises OSError where that is not allowed.
    """
    _own_mounts()
    # what is mounted elsewhere is still seen here, and nothing of here elsewhere
    _call("mount", None, b"/", None, SLAVE | RECURSIVE, None)
    options = f"size={size}m,mode=1777".encode()
    _call("mount", b"tmpfs", bytes(SHARED), b"tmpfs", NO_SUID | NO_DEVICES, options)


def _own_mounts() -> None:
    """Have mounts of this process's own, as the user that it is of."""
    user, group = os.geteuid(), os.getegid()
    if not user:
        _call("unshare", NEW_MOUNTS | NEW_IPC)
        return
    _call("unshare", NEW_MOUNTS | NEW_IPC | NEW_USER)
    (OWN / "setgroups").write_text("deny")
    (OWN / "uid_map").write_text(f"{user} {user} 1")
    (OWN / "gid_map").write_text(f"{group} {group} 1")


def _call(name: str, *arguments: bytes | int | None) -> None:
    if ctypes.CDLL(None, use_errno=True)[name](*arguments):
        raise OSError(ctypes.get_errno(), name)


def used() -> int:
    """Return the bytes in the shared memory of this job."""
    state = os.statvfs(SHARED)
    return (state.f_blocks - state.f_bfree) * state.f_frsize
