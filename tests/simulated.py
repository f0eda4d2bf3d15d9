"""Simulated problems on which a method must do what it is for."""

import torch

from medtl_bench.contract.dataset import Card, Dataset
from medtl_bench.contract.scenario import Stream
from medtl_bench.contract.split import Domain, Split
from medtl_bench.contract.task import Task
from medtl_bench.randomness import generator

CLASSES = Task("classification", ("a", "b"))
VALUES = Task("regression")
CARD = Card("simulated", "CC0", "made here", "none", "position", "simulated", "no person", "tests")


def sine_task(draw: torch.Generator, rows: int) -> Split:
    """Return a sine of random amplitude and phase, as Finn et al.

    2017, section 5.1, scaled to order one.
    """
    amplitude, phase = (
        0.5 + 4 * torch.rand((), generator=draw),
        3.14159 * torch.rand((), generator=draw),
    )
    x = 10 * torch.rand(rows, 1, generator=draw) - 5
    return Split(x, amplitude * torch.sin(x[:, 0] - phase) / 3)


def moons(draw: torch.Generator, rows: int, degrees: float) -> Split:
    """Return two half moons turned by an angle, as Ganin et al. 2016, section 5.1.1."""
    y = torch.randint(2, (rows,), generator=draw)
    t = 3.14159 * torch.rand(rows, generator=draw)
    x = torch.stack(
        [torch.cos(t) * (1 - 2 * y) + y - 0.5, torch.sin(t) * (1 - 2 * y) + 0.25 * (2 * y - 1)], 1
    )
    x = x + 0.1 * torch.randn(rows, 2, generator=draw)
    angle = torch.tensor(degrees * 3.14159 / 180)
    turn = torch.tensor([[angle.cos(), -angle.sin()], [angle.sin(), angle.cos()]])
    return Split(x @ turn.T, y)


def moving_signal(seed: int, domains: int = 4) -> Dataset:
    """Return a stream whose classes differ along another axis in each domain.

    Learning one tempts to forget the last.
    """
    draw = generator("moving signal", seed)

    def split(axis: int, rows: int) -> Split:
        x, y = (
            torch.randn(rows, 2 * domains, generator=draw),
            torch.randint(2, (rows,), generator=draw),
        )
        x[:, 2 * axis] += 1.5 * (2 * y - 1)
        return Split(x, y)

    made = tuple(
        Domain(f"axis-{i}", split(i, 300), split(i, 10), split(i, 500)) for i in range(domains)
    )
    return Dataset(
        "moving-signal", CARD, CLASSES, made, (), (Stream("all", tuple(d.name for d in made)),)
    )
