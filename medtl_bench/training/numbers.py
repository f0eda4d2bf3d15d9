"""Numbers of an optimiser: one for all that it moves, or one for each learner of a stack."""

import torch
from torch import Tensor

Number = float | Tensor


def along(number: Number, value: Tensor) -> Number:
    """Return a number as it is multiplied with a tensor: one a learner, along its first axis."""
    if not isinstance(number, Tensor) or not number.ndim:
        return number
    return number.view(-1, *[1] * (value.ndim - 1))


def move(parameters: list[Tensor], ways: list[Tensor], rate: Number, scale: float) -> None:
    """Add to each parameter its way times a rate, a number or one a learner, times a scale."""
    if not isinstance(rate, Tensor):
        torch._foreach_add_(parameters, ways, alpha=rate * scale)
        return
    for value, way in zip(parameters, ways, strict=True):
        value.addcmul_(way, torch.as_tensor(along(rate, value)), value=scale)


def shrink(parameters: list[Tensor], share: Number, scale: float) -> None:
    """Take from each parameter a share of itself, a number or one a learner, times a scale."""
    if isinstance(share, Tensor):
        for value in parameters:
            value.mul_(1 - along(share, value) * scale)
    elif share:
        torch._foreach_mul_(parameters, 1 - share * scale)
