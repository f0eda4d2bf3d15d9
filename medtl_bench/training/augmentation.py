"""Plain augmentation of images, as is practised: flips, small affine moves, small intensities."""

import math
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Literal

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from medtl_bench.contract.split import Inputs
from medtl_bench.contract.task import Change
from medtl_bench.training.batches import Block

Augmentation = Literal["", "plain"]
DEGREES, STRETCH, SHIFT = 10.0, 0.1, 0.05  # at most: turned, larger or smaller, of a side
CONTRAST, BRIGHTNESS = 0.2, 0.2  # at most: of the contrast, of an image's own deviation
# what makes of images [n, channels, height, width] others, and alike of their masks
Moved = tuple[Tensor, Tensor | None]


def augmented(block: Block, changes: Collection[Change], generator: Generator) -> Block:
    """Return steps with images that are changed at random, each in its own way.

    Labelled and unlabelled ones alike, and masks with their images; what are no images
    [..., channels, height, width] stays as it is. `changes`: those that leave a label what
    it is.
    """
    masks = block.y if block.y.ndim > block.x.ndim - 3 else None
    x, y = _changed(block.x, masks, changes, generator)
    unlabelled = block.unlabelled
    if unlabelled is not None:
        unlabelled, _ = _changed(unlabelled, None, changes, generator)
    return replace(block, x=x, y=block.y if y is None else y, unlabelled=unlabelled)


def _changed(
    images: Inputs, masks: Tensor | None, changes: Collection[Change], generator: Generator
) -> tuple[Inputs, Tensor | None]:
    x = images.flatten(0, -4)
    y = None if masks is None else masks.flatten(0, -3)
    for change, apply in CHANGES.items():
        if change in changes:
            x, y = apply(x, y, generator)
    return x.reshape(images.shape), None if masks is None or y is None else y.reshape(masks.shape)


def flipped(x: Tensor, y: Tensor | None, generator: Generator) -> Moved:
    """Mirror images along either axis, each with a chance of a half."""
    for axis in (-1, -2):
        chosen = torch.rand(len(x), generator=generator) < 0.5
        x = torch.where(chosen[:, None, None, None], x.flip(axis), x)
        y = None if y is None else torch.where(chosen[:, None, None], y.flip(axis), y)
    return x, y


def moved(x: Tensor, y: Tensor | None, generator: Generator) -> Moved:
    """Turn, stretch and shift images; at the border what stands there goes on."""
    u = 2 * torch.rand(4, len(x), generator=generator) - 1
    angle, size = u[0] * math.radians(DEGREES), 1 + STRETCH * u[1]
    cos, sin, (height, width) = angle.cos() * size, angle.sin() * size, x.shape[-2:]
    # places are told in halves of each side, so a turn of what is not square leans
    across = torch.stack([cos, -sin * height / width, 2 * SHIFT * u[2]], 1)
    down = torch.stack([sin * width / height, cos, 2 * SHIFT * u[3]], 1)
    matrix = torch.stack([across, down], 1).to(x.dtype)
    places = F.affine_grid(matrix, list(x.shape), align_corners=False)
    return _sampled(x, places, "bilinear"), None if y is None else _of_mask(y, places)


def _sampled(x: Tensor, places: Tensor, mode: str) -> Tensor:
    return F.grid_sample(x, places, mode, padding_mode="border", align_corners=False)


def _of_mask(y: Tensor, places: Tensor) -> Tensor:
    """Return masks [n, height, width] with the nearest pixel's class at each place."""
    return _sampled(y[:, None].to(places.dtype), places, "nearest")[:, 0].to(y.dtype)


def shaded(x: Tensor, y: Tensor | None, generator: Generator) -> Moved:
    """Change contrast and brightness of images, all channels of one alike."""
    u = 2 * torch.rand(2, len(x), 1, 1, 1, generator=generator, dtype=x.dtype) - 1
    deviation, mean = torch.std_mean(x, (1, 2, 3), correction=0, keepdim=True)
    return mean + (x - mean) * (1 + CONTRAST * u[0]) + BRIGHTNESS * u[1] * deviation, y


CHANGES: dict[Change, Callable[[Tensor, Tensor | None, Generator], Moved]] = {
    "flips": flipped,
    "affine": moved,
    "intensity": shaded,
}
