"""Asks what may go wrong in a process of its own, with a limit of time.

The code of a plugin may end its process, hang, fork or change what it finds there; in a fork
of this process that costs the answer to one question.
"""

import contextlib
import ctypes
import faulthandler
import json
import os
import selectors
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

from medtl_bench.catalogue.entries import Plugin
from medtl_bench.catalogue.importing import RefusedError, Say
from medtl_bench.errors import MedTLError

LIMIT, SECONDS = "MEDTL_BENCH_IMPORT_SECONDS", 7.0  # to import a plugin
PATIENCE = 10  # times as long for what a plugin does later
ABLE = hasattr(os, "fork")  # Windows cannot
AT_ONCE = 8
TICK, ROUNDS = 0.25, 25  # seconds between two looks at the clock
WITHOUT_WAITING = getattr(os, "WNOHANG", 0)
DIE_WITH_PARENT, ADOPT_ORPHANS = 1, 36  # of Linux's prctl
MEMORY = 8 * 2**30  # bytes that a process may take, as a trial's may
Question = Callable[[Say], Any]


def rehearse(plugin: Plugin, doing: str, action: Callable[[], object]) -> None:
    """See that something can be done with a plugin here, by doing it in a process of its own.

    Raises MedTLError where it ended that process or hung; what else goes wrong goes wrong here
    too. What the project's own plugins do is not tried.
    """

    def question(say: Say) -> bool:
        say(doing)
        with contextlib.suppress(Exception, SystemExit):
            action()
        return True

    if ABLE and not plugin.is_own:
        (came,) = answers([question], PATIENCE * limit())
        if isinstance(came, RefusedError):
            raise MedTLError(f"{plugin}: {came}.")


def answers(questions: Iterable[Question], seconds: float) -> Iterator[Any]:
    """Yield the answer to each question in order, plain JSON and not None, or a RefusedError.

    A question gets a function `say`, to be told of each step, such as "importing it", which then
    stands in the reason why there is no answer. Each has so many seconds; some are asked at a time.
    """
    waiting = iter(questions)
    while group := list(islice(waiting, AT_ONCE)):
        asked = [_asked(question) for question in group]
        try:
            _wait(asked, seconds)
            yield from [one.answer for one in asked]
        finally:
            for one in asked:
                one.end()


def answer(question: Question) -> Any:  # noqa: ANN401 - plain JSON
    """Return the answer to a question that is asked in this process, or a RefusedError."""
    try:
        return question(lambda _: None)
    except RefusedError as refusal:
        return refusal


def limit() -> float:
    """Return how many seconds a question may take; raises MedTLError where the user's is none."""
    text = os.environ.get(LIMIT, str(SECONDS))
    with contextlib.suppress(ValueError):
        if (seconds := float(text)) > 0:
            return seconds
    raise MedTLError(f"{LIMIT} is a number of seconds above 0, but is {text!r}.")


@dataclass(eq=False)
class _Asked:
    """A process at work on a question. `reader`: the end of a pipe that it writes lines to."""

    process: int
    reader: int
    started: float = field(default_factory=time.monotonic)
    step: str = "asking it"
    answer: Any = None
    received: bytes = b""
    ended: bool = False

    def hear(self) -> None:
        """Take what the process has written; at the end of it, say what became of it."""
        content = os.read(self.reader, 2**16)
        *lines, self.received = (self.received + content).split(b"\n")
        for line in lines:
            if self.answer is None:
                self._take(line)
        if not content and self.answer is None:
            code = self._exit_code()
            self.refuse("closed files that are not its own" if code is None else _fate(code))

    def _exit_code(self) -> int | None:
        """Return how the process ended, None where it goes on; it ends after its files do."""
        for _ in range(ROUNDS):
            process, status = _waited(self.process)
            if process:
                self.ended = True
                return os.waitstatus_to_exitcode(status)
            time.sleep(TICK / ROUNDS)
        return None

    def _take(self, line: bytes) -> None:
        try:
            said = json.loads(line)
            if "step" in said:
                self.step = str(said["step"])
            elif "why" in said:
                self.answer = RefusedError(str(said["why"]))
            else:
                self.answer = said["answer"]
        except (ValueError, TypeError, KeyError):
            self.refuse("wrote into files that are not its own")

    def refuse(self, what: str) -> None:
        """Have the answer be a refusal that says what the last step did."""
        self.answer = RefusedError(f"{self.step} {what}")

    def hurry(self, seconds: float) -> None:
        """Have the answer be a refusal where it took too long."""
        if self.answer is None and self.seconds() > seconds:
            self.refuse(f"took longer than {seconds:g} seconds ({LIMIT} allows more)")

    def seconds(self) -> float:
        """Return how long it took so far, less what it waited for a processor to be free.

        That is at most three quarters of it, so that even a crowded machine comes to an end.
        """
        took = time.monotonic() - self.started
        try:
            schedule = Path(f"/proc/{self.process}/schedstat").read_text(encoding="ascii")
            return max(took - int(schedule.split()[1]) / 1e9, took / 4)
        except (OSError, ValueError, IndexError):  # not Linux
            return took

    def end(self) -> None:
        """Leave nothing of the process and what it started behind."""
        os.close(self.reader)
        for process in list(_started_by(self.process)):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process, signal.SIGKILL)
        if not self.ended:
            os.kill(self.process, signal.SIGKILL)  # where it has no group of its own yet
            _waited(self.process, 0)


