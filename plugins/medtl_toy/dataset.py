"""Simulated datasets, drawn from seeds: what a method should do on them is known beforehand."""

import math
from collections.abc import Callable
from itertools import accumulate

import torch
from torch import Generator, Tensor

from medtl_bench.contract.dataset import Card, Dataset
from medtl_bench.contract.scenario import Stream, Transfer
from medtl_bench.contract.split import Domain, Split
from medtl_bench.contract.task import Task
from medtl_bench.randomness import generator

Draw = Callable[[int, Generator], Split]

# domain: degrees the moons are turned by, what is added to the two shortcut columns
BATCHES = {
    "batch-a": (0, (0.0, 0.0)),
    "batch-b": (10, (0.2, -0.2)),
    "batch-c": (20, (-0.2, 0.2)),
    "batch-d": (30, (1.2, 1.2)),
}
# domain: contrast of the shape, deviation of the noise, brightness of the background
IMAGE_SCANNERS = {
    "clean": (1.0, 0.1, 0.0),
    "faint": (0.5, 0.2, 0.3),
    "inverted": (-1.0, 0.2, 1.0),
}
MASK_SCANNERS = {
    "strong": (1.0, 0.1, 0.0),
    "weak": (0.5, 0.15, 0.2),
    "washed-out": (0.4, 0.1, 0.7),
}
SHAPES = ("square", "plus", "cross")
SIDE = 8
NOISE = [0.15] * 2 + [0.5] * 2 + [0.3] * 4  # deviation in each column of the moons


def vectors() -> Dataset:
    """Return shifted-toy: 8 columns, of which 2 hold the moons, 2 the shortcut and 4 noise."""
    return _dataset(
        "shifted-toy",
        Task("classification", ("lower", "upper")),
        {name: _moons(*shift) for name, shift in BATCHES.items()},
        (300, 60, 1000),
        "The moons are turned by 0, 10, 20 and 30 degrees. Two further columns tell the "
        "class too, more simply, but in the last batch they are displaced by 1.2: who "
        "relied on them there loses most, who finds what all batches share loses little.",
    )


def images() -> Dataset:
    """Return shifted-toy-images: 1 x 8 x 8 pixels, three shapes at random places."""
    return _dataset(
        "shifted-toy-images",
        Task("classification", SHAPES),
        {name: _shapes(*scanner) for name, scanner in IMAGE_SCANNERS.items()},
        (120, 30, 1000),
        "Scanners differ in noise, contrast and brightness; the last one shows dark "
        "shapes on a bright ground.",
    )


def masks() -> Dataset:
    """Return shifted-toy-masks: 1 x 8 x 8 pixels with one blob, and its mask."""
    return _dataset(
        "shifted-toy-masks",
        Task("segmentation", ("background", "blob")),
        {name: _blobs(*scanner) for name, scanner in MASK_SCANNERS.items()},
        (16, 8, 1000),
        "Scanners differ in contrast and noise; the last one's background is as bright "
        "as the blobs of the second.",
    )


def _dataset(
    name: str, task: Task, draws: dict[str, Draw], sizes: tuple[int, int, int], shift: str
) -> Dataset:
    names = tuple(draws)
    return Dataset(
        name=name,
        card=_card(shift),
        task=task,
        domains=tuple(Domain(d, *_splits(draws[d], sizes, generator(name, d))) for d in names),
        transfers=(Transfer(f"to-{names[-1]}", names[:-1], names[-1:]),),
        streams=(Stream("all", names),),
    )


def _card(shift: str) -> Card:
    return Card(
        area="simulated",
        licence="CC0 1.0",
        source="simulated by this package from fixed seeds",
        citation="none",
        shift=shift,
        provenance="simulated",
        privacy="No person's data.",
        intended_use="Testing methods and the benchmark itself, in seconds. Says nothing "
        "about medicine.",
    )


def _splits(draw: Draw, sizes: tuple[int, int, int], source: Generator) -> list[Split]:
    rows = draw(sum(sizes), source)
    ends = accumulate(sizes)
    return [rows[torch.arange(end - size, end)] for size, end in zip(sizes, ends, strict=True)]


def _moons(degrees: float, displaced: tuple[float, float]) -> Draw:
    turn = math.radians(degrees)
    sine, cosine = math.sin(turn), math.cos(turn)

    def draw(rows: int, source: Generator) -> Split:
        y = torch.arange(rows) % 2
        angle, side = torch.rand(rows, generator=source) * math.pi, 2.0 * y - 1
        moons = torch.stack([angle.cos() + side / 2, side * (0.25 - angle.sin())], 1)
        moons @= torch.tensor([[cosine, sine], [-sine, cosine]])
        shortcut = side[:, None] / 2 + torch.tensor(displaced)
        noise = torch.randn(rows, 8, generator=source) * torch.tensor(NOISE)
        return Split(_rounded(torch.cat([moons, shortcut, torch.zeros(rows, 4)], 1) + noise), y)

    return draw


def _shapes(contrast: float, noise: float, background: float) -> Draw:
    ring = torch.ones(5, 5)
    ring[1:-1, 1:-1] = 0
    plus = torch.zeros(5, 5)
    plus[2, :] = plus[:, 2] = 1
    cross = torch.eye(5).maximum(torch.eye(5).flip(0))
    stamps = torch.stack([ring, plus, cross])

    def draw(rows: int, source: Generator) -> Split:
        y = torch.arange(rows) % len(SHAPES)
        places = torch.randint(SIDE - 4, (rows, 2), generator=source).tolist()
        x = torch.zeros(rows, 1, SIDE, SIDE)
        for image, stamp, (top, left) in zip(x, stamps[y], places, strict=True):
            image[0, top : top + 5, left : left + 5] = stamp
        return Split(_scanned(x, contrast, noise, background, source), y)

    return draw


def _blobs(contrast: float, noise: float, background: float) -> Draw:
    def draw(rows: int, source: Generator) -> Split:
        centre = 2 + 3 * torch.rand(rows, 2, 1, 1, generator=source)
        radius = 1.2 + 1.2 * torch.rand(rows, 1, 1, generator=source)
        side = torch.arange(SIDE)
        grid = torch.stack(torch.meshgrid(side, side, indexing="ij"))
        inside = _rounded((grid - centre).square().sum(1)) <= _rounded(radius.square())
        x = _scanned(inside[:, None].float(), contrast, noise, background, source)
        return Split(x, inside.long())

    return draw


def _scanned(
    shape: Tensor, contrast: float, noise: float, background: float, source: Generator
) -> Tensor:
    deviation = noise * torch.randn(shape.shape, generator=source)
    return _rounded(background + contrast * shape + deviation)


def _rounded(x: Tensor) -> Tensor:
    # cos, exp and matrix products differ in the last bits between processors; a dataset's
    # digest must not.
    return (x * 1024).round() / 1024
