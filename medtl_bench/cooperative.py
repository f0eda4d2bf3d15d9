"""Runs strands side by side in one thread, each up to a wish that is served for many at once.

A strand calls `ask`: under `run` it stops there until its wish was served together with
equal ones of other strands; elsewhere the wish is served at once, alone. Which strands run
side by side changes what a result costs, not what it is.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Generic, TypeVar, cast

from greenlet import getcurrent, greenlet

from medtl_bench.randomness import global_state, set_global_state

T = TypeVar("T")


class Wish(ABC):
    """Something that a strand wants done before it goes on."""

    @abstractmethod
    def alone(self) -> None:
        """Serve this wish by itself."""

    @property
    @abstractmethod
    def key(self) -> Hashable:
        """Return what wishes must have in common to be served together."""


class Alone(Exception):  # noqa: N818 - an answer, not an error
    """The answer to a wish that cannot be served with others: its strand serves it by itself."""


# what a strand stops for: a wish, or functions to branch into
_Stop = Wish | Sequence[Callable[[], Any]]
# for each wish None, or what to raise in the strand that asked; `Alone` is its own to serve
Serve = Callable[[Sequence[Any]], Sequence[Exception | None]]


@dataclass(eq=False)
class Strand(Generic[T]):
    """A function on its way, and what it returned or raised once it did.

    `random`: the global random state it goes on with. `seconds`: what it took up to
    `since`, when it was last resumed: its own and its share of what was done for several.
    """

    function: Callable[[], T]
    random: Any
    parent: "Strand[Any] | None" = None
    member: "_Member | None" = None
    wish: Wish | None = None
    key: Hashable = None
    children: "list[Strand[Any]]" = field(default_factory=list)
    seconds: float = 0.0
    since: float = 0.0
    value: T | None = None
    error: BaseException | None = None
    done: bool = False

    def result(self) -> T:
        """Return what the function returned, or raise what it raised."""
        if self.error is not None:
            raise self.error
        return cast("T", self.value)

    def step(self) -> None:
        """Run the function to its end; what it raises is kept, but for an interrupt."""
        try:
            self.value = self.function()
        except (Exception, SystemExit) as error:
            self.error = error


class _Member(greenlet):
    """The greenlet of a strand."""

    def __init__(self, strand: Strand[Any]) -> None:
        super().__init__(strand.step)
        self.strand = strand


def now() -> float:
    """Return seconds on the clock of the calling strand, which stands still while others run.

    Outside of a strand, on the wall.
    """
    current = getcurrent()
    if not isinstance(current, _Member):
        return perf_counter()
    strand = current.strand
    return strand.seconds + perf_counter() - strand.since


def ask(wish: Wish) -> None:
    """Have a wish served and return; raises what serving it raises."""
    hub = _hub()
    if hub is not None:
        try:
            hub.switch(wish)
            return
        except Alone:  # here a strand draws from its own global state, and pays its own time
            pass
    wish.alone()


def together(functions: Sequence[Callable[[], T]]) -> list[T]:
    """Return the result of every function, called side by side in a strand, else in turn.

    All start from the same global random state.
    """
    hub = _hub()
    if hub is None:
        return _in_turn(functions)
    strands: list[Strand[T]] = hub.switch(functions)
    return [strand.result() for strand in strands]


def _hub() -> greenlet | None:
    """Return the greenlet that runs the calling strand, or None outside of a strand."""
    current = getcurrent()
    return current.parent if isinstance(current, _Member) else None


def _in_turn(functions: Sequence[Callable[[], T]]) -> list[T]:
    results, state = [], global_state()
    for function in functions:
        set_global_state(state)
        results.append(function())
    set_global_state(state)
    return results


def run(functions: Sequence[Callable[[], T]], serve: Serve, most: int) -> list[Strand[T]]:
    """Run functions side by side and return them as strands that are done.

    `most`: how many wishes may wait before some are served.
    """
    state = global_state()
    strands = [Strand(function, state) for function in functions]
    _Hub(serve, most, deque(strands)).run()
    return strands


@dataclass(eq=False)
class _Hub:
    """What all strands of a run switch to: a strand that asks or ends comes back here."""

    serve: Serve
    most: int
    ready: deque[Strand[Any]]
    waiting: list[Strand[Any]] = field(default_factory=list)

    def run(self) -> None:
        """Start what is ready while there is room, then serve the largest group of wishes.

        This goes on until all is done. Serving waits until nothing else can go on, for
        only then is a group as large as it can become.
        """
        while self.ready or self.waiting:
            while self.ready and len(self.waiting) < self.most:
                self._resume(self.ready.popleft())
            if self.waiting:
                self._serve_largest()

    def _serve_largest(self) -> None:
        """Serve the largest group of equal wishes; its strands share the time that takes."""
        group = self._largest()
        start = perf_counter()
        errors = self.serve([strand.wish for strand in group])
        share = (perf_counter() - start) / len(group)
        for strand, error in zip(group, errors, strict=True):
            strand.seconds += share
            self._resume(strand, error)

    def _largest(self) -> list[Strand[Any]]:
        """Take the strands of the largest group of equal wishes from those that wait."""
        groups: dict[Hashable, list[Strand[Any]]] = {}
        for strand in self.waiting:
            groups.setdefault(strand.key, []).append(strand)
        group = max(groups.values(), key=len)
        self.waiting = [strand for strand in self.waiting if strand not in group]
        return group

    def _resume(self, strand: Strand[Any], error: Exception | None = None) -> None:
        """Let a strand go on to its next wish, its next `together` or its end."""
        if strand.member is None:
            strand.member = _Member(strand)
        member = strand.member
        # every strand draws from a global state of its own, whoever ran in between
        set_global_state(strand.random)
        strand.since = perf_counter()
        asked = _entered(member, strand.children, error)
        strand.seconds += perf_counter() - strand.since
        strand.random, strand.children = global_state(), []
        if member.dead:
            self._end(strand)
        elif isinstance(asked, Wish):
            strand.wish, strand.key = asked, asked.key
            self.waiting.append(strand)
        else:
            self._branch(strand, asked)

    def _branch(self, strand: Strand[Any], functions: Sequence[Callable[[], Any]]) -> None:
        """Make functions the children of a strand; without any it goes on at once."""
        strand.children = [Strand(function, strand.random, parent=strand) for function in functions]
        self.ready.extendleft(reversed(strand.children or [strand]))

    def _end(self, strand: Strand[Any]) -> None:
        """Note the end of a strand; the last child to end lets its parent go on."""
        strand.done, strand.member = True, None
        parent = strand.parent
        if parent is not None:
            parent.seconds += strand.seconds
            if all(child.done for child in parent.children):
                self.ready.appendleft(parent)


def _entered(member: _Member, children: list[Strand[Any]], error: Exception | None) -> _Stop:
    """Enter a strand's greenlet and return what it asks for: a wish, or functions to branch into.

    It is handed its children that are done, or the error that serving its wish gave.
    """
    if error is not None:
        stop: _Stop = member.throw(error)
    else:
        stop = member.switch(children) if children else member.switch()
    return stop
