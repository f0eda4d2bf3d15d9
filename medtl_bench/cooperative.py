"""Runs tasks side by side in one thread, each up to a request that is served for many at once.

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


# what a task stops for: a request, or functions to branch into
_Wish = Request | Sequence[Callable[[], Any]]
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
    """Return seconds on the clock of the calling task, which stands still while others run.

    Outside of a task, on the wall.
    """
    current = getcurrent()
    if not isinstance(current, _Member):
        return perf_counter()
    task = current.task
    return task.seconds + perf_counter() - task.since


def ask(request: Request) -> None:
    """Have a request served and return; raises what serving it raises."""
    hub = _hub()
    if hub is None:
        request.alone()
    else:
        hub.switch(request)


def together(functions: Sequence[Callable[[], T]]) -> list[T]:
    """Return the result of every function, called side by side in a task, else in turn.

    All start from the same global random state.
    """
    hub = _hub()
    if hub is None:
        return _in_turn(functions)
    tasks: list[Task[T]] = hub.switch(functions)
    return [task.result() for task in tasks]


def _hub() -> greenlet | None:
    """Return the greenlet that runs the calling task, or None outside of a task."""
    current = getcurrent()
    return current.parent if isinstance(current, _Member) else None


def _in_turn(functions: Sequence[Callable[[], T]]) -> list[T]:
    results, state = [], global_state()
    for function in functions:
        set_global_state(state)
        results.append(function())
    set_global_state(state)
    return results


def run(functions: Sequence[Callable[[], T]], serve: Serve, most: int) -> list[Task[T]]:
    """Run functions side by side and return them as tasks that are done.

    `most`: how many requests may wait before some are served.
    """
    state = global_state()
    tasks = [Task(function, state) for function in functions]
    _Hub(serve, most, deque(tasks)).run()
    return tasks


@dataclass(eq=False)
class _Hub:
    """What all tasks of a run switch to: a task that asks or ends comes back here."""

    serve: Serve
    most: int
    ready: deque[Task[Any]]
    waiting: list[Task[Any]] = field(default_factory=list)

    def run(self) -> None:
        """Start what is ready while there is room, then serve the largest group of requests.

        This goes on until all is done. Serving waits until nothing else can go on, for
        only then is a group as large as it can become.
        """
        while self.ready or self.waiting:
            while self.ready and len(self.waiting) < self.most:
                self._resume(self.ready.popleft())
            if self.waiting:
                self._serve_largest()

    def _serve_largest(self) -> None:
        """Serve the largest group of equal requests; its tasks share the time that takes."""
        group = self._largest()
        start = perf_counter()
        errors = self.serve([task.request for task in group])
        share = (perf_counter() - start) / len(group)
        for task, error in zip(group, errors, strict=True):
            task.seconds += share
            self._resume(task, error)

    def _largest(self) -> list[Task[Any]]:
        """Take the tasks of the largest group of equal requests from those that wait."""
        groups: dict[Hashable, list[Task[Any]]] = {}
        for task in self.waiting:
            groups.setdefault(task.key, []).append(task)
        group = max(groups.values(), key=len)
        self.waiting = [task for task in self.waiting if task not in group]
        return group

    def _resume(self, task: Task[Any], error: Exception | None = None) -> None:
        """Let a task go on to its next request, its next `together` or its end."""
        if task.member is None:
            task.member = _Member(task)
        member = task.member
        # every task draws from a global state of its own, whoever ran in between
        set_global_state(task.random)
        task.since = perf_counter()
        wish = _entered(member, task.children, error)
        task.seconds += perf_counter() - task.since
        task.random, task.children = global_state(), []
        if member.dead:
            self._end(task)
        elif isinstance(wish, Request):
            task.request, task.key = wish, wish.key
            self.waiting.append(task)
        else:
            self._branch(task, wish)

    def _branch(self, task: Task[Any], functions: Sequence[Callable[[], Any]]) -> None:
        """Make functions the children of a task; without any it goes on at once."""
        task.children = [Task(function, task.random, parent=task) for function in functions]
        self.ready.extendleft(reversed(task.children or [task]))

    def _end(self, task: Task[Any]) -> None:
        """Note the end of a task; the last child to end lets its parent go on."""
        task.done, task.member = True, None
        parent = task.parent
        if parent is not None:
            parent.seconds += task.seconds
            if all(child.done for child in parent.children):
                self.ready.appendleft(parent)


def _entered(member: _Member, children: list[Task[Any]], error: Exception | None) -> _Wish:
    """Enter a task's greenlet and return what it asks for: a Request, or functions to branch into.

    It is handed its children that are done, or the error that serving its request gave.
    """
    if error is not None:
        wish: _Wish = member.throw(error)
    else:
        wish = member.switch(children) if children else member.switch()
    return wish
