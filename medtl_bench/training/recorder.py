"""Records once what a function does to tensors, to do it again without the function's Python.

A step of a small network spends most of its time in Python, autograd and the layers of
`vmap`; a recorded step is only the kernels that these came down to. The idea is that of
`torch.fx.experimental.proxy_tensor.make_fx`, which takes a hundred times longer to
record.
"""

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from types import BuiltinFunctionType, MethodDescriptorType
from typing import Any

import torch
from torch import Tensor, fx
from torch._ops import OpOverload
from torch.fx.node import map_aggregate
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from medtl_bench.training.draws import Draws, is_random
from medtl_bench.training.kernels import KernelMode
from medtl_bench.training.overwrite import Blocks, layout, memory

aten = torch.ops.aten
Function = Callable[..., tuple[Tensor, ...]]
# torch tells the types of neither its kernels nor what goes in and out of them
Kernel = Any
Values = Any
UNREPEATABLE = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}
DRAWN = "drawn"  # the name of what a node draws with
PRODUCTS = {aten.mul.Tensor, aten.mul.Scalar}
# these hand a tensor's values to Python without a kernel
READS = {Tensor.tolist, Tensor.numpy, Tensor.__array__, Tensor.data_ptr, Tensor.untyped_storage}
# these write to the running statistics that they are given, which their schemas do not say
WRITE_UNSAID = {
    aten.native_batch_norm.default,
    aten.cudnn_batch_norm.default,
    aten.miopen_batch_norm.default,
}
# what these give depends on the shapes of their inputs alone
FILLED = {
    aten.zeros_like.default,
    aten.ones_like.default,
    aten.new_zeros.default,
    aten.new_ones.default,
}


def record(
    function: Function, *inputs: Tensor, draws: Draws | None = None
) -> tuple[tuple[Tensor, ...], Function | None]:
    """Call a function; return its outputs and a function that does the same to other inputs.

    Those must have the same shapes. What is random is drawn anew by `draws`. None instead
    of the latter if it cannot be done again: where a value was read in Python, was random
    without `draws`, or an input was changed in place. What a function does must not
    depend on anything else that changes from one call to the next, and what it returns
    must not be changed: it may be the same tensor each time, or an input.
    """
    recorder, reads = _Recorder(inputs, draws), _Reads()
    with draws or nullcontext(), reads, recorder:
        outputs = function(*inputs)
    repeatable = recorder.repeatable and not reads.any
    return outputs, recorder.function(outputs) if repeatable else None


class _Reads(TorchFunctionMode):
    """Notices where values are read in Python without a kernel, which no recorder sees."""

    def __init__(self) -> None:
        super().__init__()
        self.any = False

    def __torch_function__(
        self, function: Kernel, types: object, args: Values = (), kwargs: Values = None
    ) -> Values:
        """Call a function of torch."""
        self.any = self.any or function in READS
        return function(*args, **(kwargs or {}))


