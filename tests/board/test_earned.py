"""What cannot be earned before a label is blank, and everything that reads it follows."""

import numpy as np
import pytest

from medtl_bench.board.build import Board
from medtl_bench.results.record import Record
from tests.boards import build, render
from tests.records import record, stream_record, stream_scores, transfer_scores

R = [[0.9, 0.5, 0.4], [0.7, 0.8, 0.6], [0.8, 0.6, 0.7]]
UNEARNED = pytest.mark.parametrize("labels", ["own", "new classes"])


def board(labels: str, shots: tuple[int, ...] = (1, 3)) -> Board:
    """Return a board of two methods and two bounds, each with two seeds."""
    levels = {"dann": 0.5, "fine-tune": 0.4, "source-only": 0.3, "target-only": 0.2}

    def made(name: str, seed: int) -> Record:
        start = levels[name] + seed / 100
        curve = {k: [start + k / 10] for k in shots}
        scores = transfer_scores(start, curve, 0.9, extra={"ece": 0.1, "roc_auc": 0.8})
        fields = {"labels": labels, "shots": shots, "draws": 1}
        family = {"family": "bound"} if name.endswith("only") else {}
        metrics = ("balanced_accuracy", "ece", "roc_auc")
        return record(algorithm=name, seed=seed, scores=scores, metrics=metrics, **fields, **family)

    return build([made(name, seed) for name in levels for seed in (0, 1)])


def means(board: Board, algorithm: str = "dann") -> dict[str, float]:
    rows = board.summary[board.summary["algorithm"] == algorithm]
    return rows.set_index("measure")["mean"].dropna().to_dict()


@UNEARNED
def test_nothing_is_told_of_a_target_before_its_first_label(labels: str) -> None:
    blank = {"target 0", "target 0 roc_auc", "ece", "gap closed", "gain in target 0"}
    assert blank <= set(means(board("shared")))
    assert not blank & set(means(board(labels)))
    assert means(board("")) == means(board("shared")), "as before, where it was not recorded"


@UNEARNED
def test_the_area_runs_from_the_smallest_k_and_ranks_the_table(labels: str) -> None:
    made = board(labels)
    assert means(made)["few-shot area"] == pytest.approx((0.605 + 0.805) / 2)
    (view,) = made.views
    assert view.headline == "few-shot area"
    assert [c.reading.measure for c in made.comparisons] == ["few-shot area"]
    assert means(board(labels, shots=(5,)))["few-shot area"] == pytest.approx(1.005)


@UNEARNED
def test_pages_say_so(labels: str) -> None:
    page = render(board(labels), {})["datasets/hearts.md"]
    assert "so nothing is told of one before its first label" in page
    assert "| Target score, k = 0" not in page
    assert "k = 0 ↑" not in page
    assert "In transfer, labels are shared" in render(board("shared"), {})["datasets/hearts.md"]
    assert "what labels mean was not recorded" in render(board(""), {})["datasets/hearts.md"]


@UNEARNED
def test_forward_transfer_is_blank_and_so_is_what_is_above_the_diagonal(labels: str) -> None:
    made = build([stream_record(labels=labels, scores=stream_scores(R, [0.5, 0.4, 0.3]))])
    assert "forward transfer" not in means(made)
    assert {"average accuracy", "forgetting", "backward transfer"} <= set(means(made))
    (matrix,) = made.further["stream"]["matrices"]["matrix"]
    assert np.isnan(matrix[np.triu_indices(3, 1)]).all()
    np.testing.assert_array_equal(np.tril(matrix), np.tril(R))


def test_where_scenarios_differ_each_goes_by_its_own_labels() -> None:
    def made(scenario: str, labels: str, start: float) -> Record:
        scores = transfer_scores(start, {1: [0.6], 3: [0.6]})
        return record(scenario=scenario, labels=labels, scores=scores)

    found = build([made("x", "shared", 0.5), made("y", "own", 0.1)])
    assert means(found)["target 0"] == pytest.approx(0.5)
    said = [(one.labels, one.scenarios) for one in found.facts[0].meanings]
    assert said == [("own", ("y",)), ("shared", ("x",))]
    assert "In transfer (y), each domain asks" in render(found, {})["datasets/hearts.md"]
