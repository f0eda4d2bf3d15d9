"""Which backbone inputs get: the one that is asked for where it takes them, else the default.

Backbones enter by the hook `medtl_backbones`; the first that takes a kind of input is its
default. The functions `of_...` are the project's own.
"""

from collections.abc import Mapping

from torch import Tensor, nn

from medtl_bench.catalogue import discovery
from medtl_bench.catalogue.entries import Registered, get
from medtl_bench.contract.hooks import BackboneEntry
from medtl_bench.contract.split import Inputs, parts
from medtl_bench.contract.vocabulary import InputKind
from medtl_bench.errors import MedTLError
from medtl_bench.networks.backbones import (
    EMBEDDED,
    Embedding,
    UNet,
    convolutions,
    perceptron,
    sequence_convolutions,
    tokens,
)
from medtl_bench.networks.scaling import scaling

LARGE = 32  # pixels


def kind_of(x: Tensor, *, dense: bool) -> InputKind:
    """Return the kind of inputs [n, ...]; `dense`: whether pixels are what has labels.

    Raises ValueError for a shape that no backbone could take.
    """
    if x.ndim == 4:
        return "masks" if dense else "images"
    if x.ndim == 3:
        return "tokens" if tokens(x) else "sequences"
    if x.ndim == 2:
        return "vectors"
    raise ValueError(
        f"There is no backbone for inputs of shape {list(x.shape)}; vectors [n, d], sequences "
        "[n, c, length] and images [n, c, h, w] have one."
    )


def backbones(x: Inputs, width: int, *, dense: bool, name: str = "") -> dict[str, nn.Module]:
    """Return a backbone for each part of the inputs, made for inputs like `x` [n, ...].

    `name`: of the backbone to use for the parts that it takes. Raises MedTLError, with near
    matches, where there is none of that name, or it takes none of the parts.
    """
    registered = discovery.current().backbones
    kinds = {part: kind_of(value, dense=dense) for part, value in parts(x).items()}
    chosen = {part: _default(registered, kind) for part, kind in kinds.items()}
    if name:
        asked = get(registered, "backbone", name)
        fitting = [part for part, kind in kinds.items() if kind == asked.entry.takes]
        if not fitting:
            raise MedTLError(
                f"The backbone {name!r} takes {asked.entry.takes}, but the inputs are "
                f"{' and '.join(kinds.values())}."
            )
        chosen.update(dict.fromkeys(fitting, asked))
    return {part: _made(one, parts(x)[part], width) for part, one in chosen.items()}


def _default(
    registered: Mapping[str, Registered[BackboneEntry]], kind: InputKind
) -> Registered[BackboneEntry]:
    """Return the first backbone that takes a kind of input."""
    for one in registered.values():
        if one.entry.takes == kind:
            return one
    raise MedTLError(f"No plugin brings a backbone that takes {kind}.")


def _made(registered: Registered[BackboneEntry], x: Tensor, width: int) -> nn.Module:
    module = registered.load(registered.entry.make)(x, width)
    if not isinstance(module, nn.Module):
        raise MedTLError(
            f"The backbone {registered.entry.name!r} of {registered.plugin} is {module!r}, not a "
            "torch module."
        )
    return module


def of_vectors(x: Tensor, width: int) -> nn.Module:
    """Return a perceptron for vectors [n, d]."""
    return nn.Sequential(scaling(x), perceptron(x.shape[1], width))


def of_sequences(x: Tensor, width: int) -> nn.Module:
    """Return strided convolutions for sequences [n, channels, length]."""
    return nn.Sequential(scaling(x), sequence_convolutions(x.shape[1], x.shape[2], width))


def of_tokens(x: Tensor, width: int) -> nn.Module:
    """Return an embedding and strided convolutions for token numbers [n, 1, length]."""
    return nn.Sequential(Embedding(), sequence_convolutions(EMBEDDED, x.shape[2], width))


def of_images(x: Tensor, width: int) -> nn.Module:
    """Return a small residual network for images [n, channels, height, width']."""
    maps = convolutions(x.shape[1] * patch(x) ** 2, width)
    return nn.Sequential(scaling(x), *_patches(x), maps)


def of_masks(x: Tensor, width: int) -> nn.Module:
    """Return a small U-Net for images [n, channels, height, width'] whose pixels have labels."""
    maps = UNet(x.shape[1] * patch(x) ** 2, width, patches=patch(x) > 1)
    return nn.Sequential(scaling(x), *_patches(x), maps)


def _patches(x: Tensor) -> list[nn.Module]:
    return [nn.PixelUnshuffle(patch(x))] if patch(x) > 1 else []


def patch(x: Tensor) -> int:
    """Return the side of the patches that images [n, c, h, w] are taken as.

    It is 2 from 32 pixels a side on, at a third of the cost. A patch's pixels become
    channels, so nothing is lost; the head of a mask turns them back (Shi et al. 2016, CVPR,
    eq. 4).
    """
    return 2 if min(x.shape[2:]) >= LARGE else 1
