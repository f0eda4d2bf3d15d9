"""Backbones by kind of input, and the network as a function of its parameters."""

import copy
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor, nn

from medtl_bench.data import Inputs, Task, parts

if TYPE_CHECKING:
    from tensordict import TensorDict

Parameters = dict[str, Tensor]
M = TypeVar("M", bound=nn.Module)
LARGE = 32  # pixels
LONG, STRETCHES = 128, 16  # a sequence longer than this is strided more; how much of its order is kept
TOKENS, EMBEDDED = 64, 8


class Network:
    """A backbone `features`, a `head` and any further named parts, called with their own parameters or with given ones.

    `net.features(x)` -> z, `net.head(z)` -> outputs, `net(x)` = head of features, `net.NAME(...)` for a further part.
    """

    def __init__(self, module: nn.ModuleDict, parameters: Parameters | None = None, buffers: Parameters | None = None) -> None:
        """Wrap a ModuleDict; `parameters` and `buffers`, named as in `self`, replace the module's own where given."""
        self.module = module
        self._parameters, self._buffers = parameters or {}, buffers or {}
        self._given = _places(module, self._parameters | self._buffers)

    @property
    def parameters(self) -> Parameters:
        """Return the parameters this network is called with, by dotted name."""
        return dict(self.module.named_parameters()) | self._parameters

    @property
    def buffers(self) -> Parameters:
        """Return the tensors that are not trained, such as the scaling of inputs, by dotted name."""
        return dict(self.module.named_buffers()) | self._buffers

    def with_parameters(self, parameters: Parameters, buffers: Parameters | None = None) -> "Network":
        """Return the same network as a function of other parameters, and of other buffers where given."""
        return Network(self.module, parameters, self._buffers if buffers is None else buffers)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Network":
        """Return a copy with its own tensors."""
        return Network(_copied(self.module, memo), *(copy.deepcopy((self._parameters, self._buffers), memo)))

    def __call__(self, x: Inputs) -> Tensor:
        """Return class scores [n, classes, ...] or values [n] for inputs [n, ...]."""
        return self.head(self.features(x))

    def features(self, x: Inputs) -> Tensor:
        """Return what the backbone makes of inputs [n, ...]: [n, width], or maps [n, width, height, width'] for masks.

        Maps of large images have a row and a column for each of their patches.
        """
        return self.part("features", x)

    def head(self, z: Tensor) -> Tensor:
        """Return class scores or values for features."""
        return self.part("head", z)

    def part(self, name: str, *inputs: Any) -> Tensor:  # noqa: ANN401
        """Call one part; with its own parameters the module is called directly, which costs nothing extra."""
        with _replaced(self._given.get(name, [])):
            output: Tensor = self.module[name](*inputs)
        return output

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        """Return a further named part as a function."""
        if name.startswith("__") or name == "module" or name not in self.module:
            raise AttributeError(f"This network has no part named {name!r}.")
        return partial(self.part, name)


Place = tuple[dict[str, Any], str, Tensor]  # a module's own table of parameters or buffers, the name there, the value


def _places(module: nn.ModuleDict, given: Parameters) -> dict[str, list[Place]]:
    """Return by part where each given tensor belongs."""
    places: dict[str, list[Place]] = {}
    modules = dict(module.named_modules(remove_duplicate=False)) if given else {}
    for path, value in given.items():
        owner, _, name = path.rpartition(".")
        found = modules[owner]
        table: dict[str, Any] = found._parameters if name in found._parameters else found._buffers
        places.setdefault(path.partition(".")[0], []).append((table, name, value))
    return places


@contextmanager
def _replaced(places: list[Place]) -> Iterator[None]:
    """Put tensors in their places for a while: what `torch.func.functional_call` does, for a tenth of its time."""
    before = [table[name] for table, name, _ in places]
    for table, name, value in places:
        table[name] = value
    try:
        yield
    finally:
        for (table, name, _), own in zip(places, before, strict=True):
            table[name] = own


def _copied(module: M, memo: dict[int, Any]) -> M:
    """Return a deep copy of a module: what `copy.deepcopy` does, for a tenth of its time."""
    if id(module) not in memo:
        new = memo[id(module)] = object.__new__(type(module))
        new.__dict__.update({name: _copied_attribute(value, memo) for name, value in vars(module).items()})
    copied: M = memo[id(module)]
    return copied


