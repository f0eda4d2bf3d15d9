"""Which backbone and head inputs and a task get."""

from collections.abc import Mapping

from torch import Tensor, nn

from medtl_bench.contract.split import Inputs, parts
from medtl_bench.contract.task import Task
from medtl_bench.networks.backbones import Towers
from medtl_bench.networks.choice import backbones, patch
from medtl_bench.networks.network import Network


def build(
    x: Inputs,
    task: Task,
    width: int,
    further: Mapping[str, nn.Module] | None = None,
    backbone: str = "",
) -> Network:
    """Return a network for inputs like `x` [n, ...].

    Their scaling is fitted on `x`, which must be source inputs only. Weights are drawn from
    torch's global generator; `GradientMethod` seeds it around the call. `backbone`: the name
    of one to use for the parts that it takes; else the default for their kind. Raises
    MedTLError where it takes none of them.
    """
    dense = task.kind == "segmentation"
    towers = backbones(x, width, dense=dense, name=backbone)
    first, tower = next(iter(parts(x).values())), next(iter(towers.values()))
    features = tower if isinstance(x, Tensor) else Towers(towers, width)
    head = _dense_head(first, width, task.outputs) if dense else nn.Linear(width, task.outputs)
    if task.kind == "regression":
        head = nn.Sequential(head, nn.Flatten(0))
    return Network(nn.ModuleDict({"features": features, "head": head, **(further or {})}))


def pooled(z: Tensor) -> Tensor:
    """Return one vector a row [n, width]: features as they are, means of maps over pixels."""
    return z if z.ndim == 2 else z.flatten(2).mean(2)


def _dense_head(x: Tensor, width: int, outputs: int) -> nn.Module:
    side = patch(x)
    scores = nn.Conv2d(width, outputs * side**2, 1)
    return nn.Sequential(scores, nn.PixelShuffle(side)) if side > 1 else scores
