"""What a plugin must leave as it was in the process that imports it."""

import atexit
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from medtl_bench.catalogue.importing import RefusedError, Say

SHOWN = 60  # characters


@contextlib.contextmanager
def unchanged(say: Say) -> Iterator[None]:
    """Run the block, then what it wants to be done at exit, in a process made for that alone.

    Raises RefusedError where it changed its surroundings, printed, or left something at work.
    """
    atexit._clear()  # what the process that this is a fork of wants to be done
    surroundings = _Surroundings()
    yield
    surroundings.check()
    say("at exit it")
    atexit._run_exitfuncs()  # as multiprocessing does


class _Surroundings:
    """What a plugin leaves as it was, at the time when this is made."""

    def __init__(self) -> None:
        """Look, and have what is written to standard output be held, the first of it."""
        self.output, writer = os.pipe()
        os.dup2(writer, 1)
        for end in (self.output, 1):  # the rest is lost, and nobody waits
            os.set_blocking(end, False)
        os.close(writer)
        self.seen = _seen()

    def check(self) -> None:
        """Raise RefusedError where something was changed, or is still at work."""
        for before, (what, now) in zip(self.seen.values(), _seen().items(), strict=True):
            if before != now:
                raise RefusedError(f"it changed {what}")
        with contextlib.suppress(BlockingIOError):
            if printed := os.read(self.output, SHOWN):
                raise RefusedError(
                    f"it printed to standard output: {printed.decode(errors='replace')!r}"
                )
        if _has_children():
            raise RefusedError("it left a process at work")
        if left := [thread.name for thread in threading.enumerate() if _keeps_alive(thread)]:
            raise RefusedError(f"it left a thread at work: {left[0]}")


def _seen() -> dict[str, object]:
    handlers = {number: signal.getsignal(number) for number in signal.valid_signals()}
    return {
        "the working directory": _directory(),
        "what is done at signals": handlers,
        "sys.excepthook": sys.excepthook,
        "sys.stdout": (sys.stdout, getattr(sys.stdout, "closed", None)),
        "sys.stderr": (sys.stderr, getattr(sys.stderr, "closed", None)),
    }


def _directory() -> tuple[int, int] | None:
    with contextlib.suppress(OSError):  # somebody has removed it
        here = Path().stat()
        return here.st_dev, here.st_ino
    return None


def _has_children() -> bool:
    """Return whether a process that was started here still runs."""
    with contextlib.suppress(ChildProcessError):
        while True:
            child, _ = os.waitpid(-1, os.WNOHANG)
            if not child:
                return True
    return False


def _keeps_alive(thread: threading.Thread) -> bool:
    return not thread.daemon and thread is not threading.current_thread()