def _copied_attribute(value: Any, memo: dict[int, Any]) -> Any:  # noqa: ANN401
    if isinstance(value, nn.Module):
        return _copied(value, memo)
    if type(value) in {dict, OrderedDict}:
        return type(value)((key, _copied_attribute(part, memo)) for key, part in value.items())
    return value if isinstance(value, bool | int | float | str | None) else copy.deepcopy(value, memo)


def build(x: Inputs, task: Task, width: int, further: Mapping[str, nn.Module] | None = None) -> Network:
    """Return a network for inputs like `x` [n, ...]; their scaling is fitted on `x`, which must be source inputs only.

    Weights are drawn from torch's global generator; `training.GradientMethod` seeds it around the call.
    """
    dense = task.kind == "segmentation"
    towers = {name: _tower(part, width, dense=dense) for name, part in parts(x).items()}
    features = next(iter(towers.values())) if isinstance(x, Tensor) else Towers(towers, width)
    head = _dense_head(next(iter(parts(x).values())), width, task.outputs) if dense else nn.Linear(width, task.outputs)
    if task.kind == "regression":
        head = nn.Sequential(head, nn.Flatten(0))
    return Network(nn.ModuleDict({"features": features, "head": head, **(further or {})}))


def pooled(z: Tensor) -> Tensor:
    """Return one vector a row [n, width]: features as they are, maps averaged over their pixels."""
    return z if z.ndim == 2 else z.flatten(2).mean(2)


def _tower(x: Tensor, width: int, *, dense: bool) -> nn.Module:
    if x.ndim == 4:
        patches = patch(x) > 1
        channels = x.shape[1] * patch(x) ** 2
        maps = UNet(channels, width, patches=patches) if dense else convolutions(channels, width)
        return nn.Sequential(scaling(x), *([nn.PixelUnshuffle(patch(x))] if patches else []), maps)
    if x.ndim == 3:
        start, channels = (Embedding(), EMBEDDED) if tokens(x) else (scaling(x), x.shape[1])
        return nn.Sequential(start, sequence_convolutions(channels, x.shape[2], width))
    if x.ndim == 2:
        return nn.Sequential(scaling(x), perceptron(x.shape[1], width))
    raise ValueError(
        f"There is no backbone for inputs of shape {list(x.shape)}; vectors [n, d], sequences [n, c, length] and "
        "images [n, c, h, w] have one."
    )


def patch(x: Tensor) -> int:
    """Return the side of the patches that images [n, c, h, w] are taken as: 2 from 32 pixels a side on, at a third of the cost.

    A patch's pixels become channels, so nothing is lost; the head of a mask turns them back (Shi et al. 2016, CVPR, eq. 4).
    """
    return 2 if min(x.shape[2:]) >= LARGE else 1


def _dense_head(x: Tensor, width: int, outputs: int) -> nn.Module:
    side = patch(x)
    scores = nn.Conv2d(width, outputs * side**2, 1)
    return nn.Sequential(scores, nn.PixelShuffle(side)) if side > 1 else scores


