"""Algorithms that try to outlive, outgrow or mislead what watches over them."""

import mmap
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from medtl_bench.contract.algorithm import Algorithm
from medtl_bench.contract.hooks import AlgorithmEntry, hookimpl
from medtl_bench.running.executors import memory

MEBIBYTE = 2**20


@dataclass
class Meek(Algorithm):
    """Sums the inputs; `note` is a file for what a test wants to know."""

    note: str = ""

    def fit(self, sources, unlabelled):
        pass

    def adapt(self, support):
        pass

    def predict(self, x):
        return torch.stack([-x.sum(1), x.sum(1)], 1)

    def tell(self, text):
        Path(self.note).write_text(str(text))


def pipes() -> list[int]:
    """Return the descriptors of pipes, but for those of what is printed."""
    there = [path for path in Path("/proc/self/fd").iterdir() if path.exists()]
    numbers = [int(path.name) for path in there if int(path.name) > 2]
    return [number for number in numbers if stat.S_ISFIFO(os.fstat(number).st_mode)]


class ClosesEverything(Meek):
    def fit(self, sources, unlabelled):
        os.closerange(0, 1000)
        time.sleep(600)


class AnswersByHalf(Meek):
    def fit(self, sources, unlabelled):
        for pipe in pipes():
            os.write(pipe, b"\x00\x00\x10\x00{")
        time.sleep(600)


class AnswersWithoutEnd(Meek):
    def fit(self, sources, unlabelled):
        while True:
            os.write(pipes()[0], bytes(MEBIBYTE))


class AnswersNonsense(Meek):
    def fit(self, sources, unlabelled):
        os.write(pipes()[0], b'{"scores": "all of them"}')
        os._exit(0)


class AnswersTwice(Meek):
    def fit(self, sources, unlabelled):
        os.fork()


class ClosesItsOutput(Meek):
    def fit(self, sources, unlabelled):
        print("what waits to be written", end="")
        os.close(1)
        os.close(2)


class EndsByARareSignal(Meek):
    def fit(self, sources, unlabelled):
        os.kill(os.getpid(), signal.SIGRTMIN + 3)


class StopsItself(Meek):
    def fit(self, sources, unlabelled):
        os.kill(os.getpid(), signal.SIGSTOP)


class StopsItsKeeper(Meek):
    def fit(self, sources, unlabelled):
        os.kill(os.getppid(), signal.SIGSTOP)


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


class EndsItsKeeper(Meek):
    """Leaves a process in a session of its own, which its keeper cannot end any more."""

    def fit(self, sources, unlabelled):
        self.tell(subprocess.Popen(["sleep", "611"], start_new_session=True).pid)
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(600)


class EndsTheServer(Meek):
    def fit(self, sources, unlabelled):
        os.kill(parent(os.getppid()), signal.SIGKILL)


class StopsTheServer(Meek):
    def fit(self, sources, unlabelled):
        os.kill(parent(os.getppid()), signal.SIGSTOP)


class LeavesADaemon(Meek):
    """Forks twice into a session of its own, as daemons do, and answers."""

    def fit(self, sources, unlabelled):
        if not os.fork():
            os.setsid()
            if not os.fork():
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                self.tell(os.getpid())
                time.sleep(611)
            os._exit(0)
        while not Path(self.note).exists():
            time.sleep(0.01)


class PrintsWithoutEnd(Meek):
    def fit(self, sources, unlabelled):
        end = time.monotonic() + 1
        while time.monotonic() < end:
            os.write(1, b"x" * MEBIBYTE)
        os.write(2, b"the last of it")
        os._exit(4)


class SharesMemory(Meek):
    def fit(self, sources, unlabelled):
        shared = mmap.mmap(-1, 1400 * MEBIBYTE)
        for start in range(0, len(shared), MEBIBYTE):
            shared[start : start + MEBIBYTE] = b"x" * MEBIBYTE
        time.sleep(600)


class FillsAFileInMemory(Meek):
    def fit(self, sources, unlabelled):
        file = os.memfd_create("large")
        for _ in range(1400):
            os.write(file, b"x" * MEBIBYTE)
        time.sleep(600)


class HasHungryChildren(Meek):
    def fit(self, sources, unlabelled):
        code = "import time; kept = b'x' * (500 * 2**20); time.sleep(600)"
        for _ in range(3):
            subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
        time.sleep(600)


class LeavesSharedFiles(Meek):
    def fit(self, sources, unlabelled):
        (memory.SHARED / "medtl-left-by-a-test").write_bytes(b"x" * MEBIBYTE)


class LeavesTemporaryFiles(Meek):
    def fit(self, sources, unlabelled):
        self.tell(tempfile.mkdtemp())


NAMES = {
    "meek": Meek, "closes-everything": ClosesEverything, "answers-by-half": AnswersByHalf,
    "answers-without-end": AnswersWithoutEnd, "answers-nonsense": AnswersNonsense,
    "answers-twice": AnswersTwice, "stops-itself": StopsItself,
    "stops-its-keeper": StopsItsKeeper, "ends-its-keeper": EndsItsKeeper,
    "ends-the-server": EndsTheServer, "stops-the-server": StopsTheServer,
    "leaves-a-daemon": LeavesADaemon, "prints-without-end": PrintsWithoutEnd,
    "shares-memory": SharesMemory, "fills-a-file-in-memory": FillsAFileInMemory,
    "has-hungry-children": HasHungryChildren, "leaves-shared-files": LeavesSharedFiles,
    "closes-its-output": ClosesItsOutput, "ends-by-a-rare-signal": EndsByARareSignal,
    "leaves-temporary-files": LeavesTemporaryFiles,
}  # fmt: skip


@hookimpl
def medtl_algorithms():
    return [AlgorithmEntry(name, cls, cls.__name__, "baseline") for name, cls in NAMES.items()]
