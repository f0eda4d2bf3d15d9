"""What learners were handed, remembered so that a change in place is seen."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from medtl_bench.contract.split import Inputs, parts

# words of eight bytes; a prime, so that rows which change places change the sums
WIDTH = 4093
# a shape, and of small tensors every word, of large ones sums of them
Content = tuple[tuple[int, ...], bytes]


class Contents:
    """Tensors that still exist, with what was in them when they were looked at last.

    The versions that torch counts would not do: what is changed through numpy adds none.
    """

    def __init__(self) -> None:
        """Know of no tensor."""
        self._last = WeakTensorKeyDictionary()

    def know(self, handed: Iterable[Inputs]) -> None:
        """Look at those inputs or labels that were not looked at before."""
        for tensor in _tensors(handed):
            if tensor not in self._last:
                self._last[tensor] = content(tensor)

    def changed(self, handed: Iterable[Inputs]) -> bool:
        """Return whether any is not what it was when it was looked at last."""
        changed = [self._is_changed(tensor) for tensor in _tensors(handed)]
        return any(changed)

    def any_changed(self) -> bool:
        """Return whether any tensor is not what it was, of all that still exist."""
        return self.changed(list(self._last))

    def _is_changed(self, tensor: Tensor) -> bool:
        before, now = self._last[tensor], content(tensor)
        self._last[tensor] = now
        return bool(before != now)


def _tensors(handed: Iterable[Inputs]) -> list[Tensor]:
    return [tensor for inputs in handed for tensor in parts(inputs).values()]


def content(tensor: Tensor) -> Content:
    """Return what stands for the values of a tensor: some kilobytes, quickly calculated."""
    octets = tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy()
    size = WIDTH * 8
    whole = len(octets) // size * size
    sums = octets[:whole].view(np.int64).reshape(-1, WIDTH).sum(0)
    return tuple(tensor.shape), sums.tobytes() + octets[whole:].tobytes()
