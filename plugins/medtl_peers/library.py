"""What the wrappers of other libraries share: missing ones, lean imports, seeds."""

import importlib
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np
import torch

from medtl_bench.contract.algorithm import INSTALL

Untyped = Any  # what a library without types gives or takes
EXTRA = f"{INSTALL}medtl-bench[peers]"
# tried by these libraries where installed, for seconds, and used by none of ours
BALLAST = ("tensorflow", "jax", "cupy")


def missing(*modules: str) -> str | None:
    """Return in half a sentence what to install for modules that are missing, or None."""
    absent = [name for name in modules if find_spec(name) is None]
    if not absent:
        return None
    return f"{EXTRA}: {' and '.join(absent)} {'is' if len(absent) == 1 else 'are'} missing"


def imported(module: str) -> ModuleType:
    """Import a module of a library, which is told that BALLAST is not installed.

    What of it is loaded already stays.
    """
    modules: dict[str, Any] = sys.modules  # None there makes an import raise ImportError
    hidden = [name for name in BALLAST if name not in modules]
    modules.update(dict.fromkeys(hidden))
    try:
        return importlib.import_module(module)
    finally:
        for name in hidden:
            modules.pop(name, None)


@contextmanager
def seeded(generator: torch.Generator) -> Iterator[None]:
    """Seed torch, numpy and the module random for a block, and put their states back afterwards."""
    seed = int(torch.randint(2**31, (), generator=generator))
    states = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed)
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])
