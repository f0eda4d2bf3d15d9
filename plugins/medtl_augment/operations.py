"""The operations of AugMix (Hendrycks et al. 2020) on images in [0, 1].

Each takes images [n, channels, height, width] and a strength [n] in -1..1; what 1 means
is that of the authors' code.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

Number = Tensor | float  # of each image [n], or of all


def rotated(u: Tensor, strength: Tensor) -> Tensor:
    """Turn by up to 30 degrees."""
    angle = strength * math.pi / 6
    return _moved(u, angle.cos(), -angle.sin(), angle.sin(), angle.cos())


def sheared_across(u: Tensor, strength: Tensor) -> Tensor:
    """Shear along the rows, by up to 0.3."""
    return _moved(u, 1, 0.3 * strength, 0, 1)


def sheared_down(u: Tensor, strength: Tensor) -> Tensor:
    """Shear along the columns, by up to 0.3."""
    return _moved(u, 1, 0, 0.3 * strength, 1)


def shifted_across(u: Tensor, strength: Tensor) -> Tensor:
    """Shift along the rows, by up to a third of the width."""
    return _moved(u, 1, 0, 0, 1, across=2 / 3 * strength)


def shifted_down(u: Tensor, strength: Tensor) -> Tensor:
    """Shift along the columns, by up to a third of the height."""
    return _moved(u, 1, 0, 0, 1, down=2 / 3 * strength)


def stretched(u: Tensor, _: Tensor) -> Tensor:
    """Stretch the values of each image to 0..1 (autocontrast)."""
    low, high = u.amin((1, 2, 3), keepdim=True), u.amax((1, 2, 3), keepdim=True)
    return (u - low) / (high - low).clamp_min(1e-6)


def posterised(u: Tensor, strength: Tensor) -> Tensor:
    """Keep 4 to 1 bits of the values, the fewer the stronger."""
    levels = 2 ** (4 - (4 * strength.abs()).floor()).clamp_min(1)[:, None, None, None] - 1
    return (u * levels).round() / levels


def solarised(u: Tensor, strength: Tensor) -> Tensor:
    """Invert the values above a threshold, the lower the stronger."""
    return torch.where(u < 1 - strength.abs()[:, None, None, None], u, 1 - u)


def _moved(
    u: Tensor,
    a: Number,
    b: Number,
    c: Number,
    d: Number,
    across: Number = 0,
    down: Number = 0,
) -> Tensor:
    """Return images resampled at [[a, b], [c, d]] (x, y) + (across, down).

    The image spans -1..1; its border goes on.
    """
    matrix = u.new_zeros(len(u), 6)
    for column, value in enumerate((a, b, across, c, d, down)):
        matrix[:, column] = value
    places = F.affine_grid(matrix.view(-1, 2, 3), list(u.shape), align_corners=False)
    return F.grid_sample(u, places, padding_mode="border", align_corners=False)


OPERATIONS = (
    rotated,
    sheared_across,
    sheared_down,
    shifted_across,
    shifted_down,
    stretched,
    posterised,
    solarised,
)
