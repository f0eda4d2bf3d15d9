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
    UNET_MULTIPLE,
    Embedding,
    UNet,
    convolutions,
    perceptron,
    sequence_convolutions,
    tokens,
)
from medtl_bench.networks.scaling import scaling

LARGE = 32  # pixels
AXES = (2, 3, 4)  # of inputs for which there are backbones


def refusal(x: Inputs) -> str | None:
    """Return why no backbone takes inputs like `x` [n, ...], or None if one does.

    The reason is half a sentence.
    """
    for part, value in parts(x).items():
        if value.ndim not in AXES:
            has = f"{part} has the shape {list(value.shape[1:])}"
            return f"networks take rows that are vectors, sequences or images, but {has} in a row"
    return None


def kind_of(x: Tensor, *, dense: bool) -> InputKind:
    """Return the kind of inputs [n, ...]; `dense`: whether pixels are what has labels."""
    if x.ndim == 4:
        return "masks" if dense else "images"
    if x.ndim == 3:
        return "tokens" if tokens(x) else "sequences"
    return "vectors"


def backbones(x: Inputs, width: int, *, dense: bool, name: str = "") -> dict[str, nn.Module]:
    """Return a backbone for each part of the inputs, made for inputs like `x` [n, ...].

    `name`: of the backbone to use for the parts that it takes. Raises MedTLError, with near
    matches, where there is none of that name, or it takes none of the parts; also where the
    shape of a part is one that none takes.
    """
    if why := refusal(x):
        raise MedTLError(f"There is no backbone for these inputs: {why}.")
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
    return nn.Sequential(scaling(x), *_padding(x, patch(x)), *_patches(x), maps)


def of_masks(x: Tensor, width: int) -> nn.Module:
    """Return a small U-Net for images [n, channels, height, width'] whose pixels have labels."""
    maps = UNet(x.shape[1] * patch(x) ** 2, width, patches=patch(x) > 1)
    return nn.Sequential(scaling(x), *_padding(x, patch(x) * UNET_MULTIPLE), *_patches(x), maps)


def _padding(x: Tensor, multiple: int) -> list[nn.Module]:
    """Return what pads images below and on the right to sides that are multiples of a number.

    With zeros, the mean of scaled images, as convolutions pad. Nothing where all fits.
    """
    below, right = (-side % multiple for side in x.shape[2:])
    return [nn.ZeroPad2d((0, right, 0, below))] if below or right else []


def _patches(x: Tensor) -> list[nn.Module]:
    return [nn.PixelUnshuffle(patch(x))] if patch(x) > 1 else []


def patch(x: Tensor) -> int:
    """Return the side of the patches that images [n, c, h, w] are taken as.

    It is 2 from 32 pixels a side on, at a third of the cost. A patch's pixels become
    channels, so nothing is lost; the head of a mask turns them back (Shi et al. 2016, CVPR,
    eq. 4).
    """
    return 2 if min(x.shape[2:]) >= LARGE else 1
