"""What torch draws in a training, such as the masks of dropout: from each learner alone.

A learner's draws follow from its own generator, and are the same numbers whether it is
trained by itself or in a stack.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Generator, Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

from medtl_bench.training.differs import Differs
from medtl_bench.training.kernels import KernelMode

# torch tells the types of neither its kernels nor what goes in and out of them
Kernel = Any
Values = Any
# `vmap` calls these once for each learner in turn, where it calls others once for all
IN_TURN = {torch.ops.aten.randperm.default, torch.ops.aten.randperm.generator}


def is_random(kernel: Kernel) -> bool:
    """Return whether a kernel draws random numbers."""
    return torch.Tag.nondeterministic_seeded in kernel.tags


def own_draws(generator: Generator) -> Generator:
    """Return a generator for a training's draws that name none, seeded from a learner's own.

    That one stays as it is.
    """
    twin = Generator()
    twin.set_state(generator.get_state())
    return Generator().manual_seed(int(torch.randint(2**62, (), generator=twin)))


@contextmanager
def drawing_from(generator: Generator) -> Iterator[None]:
    """Let torch's global generator stand for another one, and put it back."""
    before = torch.default_generator.get_state()
    torch.default_generator.set_state(generator.get_state())
    try:
        yield
    finally:
        generator.set_state(torch.default_generator.get_state())
        torch.default_generator.set_state(before)


@contextmanager
def seeding_torch(generator: Generator) -> Iterator[None]:
    """Seed torch's global generator by a draw from another one, and put it back."""
    seed = int(torch.randint(2**62, (), generator=generator))
    with torch.random.fork_rng(devices=[]):
        # that of torch also queues calls for devices, for as long again
        torch.default_generator.manual_seed(seed)
        yield


class Draws(KernelMode):
    """Lets each kernel that draws for a whole stack draw for each learner from its own.

    `generators`: the learners' own, of which the first stands for all in an objective.
    Tensors that are drawn have a first axis that is a multiple of the learners. `any`: whether
    anything was drawn yet.
    """

    def __init__(self, generators: Sequence[Generator]) -> None:
        """Start as each learner by itself would."""
        super().__init__()  # type: ignore[no-untyped-call]
        self.generators = list(generators)
        self._unnamed = [own_draws(generator) for generator in generators]
        self._turn = 0
        self.any = False

    def __torch_dispatch__(
        self, kernel: Kernel, types: object, args: Values = (), kwargs: Values = None
    ) -> Values:
        """Run a kernel, or draw in its place."""
        kwargs = dict(kwargs or {})
        if not is_random(kernel):
            return kernel(*args, **kwargs)
        self.any = True
        draw = self.instead_of(kernel, kwargs.pop("generator", None))
        return draw(*args, **kwargs)

    def instead_of(self, kernel: Kernel, named: Generator | None) -> Callable[..., Any]:
        """Return what draws in place of a kernel that was to draw from a generator, or from none.

        Raises Differs where that is not a learner's own.
        """
        # a kernel is handed another object for the same generator
        if named and not torch.equal(named.get_state(), self.generators[0].get_state()):
            raise Differs("Its objective draws from another generator than self.generator.")
        sources = self._unnamed if named is None else self.generators

        def drawn(*args: Values, **kwargs: Values) -> Values:
            if kernel in IN_TURN:
                return _drawn(kernel, self._next(sources), args, kwargs)
            return _for_each(kernel, sources, args, kwargs)

        return drawn

    def _next(self, sources: Sequence[Generator]) -> Generator:
        """Return the generator of the learner whose turn it is."""
        turn, self._turn = self._turn, (self._turn + 1) % len(sources)
        return sources[turn]

    @contextmanager
    def again(self) -> Iterator[None]:
        """Draw in one more step; where none drew before, which doubles its time, only look.

        Raises Differs where this one draws for the first time.
        """
        if self.any:
            with self:
                yield
            return
        watched = (torch.default_generator, self.generators[0])
        before = [generator.get_state() for generator in watched]
        yield
        after = [generator.get_state() for generator in watched]
        if not all(map(torch.equal, before, after)):
            raise Differs("Its objective draws in some steps, but not in the first.")

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Put all generators back after the block, as if nothing had been drawn."""
        sources = [*self.generators, *self._unnamed]
        states = [source.get_state() for source in sources]
        yield
        for source, state in zip(sources, states, strict=True):
            source.set_state(state)


def _drawn(kernel: Kernel, source: Generator, args: Values, kwargs: Values) -> Values:
    """Return what a kernel draws from a generator."""
    if any(argument.name == "generator" for argument in kernel._schema.arguments):
        return kernel(*args, generator=source, **kwargs)
    with drawing_from(source):
        return kernel(*args, **kwargs)


def _for_each(kernel: Kernel, sources: Sequence[Generator], args: Values, kwargs: Values) -> Values:
    """Return what a kernel draws for each learner, from its generator, as one."""
    shares = _shares(kernel, args, len(sources))
    each = [_drawn(kernel, *pair, kwargs) for pair in zip(sources, shares, strict=True)]
    if kernel._schema.is_mutable:  # each was a view of the first argument
        return args[0]
    leaves = [tree_flatten(output)[0] for output in each]
    joined = [torch.cat(parts) for parts in zip(*leaves, strict=True)]
    return tree_unflatten(joined, tree_flatten(each[0])[1])


def _shares(kernel: Kernel, args: Values, count: int) -> list[tuple[Values, ...]]:
    """Return the arguments of a kernel for each of so many learners."""
    names = [argument.name for argument in kernel._schema.arguments]
    columns = [_split(value, name, count) for value, name in zip(args, names, strict=False)]
    return list(zip(*columns, strict=True))


def _split(value: Values, name: str, count: int) -> Sequence[Values]:
    """Return what each of so many learners has of an argument: a share of its first axis."""
    if isinstance(value, Tensor) and value.ndim and len(value) % count == 0:
        return value.chunk(count)
    if name == "size" and value[0] % count == 0:
        return [[value[0] // count, *value[1:]]] * count
    return [value] * count
