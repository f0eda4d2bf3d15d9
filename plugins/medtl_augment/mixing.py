"""Pairs of rows mixed into one: mixup (Zhang et al. 2018) and CutMix (Yun et al. 2019)."""

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Annotated

import torch
from torch import Tensor

from medtl_augment.augmented import Augmented, OfImages
from medtl_bench.contract.ranges import Range
from medtl_bench.contract.split import Inputs
from medtl_bench.networks.network import Network
from medtl_bench.training.batches import Batch


@dataclass
class Mixing(Augmented):
    """Minimise w L(f(x'), y) + (1 - w) L(f(x'), y~), where row x' is mixed of x and x~.

    x~ is a random other row of the batch, and of the same source where each domain has its
    own head. `alpha`: the share of x is drawn from
    Beta(alpha, alpha), once a batch as in both papers' own code.
    """

    alpha: Annotated[float, Range(0.05, 2, log=True)] = 1.0

    def augment(self, batch: Batch) -> Batch:
        """Return the mixed batch; `extra` holds w and y~."""
        x, y = batch.pooled()
        order = self._order(*batch.y.shape[:2])
        share = float(self.numpy().beta(self.alpha, self.alpha))
        mixed, y, other_y, weight = self.mixed(x, x[order], y, y[order], share)
        shape = batch.y.shape[:2]
        extra = {"weight": torch.tensor(weight), "other": other_y.unflatten(0, shape)}
        return replace(
            batch, x=mixed.reshape(*shape, *mixed.shape[1:]), y=y.unflatten(0, shape), extra=extra
        )

    def _order(self, sources: int, rows: int) -> Tensor:
        """Return the number of the row that each is mixed with [sources * rows]."""
        if not self.own_heads:
            return torch.randperm(sources * rows, generator=self.generator)
        within = torch.rand(sources, rows, generator=self.generator).argsort(1)
        return (within + rows * torch.arange(sources)[:, None]).flatten()

    @abstractmethod
    def mixed(
        self, x: Inputs, other: Inputs, y: Tensor, other_y: Tensor, share: float
    ) -> tuple[Inputs, Tensor, Tensor, float]:
        """Return x', y, y~ and w for pairs of rows and a share of the first."""

    def objective(self, net: Network, batch: Batch) -> Tensor:
        """Return the loss on both labels, weighted."""
        x, y = batch.pooled()
        outputs, weight = net(x), batch.extra["weight"]
        other = self.task.loss(outputs, batch.extra["other"].flatten(0, 1))
        return weight * self.task.loss(outputs, y) + (1 - weight) * other


@dataclass
class Mixup(Mixing):
    """Mix x' = w x + (1 - w) x~ (eq. 1).

    The default alpha lies in the paper's range for ImageNet, 0.1 to 0.4 (section 3.1).
    """

    alpha: Annotated[float, Range(0.05, 2, log=True)] = 0.2

    def mixed(
        self, x: Inputs, other: Inputs, y: Tensor, other_y: Tensor, share: float
    ) -> tuple[Inputs, Tensor, Tensor, float]:
        """Return weighted means, and w = share."""
        return x * share + other * (1 - share), y, other_y, share


@dataclass
class CutMix(Mixing, OfImages):
    """Paste a box of x~ into x (eq. 1 and 2); w is the area left of x.

    The box's sides are sqrt(1 - share) of the image's, its centre is uniform, and it is
    cut at the border. Where labels are masks, the box of y~ is pasted too and w is 1
    (French et al. 2020, BMVC). The default alpha is the paper's.
    """

    def mixed(
        self, x: Inputs, other: Inputs, y: Tensor, other_y: Tensor, share: float
    ) -> tuple[Inputs, Tensor, Tensor, float]:
        """Return images with a box of others, and the share that is left of the first."""
        top, bottom = self._side(x.shape[2], share)
        left, right = self._side(x.shape[3], share)
        x = x.clone()
        x[:, :, top:bottom, left:right] = other[:, :, top:bottom, left:right]
        if self.task.kind == "segmentation":
            y = y.clone()
            y[:, top:bottom, left:right] = other_y[:, top:bottom, left:right]
            return x, y, y, 1.0
        return x, y, other_y, 1 - (bottom - top) * (right - left) / (x.shape[2] * x.shape[3])

    def _side(self, size: int, share: float) -> tuple[int, int]:
        centre = int(torch.randint(size, (), generator=self.generator))
        half = int(size * (1 - share) ** 0.5) // 2
        return max(0, centre - half), min(size, centre + half)
