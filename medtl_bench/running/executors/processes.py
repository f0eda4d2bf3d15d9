"""Runs every job in a process of its own, with limits of time and memory.

Processes are forked from a server that has torch loaded, which takes seconds to load. The
server, unlike the process of the run, has neither threads nor open files that a fork
would inherit half.
"""

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
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Literal

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
    """An executor of `jobs` processes at a time.

    `timeout` in seconds and `memory` in MiB bound each.
    """

    jobs: int = 1
    timeout: float = 600.0
    memory: int = 8192

    def __call__(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Reply]]:
        """Yield every job with its reply; whatever ends the loop, no process is left behind."""
        os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
        crowd = _Crowd(self, iter(jobs))
        with tempfile.TemporaryDirectory(prefix="medtl-bench-") as folder:
            try:
                yield from crowd.replies(Path(folder))
            finally:
                crowd.kill()


@dataclass(eq=False)
class _Crowd:
    """The processes of a run: jobs that wait for one, those that run, those that have ended."""

    limits: Processes
    waiting: Iterator[Job]
    running: "list[_Running]" = field(default_factory=list)
    ended: "list[_Running]" = field(default_factory=list)

    def replies(self, folder: Path) -> Iterator[tuple[Job, Reply]]:
        """Yield every job with its reply; logs stand in the folder while a process runs."""
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["medtl_bench.running.executors.preload"])
        while True:
            self._fill(context, folder)
            # not before others have started: to end a process takes a while
            while self.ended:
                process = self.ended.pop(0)
                yield process.job, process.reply(self.limits)
            if not self.running:
                return
            self._wait()

    def kill(self) -> None:
        """Leave no process behind."""
        for process in (*self.running, *self.ended):
            process.kill()

    def _fill(self, context: ForkServerContext, folder: Path) -> None:
        """Start jobs while there is room."""
        while len(self.running) < self.limits.jobs:
            job = next(self.waiting, None)
            if job is None:
                return
            with _uninterrupted():
                self.running.append(_start(context, job, folder, self.limits.memory))

    def _wait(self) -> None:
        """Wait until a process answers, ends or has run too long."""
        timeout = self.limits.timeout
        deadline = min(process.started for process in self.running) + timeout
        ends = [end for process in self.running for end in process.ends]
        ready = set(wait(ends, max(0.0, deadline - time.monotonic())))
        late = time.monotonic() - timeout
        self.ended = [p for p in self.running if ready & set(p.ends) or p.started <= late]
        self.running = [process for process in self.running if process not in self.ended]


def _start(context: ForkServerContext, job: Job, folder: Path, memory: int) -> "_Running":
    receiver, sender = context.Pipe(duplex=False)
    log = folder / f"{time.monotonic_ns()}.log"
    arguments = sender, job.model_dump_json(), str(log), memory, dict(os.environ)
    process = context.Process(target=_child, args=arguments)
    with _main_hidden():
        try:
            process.start()
        # the server was killed meanwhile; the second try starts another
        except (EOFError, OSError):
            time.sleep(GUARD_SECONDS)
            process.start()
    sender.close()
    return _Running(job, process, receiver, log, time.monotonic())


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


@dataclass(frozen=True, eq=False)
class _Running:
    """A process and its job. `started`: on the monotonic clock, in seconds."""

    job: Job
    process: ForkServerProcess
    receiver: Connection
    log: Path
    started: float

    @property
    def ends(self) -> tuple[Connection, int]:
        """Return what becomes ready when the process answers, and when it ends."""
        return self.receiver, self.process.sentinel

    def reply(self, limits: Processes) -> Reply:
        """Return what the process sent, or what became of it; ends its whole group."""
        seconds = round(time.monotonic() - self.started, 4)
        try:
            sent = self._sent()
            if sent is not None:
                return Reply.model_validate_json(sent)
            reason = f"It ran longer than the limit of {limits.timeout:g} seconds."
            return self._failure("timeout", reason, seconds)
        except (EOFError, OSError):
            self.process.join()
            return self._failure("failed", _fate(self.process.exitcode), seconds)
        finally:
            self.kill()

    def _sent(self) -> bytes | None:
        """Return what the process sent, or None if it is still at work.

        Raises EOFError or OSError where it ended without an answer.
        """
        # asked first: it may send, and then end, between the two questions
        dead = not self.process.is_alive()
        if self.receiver.poll():
            return self.receiver.recv_bytes()
        if dead:  # without closing the pipe, which a fork of it still holds
            raise EOFError
        return None

    def _failure(self, status: Literal["timeout", "failed"], reason: str, seconds: float) -> Reply:
        outcome = Outcome(
            status=status, reason=reason, log=self._tail(), seconds={"total": seconds}
        )
        return Reply(outcome=outcome, exit_code=1)

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
        """Return the end of what the process printed."""
        with contextlib.suppress(OSError), self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - LOG_CHARACTERS))
            return log.read(LOG_CHARACTERS).decode(errors="replace")
        return ""


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let a first Ctrl-C wait, so that a process half started is not lost.

    A second one does not wait.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signals: list[int] = []

    def keep(number: int, _: object) -> None:
        if signals:
            raise KeyboardInterrupt
        signals.append(number)

    before = signal.signal(signal.SIGINT, keep)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if signals:
        raise KeyboardInterrupt


def _fate(exit_code: int | None) -> str:
    """Return in words how a process ended."""
    if exit_code is not None and exit_code < 0:
        return f"Its process was ended by {signal.Signals(-exit_code).name}."
    return f"Its process ended by itself with exit code {exit_code}."


def _child(
    sender: Connection, job: str, log: str, memory: int, environment: dict[str, str]
) -> None:
    """Do a job and send its reply, in a process that was just forked."""
    os.setsid()  # a group of its own, so that all it starts can be ended with it
    os.environ.clear()  # the server's are of the time when it started
    os.environ.update(environment)
    threading.Thread(target=_die_with, args=(os.getppid(),), daemon=True).start()
    try:
        _write_to(log)
    except FileNotFoundError:  # the run was interrupted while this process started
        return
    # what it may write to: of address space alone, the libraries and drivers of a device
    # reserve more than any trial needs
    resource.setrlimit(resource.RLIMIT_DATA, (memory * MEBIBYTE, memory * MEBIBYTE))
    # loads torch, which the parent need not
    from medtl_bench.running.executors.preload import OWN  # noqa: PLC0415
    from medtl_bench.running.worker import perform  # noqa: PLC0415

    reply = perform(Job.model_validate_json(job), OWN)
    sender.send_bytes(reply.model_dump_json().encode())
    sender.close()


def _write_to(log: str) -> None:
    """Have all that this process and its libraries print go to a file."""
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(output, stream.fileno())


def _die_with(parent: int) -> None:
    """End this process's group when its parent has ended, even if that was killed."""
    while os.getppid() == parent:
        time.sleep(GUARD_SECONDS)
    os.killpg(0, signal.SIGKILL)
