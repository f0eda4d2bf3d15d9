"""The worst target, groups of patients, and which class is taken for which."""

import pytest

from medtl_bench.board import apart
from medtl_bench.results.record import Score
from tests.boards import build
from tests.records import METRIC, record


def score(domain: str, metric: str, value: float, n: int = 20) -> Score:
    return Score("fit", None, None, None, domain, metric, value, n)


def to(target: str, value: float, *others: Score, **fields: object):
    settings = {"scenario": f"to-{target}", "sources": ("s",), "targets": (target,)}
    scores = (score(target, METRIC, value), *others)
    return record(**{**settings, "scores": scores, **fields})


def cell(board, measure: str, algorithm: str = "dann"):
    table = board.summary.set_index(["algorithm", "measure"])
    return table.loc[algorithm, measure]


def test_the_worst_target_is_that_of_a_seed_over_all_transfers():
    values = {("a", 0): 0.9, ("b", 0): 0.5, ("a", 1): 0.6, ("b", 1): 0.8}
    board = build([to(target, value, seed=seed) for (target, seed), value in values.items()])
    assert cell(board, "target 0")["mean"] == pytest.approx(0.7)
    assert cell(board, "worst target")["mean"] == pytest.approx((0.5 + 0.6) / 2)


def test_where_lower_is_better_the_worst_target_is_the_highest():
    metrics = {"metrics": ("rmse",), "task": "regression"}
    records = [
        record(
            scenario=target, sources=("s",), targets=(target,), scores=[score(target, "rmse", v)],
            **metrics,
        )
        for target, v in (("a", 1.0), ("b", 3.0))
    ]  # fmt: skip
    assert cell(build(records), "worst target")["mean"] == 3


def test_there_is_no_worst_of_one_target_and_none_where_a_target_is_missing():
    assert "worst target" not in set(build([to("a", 0.9), to("a", 0.8, seed=1)]).summary["measure"])
    whole = [to(target, 0.8) for target in "ab"]
    board = build([*whole, to("a", 0.9, algorithm="ewc")])
    told = board.summary[board.summary["measure"] == "worst target"]
    assert told.loc[told["algorithm"] == "ewc", "mean"].isna().all()


def of_sex(domain: str, female: float, male: float):
    return [
        score(domain, f"{METRIC} sex = {g}", v) for g, v in (("female", female), ("male", male))
    ]


def test_the_gap_between_groups_is_taken_on_each_target_first():
    board = build([to("a", 0.8, *of_sex("a", 0.9, 0.6)), to("b", 0.8, *of_sex("b", 0.5, 0.8))])
    assert cell(board, "gap by sex")["mean"] == pytest.approx(0.3)
    assert cell(board, f"target 0 {METRIC} sex = female")["mean"] == pytest.approx(0.7)


def test_there_is_no_gap_of_one_group():
    board = build([to("a", 0.8, of_sex("a", 0.9, 0.6)[0])])
    assert "gap by sex" not in set(board.summary["measure"])


@pytest.mark.parametrize(
    ("metric", "attribute"),
    [("roc_auc sex = female", "sex"), ("roc_auc", ""), ("x age = 5 = 6", "age")],
)
def test_an_attribute_is_told_by_the_name_of_its_metric(metric, attribute):
    assert apart.attribute(metric) == attribute


def test_what_is_confused_is_a_mean_over_the_targets_that_have_the_class():
    a = [score("a", "confusion 0 0", 0.5), score("a", "confusion 0 1", 0.5)]
    b = [score("b", "confusion 0 0", 1.0), score("b", "confusion 1 0", 0.25)]
    board = build([to("a", 0.8, *a), to("b", 0.8, *b)])
    table = board.further["transfer"]["confused"].set_index(["true", "answer"])["value"]
    assert table.to_dict() == {(0, 0): 0.75, (0, 1): 0.25, (1, 0): 0.25}
    assert not board.summary["measure"].str.contains("confusion").any()
