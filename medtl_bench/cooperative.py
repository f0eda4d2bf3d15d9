"""Runs tasks side by side in one thread, each up to a request that is better served for many at once.

A task calls `ask`: under `run` it stops there until its request was served together with
equal ones of other tasks; elsewhere the request is served at once, alone. Which tasks run
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


class Request(ABC):
    """Something that a task wants done before it goes on."""

    @abstractmethod
    def alone(self) -> None:
        """Serve this request by itself."""

    @property
    @abstractmethod
    def key(self) -> Hashable:
        """Return what requests must have in common to be served together."""


# for each request None, or what to raise in the task that asked
Serve = Callable[[Sequence[Any]], Sequence[Exception | None]]


@dataclass(eq=False)
class Task(Generic[T]):
    """A function on its way, and what it returned or raised once it did.

    `random`: the global random state it goes on with. `seconds`: what it took up to
    `since`, when it was last resumed: its own and its share of what was done for several.
    """

    function: Callable[[], T]
    random: Any
    parent: "Task[Any] | None" = None
    member: "_Member | None" = None
    request: Request | None = None
    key: Hashable = None
    children: "list[Task[Any]]" = field(default_factory=list)
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
    """The greenlet of a task."""

    def __init__(self, task: Task[Any]) -> None:
        super().__init__(task.step)
        self.task = task


def now() -> float:
    """Return seconds on the clock of the task that calls, which stands still while others run; elsewhere, on the wall."""
    here = getcurrent()
    if not isinstance(here, _Member):
        return perf_counter()
    task = here.task
    return task.seconds + perf_counter() - task.since


def ask(request: Request) -> None:
    """Have a request served and return; raises what serving it raises."""
    here = getcurrent()
    if isinstance(here, _Member) and here.parent is not None:
        here.parent.switch(request)
    else:
        request.alone()


def together(functions: Sequence[Callable[[], T]]) -> list[T]:
    """Return the result of every function; all start from the same global random state, side by side where this runs so."""
    here = getcurrent()
    if isinstance(here, _Member) and here.parent is not None:
        tasks: list[Task[T]] = here.parent.switch(functions)
        return [task.result() for task in tasks]
    results, state = [], global_state()
    for function in functions:
        set_global_state(state)
        results.append(function())
    set_global_state(state)
    return results


def run(functions: Sequence[Callable[[], T]], serve: Serve, most: int) -> list[Task[T]]:
    """Run functions side by side, with at most `most` requests waiting, and return them as tasks that are done."""
    state = global_state()
    tasks = [Task(function, state) for function in functions]
    _Hub(serve, most, deque(tasks)).run()
    return tasks


@dataclass(eq=False)
class _Hub:
    serve: Serve
    most: int
    ready: deque[Task[Any]]
    waiting: list[Task[Any]] = field(default_factory=list)

    def run(self) -> None:
        """Start what is ready while there is room, then serve the largest group of equal requests, until all is done."""
        while self.ready or self.waiting:
            while self.ready and len(self.waiting) < self.most:
                self._resume(self.ready.popleft())
            if self.waiting:
                self._serve_largest()

    def _serve_largest(self) -> None:
        groups: dict[Hashable, list[Task[Any]]] = {}
        for task in self.waiting:
            groups.setdefault(task.key, []).append(task)
        group = max(groups.values(), key=len)
        self.waiting = [task for task in self.waiting if task not in group]
        start = perf_counter()
        errors = self.serve([task.request for task in group])
        share = (perf_counter() - start) / len(group)
        for task, error in zip(group, errors, strict=True):
            task.seconds += share
            self._resume(task, error)

    def _resume(self, task: Task[Any], error: Exception | None = None) -> None:
        """Let a task go on to its next request, its next `together` or its end."""
        if task.member is None:
            task.member = _Member(task)
        set_global_state(task.random)
        task.since = perf_counter()
        if error is not None:
            asked = task.member.throw(error)
        else:
            asked = task.member.switch(task.children) if task.children else task.member.switch()
        task.seconds += perf_counter() - task.since
        task.random, task.children = global_state(), []
        if task.member.dead:
            self._end(task)
        elif isinstance(asked, Request):
            task.request, task.key = asked, asked.key
            self.waiting.append(task)
        else:
            task.children = [Task(function, task.random, parent=task) for function in asked]
            self.ready.extendleft(reversed(task.children or [task]))

    def _end(self, task: Task[Any]) -> None:
        task.done, task.member = True, None
        parent = task.parent
        if parent is not None:
            parent.seconds += task.seconds
            if all(child.done for child in parent.children):
                self.ready.appendleft(parent)
