"""Runs every job in processes of its own, with limits of time and memory."""

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import wait

from medtl_bench.running import interrupts
from medtl_bench.running.executors import Executor, Limits, refuse_options, temporary
from medtl_bench.running.executors.kept import Kept, start
from medtl_bench.running.executors.watch import Bounds
from medtl_bench.running.messages import Job, Reply

ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
LONGEST_WAIT = 60.0  # seconds: of longer ones, and of infinity, the system may know nothing
LOST = "The process that watches over it was ended from outside, twice."


def make(limits: Limits, options: Mapping[str, str]) -> Executor:
    """Return an executor of processes; raises MedTLError for any option, for it has none."""
    refuse_options("processes", options)
    return Processes(limits.jobs, limits.timeout, limits.memory)


@dataclass(frozen=True)
class Processes:
    """An executor of `jobs` at a time.

    `timeout` in seconds and `memory` in MiB bound each, with all the processes that it starts.
    """

    jobs: int = 1
    timeout: float = 600.0
    memory: int = 8192

    def __call__(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Reply]]:
        """Yield every job with its reply; whatever ends the loop, no process is left behind."""
        os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
        temporary.settle_sockets()
        crowd = _Crowd(self.jobs, Bounds(self.timeout, self.memory), iter(jobs))
        try:
            yield from crowd.replies()
        except (KeyboardInterrupt, interrupts.Interrupted):
            yield from crowd.arrived()
            raise
        finally:
            crowd.end()


@dataclass(eq=False)
class _Crowd:
    """The jobs of a run: those that wait, those to be run again, that run, and that are done."""

    most: int
    bounds: Bounds
    waiting: Iterator[Job]
    again: list[Job] = field(default_factory=list)
    running: list[Kept] = field(default_factory=list)
    done: list[Kept] = field(default_factory=list)

    def replies(self) -> Iterator[tuple[Job, Reply]]:
        """Yield every job with its reply."""
        while True:
            self._fill()
            # not before others have started: to end a process takes a while
            yield from self._ended()
            if not (self.running or self.again):
                return
            self._wait()

    def arrived(self) -> Iterator[tuple[Job, Reply]]:
        """Yield the jobs whose reply is there already, without waiting for any."""
        self._sort()
        yield from self._ended()

    def end(self) -> None:
        """Leave no process behind."""
        left = [*self.running, *self.done]
        for kept in left:
            kept.stop()
        for kept in left:
            kept.end()

    def _fill(self) -> None:
        """Start jobs while there is room."""
        while len(self.running) < self.most:
            again = bool(self.again)
            job = self.again.pop(0) if again else next(self.waiting, None)
            if job is None:
                return
            with interrupts.held():
                self.running.append(start(job, self.bounds, again))

    def _ended(self) -> Iterator[tuple[Job, Reply]]:
        """Yield what is done with its reply; what was lost with its keeper runs once more."""
        while self.done:
            kept = self.done[0]
            reply = kept.reply()
            kept.end(whole=reply is not None and not kept.pipe.open)
            self.done.remove(kept)
            if reply is None and not kept.again:
                self.again.append(kept.job)
            else:
                yield kept.job, reply or kept.failure("failed", LOST)

    def _wait(self) -> None:
        """Wait until a keeper replies or ends, or has had its time."""
        first = min(kept.deadline for kept in self.running)
        seconds = max(0.0, min(first - time.monotonic(), LONGEST_WAIT))
        wait([kept.pipe.descriptor for kept in self.running], seconds)
        for kept in self.running:
            kept.pipe.read()
        self._sort()

    def _sort(self) -> None:
        """Move what is done from what runs."""
        # one that is there already was sorted when a signal came
        self.done += [kept for kept in self.running if kept.done and kept not in self.done]
        self.running = [kept for kept in self.running if kept not in self.done]
