import numpy as np
import pytest

from medtl_bench.board.stream import BOARD, MATRICES
from tests.boards import build
from tests.records import stream_record, stream_scores

LOWER = {"rmse", "brier"}
R = [[0.9, 0.5, 0.4], [0.7, 0.8, 0.6], [0.8, 0.6, 0.7]]


@pytest.mark.parametrize(
    ("measure", "primary", "higher"),
    [
        ("average accuracy", "rmse", False),
        ("task_aware_average accuracy", "balanced_accuracy", True),
        ("forgetting", "rmse", False),
        ("forgetting", "balanced_accuracy", False),
        ("task_aware_forgetting", "balanced_accuracy", False),
        ("backward transfer", "rmse", True),
        ("seconds", "balanced_accuracy", False),
    ],
)
def test_directions(measure: str, primary: str, higher: bool) -> None:
    assert BOARD.higher_is_better(measure, primary, LOWER) is higher


def test_matrices_are_means_over_seeds_and_blank_where_a_seed_lacks_a_score() -> None:
    higher = (np.array(R) + 0.1).tolist()
    lacking = [s for s in stream_scores(higher) if (s.learned, s.domain) != ("y", "z")]
    board = build(
        [
            stream_record(scores=stream_scores(R)),
            stream_record(seed=1, scores=lacking),
            stream_record(algorithm="ewc", scores=stream_scores(R)),
        ]
    )
    table = board.further["stream"][MATRICES].set_index("algorithm")
    expected = np.array(R) + 0.05
    expected[1, 2] = np.nan
    np.testing.assert_allclose(table.loc["dann", "matrix"], expected)
    np.testing.assert_allclose(table.loc["ewc", "matrix"], R)
    assert set(table["domains"]) == {("x", "y", "z")}


def test_a_domain_that_nobody_can_be_scored_on_costs_no_other_its_measures() -> None:
    def made(algorithm: str, lacking: str, seed: int = 0):
        scores = [s for s in stream_scores(R, [0.5, 0.4, 0.3]) if s.domain != lacking]
        return stream_record(algorithm=algorithm, seed=seed, scores=scores)

    def average(*records) -> dict[str, float]:
        summary = build(records).summary
        rows = summary[summary["measure"] == "average accuracy"]
        return dict(zip(rows["algorithm"], rows["mean"], strict=True))

    told = average(made("dann", "y"), made("ewc", "y"))
    assert told == pytest.approx({"dann": (0.8 + 0.7) / 2, "ewc": (0.8 + 0.7) / 2})
    told = average(made("dann", "y"), made("ewc", ""))  # another could be scored there
    assert told["ewc"] == pytest.approx((0.8 + 0.6 + 0.7) / 3)
    assert np.isnan(told["dann"])
