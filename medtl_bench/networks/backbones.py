"""Backbones by kind of input: they make features of vectors, images, sequences and pairs."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from tensordict import TensorDict

# a sequence longer than this is strided more; how much of its order is kept
LONG, STRETCHES = 128, 16
TOKENS, EMBEDDED = 64, 8
UNET_MULTIPLE = 4  # of which a side of what a U-Net gets must be one: it halves images twice


def perceptron(inputs: int, width: int) -> nn.Module:
    """Return inputs -> 2 width -> width with ReLU."""
    return nn.Sequential(
        nn.Linear(inputs, 2 * width),
        nn.ReLU(inplace=True),
        nn.Linear(2 * width, width),
        nn.ReLU(inplace=True),
    )


def _block(inputs: int, outputs: int, stride: int = 1) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1), nn.GroupNorm(4, outputs), nn.ReLU(inplace=True)
    )


def convolutions(channels: int, width: int) -> nn.Module:
    """Return a small residual network with GroupNorm for images [n, channels, h, w].

    It halves the image twice and averages it to one vector a row [n, width].
    """
    return nn.Sequential(
        _block(channels, width // 4, 2), Residual(width // 4), _block(width // 4, width, 2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(),
    )  # fmt: skip


def sequence_convolutions(channels: int, length: int, width: int) -> nn.Module:
    """Return two strided convolutions with GroupNorm for sequences [n, channels, length].

    They are averaged over at most 16 stretches and joined to one vector a row [n, width].
    Where in the sequence something stands is kept, since a window's centre or a protein's
    end is not like the rest.
    """
    stride = 2 if length <= LONG else 4
    left = -(-length // stride**2)
    pooling = nn.AdaptiveAvgPool1d(STRETCHES) if left > STRETCHES else nn.Identity()
    return nn.Sequential(
        _sequence_block(channels, width // 4, 7, stride),
        _sequence_block(width // 4, width // 2, 5, stride), pooling, nn.Flatten(),
        nn.Linear(width // 2 * min(left, STRETCHES), width), nn.ReLU(inplace=True),
    )  # fmt: skip


def _sequence_block(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Module:
    convolution = nn.Conv1d(inputs, outputs, kernel, stride, kernel // 2)
    return nn.Sequential(convolution, nn.GroupNorm(4, outputs), nn.ReLU(inplace=True))


def tokens(x: Tensor) -> bool:
    """Return whether sequences are one channel of token numbers [n, 1, length].

    That is: whole, from 0 to 63, not just 0 and 1.
    """
    low, high = x.aminmax()
    in_range = (low >= 0) & (high > 1) & (high < TOKENS)
    return x.shape[1] == 1 and bool(in_range & (x == x.round()).all())


class Embedding(nn.Module):
    """A learned vector for each token number; a number past the table is taken as its last."""

    def __init__(self) -> None:
        """Draw the table."""
        super().__init__()
        self.table = nn.Embedding(TOKENS, EMBEDDED)

    def forward(self, x: Tensor) -> Tensor:
        """Return channels [n, 8, length] for token numbers [n, 1, length]."""
        vectors: Tensor = self.table(x[:, 0].long().clamp(0, TOKENS - 1))
        return vectors.transpose(1, 2)


class Residual(nn.Module):
    """relu(x + F(x)) with two convolutions in F (He et al. 2016, CVPR, eq. 1).

    With GroupNorm (Wu and He 2018, ECCV).
    """

    def __init__(self, channels: int) -> None:
        """Make it for maps with so many channels."""
        super().__init__()
        self.change = nn.Sequential(
            _block(channels, channels),
            nn.Conv2d(channels, channels, 3, 1, 1),
            nn.GroupNorm(4, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return maps of the same shape."""
        return torch.relu(x + self.change(x))


class UNet(nn.Module):
    """A U-Net with two levels (Ronneberger et al. 2015) and GroupNorm.

    For images whose sides are multiples of four. With `patches` each pixel of its input
    is a patch of the image: the finest maps are twice as many, and the last convolution
    sees the patches too, without which thin structures are found only after a much longer
    training.
    """

    def __init__(self, channels: int, width: int, *, patches: bool = False) -> None:
        """Make it for images with so many channels, and maps with `width` channels."""
        super().__init__()
        self.patches = patches
        fine, middle, coarse = width // (4 if patches else 8), width // 4, width // 2
        self.down = nn.ModuleList(
            [_block(channels, fine), _block(fine, middle, 2), _block(middle, coarse, 2)]
        )
        self.up = nn.ModuleList([_block(coarse + middle, middle), _block(middle + fine, fine)])
        self.last = nn.Sequential(
            nn.Conv2d(fine + channels * patches, width, 1), nn.ReLU(inplace=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return feature maps [n, width, h, w] for images [n, channels, h, w]."""
        x = _by_pixel(x)
        fine = self.down[0](x)
        middle = self.down[1](fine)
        coarse = self.down[2](middle)
        middle = self.up[0](torch.cat([_doubled(coarse), middle], 1))
        fine = self.up[1](torch.cat([_doubled(middle), fine], 1))
        out: Tensor = self.last(torch.cat([fine, x], 1) if self.patches else fine)
        return out


def _by_pixel(maps: Tensor) -> Tensor:
    """Return the same maps with the channels of a pixel side by side in memory.

    In this order, which all further maps keep, a step of training takes four fifths of the time.
    """
    return maps.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)


def _doubled(maps: Tensor) -> Tensor:
    return nn.functional.interpolate(maps, scale_factor=2.0, mode="nearest")


class Crop(nn.Module):
    """The upper left part of images, whose sides were padded."""

    def __init__(self, height: int, width: int) -> None:
        """Make it for images whose own sides are these."""
        super().__init__()
        self.height, self.width = height, width

    def forward(self, x: Tensor) -> Tensor:
        """Return images [..., height, width] of larger ones."""
        return x[..., : self.height, : self.width]

    def extra_repr(self) -> str:
        """Tell the sides: modules that read the same are taken to calculate the same."""
        return f"{self.height}, {self.width}"


class Towers(nn.Module):
    """One backbone for each part of the input, their features joined to one vector.

    Parts are a drug and a protein, or an image and a record.
    """

    def __init__(self, towers: Mapping[str, nn.Module], width: int) -> None:
        """Join towers that each return [n, width]."""
        super().__init__()
        self.towers = nn.ModuleDict(towers)
        self.join = nn.Sequential(nn.Linear(width * len(towers), width), nn.ReLU(inplace=True))

    def forward(self, x: "TensorDict") -> Tensor:
        """Return features [n, width]."""
        features = [tower(x[name]) for name, tower in self.towers.items()]
        joined: Tensor = self.join(torch.cat(features, 1))
        return joined
