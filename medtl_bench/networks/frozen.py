"""Parts of a network that are not trained."""

from collections.abc import Sequence

from medtl_bench.errors import MedTLError, unknown
from medtl_bench.networks.network import Network


def freeze(net: Network, parts: Sequence[str]) -> None:
    """Train parts of a network no more, as `features`.

    Raises MedTLError with near matches where there is no such part, and where none is left.
    """
    module = net.module
    for part in parts:
        if part not in module:
            raise unknown("part of the network", part, module)
        module[part].requires_grad_(requires_grad=False)
    if not any(parameter.requires_grad for parameter in module.parameters()):
        raise MedTLError(f"Without {' and '.join(parts)} nothing of the network is trained.")