def _wait(asked: Iterable[_Asked], seconds: float) -> None:
    """Wait until each has an answer or has taken too long."""
    with selectors.DefaultSelector() as selector:
        for one in asked:
            selector.register(one.reader, selectors.EVENT_READ, one)
        while selector.get_map():
            for key, _ in selector.select(TICK):
                key.data.hear()
            for key in list(selector.get_map().values()):
                key.data.hurry(seconds)
                if key.data.answer is not None:
                    selector.unregister(key.fileobj)


def _waited(process: int, options: int = WITHOUT_WAITING) -> tuple[int, int]:
    """Return the process and its status if it has ended, else zeros."""
    try:
        return os.waitpid(process, options)
    except ChildProcessError:  # something else in this process has asked before
        return process, 0


def _started_by(process: int) -> Iterator[int]:
    """Yield the processes that one has started, and those that these have; Linux tells them."""
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            for child in map(int, path.read_text(encoding="ascii").split()):
                yield child
                yield from _started_by(child)


def _fate(code: int) -> str:
    """Return in words how a process ended."""
    if code < 0:
        names = {number.value: number.name for number in signal.Signals}
        return f"ended its process by {names.get(-code, f'signal {-code}')}"
    return f"ended its process with exit code {code}"


def _asked(question: Question) -> _Asked:
    reader, writer = os.pipe()
    for stream in (sys.stdout, sys.stderr):  # or the fork might write what waits there
        with contextlib.suppress(AttributeError, OSError, ValueError):
            stream.flush()
    with warnings.catch_warnings():  # that there are threads here, which the fork needs none of
        warnings.simplefilter("ignore", DeprecationWarning)
        process = os.fork()
    if not process:
        _answer(question, writer)
    os.close(writer)
    return _Asked(process, reader)


def _answer(question: Question, writer: int) -> NoReturn:
    """Answer a question in a process that was just forked, and end it."""
    me = os.getpid()

    def write(said: Mapping[str, Any]) -> None:
        if os.getpid() != me:  # the plugin forked, and this is what came of it
            os._exit(0)
        left = json.dumps(said).encode() + b"\n"
        while left:
            left = left[os.write(writer, left) :]

    try:
        _detach()
        write(_outcome(question, lambda step: write({"step": step})))
        while True:  # until the process that asks ends this one, and what it started
            signal.pause()
    finally:
        os._exit(1)


def _outcome(question: Question, say: Say) -> dict[str, Any]:
    """Return the answer to a question, or why there is none."""
    steps = ["asking it"]

    def follow(step: str) -> None:
        steps.append(step)
        say(step)

    try:
        return {"answer": question(follow)}
    except (RefusedError, MedTLError) as refusal:
        return {"why": str(refusal)}
    except BaseException as error:  # an interrupt is the plugin's own here
        return {"why": f"{steps[-1]} raised {type(error).__name__}: {error}".removesuffix(": ")}


def _detach() -> None:
    """Give this process a group of its own, and no terminal; it dies with its parent."""
    os.setsid()
    with contextlib.suppress(AttributeError, OSError):  # not Linux
        control = ctypes.CDLL(None).prctl
        control(DIE_WITH_PARENT, signal.SIGKILL)
        control(ADOPT_ORPHANS, 1)  # so that all that it started is found below it
    faulthandler.disable()  # it would print where this process was forked from
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDWR)
    for file, name in enumerate(("stdin", "stdout", "stderr")):
        os.dup2(nothing, file)
        setattr(sys, name, open(file, "w" if file else "r", closefd=False))  # noqa: SIM115
    _bound_memory()


def _bound_memory() -> None:
    import resource  # noqa: PLC0415 - not on Windows

    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    if most == resource.RLIM_INFINITY or most > MEMORY:
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, most))
