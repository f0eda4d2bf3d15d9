"""Tasks side by side: what they ask for is served together, and nothing else is shared."""

import random
import sys
import time
from dataclasses import dataclass, field

import pytest
import torch

from medtl_bench import cooperative


@dataclass
class Doubling(cooperative.Wish):
    """A wish to have a number doubled, alone by itself or together with others of the same kind."""

    number: int
    kind: str = ""
    answer: int = 0
    was_alone: bool = False

    def alone(self) -> None:
        if self.number < 0:
            raise ValueError("it is negative")
        self.answer, self.was_alone = 2 * self.number, True

    @property
    def key(self) -> str:
        return self.kind


@dataclass
class Served:
    """Serves doublings and remembers who was served with whom."""

    groups: list[list[int]] = field(default_factory=list)

    def __call__(self, wishes):
        self.groups.append([wish.number for wish in wishes])
        for wish in wishes:
            wish.answer = 2 * wish.number
        return [ValueError("it is negative") if wish.number < 0 else None for wish in wishes]


def doubled(number: int, kind: str = "") -> int:
    wish = Doubling(number, kind)
    cooperative.ask(wish)
    return wish.answer


def results(functions, most=64):
    serve = Served()
    return [task.result() for task in cooperative.run(functions, serve, most)], serve.groups


def test_a_request_outside_of_a_run_is_served_alone():
    wish = Doubling(3)
    cooperative.ask(wish)
    assert (wish.answer, wish.was_alone) == (6, True)


def test_equal_requests_of_all_tasks_are_served_together_and_answers_come_back_in_order():
    found, groups = results([lambda n=n: doubled(doubled(n)) for n in (1, 2, 3)])
    assert found == [4, 8, 12]
    assert groups == [[1, 2, 3], [2, 4, 6]]


def test_unequal_requests_are_not_and_the_largest_group_goes_first():
    found, groups = results([lambda n=n: doubled(n, "odd" if n % 2 else "even") for n in (2, 1, 3)])
    assert found == [4, 2, 6]
    assert groups == [[1, 3], [2]]


def test_no_more_wait_than_may():
    found, groups = results([lambda n=n: doubled(n) for n in range(5)], most=2)
    assert found == [0, 2, 4, 6, 8]
    assert groups == [[0, 1], [2, 3], [4]]


def test_what_a_task_raises_is_its_own():
    def broken():
        raise KeyError("mine")

    tasks = cooperative.run(
        [broken, lambda: doubled(2), lambda: doubled(-1), lambda: sys.exit(3)], Served(), 8
    )
    assert [type(task.error) for task in tasks] == [KeyError, type(None), ValueError, SystemExit]
    assert tasks[1].result() == 4
    with pytest.raises(ValueError, match="negative"):
        tasks[2].result()


def test_a_task_can_mend_what_serving_raised():
    def careful():
        try:
            return doubled(-1)
        except ValueError:
            return doubled(5)

    assert results([careful]) == ([10], [[-1], [5]])


def test_an_interrupt_ends_the_run():
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cooperative.run([lambda: doubled(1), interrupted], Served(), 8)


def branching(n: int) -> list[int]:
    return cooperative.together([lambda k=k: doubled(10 * n + k) for k in range(3)])


def test_branches_of_all_tasks_are_served_together():
    found, groups = results([lambda: branching(1), lambda: branching(2)])
    assert found == [[20, 22, 24], [40, 42, 44]]
    assert groups == [[10, 11, 12, 20, 21, 22]]
    assert branching(1) == [20, 22, 24]


def test_branches_of_branches_and_no_branches():
    def nested():
        return cooperative.together(
            [lambda: branching(1), lambda: branching(2), lambda: cooperative.together([])]
        )

    found, groups = results([nested])
    assert found == [nested()] == [[[20, 22, 24], [40, 42, 44], []]]
    assert groups == [[10, 11, 12, 20, 21, 22]]


def test_what_a_branch_raises_reaches_its_task():
    assert [str(task.error) for task in cooperative.run([lambda: branching(-1)], Served(), 8)] == [
        "it is negative"
    ]


def test_a_strand_serves_by_itself_what_cannot_be_served_with_others():
    @dataclass
    class Drawing(Doubling):
        def alone(self) -> None:
            super().alone()
            self.answer += random.random()

    def drawn(number: int) -> float:
        wish = Drawing(number)
        cooperative.ask(wish)
        return wish.answer

    def serve(wishes):
        random.seed(99)  # what serves may leave any global state behind
        return [cooperative.Alone()] * len(wishes)

    random.seed(0)
    expected = drawn(1)
    random.seed(0)
    tasks = cooperative.run([lambda: drawn(1), lambda: drawn(1), lambda: drawn(-1)], serve, 8)
    assert [task.result() for task in tasks[:2]] == [expected, expected]
    assert str(tasks[2].error) == "it is negative"


def global_draws() -> list[float]:
    first = float(torch.rand(()))
    branches = cooperative.together(
        [lambda: doubled(1) + random.random() + float(torch.rand(())) for _ in range(2)]
    )
    return [first, *branches, float(torch.rand(())), random.random()]


def test_global_random_numbers_do_not_depend_on_who_runs_beside():
    torch.manual_seed(0)
    random.seed(0)
    alone = global_draws()
    torch.manual_seed(0)
    random.seed(0)
    beside, _ = results([global_draws, lambda: torch.rand(7), global_draws])
    assert beside[0] == beside[2] == alone
    assert alone[1] == alone[2]


def test_the_clock_of_a_task_stands_still_while_others_run():
    def timed(own: float, shared: float = 0.0) -> float:
        start = cooperative.now()
        time.sleep(own)
        doubled(1)
        return cooperative.now() - start

    def serve(wishes):
        time.sleep(0.06)
        return [None] * len(wishes)

    quick, slow = (
        task.result()
        for task in cooperative.run([lambda: timed(0.0), lambda: timed(0.2)], serve, 8)
    )
    assert 0.03 <= quick < 0.15
    assert 0.23 <= slow < 0.4


def test_a_task_is_charged_for_its_branches():
    (task,) = cooperative.run(
        [lambda: cooperative.together([lambda: time.sleep(0.05), lambda: time.sleep(0.05)])],
        Served(),
        8,
    )
    assert 0.1 <= task.seconds < 0.3
