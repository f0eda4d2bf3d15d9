"""Lets kernels of a recorded function write over what nothing reads after them.

A fresh block of memory for each result would push others out of the processor's cache. No
bit of a result changes.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, fx

aten = torch.ops.aten
SYMMETRIC = {aten.add.Tensor, aten.mul.Tensor}
OUT = "grad_input"  # what torch's derivatives call the tensor that they may write to
Kernel = Any  # torch does not tell their types


class Blocks:
    """Which nodes of a graph share memory; a node is taken to share with all of its arguments.

    `tensors`: by node, what it gave when it was written down. Must be made before nodes are
    replaced by others of equal value.
    """

    def __init__(self, graph: fx.Graph, tensors: Mapping[fx.Node, Tensor]) -> None:
        """Look at where tensors lie; what gives several is taken to share with each."""
        self.tensors = tensors
        self.sharing = {node for node in graph.nodes if self._shares(node)}
        self.blocks: dict[fx.Node, set[fx.Node]] = {}
        self.order: dict[fx.Node, int] = {}

    def _shares(self, node: fx.Node) -> bool:
        arguments = node.all_input_nodes
        known = all(one in self.tensors for one in (node, *arguments))
        own = memory(self.tensors[node]) if known else 0
        return not known or any(memory(self.tensors[one]) == own for one in arguments)

    def overwrite(self, graph: fx.Graph) -> None:
        """Change what a graph has become since, for good."""
        self.order = {node: number for number, node in enumerate(graph.nodes)}
        self.blocks = {node: {node} for node in graph.nodes}
        for node in self.sharing.intersection(graph.nodes):
            for argument in node.all_input_nodes:
                self._join(node, argument)
        for node in graph.nodes:
            for place in _places(node):
                over = node.args[place]
                if self._may_be_overwritten(over, node) and _write(node, place):
                    self._join(node, over)
                    break

    def _join(self, one: fx.Node, other: fx.Node) -> None:
        both = self.blocks[one] | self.blocks[other]
        self.blocks.update(dict.fromkeys(both, both))

    def _may_be_overwritten(self, over: object, node: fx.Node) -> bool:
        """Return whether a node may write its result over an argument: it is the last to read it.

        What comes from outside, or is handed out, stays.
        """
        if not (isinstance(over, fx.Node) and self._lie_alike(over, node)):
            return False
        block = self.blocks[over]
        readers = {user for part in block for user in part.users}
        last = all(self.order[user] <= self.order[node] for user in readers)
        alone = block.isdisjoint({*node.all_input_nodes} - {over})
        return last and alone and {part.op for part in block} == {"call_function"}

    def _lie_alike(self, *nodes: fx.Node) -> bool:
        layouts = [layout(self.tensors[node]) for node in nodes if node in self.tensors]
        return len(layouts) == len(nodes) and len(set(layouts)) == 1


def layout(tensor: Tensor) -> tuple[object, ...]:
    """Return how a tensor lies in its memory."""
    return tensor.shape, tensor.stride(), tensor.dtype


def memory(tensor: Tensor) -> int:
    """Return the address of the memory that a tensor is a view of."""
    return tensor.untyped_storage().data_ptr()


def _places(node: fx.Node) -> Iterator[int]:
    """Yield the places of those arguments that a kernel could write its result over."""
    kernel: Kernel = node.target
    if torch.Tag.pointwise in getattr(kernel, "tags", ()) and not kernel._schema.is_mutable:
        yield 0
        if kernel in SYMMETRIC and not node.kwargs:
            yield 1


def _write(node: fx.Node, place: int) -> bool:
    """Let a node write over its argument of a place; return False where no kernel does."""
    kernel: Kernel = node.target
    packet, overload = kernel.overloadpacket, kernel._overloadname
    name = f"{packet.__name__}_"
    if overload in getattr(aten, name, packet).overloads() and hasattr(Tensor, name):
        node.target = getattr(Tensor, name)
        node.args = (node.args[place], *node.args[:place], *node.args[place + 1 :])
        return True
    if overload == "default" and OUT in packet.overloads():
        node.target = getattr(packet, OUT)
        node.kwargs = {**node.kwargs, OUT: node.args[place]}
        return True
    return False
