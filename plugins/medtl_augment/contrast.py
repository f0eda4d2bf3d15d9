"""Random contrast: no network can rely on how bright a tissue is.

Billot et al. 2023, Medical Image Analysis 86; Zhang et al. 2020, IEEE TMI 39(7).
"""

from dataclasses import dataclass, replace
from typing import Annotated

import torch
from torch import Tensor
from torch.nn import functional as F

from medtl_augment.augmented import OfImages
from medtl_bench.contract.ranges import Range
from medtl_bench.training.batches import Batch

GRID = 4  # values of a bias field along a side, from which it is interpolated


@dataclass
class ContrastRandomisation(OfImages):
    """Minimise the task's loss on images whose contrast is drawn anew at each step.

    An image u, scaled to [0, 1], becomes bias * u^gamma + brightness, scaled back.
    `gamma_deviation`: log gamma ~ N(0, gamma_deviation^2). `bias_deviation`: log bias is
    a smooth field through 4 x 4 values from N(0, s^2), s uniform up to this. Both are of
    SynthSeg's generator, whose intensities by label are left out: they need every tissue
    labelled. `brightness`: uniform up to this both ways, as in BigAug. `inverted`: how
    often u becomes 1 - u first, for what is bright in one modality is dark in another
    (Zhou et al. 2019, Models Genesis, MICCAI). `patience`: none, for the sources' own
    contrasts, by which it would end, are learned long before all others.
    """

    patience: int = 0
    gamma_deviation: Annotated[float, Range(0, 1)] = 0.5
    bias_deviation: Annotated[float, Range(0, 1)] = 0.5
    brightness: float = 0.1
    inverted: Annotated[float, Range(0, 1)] = 0.5

    def augment(self, batch: Batch) -> Batch:
        """Return the batch with every image's contrast changed."""
        images = self.randomised(batch.x.flatten(0, 1))
        return replace(batch, x=images.unflatten(0, batch.y.shape[:2]))

    def randomised(self, x: Tensor) -> Tensor:
        """Return images [n, channels, height, width] of other contrast, all channels alike."""
        low, high = x.amin((1, 2, 3), keepdim=True), x.amax((1, 2, 3), keepdim=True)
        span = (high - low).clamp_min(1e-6)
        u = (x - low) / span
        u = torch.where(self._uniform(len(x)) < self.inverted, 1 - u, u)
        log_gamma = torch.randn(len(x), 1, 1, 1, generator=self.generator)
        gamma = torch.exp(self.gamma_deviation * log_gamma)
        bias = self._bias(len(x), x.shape[2:])
        offset = self.brightness * (2 * self._uniform(len(x)) - 1)
        return low + span * (bias * u**gamma + offset)

    def _bias(self, n: int, size: torch.Size) -> Tensor:
        """Return smooth bias fields [n, 1, height, width]."""
        grid = torch.randn(n, 1, GRID, GRID, generator=self.generator)
        log_bias = grid * self.bias_deviation * self._uniform(n)
        return F.interpolate(log_bias, size, mode="bicubic", align_corners=True).exp()

    def _uniform(self, n: int) -> Tensor:
        return torch.rand(n, 1, 1, 1, generator=self.generator)
