"""A backbone of one layer, for vectors."""

from torch import nn

from medtl_bench.contract.hooks import BackboneEntry, hookimpl
from medtl_bench.networks.scaling import scaling

WEIGHTS = "5" * 64  # a digest


class OneLayer(nn.Sequential):
    """Scales vectors and makes features of them by one dense layer."""


def make(x, width):
    return OneLayer(scaling(x), nn.Linear(x.shape[1], width), nn.Tanh())


@hookimpl
def medtl_backbones():
    return [BackboneEntry("one-layer", f"{__name__}:make", "One dense layer.", "vectors", WEIGHTS)]
