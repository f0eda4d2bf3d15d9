"""Records once what a function does to tensors, to do it again to others without the function's Python.

A step of a small network spends most of its time in Python, autograd and the layers of
`vmap`; a recorded step is only the kernels that these came down to. The idea is that of
`torch.fx.experimental.proxy_tensor.make_fx`, which takes a hundred times longer to
record.
"""

import math
from collections.abc import Callable, Sequence
from types import BuiltinFunctionType, MethodDescriptorType
from typing import Any

import torch
from torch import Tensor, fx
from torch.fx.node import map_aggregate
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

aten = torch.ops.aten
Function = Callable[..., tuple[Tensor, ...]]
UNREPEATABLE = {
    torch.Tag.data_dependent_output,
    torch.Tag.dynamic_output_shape,
    torch.Tag.nondeterministic_seeded,
}
PRODUCTS = {aten.mul.Tensor, aten.mul.Scalar}
FILLED = {
    aten.zeros_like.default,
    aten.ones_like.default,
    aten.new_zeros.default,
    aten.new_ones.default,
}


def record(function: Function, *inputs: Tensor) -> tuple[tuple[Tensor, ...], Function | None]:
    """Call a function and return its outputs with a function that does the same to other inputs of the same shapes.

    Instead of the latter None if it cannot be done again: where a value was read in
    Python, was random, or an input was changed in place. What a function does must not
    depend on anything else that changes from one call to the next, and what it returns
    must not be changed: it may be the same tensor each time, or an input.
    """
    recorder = _Recorder(inputs)
    with recorder:
        outputs = function(*inputs)
    return outputs, recorder.function(outputs) if recorder.repeatable else None


