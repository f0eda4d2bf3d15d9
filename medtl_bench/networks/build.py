"""Which backbone and head inputs and a task get."""

from collections.abc import Mapping

from torch import Tensor, nn

from medtl_bench.contract.split import Inputs, parts
from medtl_bench.contract.task import Task
from medtl_bench.networks.backbones import (
    EMBEDDED,
    Embedding,
    Towers,
    UNet,
    convolutions,
    perceptron,
    sequence_convolutions,
    tokens,
)
from medtl_bench.networks.network import Network
from medtl_bench.networks.scaling import scaling

LARGE = 32  # pixels


def build(
    x: Inputs, task: Task, width: int, further: Mapping[str, nn.Module] | None = None
) -> Network:
    """Return a network for inputs like `x` [n, ...], with `further` named parts.

    The scaling of inputs is fitted on `x`, which must be source inputs only. Weights are
    drawn from torch's global generator; `training.GradientMethod` seeds it around the
    call.
    """
    dense = task.kind == "segmentation"
    towers = {name: _tower(part, width, dense=dense) for name, part in parts(x).items()}
    features = next(iter(towers.values())) if isinstance(x, Tensor) else Towers(towers, width)
    head = _head(x, task, width)
    return Network(nn.ModuleDict({"features": features, "head": head, **(further or {})}))


def _head(x: Inputs, task: Task, width: int) -> nn.Module:
    if task.kind == "segmentation":
        return _dense_head(next(iter(parts(x).values())), width, task.outputs)
    head = nn.Linear(width, task.outputs)
    return nn.Sequential(head, nn.Flatten(0)) if task.kind == "regression" else head


def pooled(z: Tensor) -> Tensor:
    """Return one vector a row [n, width]: features as they are, maps averaged over their pixels."""
    return z if z.ndim == 2 else z.flatten(2).mean(2)


def _tower(x: Tensor, width: int, *, dense: bool) -> nn.Module:
    """Return a backbone for inputs like `x`, their scaling before it."""
    if x.ndim == 4:
        return _image_tower(x, width, dense=dense)
    if x.ndim == 3:
        start, channels = (Embedding(), EMBEDDED) if tokens(x) else (scaling(x), x.shape[1])
        return nn.Sequential(start, sequence_convolutions(channels, x.shape[2], width))
    if x.ndim == 2:
        return nn.Sequential(scaling(x), perceptron(x.shape[1], width))
    kinds = "vectors [n, d], sequences [n, c, length] and images [n, c, h, w] have one"
    raise ValueError(f"There is no backbone for inputs of shape {list(x.shape)}; {kinds}.")


def _image_tower(x: Tensor, width: int, *, dense: bool) -> nn.Module:
    side = patch(x)
    channels = x.shape[1] * side**2
    maps = UNet(channels, width, patches=side > 1) if dense else convolutions(channels, width)
    patches = [nn.PixelUnshuffle(side)] if side > 1 else []
    return nn.Sequential(scaling(x), *patches, maps)


def patch(x: Tensor) -> int:
    """Return the side of the patches that images [n, c, h, w] are taken as.

    It is 2 from 32 pixels a side on, at a third of the cost. A patch's pixels become
    channels, so nothing is lost; the head of a mask turns them back (Shi et al. 2016,
    CVPR, eq. 4).
    """
    return 2 if min(x.shape[2:]) >= LARGE else 1


def _dense_head(x: Tensor, width: int, outputs: int) -> nn.Module:
    side = patch(x)
    scores = nn.Conv2d(width, outputs * side**2, 1)
    return nn.Sequential(scores, nn.PixelShuffle(side)) if side > 1 else scores
