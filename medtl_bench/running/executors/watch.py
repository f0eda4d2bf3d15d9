"""Watches the process of a method, with all that stands below it, until it ends or must end."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import Literal

from medtl_bench.running.executors import tree
from medtl_bench.running.executors.method import Method
from medtl_bench.running.executors.pipes import Pipe

LOG_CHARACTERS = 4000
UTF8 = 4  # bytes that a character takes at most
LOOK_SECONDS, LOOK_SHARE = 0.1, 0.05  # between looks at memory; their share of the time
MEBIBYTE = 2**20
MOST_SAID = 256  # MiB: what is large goes through the folder of the job


@dataclass(frozen=True)
class Bounds:
    """What a job may take: seconds, and MiB of memory in all its processes together."""

    seconds: float
    memory: int


@dataclass(frozen=True)
class End:
    """How it ended. `why` is empty where it answered, or tells what it was ended for."""

    said: bytes
    log: str
    seconds: float
    why: str = ""
    status: Literal["failed", "timeout"] = "failed"


class Watch:
    """Reads what a method says and prints, and holds it to its bounds.

    `taken` returns the bytes of memory that processes take.
    """

    def __init__(
        self, method: Method, bounds: Bounds, taken: Callable[[list[int], int], int]
    ) -> None:
        """Begin to watch."""
        self.method, self.bounds, self.taken = method, bounds, taken
        self.memory = bounds.memory * MEBIBYTE
        self.said = Pipe(method.answer, MOST_SAID * MEBIBYTE)
        self.printed = Pipe(method.output, LOG_CHARACTERS * UTF8, latest=True)
        self.started = time.monotonic()
        self.next_look = self.started + LOOK_SECONDS

    def end(self) -> End:
        """Return when all of it has ended, or when it was ended for passing a bound."""
        late = f"It ran longer than the limit of {self.bounds.seconds:g} seconds."
        ended = tree.end_of(self.method.pid)
        try:
            while True:
                self._wait(ended)
                if why := self._excess():
                    return self._closed(why)
                if wait([ended], 0):
                    return self._closed(_fate(self.method.pid))
                if self.seconds >= self.bounds.seconds:
                    return self._closed(late, "timeout")
        finally:
            os.close(ended)

    @property
    def seconds(self) -> float:
        """Return how long it has run."""
        return time.monotonic() - self.started

    def _wait(self, ended: int) -> None:
        """Wait until something can be read, it ends, or memory is to be looked at."""
        left = self.bounds.seconds - self.seconds
        pipes = [pipe for pipe in (self.said, self.printed) if pipe.open]
        seconds = max(0.0, min(left, self.next_look - time.monotonic()))
        wait([ended, *(pipe.descriptor for pipe in pipes)], seconds)
        for pipe in pipes:
            pipe.read()

    def _excess(self) -> str:
        """Return what it takes too much of."""
        if self.said.flooded:
            return f"Its answer is larger than the limit of {MOST_SAID} MiB."
        now = time.monotonic()
        if now < self.next_look:
            return ""
        taken = self.taken(tree.below(os.getpid()), self.memory)
        self.next_look = now + max(LOOK_SECONDS, (time.monotonic() - now) / LOOK_SHARE)
        if taken <= self.memory:
            return ""
        took = f"its processes took {taken // MEBIBYTE:,} MiB together"
        return f"It ran out of memory: {took}, and the limit is {self.bounds.memory:,} MiB."

    def _closed(self, why: str, status: Literal["failed", "timeout"] = "failed") -> End:
        """End what is left and return how it ended, with what was in the pipes."""
        seconds = round(self.seconds, 4)
        tree.end_below()
        for pipe in (self.said, self.printed):
            pipe.read()
            pipe.close()
        log = self.printed.content.decode(errors="replace")[-LOG_CHARACTERS:]
        return End(bytes(self.said.content), log, seconds, why, status)


def _fate(pid: int) -> str:
    """Return in words how a process ended; nothing where it ended as it should."""
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code < 0:
        names = {int(number): number.name for number in signal.Signals}
        return f"Its process was ended by {names.get(-code, f'signal {-code}')}."
    return f"Its process ended by itself with exit code {code}." if code else ""
