"""The network as a function of its parameters."""

import copy
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from torch import Tensor, nn

from medtl_bench.contract.split import Inputs
from medtl_bench.networks.heads import Heads

Parameters = dict[str, Tensor]
HEAD = "head."  # before the names of its parameters
M = TypeVar("M", bound=nn.Module)


class Network:
    """A backbone `features`, a `head` and any further named parts.

    They are called with their own parameters or with given ones: `net.features(x)` -> z,
    `net.head(z)` -> outputs, `net(x)` = head of features, `net.NAME(...)` for a further
    part.
    """

    def __init__(
        self,
        module: nn.ModuleDict,
        parameters: Parameters | None = None,
        buffers: Parameters | None = None,
        asked: tuple[Tensor, int] | tuple[()] = (),
    ) -> None:
        """Wrap a ModuleDict.

        `parameters` and `buffers`, named as in `self`, replace the module's own where
        given. `asked`: what the head takes beside features, where there are several
        (`networks.heads`).
        """
        self.module, self.asked = module, asked
        self._parameters, self._buffers = parameters or {}, buffers or {}
        self._places = _places(module, self._parameters | self._buffers)

    @property
    def parameters(self) -> Parameters:
        """Return the parameters this network is called with, by dotted name."""
        return dict(self.module.named_parameters()) | self._parameters

    @property
    def buffers(self) -> Parameters:
        """Return the tensors that are not trained, as the scaling of inputs, by dotted name."""
        return dict(self.module.named_buffers()) | self._buffers

    def with_parameters(
        self, parameters: Parameters, buffers: Parameters | None = None
    ) -> "Network":
        """Return the same network with other parameters, and other buffers where given."""
        buffers = self._buffers if buffers is None else buffers
        return Network(self.module, parameters, buffers, self.asked)

    def with_head(self, parameters: Parameters) -> "Network":
        """Return the network with other parameters of its head, by the head's names."""
        head = {HEAD + name: value for name, value in parameters.items()}
        return self.with_parameters(self._parameters | head)

    def of_blocks(self, domains: Tensor, rows: int = 0) -> "Network":
        """Return the network for blocks of so many rows, each of one domain.

        `domains`: by number [blocks]. 0 rows: one block of all that there are. A network of
        one head is the same for all.
        """
        if not self.several_heads:
            return self
        return Network(self.module, self._parameters, self._buffers, (domains, rows))

    @property
    def several_heads(self) -> bool:
        """Return whether each block of rows passes the head of its own domain."""
        return isinstance(self.module["head"], Heads)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Network":
        """Return a copy with its own tensors."""
        parameters, buffers = copy.deepcopy((self._parameters, self._buffers), memo)
        return Network(_copied(self.module, memo), parameters, buffers, self.asked)

    def __call__(self, x: Inputs) -> Tensor:
        """Return class scores [n, classes, ...] or values [n] for inputs [n, ...]."""
        return self.head(self.features(x))

    def features(self, x: Inputs) -> Tensor:
        """Return what the backbone makes of inputs [n, ...]: features [n, width].

        For masks, maps [n, width, h, w]; those of large images have a row and a column
        for each of their patches.
        """
        return self.part("features", x)

    def head(self, z: Tensor) -> Tensor:
        """Return class scores or values for features."""
        return self.part("head", z, *self.asked)

    def part(self, name: str, *inputs: Any) -> Tensor:  # noqa: ANN401
        """Call one part; with its own parameters this costs no more than a call of the module."""
        with _replaced(self._places.get(name, [])):
            output: Tensor = self.module[name](*inputs)
        return output

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        """Return a further named part as a function."""
        if name.startswith("__") or name == "module" or name not in self.module:
            raise AttributeError(f"This network has no part named {name!r}.")
        return partial(self.part, name)


def without_head(named: Parameters) -> Parameters:
    """Return the parameters of a network but those of its head."""
    return {name: value for name, value in named.items() if not name.startswith(HEAD)}


# a module's own table of parameters or buffers, the name there, the value
Place = tuple[dict[str, Any], str, Tensor]


def _places(module: nn.ModuleDict, replacements: Parameters) -> dict[str, list[Place]]:
    """Return by part where each replacement belongs: one tensor may have several names."""
    places: dict[str, list[Place]] = {}
    tables = list(_tables(module)) if replacements else []
    values = _by_tensor(tables, replacements)
    for path, table in tables:
        for name, own in table.items():
            if id(own) in values:
                place = table, name, values[id(own)]
                places.setdefault(path.partition(".")[0], []).append(place)
    return places


def _tables(module: nn.ModuleDict) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the tables of parameters and of buffers, each with its module's dotted name."""
    for path, owner in module.named_modules(remove_duplicate=False):
        yield path, owner._parameters
        yield path, owner._buffers


def _by_tensor(
    tables: list[tuple[str, dict[str, Any]]], replacements: Parameters
) -> dict[int, Tensor]:
    """Return the replacements by the `id` of the tensor that each stands for."""
    values = {}
    for path, table in tables:
        for name, own in table.items():
            if own is not None and (value := replacements.get(f"{path}.{name}")) is not None:
                values[id(own)] = value
    return values


@contextmanager
def _replaced(places: list[Place]) -> Iterator[None]:
    """Put tensors in their places for a while.

    What `torch.func.functional_call` does, for a tenth of its time. What was set anew
    meanwhile, such as running statistics, is written to the tensor that stood there.
    """
    before = [table[name] for table, name, _ in places]
    for table, name, value in places:
        table[name] = value
    try:
        yield
    finally:
        # first, for a module that stands at two places is among these twice
        for table, name, value in places:
            if table[name] is not value:
                value.copy_(table[name].detach())
        for (table, name, _), own in zip(places, before, strict=True):
            table[name] = own


def _copied(module: M, memo: dict[int, Any]) -> M:
    """Return a deep copy of a module: what `copy.deepcopy` does, for a tenth of its time.

    A module that says itself how it is copied is asked.
    """
    if id(module) not in memo:
        if hasattr(type(module), "__deepcopy__"):
            own: M = copy.deepcopy(module, memo)
            return own
        new = memo[id(module)] = object.__new__(type(module))
        for name, value in vars(module).items():
            new.__dict__[name] = _copied_attribute(value, memo)
    copied: M = memo[id(module)]
    return copied


def _copied_attribute(value: Any, memo: dict[int, Any]) -> Any:  # noqa: ANN401
    if isinstance(value, nn.Module):
        return _copied(value, memo)
    if type(value) in {dict, OrderedDict}:
        return type(value)((key, _copied_attribute(part, memo)) for key, part in value.items())
    if isinstance(value, bool | int | float | str | None):
        return value
    return copy.deepcopy(value, memo)
