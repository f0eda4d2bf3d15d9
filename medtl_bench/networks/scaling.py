"""Standardises inputs by what is known of the sources."""

import torch
from torch import Tensor, nn


def scaling(x: Tensor) -> nn.Module:
    """Return a module that standardises inputs like `x` [n, columns] or [n, channels, ...], fitted on `x`.

    Columns, and channels of a sequence, that hold only 0 and 1 (indicators, fingerprint
    bits, one-hot letters) pass as they are: a rare bit would become a huge number.
    """
    fitted = Standardise(x)
    return nn.Identity() if (fitted.mean == 0).all() and (fitted.deviation == 1).all() else fitted


class Standardise(nn.Module):
    """Shift and scale each column or channel by the mean and deviation of the inputs it was made with, indicators excepted."""

    def __init__(self, x: Tensor) -> None:
        """Fit on inputs [n, columns], [n, channels, length] or [n, channels, height, width]."""
        super().__init__()
        self.mean: Tensor
        self.deviation: Tensor
        over = [axis for axis in range(x.ndim) if axis != 1]
        keep = (
            ((x == 0) | (x == 1)).all(0, keepdim=True)
            if x.ndim <= 3
            else torch.zeros_like(x[:1], dtype=torch.bool)
        )
        keep = keep.flatten(2).all(2).view(1, -1, *[1] * (x.ndim - 2)) if x.ndim > 2 else keep
        mean, deviation = (
            torch.zeros_like(keep, dtype=x.dtype),
            torch.ones_like(keep, dtype=x.dtype),
        )
        if not keep.all():  # these take as long as some hundred steps where columns are many
            fitted = x.mean(over, keepdim=True)
            spread = (x - fitted).square().mean(over, keepdim=True).sqrt()
            mean, deviation = (
                fitted.where(~keep, mean),
                spread.where(~keep & (spread > 1e-6), deviation),
            )
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)

    def forward(self, x: Tensor) -> Tensor:
        """Return standardised inputs of the same shape."""
        return (x - self.mean) / self.deviation
