"""The keeper of a job: a process that runs no method, forks one that does, and watches it.

It holds the method and all that this starts to the limits of the job, ends them, and
turns what the method said into a reply. Both its own end and that of the run end all of them.
"""

import os
import resource
import signal
import threading
from functools import partial
from multiprocessing import forkserver, parent_process, resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path

from medtl_bench.results.record import Outcome
from medtl_bench.running import worker
from medtl_bench.running.executors import memory, private, tree
from medtl_bench.running.executors.method import begin
from medtl_bench.running.executors.preload import OWN
from medtl_bench.running.executors.watch import MEBIBYTE, Bounds, End, Watch
from medtl_bench.running.messages import Job, Reply

NO_ANSWER = "Its process ended by itself with exit code 0."


def keep(
    sender: Connection,
    opens: Connection,
    job: str,
    bounds: Bounds,
    scratch: str,
    environment: dict[str, str],
) -> None:
    """Do a job and send its reply, in a process that was just forked.

    `opens` gives the key to labels, which is not read before the method has ended.
    """
    _stand_alone(environment)
    if private.possible():
        private.mount(bounds.memory)
    todo = Job.model_validate_json(job)
    method = begin(partial(_answer, todo, bounds, Path(scratch)), Path(scratch))
    _end_with_run()
    end = Watch(method, bounds, _taken).end()
    whole = todo.model_copy(update={"key": opens.recv_bytes().decode()})
    reply = _reply(whole, end, Path(scratch)).model_dump_json().encode()
    with open(sender.fileno(), "wb") as pipe:  # noqa: PTH123 - that of a descriptor
        pipe.write(reply)
    os._exit(0)


def _stand_alone(environment: dict[str, str]) -> None:
    """Share nothing with the process that this was forked from."""
    os.setsid()
    tree.adopt_orphans()
    os.environ.clear()  # the server's are of the time when it started
    os.environ.update(environment)
    _forget_servers()
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    os.close(nothing)


def _answer(job: Job, bounds: Bounds, scratch: Path) -> bytes:
    """Answer, in the process of the method, with a limit to what that process may write to.

    Of address space alone, the libraries and drivers of a device reserve more than any trial
    needs. Together with others it is held to the same limit by looking at it now and then.
    """
    data = bounds.memory * MEBIBYTE
    resource.setrlimit(resource.RLIMIT_DATA, (data, data))
    return worker.answer(job, OWN, scratch)


def _taken(pids: list[int], most: int) -> int:
    """Return the bytes of memory that processes take."""
    return memory.taken(pids, most, private.used() if private.possible() else None)


def _forget_servers() -> None:
    """Have multiprocessing start servers of its own where a method asks for them.

    A process from the fork server of the run would stand beside this one, not below it; and
    what is held open here would keep that server alive when the run has gone.
    """
    fork_server, tracker = forkserver._forkserver, resource_tracker._resource_tracker
    for server, descriptor in ((fork_server, "_forkserver_alive_fd"), (tracker, "_fd")):
        os.close(getattr(server, descriptor))
        setattr(server, descriptor, None)
    for server, name in ((fork_server, "_forkserver_address"), (fork_server, "_forkserver_pid"),
                         (tracker, "_pid")):  # fmt: skip
        setattr(server, name, None)


def _end_with_run() -> None:
    """End with all that is below when the run says so, and when it has gone."""
    signal.signal(signal.SIGTERM, lambda *_: _give_up())
    threading.Thread(target=_wait_for_the_end, daemon=True).start()


def _wait_for_the_end() -> None:
    if run := parent_process():
        wait([run.sentinel])
        _give_up()


def _give_up() -> None:
    tree.end_below()
    os._exit(1)


def _reply(job: Job, end: End, scratch: Path) -> Reply:
    """Return the reply to a job whose method has ended."""
    why = end.why or ("" if end.said else NO_ANSWER)
    seconds = {"total": end.seconds}
    if why:
        outcome = Outcome(status=end.status, reason=why, log=end.log, seconds=seconds)
        return Reply(outcome=outcome, exit_code=1)
    return worker.score(job, OWN, end.said, scratch)
