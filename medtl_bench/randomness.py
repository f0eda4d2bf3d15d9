"""Seeds from identity: the same trial draws the same numbers, whatever ran before it."""

import json
import random
from hashlib import sha256
from typing import Any

import numpy as np
import torch


def seed_of(*identity: str | float | None) -> int:
    """Return a seed in 0..2^63-1 that depends on every part of an identity and on nothing else."""
    digest = sha256(json.dumps(identity).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(*identity: str | float | None) -> torch.Generator:
    """Return a fresh generator seeded from an identity."""
    return torch.Generator().manual_seed(seed_of(*identity))


def global_state() -> tuple[Any, ...]:
    """Return the state of the global generators of torch, numpy and Python."""
    return torch.get_rng_state(), np.random.get_state(), random.getstate()


def set_global_state(state: tuple[Any, ...]) -> None:
    """Put the global generators back into a state."""
    of_torch, of_numpy, of_python = state
    torch.set_rng_state(of_torch)
    np.random.set_state(of_numpy)
    random.setstate(of_python)
