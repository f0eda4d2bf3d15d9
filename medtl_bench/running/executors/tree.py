"""The processes below this one, however they were started: found, and ended.

All of them where the system is Linux; elsewhere those that this one started itself.
"""

import contextlib
import ctypes
import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
PDEATHSIG, CHILD_SUBREAPER = 1, 36  # of Linux's prctl
PAUSE = 0.002  # seconds


class Process(NamedTuple):
    """What `/proc` says of a process."""

    pid: int
    parent: int
    session: int


def processes() -> Iterator[Process]:
    """Yield all processes of this machine, none where the system does not tell them so."""
    for entry in os.scandir(PROC) if PROC.is_dir() else ():
        if entry.name.isdigit():
            # one may end meanwhile
            with contextlib.suppress(OSError):
                yield _process(int(entry.name))


def _process(pid: int) -> Process:
    stat = (PROC / str(pid) / "stat").read_bytes()
    # the name before it may hold spaces and parentheses
    _, parent, _, session = stat[stat.rindex(b")") + 2 :].split()[:4]
    return Process(pid, int(parent), int(session))


def below(*roots: int) -> list[int]:
    """Return the ids of all processes that descend from these, without these."""
    return _descendants(roots, list(processes()))


def _descendants(roots: Iterable[int], everyone: Iterable[Process]) -> list[int]:
    children: dict[int, list[int]] = {}
    for process in everyone:
        children.setdefault(process.parent, []).append(process.pid)
    descendants: list[int] = []
    parents = list(roots)
    while parents:
        generation = children.pop(parents.pop(), [])
        descendants += generation
        parents += generation
    return descendants


def adopt_orphans() -> None:
    """Become the parent of every process below this one whose own parent ends.

    Without it, what starts a session of its own and outlives its parent could not be found.
    """
    _prctl(CHILD_SUBREAPER, 1)


def end_with(parent: int) -> None:
    """Have the system end this process when its parent ends."""
    _prctl(PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before that
        os._exit(1)


def _prctl(option: int, value: int) -> None:
    control = getattr(ctypes.CDLL(None, use_errno=True), "prctl", None)  # none but on Linux
    if control and control(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def end_of(pid: int) -> int:
    """Return a descriptor that can be read once a child has ended; the child stays uncollected."""
    if hasattr(os, "pidfd_open"):
        return os.pidfd_open(pid)
    ended, note = os.pipe()  # as it is done where the system is not Linux
    threading.Thread(target=_note_end, args=(pid, note), daemon=True).start()
    return ended


def _note_end(pid: int, note: int) -> None:
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    os.close(note)


def end_below() -> None:
    """End every process below this one, and return when there is none.

    This one must have adopted orphans: it then has children for as long as anything is left.
    """
    while _any_child():
        descendants = below(os.getpid())
        # stopped first, so that none of them starts others meanwhile
        _send(signal.SIGSTOP, descendants)
        _send(signal.SIGKILL, descendants)
        time.sleep(PAUSE)


def _any_child() -> bool:
    """Collect the children that have ended, and return whether there are others."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def end_abandoned(keeper: int, server: int | None, others: set[int]) -> None:
    """End what a keeper that was killed had below it.

    That is its session, and what started a session of its own: the fork server has adopted it,
    as none of the `others`, which the server was asked for.
    """
    everyone = list(processes())
    lost = [process.pid for process in everyone if process.session == keeper]
    lost += _adopted(server, others, everyone)
    _send(signal.SIGKILL, [*lost, *_descendants(lost, everyone)])


def _adopted(server: int | None, others: set[int], everyone: Iterable[Process]) -> Iterator[int]:
    """Yield the children of the fork server that it was not asked for.

    One that it was asked for just now, by another thread, is still of the server's session.
    """
    sessions = [process.session for process in everyone if process.pid == server]
    for process in everyone:
        asked = process.pid in others or process.session in sessions
        if process.parent == server and not asked:
            yield process.pid


def _send(number: signal.Signals, pids: Iterable[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
