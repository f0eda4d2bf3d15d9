"""Mean and deviation of columns at any magnitude, in which no rounding passes for variation."""

import torch
from torch import Tensor

# where the deviation is less than this share of the mean, or less than this at all, both are
# taken again in float64
SHARE, LEAST = 1e-4, 1e-15
# of a value: what columns vary by less than float32 rounds by is no variation
ROUNDING = 4 * torch.finfo(torch.float32).eps
# of a constant: how far from it a value may lie without becoming a large number
NEAR = 0.01


def mean_and_deviation(x: Tensor, over: list[int]) -> tuple[Tensor, Tensor]:
    """Return mean and deviation of float32 columns, with the axes of x [n, columns, ...].

    `over`: all axes but 1. See `exact` for what does not vary.
    """
    mean = x.mean(over, keepdim=True)
    deviation = (x - mean).square().mean(over, keepdim=True).sqrt()
    again = doubtful(mean, deviation).flatten()
    if again.any():
        mean[:, again], deviation[:, again] = exact(x[:, again], over)
    return mean, deviation


def doubtful(mean: Tensor, deviation: Tensor) -> Tensor:
    """Return where a mean and a deviation that float32 gave may be of its rounding alone."""
    sure = (deviation > SHARE * mean.abs()) & (deviation > LEAST) & deviation.isfinite()
    return ~sure


def exact(x: Tensor, over: list[int]) -> tuple[Tensor, Tensor]:
    """Return mean and deviation as calculated in float64, in the type of `x`.

    A column that does not vary beyond the rounding of float32 has the deviation 1, or a hundredth
    of its magnitude where that is more. Divided by the rounding, a column of 98.6 would make
    65,537 of another domain's 99.1.
    """
    wide = x.double()
    mean = wide.mean(over, keepdim=True)
    deviation = (wide - mean).square().mean(over, keepdim=True).sqrt()
    magnitude = wide.abs().amax(over, keepdim=True)
    rounding = (ROUNDING * magnitude).clamp(min=torch.finfo(torch.float32).tiny)
    constant = (NEAR * magnitude).clamp(min=1.0)
    deviation = torch.where(deviation > rounding, deviation, constant)
    return mean.to(x.dtype), deviation.to(x.dtype)
