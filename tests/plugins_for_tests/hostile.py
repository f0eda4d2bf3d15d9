"""Algorithms that do what algorithms must not."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from medtl_bench.algorithm import Algorithm
from medtl_bench.hookspecs import AlgorithmEntry, hookimpl


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


class Raises(Meek):
    def fit(self, sources, unlabelled):
        raise ValueError("the sources are odd")


class RaisesInvalidText(Meek):
    def fit(self, sources, unlabelled):
        raise ValueError("cut in the middle: \ud800")


class RaisesSystemExit(Meek):
    def fit(self, sources, unlabelled):
        sys.exit(0)


class Exits(Meek):
    def fit(self, sources, unlabelled):
        print("about to leave", flush=True)
        os._exit(7)


class Dies(Meek):
    def fit(self, sources, unlabelled):
        os.kill(os.getpid(), signal.SIGKILL)


class Segfaults(Meek):
    def fit(self, sources, unlabelled):
        os.kill(os.getpid(), signal.SIGSEGV)


class LeavesAForkBehind(Meek):
    """Dies while a fork of it, which holds its pipe, lives on."""

    def fit(self, sources, unlabelled):
        if not os.fork():
            time.sleep(600)
        os._exit(3)


SLEEPER = (
    "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); open({0!r}, 'a').write(f'{{os.getpid()}} '); "
)


class Sleeps(Meek):
    """Sleeps, with a child and a grandchild that ignore SIGTERM and write their numbers down."""

    def fit(self, sources, unlabelled):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        code = SLEEPER.format(self.note)
        child = code + f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {code + 'time.sleep(600)'!r}]); "
        subprocess.Popen([sys.executable, "-c", child + "time.sleep(600)"])
        print("falling asleep", flush=True)
        time.sleep(600)


class Hungry(Meek):
    def fit(self, sources, unlabelled):
        self.kept = [torch.zeros(2**34) for _ in range(4)]


class HungryInLists(Meek):
    def fit(self, sources, unlabelled):
        self.kept = bytearray(2**36)


class Nan(Meek):
    def predict(self, x):
        return super().predict(x) * torch.nan


class Prints(Meek):
    def fit(self, sources, unlabelled):
        for _ in range(300):
            print("x" * 10_000)
            print("y" * 10_000, file=sys.stderr)


class Disturbs(Meek):
    """Changes all that is global."""

    def fit(self, sources, unlabelled):
        torch.set_default_dtype(torch.float64)
        torch.set_num_threads(2)
        torch.manual_seed(1)
        os.chdir("/")
        os.environ["MEDTL_DISTURBED"] = "yes"
        Meek.predict = lambda self, x: torch.zeros(len(x), 2)
        torch.Tensor.stack = None


class Reports(Meek):
    """Answers with the global state it found, for a test to compare."""

    def fit(self, sources, unlabelled):
        state = [
            torch.get_default_dtype(),
            torch.get_num_threads(),
            Path.cwd(),
            "MEDTL_DISTURBED" in os.environ,
            os.getpgrp() == os.getpid(),
        ]
        Path(self.note).write_text(" ".join(map(str, state)))


class Slow(Meek):
    """Takes a moment, so that a run can be interrupted in the middle."""

    def fit(self, sources, unlabelled):
        time.sleep(0.3)


CLASSES = {
    "meek": Meek, "raises": Raises, "raises-invalid-text": RaisesInvalidText, "raises-system-exit": RaisesSystemExit,
    "exits": Exits, "dies": Dies, "segfaults": Segfaults, "leaves-a-fork": LeavesAForkBehind, "sleeps": Sleeps,
    "hungry": Hungry, "hungry-in-lists": HungryInLists, "nan": Nan, "prints": Prints, "disturbs": Disturbs,
    "reports": Reports, "slow": Slow,
}  # fmt: skip


@hookimpl
def medtl_algorithms():
    return [AlgorithmEntry(name, cls, cls.__name__, "baseline") for name, cls in CLASSES.items()]
