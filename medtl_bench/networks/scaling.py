"""Standardises inputs by what is known of the sources."""

import torch
from torch import Tensor, nn

from medtl_bench.contract.scale import mean_and_deviation


def scaling(x: Tensor) -> nn.Module:
    """Return a module that standardises inputs like `x`, fitted on `x`.

    Inputs are [n, columns] or [n, channels, ...]. Columns, and channels of a sequence,
    that hold only 0 and 1 (indicators, fingerprint bits, one-hot letters) pass as they
    are: a rare bit would become a huge number.
    """
    fitted = Standardise(x)
    changes_nothing = (fitted.mean == 0).all() and (fitted.deviation == 1).all()
    return nn.Identity() if changes_nothing else fitted


class Standardise(nn.Module):
    """Shift and scale each column or channel by mean and deviation, indicators excepted.

    Those of the inputs that it was made with. What was constant there is not divided.
    """

    def __init__(self, x: Tensor) -> None:
        """Fit on inputs [n, columns], [n, channels, length] or [n, channels, height, width]."""
        super().__init__()
        self.mean: Tensor
        self.deviation: Tensor
        keep = _indicators(x)
        mean = torch.zeros_like(keep, dtype=x.dtype)
        deviation = torch.ones_like(keep, dtype=x.dtype)
        if not keep.all():  # these take as long as some hundred steps where columns are many
            over = [axis for axis in range(x.ndim) if axis != 1]
            fitted, spread = mean_and_deviation(x, over)
            mean, deviation = fitted.where(~keep, mean), spread.where(~keep, deviation)
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)

    def forward(self, x: Tensor) -> Tensor:
        """Return standardised inputs of the same shape."""
        return (x - self.mean) / self.deviation


def _indicators(x: Tensor) -> Tensor:
    """Return which columns or channels hold only 0 and 1, with an axis for each of x's.

    A channel of images never counts: black and white pixels are no indicators.
    """
    if x.ndim > 3:
        return x.new_zeros(1, x.shape[1], *[1] * (x.ndim - 2), dtype=torch.bool)
    keep = ((x == 0) | (x == 1)).all(0, keepdim=True)
    return keep if x.ndim == 2 else keep.all(2, keepdim=True)
