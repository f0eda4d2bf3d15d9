"""How a learning rate falls over a training, as a factor of it."""

import math
from collections.abc import Callable, Mapping
from typing import Literal

Schedule = Literal["constant", "inverse", "cosine"]


def inverse(progress: float) -> float:
    """Return (1 + 10 p)^-0.75 at progress p in [0, 1): Ganin et al. 2016, JMLR 17(59), 5.2.2."""
    return float((1 + 10 * progress) ** -0.75)


def cosine(progress: float) -> float:
    """Return (1 + cos(pi p)) / 2 at progress p in [0, 1): Loshchilov and Hutter 2017, eq. 5."""
    return (1 + math.cos(math.pi * progress)) / 2


# constant is none
SCHEDULES: Mapping[Schedule, Callable[[float], float]] = {"inverse": inverse, "cosine": cosine}
