import pytest

from medtl_bench.board.transfer import BOARD, other, other_metric
from tests.boards import build
from tests.records import record, transfer_scores

LOWER = {"rmse", "brier", "ece", "clisi"}


@pytest.mark.parametrize(
    ("measure", "primary", "higher"),
    [
        ("target 0", "balanced_accuracy", True),
        ("target 0", "rmse", False),
        ("few-shot area", "rmse", False),
        ("source forgetting 5", "balanced_accuracy", False),
        ("gap closed", "rmse", True),
        ("ece", "balanced_accuracy", False),
        ("seconds", "balanced_accuracy", False),
        ("target 0", "a-metric-of-the-future", True),
        ("target 0 rmse", "concordance", False),
        ("target 0 roc_auc", "rmse", True),
        ("target 0 marked_rmse", "concordance", False),
        ("target 0 rmse sex = female", "rmse", False),
        ("target 0 source_threshold_balanced_accuracy", "roc_auc", True),
        ("gap by sex", "roc_auc", False),
        ("worst target", "rmse", False),
        ("cut 5", "balanced_accuracy", True),
        ("target 0 task_aware_marked_brier", "dice", False),
        ("target 0 a-metric-of-the-future", "rmse", True),
        ("target 0", "marked_rmse", False),
    ],
)
def test_directions(measure: str, primary: str, higher: bool) -> None:
    assert BOARD.higher_is_better(measure, primary, LOWER) is higher


@pytest.mark.parametrize(
    ("measure", "metric"),
    [
        ("target 0 roc_auc", "roc_auc"),
        ("target 0", ""),
        ("target 0 ", ""),
        ("ece", ""),
        ("target 10 x", ""),
        ("x target 0 y", ""),
    ],
)
def test_other_metrics_are_told_by_their_names(measure: str, metric: str) -> None:
    assert other_metric(measure) == metric
    assert not metric or other(metric) == measure


def test_single_sources_are_scored_on_each_domain_and_averaged_over_seeds() -> None:
    def from_one(source: str, target: str, score: float, **fields: object) -> object:
        scored = transfer_scores(
            score, sources=(source,), targets=(target,), source=0.9 + score / 10
        )
        told = {"scenario": f"{source}-to-{target}", "sources": (source,), "targets": (target,)}
        return record(**{**told, "scores": scored, **fields})

    several = transfer_scores(0.1, sources=("a", "b"), targets=("c",))
    board = build(
        [
            from_one("a", "b", 0.6),
            from_one("a", "b", 0.8, seed=1),
            from_one("b", "a", 0.5),
            from_one("b", "a", 0.1, seed=1, status="failed"),
            record(scenario="to-c", sources=("a", "b"), targets=("c",), scores=several),
        ]
    )
    found = board.further["transfer"]["single sources"]
    rows = found[["algorithm", "source", "domain", "value", "n"]].to_numpy().tolist()
    assert [row[:3] for row in rows] == [
        ["dann", "a", "a"],
        ["dann", "a", "b"],
        ["dann", "b", "a"],
        ["dann", "b", "b"],
    ]
    assert [row[3] for row in rows] == pytest.approx([0.97, 0.7, 0.5, 0.95])
    assert [row[4] for row in rows] == [2, 2, 1, 1]


def test_without_single_sources_nothing_is_scored_by_source() -> None:
    for records in (
        [],
        [record(sources=("a", "c"), scores=transfer_scores(0.1, sources=("a", "c")))],
    ):
        further = build(records).further
        assert not records or further["transfer"]["single sources"].empty


def test_a_transfer_whose_target_nobody_can_be_scored_on_costs_no_other_its_measures() -> None:
    none: tuple[str, ...] = ()

    def made(algorithm: str, scenario: str, start: float, targets: tuple[str, ...], **fields):
        scores = transfer_scores(start, {1: [start], 3: [start]}, targets=targets)
        which = {"algorithm": algorithm, "scenario": scenario, "targets": ["b"]}
        return record(**which, scores=scores, **fields)

    def start(*records) -> dict[str, float]:
        summary = build(records).summary
        rows = summary[summary["measure"] == "target 0"]
        return dict(zip(rows["algorithm"], rows["mean"], strict=True))

    told = [made("dann", "one", 0.7, ("b",)), made("dann", "two", 0.1, none)]
    told += [made("ewc", "one", 0.6, ("b",)), made("ewc", "two", 0.2, none)]
    assert start(*told) == pytest.approx({"dann": 0.7, "ewc": 0.6})
    told[1] = made("dann", "two", 0.1, ("b",))  # another could be scored there
    assert start(*told)["dann"] == pytest.approx(0.4)
    assert start(*told)["ewc"] == pytest.approx((0.6 + 0.1) / 2), "the worst of that transfer"
    told[1] = made("dann", "two", 0.1, none, status="failed")
    assert start(*told)["dann"] == 0.7, "nobody is scored there, whether it broke or not"
