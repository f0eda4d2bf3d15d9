"""What the modules of a network hold beside parameters and buffers: a stack has but one of each."""

from collections.abc import Iterator, Mapping
from types import FunctionType, MethodType
from typing import Any

import numpy as np
from torch import Tensor, nn

OF_TORCH = {"_parameters", "_buffers", "_modules", "training"}
DEEPEST = 6


def attributes(module: nn.Module) -> dict[str, object]:
    """Return by dotted name what all modules of one hold, in a form that can be compared."""
    return {name: content(value) for name, value in _held(module)}


def differing(ours: Mapping[str, object], theirs: Mapping[str, object]) -> list[str]:
    """Return the names under which two modules hold other things."""
    return [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]


def _held(module: nn.Module) -> Iterator[tuple[str, Any]]:
    for path, owner in module.named_modules():
        for name, value in vars(owner).items():
            if name not in OF_TORCH and value is not None and value != {}:
                yield f"{path}.{name}".lstrip("."), value


def content(value: Any, depth: int = 0) -> object:  # noqa: ANN401
    """Return what is equal for values that calculate the same, as far as can be seen."""
    if depth > DEEPEST or isinstance(value, bool | int | str | bytes | type | None):
        return value if depth <= DEEPEST else None
    if isinstance(value, float):
        return repr(value)  # where nan is nan
    if isinstance(value, Tensor):
        return _values(value)
    if isinstance(value, np.ndarray):
        return value.shape, str(value.dtype), value.tobytes()
    return type(value), [content(part, depth + 1) for part in _parts(value)]


def _values(tensor: Tensor) -> object:
    try:
        return content(tensor.detach().cpu().numpy())
    except RuntimeError:  # it was made in a step of a stack, and has no values after it
        return id(tensor)


def _parts(value: Any) -> list[Any]:  # noqa: ANN401
    """Return what a value is made of."""
    if isinstance(value, nn.Module):
        return []  # as a part of the network it is asked itself
    if isinstance(value, FunctionType):
        cells = [cell.cell_contents for cell in value.__closure__ or ()]
        return [value.__code__, value.__defaults__, *cells]
    if isinstance(value, MethodType):
        return [value.__func__, value.__self__]
    if isinstance(value, Mapping):
        names = [key for key in value if isinstance(key, str)]  # hooks count up for all modules
        return [*names, *value.values()]
    if isinstance(value, list | tuple | set | frozenset):
        return list(value)
    return _reduced(value)


def _reduced(value: Any) -> list[Any]:  # noqa: ANN401
    """Return what a copy of an object would be made from; nothing where it cannot be copied."""
    try:
        made = value.__reduce_ex__(4)
    except Exception:
        return []
    return [made] if isinstance(made, str) else [*made[1:3], *map(list, filter(None, made[3:5]))]