class _Recorder(KernelMode):
    """Writes down each kernel as a node of a graph.

    `alive`: all tensors, which are told apart by `id` and so must live until the end.
    `nodes`: by the `id` of a tensor. `tensors`: by node. `views`: nodes by where in
    memory a tensor lies and how. Memory by its address: `outside`, of inputs and
    constants; `own`, that recorded kernels took; `changed`, that they wrote to.
    """

    def __init__(self, inputs: Sequence[Tensor], draws: Draws | None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.draws = draws
        self.graph = fx.Graph()
        self.root = torch.nn.Module()
        self.repeatable = True
        self.alive: list[object] = list(inputs)
        self.nodes: dict[int, fx.Node] = {}
        self.tensors: dict[fx.Node, Tensor] = {}
        self.views: dict[tuple[object, ...], fx.Node] = {}
        self.outside = {memory(tensor) for tensor in inputs}
        self.own: set[int] = set()
        self.changed: set[int] = set()
        for number, tensor in enumerate(inputs):
            self._name(tensor, self.graph.placeholder(f"input_{number}"))

    def __torch_dispatch__(
        self,
        kernel: Kernel,
        types: object,
        args: Values = (),
        kwargs: Values = None,
    ) -> Values:
        """Run a kernel and write it down."""
        kwargs = kwargs or {}
        outputs = kernel(*args, **kwargs)
        if not self._can_repeat(kernel, args, kwargs):
            self.repeatable = False
        if self.repeatable:
            self._write(kernel, args, kwargs, outputs)
        return outputs

    def _can_repeat(self, kernel: Kernel, args: Values, kwargs: Values) -> bool:
        """Return whether a kernel does the same each time, and writes only to its own memory."""
        if UNREPEATABLE.intersection(kernel.tags) or kernel in WRITE_UNSAID:
            return False
        if is_random(kernel) and self.draws is None:
            return False
        return self._changes_only_its_own(kernel, args, kwargs)

    def function(self, outputs: Sequence[Tensor]) -> Function:
        """Return the function that was written down.

        Less what no output depends on, and what is the same in each call.
        """
        self.graph.output(tuple(self._node(output) for output in outputs))
        blocks = Blocks(self.graph, self.tensors)
        self._keep_constants()
        self._join_numbers()
        # what is drawn in vain is drawn all the same, or later draws would be others
        self.graph.eliminate_dead_code(lambda node: node.is_impure() or _is_drawn(node))
        blocks.overwrite(self.graph)
        for node in self.graph.nodes:
            if isinstance(node.target, OpOverload) or node.target is _item:
                node.target = _binding(node.target)
        repeated: Function = fx.GraphModule(self.root, self.graph).forward
        return repeated

    def _write(self, kernel: Kernel, args: Values, kwargs: Values, outputs: Values) -> None:
        self.alive.append((args, kwargs, outputs))
        if isinstance(outputs, Tensor) and (kernel.is_view or kernel is aten._unsafe_view.default):
            # `vmap` and autograd turn axes there and back: such a view needs no kernel
            same = self.views.get(_place(outputs))
            if same is not None:
                self.nodes[id(outputs)] = same
                return
        if self.draws and is_random(kernel):
            named = kwargs.get("generator")
            kwargs = {name: value for name, value in kwargs.items() if name != "generator"}
            kernel = self.draws.instead_of(kernel, named)
        node = self.graph.call_function(kernel, *map_aggregate((args, kwargs), self._argument))
        if isinstance(outputs, Tensor):
            self._name(outputs, node)
        else:
            self._name_each(outputs, node)

    def _name_each(self, outputs: Sequence[object], node: fx.Node) -> None:
        """Give the outputs of a kernel that has several a node each."""
        for number, output in enumerate(outputs):
            if isinstance(output, Tensor):
                self._name(output, self.graph.call_function(_item, (node, number)))

    def _name(self, tensor: Tensor, node: fx.Node) -> None:
        self.nodes[id(tensor)] = node
        self.views[_place(tensor)] = node
        self.tensors[node] = tensor
        if memory(tensor) not in self.outside:
            self.own.add(memory(tensor))

    def _node(self, tensor: Tensor) -> fx.Node:
        """Return the node of a tensor; neither input nor output of a kernel, it is a constant."""
        if id(tensor) not in self.nodes:
            self.alive.append(tensor)
            self.outside.add(memory(tensor))
            self._name(tensor, self._constant(tensor))
        return self.nodes[id(tensor)]

    def _argument(self, value: Values) -> Values:
        return self._node(value) if isinstance(value, Tensor) else value

    def _constant(self, tensor: Tensor) -> fx.Node:
        name = f"constant_{len(self.graph.nodes)}"
        self.root.register_buffer(name, tensor)
        return self.graph.get_attr(name)

    def _keep_constants(self) -> None:
        """Read what depends on no input, or on its shape alone, as it was the first time."""
        constants = {node for node in self.tensors if node.op == "get_attr"}
        for node, tensor in self.tensors.items():
            # what is written to later is a buffer that must be made anew
            if _is_constant(node, constants) and memory(tensor) not in self.changed:
                with self.graph.inserting_before(node):
                    constant = self._constant(tensor)
                node.replace_all_uses_with(constant)
                constants.update((node, constant))

    def _join_numbers(self) -> None:
        """Leave out products with 1, and join those with another power of two with a constant.

        With the one that the product is multiplied by next. Neither rounds, so no bit of
        an output changes. The first are what `vmap` makes of a linear layer, the second
        the derivatives of squares.
        """
        for node in self.tensors:
            if node.target not in PRODUCTS or not isinstance(node.args[1], int | float):
                continue
            (factor,), number = node.all_input_nodes, node.args[1]
            exact = math.frexp(number)[0] == 0.5 and self._is_same_but_scaled(factor, node)
            if exact and (number == 1 or self._joined(node, number)):
                node.replace_all_uses_with(factor)

    def _is_same_but_scaled(self, factor: fx.Node, product: fx.Node) -> bool:
        """Return whether a factor may stand for a product: it lies alike, and neither changes."""
        if factor not in self.tensors:
            return False
        before, after = self.tensors[factor], self.tensors[product]
        changed = self.changed.intersection((memory(before), memory(after)))
        return not changed and layout(before) == layout(after)

    def _joined(self, node: fx.Node, number: float) -> bool:
        """Multiply by a number what a node is multiplied by, if that is constant everywhere.

        Returns whether it is.
        """
        factors = {user: _constant_factor(user, node) for user in node.users}
        constants = {user: factor for user, factor in factors.items() if factor is not None}
        if len(constants) < len(factors):
            return False
        for user, constant in constants.items():
            value = self.root.get_buffer(str(constant.target))
            with self.graph.inserting_before(user):
                user.replace_input_with(constant, self._constant(value * number))
        return True

    def _changes_only_its_own(self, kernel: Kernel, args: Values, kwargs: Values) -> bool:
        """Return whether a kernel writes to nothing but what earlier kernels made."""
        if not kernel._schema.is_mutable:
            return True
        schema = kernel._schema.arguments
        values = dict(zip((argument.name for argument in schema), args, strict=False)) | kwargs
        targets = [argument.name for argument in schema if _is_written(argument)]
        written = tree_leaves([values[name] for name in targets if name in values])
        self.changed.update(map(memory, written))
        return self.changed <= self.own


def _is_written(argument: Values) -> bool:
    """Return whether a kernel writes to an argument of its schema."""
    return bool(argument.alias_info and argument.alias_info.is_write)


def _is_drawn(node: fx.Node) -> bool:
    """Return whether a node draws random numbers."""
    return getattr(node.target, "__name__", "") == DRAWN


def _is_constant(node: fx.Node, constants: set[fx.Node]) -> bool:
    """Return whether a node gives the same each time: it depends on shapes or constants alone."""
    if node.target in FILLED:
        return True
    if _is_drawn(node):
        return False
    return node.op == "call_function" and constants.issuperset(node.all_input_nodes)


def _constant_factor(product: fx.Node, node: fx.Node) -> fx.Node | None:
    """Return the constant that a node is multiplied by, or None where it is used otherwise."""
    others = [factor for factor in product.all_input_nodes if factor is not node]
    constant = len(others) == 1 and others[0].op == "get_attr"
    return others[0] if constant and product.target in PRODUCTS else None


def _binding(kernel: Kernel) -> Kernel:
    """Return torch's function or method of a kernel's name, where there is one in C.

    That calls the kernel in half the time.
    """
    # one that writes stays: by its schema alone fx knows that it may not be left out
    if kernel is not _item and not kernel._schema.is_mutable:
        name = kernel._schema.name.removeprefix("aten::")
        for binding in (getattr(torch, name, None), getattr(Tensor, name, None)):
            if isinstance(binding, BuiltinFunctionType | MethodDescriptorType):
                return binding
    return kernel


def _item(values: Sequence[Tensor], number: int) -> Tensor:
    return values[number]


def _place(tensor: Tensor) -> tuple[object, ...]:
    """Return what is equal for two tensors that are one: where they lie, and how."""
    return tensor.data_ptr(), *layout(tensor)
