"""What more draws bring, as a picture."""

import math

from medtl_bench.board.rows import Cell
from medtl_bench.board.tuned_rows import Step, TunedRow
from medtl_bench.report.pictures.trajectory import _widest, trajectory_picture

CELL = Cell(0.7, 0.1, 3)
STEPS = (Step(1, 0.6, 0.7), Step(2, 0.65, math.nan), Step(3, 0.7, 0.72))


def row(**fields: object) -> TunedRow:
    place = {"dataset": "hearts <b>", "protocol": "transfer", "scenario": "", "algorithm": "dann"}
    budget = {"rule": "leave-one-source-out", "draws": 3, "seeds": 2, "measure": "few-shot area"}
    cells = {"default": CELL, "tuned": CELL, "gain": CELL, "oracle": 0.8, "ranks": (1.0, 1.0)}
    return TunedRow(**{**place, **budget, **cells, "steps": STEPS, **fields})


def test_it_draws_what_is_known_the_same_each_time_and_escapes_names():
    rows = [row(), row(algorithm="<script>", oracle=math.nan), row(rule="source-validation")]
    picture = trajectory_picture(rows)
    assert picture == trajectory_picture(rows)
    assert "<script>" not in picture
    assert "<b>" not in picture


def test_there_is_nothing_to_draw_of_a_single_draw():
    assert trajectory_picture([]) is None
    assert trajectory_picture([row(steps=STEPS[:1])]) is None


def test_of_several_budgets_of_a_method_the_largest_is_drawn():
    rows = [row(draws=20), row(draws=3), row(algorithm="ewc")]
    assert sorted((one.algorithm, one.draws) for one in _widest(rows)) == [("dann", 20), ("ewc", 3)]
