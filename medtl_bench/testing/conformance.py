"""A check with a name, and the process it leaves behind as it found it."""

import os
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import SkipTest

import numpy as np
import torch

from medtl_bench.errors import MedTLError, UnavailableError
from medtl_bench.metrics import classes, embeddings, masks, ranking, values
from medtl_bench.protocols import examiner


@dataclass(frozen=True)
class Conformance:
    """One check of one algorithm, dataset or plugin.

    `run` raises MedTLError with a sentence, or whatever the plugin raises.
    """

    subject: str
    name: str
    run: Callable[[], None]

    def __str__(self) -> str:
        """Return a name for lists and for the ids of tests."""
        return f"{self.subject} {self.name}"

    def __call__(self) -> None:
        """Run the check.

        Raises AssertionError with the first problem, in a sentence, or SkipTest if files
        are not there.
        """
        try:
            with preserved():
                self.run()
        except KeyboardInterrupt:
            raise
        except UnavailableError as error:
            raise SkipTest(str(error)) from None
        except BaseException as error:  # a plugin may even call sys.exit
            cause = None if isinstance(error, MedTLError) else error
            raise AssertionError(sentence(error)) from cause

    def problem(self) -> str | None:
        """Run the check and return the first problem in a sentence, or None.

        Raises SkipTest if files are not there.
        """
        try:
            self()
        except AssertionError as error:
            return str(error)
        return None


def words(check: Callable[..., None]) -> str:
    """Return the name of a function as words."""
    return check.__name__.replace("_", " ")


def sentence(error: BaseException) -> str:
    """Return an exception as one line, its notes first."""
    is_ours = isinstance(error, MedTLError)
    text = str(error) if is_ours else f"it raised {type(error).__name__}: {error}"
    notes = [f"{note}:" for note in getattr(error, "__notes__", [])]
    return " ".join(" ".join([*notes, text]).split())


@dataclass(frozen=True)
class Setting:
    """Something of the whole process: how it is read and how it is put back.

    It is read as a value that `repr` tells in full.
    """

    read: Callable[[], Any]
    write: Callable[[Any], object]


def _set_environment(held: dict[str, str]) -> None:
    for name in set(os.environ) - set(held):
        del os.environ[name]
    os.environ.update(held)


# what scores are calculated with
CODE = (torch.nn.functional, classes, embeddings, masks, ranking, values, examiner)


def _functions() -> dict[tuple[str, str], Any]:
    """Return the functions that scores are calculated with, by module and name."""
    return {
        (module.__name__, name): member
        for module in CODE
        for name, member in vars(module).items()
        if callable(member) or member is None
    }


def _set_functions(held: dict[tuple[str, str], Any]) -> None:
    for (module, name), function in held.items():
        setattr(sys.modules[module], name, function)


SETTINGS = {
    "torch's global random state (draw from self.generator)": Setting(
        lambda: torch.get_rng_state().tolist(),
        lambda state: torch.set_rng_state(torch.tensor(state, dtype=torch.uint8)),
    ),
    "numpy's global random state (seed a numpy generator from self.generator)": Setting(
        lambda: np.random.get_state(legacy=False), np.random.set_state
    ),
    "the state of the module random (seed a random.Random from self.generator)": Setting(
        random.getstate, random.setstate
    ),
    "torch's default dtype": Setting(torch.get_default_dtype, torch.set_default_dtype),
    "torch's number of threads": Setting(torch.get_num_threads, torch.set_num_threads),
    "whether torch records gradients": Setting(torch.is_grad_enabled, torch.set_grad_enabled),
    "whether torch must be deterministic": Setting(
        torch.are_deterministic_algorithms_enabled, torch.use_deterministic_algorithms
    ),
    "functions of torch or those that score": Setting(_functions, _set_functions),
    "the working directory": Setting(Path.cwd, os.chdir),
    "the environment variables": Setting(lambda: dict(os.environ), _set_environment),
}


@contextmanager
def preserved() -> Iterator[None]:
    """Run the block on one thread, as trials are, and put all settings back."""
    held = [(setting, setting.read()) for setting in SETTINGS.values()]
    torch.set_num_threads(1)
    try:
        yield
    finally:
        for setting, value in held:
            if repr(setting.read()) != repr(value):
                setting.write(value)


def changes(action: Callable[[], object]) -> list[str]:
    """Return which settings of the process an action changes.

    It runs twice and the second time counts: libraries loaded on first use may set
    environment variables of their own.
    """
    with preserved():
        action()
    with preserved():
        before = {name: repr(setting.read()) for name, setting in SETTINGS.items()}
        action()
        after = {name: repr(setting.read()) for name, setting in SETTINGS.items()}
        return [name for name in SETTINGS if after[name] != before[name]]


def seed_globals(seed: int) -> None:
    """Seed every global generator."""
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)
