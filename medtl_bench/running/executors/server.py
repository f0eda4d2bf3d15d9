"""Starts processes from the fork server, which has torch loaded; also where that has ended.

The server, unlike the process of the run, has neither threads nor open files that a fork
would inherit half.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess

from medtl_bench.running import interrupts
from medtl_bench.running.executors import temporary

PRELOAD = tuple(f"medtl_bench.running.executors.{name}" for name in ("own", "preload", "keeper"))
FIRST_SECONDS, SECONDS = 300.0, 20.0  # how long the server may take, with and without loading torch
PAUSE = 0.5


def process(target: Callable[..., None], *arguments: object) -> ForkServerProcess:
    """Return a process of the fork server that was started.

    Raises OSError or EOFError where the server ends again and again.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOAD))
    started = context.Process(target=target, args=arguments)
    with interrupts.held(), _main_hidden():
        try:
            _start(started)
        # the server was ended meanwhile; the second try starts another
        except (EOFError, OSError):
            time.sleep(PAUSE)
            _start(started)
    return started


def pid() -> int | None:
    """Return the number of the fork server, None where there is none."""
    number: int | None = getattr(forkserver._forkserver, "_forkserver_pid", None)
    return number


def end() -> None:
    """End the fork server; the next process starts another."""
    if number := pid():
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)


def _start(started: ForkServerProcess) -> None:
    before = pid()
    with _signals_blocked(), _temporary_files_kept():
        forkserver.ensure_running()
    # a server that was stopped would keep this process waiting for ever
    patience = SECONDS if before == pid() else FIRST_SECONDS
    timer = threading.Timer(patience, end)
    timer.daemon = True
    timer.start()
    try:
        started.start()
    finally:
        timer.cancel()


@contextlib.contextmanager
def _temporary_files_kept() -> Iterator[None]:
    """Have what is started inside keep its temporary files where this process removes them."""
    before = os.environ.get("TMPDIR")
    os.environ["TMPDIR"] = str(temporary.folder())
    try:
        yield
    finally:
        del os.environ["TMPDIR"]
        if before is not None:
            os.environ["TMPDIR"] = before


@contextlib.contextmanager
def _signals_blocked() -> Iterator[None]:
    """Have what is started inside hear no signal of a terminal before it can take it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, interrupts.SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _main_hidden() -> Iterator[None]:
    """Keep a process that starts from running the user's script again.

    multiprocessing would import it there, for what it might define; a job needs nothing of
    it, and a script or a notebook may then call `medtl_bench.run` without a `__main__` guard.
    """
    main = vars(sys.modules["__main__"])
    hidden: dict[str, object] = {n: main[n] for n in ("__file__", "__spec__") if n in main}
    main.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        main.update(hidden)
