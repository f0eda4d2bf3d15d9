"""Signals that ask a run to end: Ctrl-C, and what a terminal or a cluster sends."""

import atexit
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
EXIT_CODE = 128  # to which a shell adds the number of a signal
CLEANING_SECONDS = 5.0  # after which a further signal ends the process at once
Handler = Callable[[int, FrameType | None], object]


class Interrupted(BaseException):
    """A signal asked this process to end."""

    def __init__(self, number: int) -> None:
        """Know which signal."""
        super().__init__(number)
        self.number = number


def exit_code(stop: BaseException) -> int:
    """Return what a shell says of a process that was ended so."""
    return EXIT_CODE + (stop.number if isinstance(stop, Interrupted) else signal.SIGINT)


@contextmanager
def raised() -> Iterator[None]:
    """Raise Interrupted inside at the first signal; further ones leave it the time to clean up.

    Signals that this process was started to ignore stay ignored. While it ends, they end it
    without a word, or change nothing where one had come before.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = _Handler()
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number in _not_ignored():
        signal.signal(number, handler)
    try:
        yield
    finally:
        # before what else is to be done at the exit, such as to remove temporary files
        at_exit = signal.SIG_DFL if handler.first is None else signal.SIG_IGN
        atexit.register(_answer, at_exit)
        if handler.first is None:
            for number in _not_ignored():
                signal.signal(number, before[number])


def _answer(action: signal.Handlers) -> None:
    for number in _not_ignored():
        signal.signal(number, action)


class _Handler:
    """Raises at the first signal, and ends the process at one that comes much later."""

    def __init__(self) -> None:
        self.first: float | None = None

    def __call__(self, number: int, _: FrameType | None) -> None:
        if self.first is None:
            self.first = time.monotonic()
            raise Interrupted(number)
        if time.monotonic() - self.first > CLEANING_SECONDS:
            os._exit(EXIT_CODE + number)


def _not_ignored() -> list[signal.Signals]:
    return [n for n in SIGNALS if signal.getsignal(n) not in {signal.SIG_IGN, None}]


@contextmanager
def held() -> Iterator[None]:
    """Let a first signal wait until the block has ended; a second one does not wait."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {n: h for n in SIGNALS if callable(h := signal.getsignal(n))}
    waiting: list[int] = []

    def keep(number: int, frame: FrameType | None) -> None:
        if waiting:
            handlers[signal.Signals(number)](number, frame)
        waiting.append(number)

    for number in handlers:
        signal.signal(number, keep)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if len(waiting) == 1:
            signal.raise_signal(waiting[0])