def scaling(x: Tensor) -> nn.Module:
    """Return a module that standardises inputs like `x` [n, columns] or [n, channels, ...], fitted on `x`.

    Columns, and channels of a sequence, that hold only 0 and 1 (indicators, fingerprint bits, one-hot letters) pass as they
    are: a rare bit would become a huge number.
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
        keep = ((x == 0) | (x == 1)).all(0, keepdim=True) if x.ndim <= 3 else torch.zeros_like(x[:1], dtype=torch.bool)
        keep = keep.flatten(2).all(2).view(1, -1, *[1] * (x.ndim - 2)) if x.ndim > 2 else keep
        mean, deviation = torch.zeros_like(keep, dtype=x.dtype), torch.ones_like(keep, dtype=x.dtype)
        if not keep.all():  # these take as long as some hundred steps where columns are many
            fitted = x.mean(over, keepdim=True)
            spread = (x - fitted).square().mean(over, keepdim=True).sqrt()
            mean, deviation = fitted.where(~keep, mean), spread.where(~keep & (spread > 1e-6), deviation)
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)

    def forward(self, x: Tensor) -> Tensor:
        """Return standardised inputs of the same shape."""
        return (x - self.mean) / self.deviation


def perceptron(inputs: int, width: int) -> nn.Module:
    """Return inputs -> 2 width -> width with ReLU."""
    return nn.Sequential(
        nn.Linear(inputs, 2 * width), nn.ReLU(inplace=True), nn.Linear(2 * width, width), nn.ReLU(inplace=True)
    )


def _block(inputs: int, outputs: int, stride: int = 1) -> nn.Module:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1), nn.GroupNorm(4, outputs), nn.ReLU(inplace=True))


def convolutions(channels: int, width: int) -> nn.Module:
    """Return a small residual network with GroupNorm that halves the image twice and averages it to one vector a row."""
    return nn.Sequential(
        _block(channels, width // 4, 2), Residual(width // 4), _block(width // 4, width, 2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(),
    )  # fmt: skip


def sequence_convolutions(channels: int, length: int, width: int) -> nn.Module:
    """Return two strided convolutions with GroupNorm, averaged over at most 16 stretches and joined to one vector a row.

    Where in the sequence something stands is kept, since a window's centre or a protein's end is not like the rest.
    """
    stride = 2 if length <= LONG else 4
    left = -(-length // stride**2)
    return nn.Sequential(
        _sequence_block(channels, width // 4, 7, stride), _sequence_block(width // 4, width // 2, 5, stride),
        nn.AdaptiveAvgPool1d(STRETCHES) if left > STRETCHES else nn.Identity(), nn.Flatten(),
        nn.Linear(width // 2 * min(left, STRETCHES), width), nn.ReLU(inplace=True),
    )  # fmt: skip


def _sequence_block(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Module:
    convolution = nn.Conv1d(inputs, outputs, kernel, stride, kernel // 2)
    return nn.Sequential(convolution, nn.GroupNorm(4, outputs), nn.ReLU(inplace=True))


def tokens(x: Tensor) -> bool:
    """Return whether sequences are one channel of token numbers [n, 1, length]: whole, from 0 to 63, not just 0 and 1."""
    low, high = x.aminmax()
    return x.shape[1] == 1 and bool((low >= 0) & (high > 1) & (high < TOKENS) & (x == x.round()).all())


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
    """relu(x + F(x)) with two convolutions in F (He et al. 2016, CVPR, eq. 1) and GroupNorm (Wu and He 2018, ECCV)."""

    def __init__(self, channels: int) -> None:
        """Make it for maps with so many channels."""
        super().__init__()
        self.change = nn.Sequential(
            _block(channels, channels), nn.Conv2d(channels, channels, 3, 1, 1), nn.GroupNorm(4, channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return maps of the same shape."""
        return torch.relu(x + self.change(x))


class UNet(nn.Module):
    """A U-Net with two levels (Ronneberger et al. 2015) and GroupNorm, for images whose sides are multiples of four.

    With `patches` each pixel of its input is a patch of the image: the finest maps are twice as many, and the last convolution
    sees the patches too, without which thin structures are found only after a much longer training.
    """

    def __init__(self, channels: int, width: int, *, patches: bool = False) -> None:
        """Make it for images with so many channels; a last 1x1 convolution gives maps with `width` channels."""
        super().__init__()
        self.patches = patches
        fine, middle, coarse = width // (4 if patches else 8), width // 4, width // 2
        self.down = nn.ModuleList([_block(channels, fine), _block(fine, middle, 2), _block(middle, coarse, 2)])
        self.up = nn.ModuleList([_block(coarse + middle, middle), _block(middle + fine, fine)])
        self.last = nn.Sequential(nn.Conv2d(fine + channels * patches, width, 1), nn.ReLU(inplace=True))

    def forward(self, x: Tensor) -> Tensor:
        """Return feature maps [n, width, height, width'] for images [n, channels, height, width']."""
        fine = self.down[0](x)
        middle = self.down[1](fine)
        coarse = self.down[2](middle)
        middle = self.up[0](torch.cat([_doubled(coarse), middle], 1))
        fine = self.up[1](torch.cat([_doubled(middle), fine], 1))
        out: Tensor = self.last(torch.cat([fine, x], 1) if self.patches else fine)
        return out


def _doubled(maps: Tensor) -> Tensor:
    return nn.functional.interpolate(maps, scale_factor=2.0, mode="nearest")


class Towers(nn.Module):
    """One backbone for each part of the input (drug and protein, image and record), their features joined to one vector."""

    def __init__(self, towers: Mapping[str, nn.Module], width: int) -> None:
        """Join towers that each return [n, width]."""
        super().__init__()
        self.towers = nn.ModuleDict(towers)
        self.join = nn.Sequential(nn.Linear(width * len(towers), width), nn.ReLU(inplace=True))

    def forward(self, x: "TensorDict") -> Tensor:
        """Return features [n, width]."""
        joined: Tensor = self.join(torch.cat([tower(x[name]) for name, tower in self.towers.items()], 1))
        return joined