class _Recorder(TorchDispatchMode):
    """Writes down each kernel as a node of a graph; tensors are known by identity, so all are kept until the end."""

    def __init__(self, inputs: Sequence[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.graph = fx.Graph()
        self.root = torch.nn.Module()
        self.repeatable = True
        self.kept: list[object] = list(inputs)
        self.nodes = {
            id(tensor): self.graph.placeholder(f"input_{number}")
            for number, tensor in enumerate(inputs)
        }
        self.given = {_memory(tensor) for tensor in inputs}
        self.made = {self.nodes[id(tensor)]: tensor for tensor in inputs}
        self.own: set[int] = set()
        self.changed: set[int] = set()
        self.views = {_place(tensor): self.nodes[id(tensor)] for tensor in inputs}

    def __torch_dispatch__(
        self, kernel: Any, types: object, args: Any = (), kwargs: Any = None
    ) -> Any:  # noqa: ANN401
        """Run a kernel and write it down."""
        kwargs = kwargs or {}
        outputs = kernel(*args, **kwargs)
        if UNREPEATABLE.intersection(kernel.tags) or not self._changes_only_its_own(
            kernel, args, kwargs
        ):
            self.repeatable = False
        if self.repeatable:
            self._write(kernel, args, kwargs, outputs)
        return outputs

    def function(self, outputs: Sequence[Tensor]) -> Function:
        """Return the function that was written down, less what no output depends on and what is the same in each call."""
        self.graph.output(tuple(self._node(output) for output in outputs))
        self._keep_constants()
        self._join_numbers()
        self.graph.eliminate_dead_code()
        for node in self.graph.nodes:
            if node.op == "call_function":
                node.target = _binding(node.target)
        repeated: Function = fx.GraphModule(self.root, self.graph).forward
        return repeated

    def _write(self, kernel: Any, args: Any, kwargs: Any, outputs: Any) -> None:  # noqa: ANN401
        self.kept.append((args, kwargs, outputs))
        if isinstance(outputs, Tensor) and (kernel.is_view or kernel is aten._unsafe_view.default):
            known = self.views.get(_place(outputs))
            if known is not None:  # a view that shows what another tensor is already
                self.nodes[id(outputs)] = known
                return
        node = self.graph.call_function(kernel, *map_aggregate((args, kwargs), self._argument))
        if isinstance(outputs, Tensor):
            self._name(outputs, node)
        else:
            for number, output in enumerate(outputs):
                if isinstance(output, Tensor):
                    self._name(output, self.graph.call_function(_item, (node, number)))

    def _name(self, tensor: Tensor, node: fx.Node) -> None:
        self.nodes[id(tensor)] = node
        self.views[_place(tensor)] = node
        self.made[node] = tensor
        if _memory(tensor) not in self.given:
            self.own.add(_memory(tensor))

    def _node(self, tensor: Tensor) -> fx.Node:
        """Return the node of a tensor; one that is neither an input nor an output of a kernel is a constant."""
        if id(tensor) not in self.nodes:
            self.kept.append(tensor)
            self.given.add(_memory(tensor))
            self._name(tensor, self._constant(tensor))
        return self.nodes[id(tensor)]

    def _argument(self, value: Any) -> Any:  # noqa: ANN401
        return self._node(value) if isinstance(value, Tensor) else value

    def _constant(self, tensor: Tensor) -> fx.Node:
        name = f"constant_{len(self.graph.nodes)}"
        self.root.register_buffer(name, tensor)
        return self.graph.get_attr(name)

    def _keep_constants(self) -> None:
        """Read what depends on no input, or on its shape alone, as it was the first time, instead of calculating it again."""
        constant = {node for node in self.made if node.op == "get_attr"}
        for node, tensor in self.made.items():
            same = node.target in FILLED or (
                node.op == "call_function" and constant.issuperset(node.all_input_nodes)
            )
            if same and _memory(tensor) not in self.changed:
                with self.graph.inserting_before(node):
                    kept = self._constant(tensor)
                node.replace_all_uses_with(kept)
                constant.update((node, kept))

    def _join_numbers(self) -> None:
        """Leave out products with 1, and join those with another power of two with the constant that is multiplied next.

        Neither rounds. The first are what `vmap` makes of a linear layer, the second the
        derivatives of squares.
        """
        for node, tensor in self.made.items():
            if node.target not in PRODUCTS or not isinstance(node.args[1], int | float):
                continue
            (factor,), number = node.all_input_nodes, node.args[1]
            multiplied = self.made.get(factor)
            if (
                multiplied is None
                or math.frexp(number)[0] != 0.5
                or _layout(multiplied) != _layout(tensor)
            ):
                continue
            changed = self.changed.intersection({_memory(multiplied), _memory(tensor)})
            if not changed and (number == 1 or self._joined(node, number)):
                node.replace_all_uses_with(factor)

    def _joined(self, node: fx.Node, number: float) -> bool:
        """Multiply by a number all that a node is multiplied by, and return whether that could be done: if it is constant."""
        others = [
            (user, [other for other in user.all_input_nodes if other is not node])
            for user in node.users
        ]
        if any(
            user.target not in PRODUCTS or [other.op for other in found] != ["get_attr"]
            for user, found in others
        ):
            return False
        for user, (constant,) in others:
            with self.graph.inserting_before(user):
                user.replace_input_with(
                    constant, self._constant(self.root.get_buffer(str(constant.target)) * number)
                )
        return True

    def _changes_only_its_own(self, kernel: Any, args: Any, kwargs: Any) -> bool:  # noqa: ANN401
        """Return whether a kernel writes to nothing but what earlier kernels made."""
        if not kernel._schema.is_mutable:
            return True
        told = [
            argument
            for argument in kernel._schema.arguments
            if argument.alias_info and argument.alias_info.is_write
        ]
        given = {
            argument.name: value
            for argument, value in zip(kernel._schema.arguments, args, strict=False)
        } | kwargs
        written = tree_leaves([given[argument.name] for argument in told if argument.name in given])
        self.changed.update(map(_memory, written))
        return self.changed <= self.own


def _binding(kernel: Any) -> Any:  # noqa: ANN401
    """Return torch's function or method of a kernel's name, which calls it in half the time, where there is one in C."""
    # of the others fx sees by the kernel that they do something
    if kernel is not _item and not kernel._schema.is_mutable:
        name = kernel._schema.name.removeprefix("aten::")
        for found in (getattr(torch, name, None), getattr(Tensor, name, None)):
            if isinstance(found, BuiltinFunctionType | MethodDescriptorType):
                return found
    return kernel


def _memory(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _item(values: Sequence[Tensor], number: int) -> Tensor:
    return values[number]


def _place(tensor: Tensor) -> tuple[object, ...]:
    return tensor.data_ptr(), *_layout(tensor)


def _layout(tensor: Tensor) -> tuple[object, ...]:
    return tensor.shape, tensor.stride(), tensor.dtype
