"""Which backbone and head inputs and a task get."""

from collections.abc import Mapping

from torch import Tensor, nn

from medtl_bench.contract.split import Inputs, parts
from medtl_bench.contract.task import Task
from medtl_bench.networks.backbones import UNET_MULTIPLE, Crop, Towers
from medtl_bench.networks.choice import backbones, patch
from medtl_bench.networks.network import Network


def build(
    x: Inputs,
    task: Task,
    width: int,
    further: Mapping[str, nn.Module] | None = None,
    backbone: str = "",
) -> Network:
    """Return a network for inputs like `x` [n, ...], with `further` named parts.

    The scaling of inputs is fitted on `x`, which must be source inputs only. Weights are
    drawn from torch's global generator; `GradientMethod` seeds it around the call.
    `backbone`: the name of one to use for the parts that it takes; the others get the
    default for their kind. Raises MedTLError where it takes none of them.
    """
    dense = task.kind == "segmentation"
    towers = backbones(x, width, dense=dense, name=backbone)
    features = next(iter(towers.values())) if isinstance(x, Tensor) else Towers(towers, width)
    head = _head(x, task, width)
    return Network(nn.ModuleDict({"features": features, "head": head, **(further or {})}))


def _head(x: Inputs, task: Task, width: int) -> nn.Module:
    if task.kind == "segmentation":
        return _dense_head(next(iter(parts(x).values())), width, task.outputs)
    head = nn.Linear(width, task.outputs)
    return nn.Sequential(head, nn.Flatten(0)) if task.kind == "regression" else head


def _dense_head(x: Tensor, width: int, outputs: int) -> nn.Module:
    """Return what makes of maps [n, width, h, w] scores [n, outputs, height, width'] of pixels."""
    side = patch(x)
    scores = nn.Conv2d(width, outputs * side**2, 1)
    shuffled = [nn.PixelShuffle(side)] if side > 1 else []
    padded = any(length % (UNET_MULTIPLE * side) for length in x.shape[2:])
    cropped = [Crop(*x.shape[2:])] if padded else []
    return nn.Sequential(scores, *shuffled, *cropped) if shuffled or cropped else scores


def pooled(z: Tensor) -> Tensor:
    """Return one vector a row [n, width]: features as they are, means of maps over pixels."""
    return z if z.ndim == 2 else z.flatten(2).mean(2)
