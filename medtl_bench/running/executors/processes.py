"""Runs every job in a process of its own, forked from a server that has torch loaded, with limits of time and memory."""

import contextlib
import multiprocessing
import os
import resource
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from medtl_bench.results.record import Outcome
from medtl_bench.running.executors import Executor, Limits, refuse_options
from medtl_bench.running.messages import Job, Reply

ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
GUARD_SECONDS = 0.5
LOG_CHARACTERS = 4000
MEBIBYTE = 2**20


def make(limits: Limits, options: Mapping[str, str]) -> Executor:
    """Return an executor of processes; raises MedTLError for any option, for it has none."""
    refuse_options("processes", options)
    return Processes(limits.jobs, limits.timeout, limits.memory)


@dataclass(frozen=True)
class Processes:
    """An executor of `jobs` processes at a time; `timeout` in seconds and `memory` in MiB bound each."""

    jobs: int = 1
    timeout: float = 600.0
    memory: int = 8192

    def __call__(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Reply]]:
        """Yield every job with its reply; whatever ends the loop, no process is left behind."""
        os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["__main__", "medtl_bench.running.executors.preload"])
        waiting = iter(jobs)
        running: list[_Running] = []
        ended: list[_Running] = []
        with tempfile.TemporaryDirectory(prefix="medtl-bench-") as folder:
            try:
                while True:
                    while len(running) < self.jobs and (job := next(waiting, None)) is not None:
                        with _uninterrupted():
                            running.append(self._start(context, job, Path(folder)))
                    while ended:  # not before others have started: to end a process takes a while
                        one = ended.pop(0)
                        yield one.job, one.reply(self)
                    if not running:
                        return
                    ended = self._wait(running)
                    running = [one for one in running if one not in ended]
            finally:
                for left in (*running, *ended):
                    left.kill()

    def _start(
        self, context: multiprocessing.context.ForkServerContext, job: Job, folder: Path
    ) -> "_Running":
        receiver, sender = context.Pipe(duplex=False)
        log = folder / f"{time.monotonic_ns()}.log"
        process = context.Process(
            target=_child,
            args=(sender, job.model_dump_json(), str(log), self.memory, dict(os.environ)),
        )
        try:
            process.start()
        # the server was killed meanwhile; the second try starts another
        except (EOFError, OSError):
            time.sleep(GUARD_SECONDS)
            process.start()
        sender.close()
        return _Running(job, process, receiver, log, time.monotonic())

    def _wait(self, running: list["_Running"]) -> list["_Running"]:
        next_deadline = min(r.started for r in running) + self.timeout
        ends = [end for r in running for end in (r.receiver, r.process.sentinel)]
        ready = wait(ends, max(0.0, next_deadline - time.monotonic()))
        now = time.monotonic()
        return [
            r
            for r in running
            if {r.receiver, r.process.sentinel} & set(ready) or now - r.started >= self.timeout
        ]


@dataclass(frozen=True, eq=False)
class _Running:
    job: Job
    process: ForkServerProcess
    receiver: Connection
    log: Path
    started: float

    def reply(self, limits: Processes) -> Reply:
        """Return what the process sent, or what became of it; ends its whole group."""
        seconds = {"total": round(time.monotonic() - self.started, 4)}
        try:
            dead = not self.process.is_alive()
            if not self.receiver.poll():
                if dead:  # without closing the pipe, which a fork of it still holds
                    raise EOFError
                why = f"It ran longer than the limit of {limits.timeout:g} seconds."
                return Reply(
                    outcome=Outcome(
                        status="timeout", reason=why, log=self._tail(), seconds=seconds
                    ),
                    exit_code=1,
                )
            return Reply.model_validate_json(self.receiver.recv_bytes())
        except (EOFError, OSError):
            self.process.join()
            outcome = Outcome(
                status="failed",
                reason=_fate(self.process.exitcode),
                log=self._tail(),
                seconds=seconds,
            )
            return Reply(outcome=outcome, exit_code=1)
        finally:
            self.kill()

    def kill(self) -> None:
        """End the process and everything it started."""
        self.process.kill()
        if self.process.pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.join()
        self.receiver.close()
        self.log.unlink(missing_ok=True)

    def _tail(self) -> str:
        with contextlib.suppress(OSError), self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - LOG_CHARACTERS))
            return log.read(LOG_CHARACTERS).decode(errors="replace")
        return ""


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let a first Ctrl-C wait, so that a process half started is not lost; a second one does not wait."""
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    came: list[int] = []

    def keep(number: int, _: object) -> None:
        if came:
            raise KeyboardInterrupt
        came.append(number)

    before = signal.signal(signal.SIGINT, keep)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        raise KeyboardInterrupt


def _fate(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f"Its process was ended by {signal.Signals(-exit_code).name}."
    return f"Its process ended by itself with exit code {exit_code}."


def _child(
    sender: Connection, job: str, log: str, memory: int, environment: dict[str, str]
) -> None:
    os.setsid()
    os.environ.clear()  # the server's are of the time when it started
    os.environ.update(environment)
    threading.Thread(target=_die_with, args=(os.getppid(),), daemon=True).start()
    try:
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except FileNotFoundError:  # the run was interrupted while this process started
        return
    for stream in (sys.stdout, sys.stderr):
        os.dup2(output, stream.fileno())
    # what it may write to: of address space alone, the libraries and drivers of a device
    # reserve more than any trial needs
    resource.setrlimit(resource.RLIMIT_DATA, (memory * MEBIBYTE, memory * MEBIBYTE))
    # loads torch, which the parent need not
    from medtl_bench.running.executors.preload import INSTALLED  # noqa: PLC0415
    from medtl_bench.running.worker import perform  # noqa: PLC0415

    sender.send_bytes(perform(Job.model_validate_json(job), INSTALLED).model_dump_json().encode())
    sender.close()


def _die_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(GUARD_SECONDS)
    os.killpg(0, signal.SIGKILL)
