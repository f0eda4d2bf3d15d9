"""A job that runs, as the process of the run sees it: its keeper, and the pipe from that."""

import multiprocessing
import os
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, Literal

from medtl_bench.results.record import Outcome
from medtl_bench.running.executors import server, temporary, tree
from medtl_bench.running.executors.pipes import Pipe
from medtl_bench.running.executors.watch import Bounds
from medtl_bench.running.messages import Job, Reply

# what a keeper may take past the limit of its job, and to end when it is told to
KEEPER_SECONDS, ENDING_SECONDS = 10.0, 5.0
JOIN_SECONDS = 1.0
LARGEST_REPLY = 2**30  # bytes


@dataclass(frozen=True, eq=False)
class Kept:
    """A job with its keeper. `again`: whether it is run for the second time."""

    job: Job
    bounds: Bounds
    process: ForkServerProcess
    pipe: Pipe
    scratch: Path
    again: bool = False
    started: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Return how long it has run."""
        return time.monotonic() - self.started

    @property
    def deadline(self) -> float:
        """Return when its keeper must have answered, on the monotonic clock."""
        return self.started + self.bounds.seconds + KEEPER_SECONDS

    @property
    def done(self) -> bool:
        """Return whether its keeper has ended, or must end now."""
        return not self.pipe.open or time.monotonic() >= self.deadline

    def reply(self) -> Reply | None:
        """Return what came of the job; None where its keeper was ended before it could tell."""
        if self.pipe.open:
            reason = f"It ran longer than the limit of {self.bounds.seconds:g} seconds."
            return self.failure("timeout", reason)
        try:
            return Reply.model_validate_json(bytes(self.pipe.content))
        except ValueError:
            return None

    def failure(self, status: Literal["timeout", "failed"], reason: str) -> Reply:
        """Return a reply that tells why there is no outcome."""
        seconds = {"total": round(self.seconds, 4)}
        return Reply(outcome=Outcome(status=status, reason=reason, seconds=seconds), exit_code=1)

    def stop(self) -> None:
        """Tell the keeper to end, with all that it keeps; this does not wait for it."""
        self.process.terminate()

    def end(self, whole: bool = False) -> None:
        """Leave nothing of it. `whole`: the keeper has done so, for it sent a whole reply."""
        if not whole:
            self._end_keeper()
        self._join()
        self.pipe.close()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def _end_keeper(self) -> None:
        self.stop()
        end = time.monotonic() + ENDING_SECONDS
        while self.pipe.open and wait([self.pipe.descriptor], max(0.0, end - time.monotonic())):
            self.pipe.read()
        self.process.kill()
        others = {child.pid for child in multiprocessing.active_children() if child.pid}
        tree.end_abandoned(self.process.pid or 0, server.pid(), others)

    def _join(self) -> None:
        self.process.join(JOIN_SECONDS)
        if self.process.is_alive():  # says the server, which may be stopped
            server.end()
            self.process.join(JOIN_SECONDS)


def start(job: Job, bounds: Bounds, again: bool = False) -> Kept:
    """Start a job."""
    scratch = Path(tempfile.mkdtemp(dir=temporary.folder()))
    receiver, sender = multiprocessing.Pipe(duplex=False)
    opens, key = multiprocessing.Pipe(duplex=False)
    key.send_bytes(job.key.encode())  # apart from what the process of a method is handed
    handed = job.blind() if job.trials else job
    arguments = opens, handed.model_dump_json(), bounds, str(scratch), dict(os.environ)
    process = server.process(_keep, sender, *arguments)
    for end in (sender, opens, key):
        end.close()
    pipe = Pipe(os.dup(receiver.fileno()), LARGEST_REPLY)
    receiver.close()
    return Kept(job, bounds, process, pipe, scratch, again)


def _keep(*arguments: Any) -> None:  # noqa: ANN401 - those of `keep`
    # loads torch, which the process of the run need not
    from medtl_bench.running.executors.keeper import keep  # noqa: PLC0415

    keep(*arguments)
