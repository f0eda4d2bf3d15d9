"""Rows whose hyper-parameters were chosen, beside their defaults and what could have been."""

import math

import pytest

from medtl_bench.board import transfer as of_transfer
from medtl_bench.board import tuned
from medtl_bench.results.rules import LEAVE_ONE_OUT, SOURCE_VALIDATION
from tests.boards import build, render
from tests.records import record, stream_record, stream_scores, transfer_scores

BOARDS = {"transfer": of_transfer.BOARD}
CHOSEN = {"rule": LEAVE_ONE_OUT, "draws": 3, "seeds": 2}
VARIANT = "tuned by leave-one-source-out, 3 draws"
# by candidate: how it is judged, on the source left out and on sources' validation; on the target
DRAWS = {0: (0.6, 0.9, 0.7), 1: (0.8, 0.7, 0.65), 2: (0.7, 0.95, 0.8)}


def named(candidate: int) -> dict[str, object]:
    variant = f"weight={candidate}" if candidate else ""
    return {"candidate": candidate, "variant": variant, "parameters": {"weight": candidate}}


def judging(rule: str, value: float, seed: int, candidate: int, **fields: object):
    """Return a record that judges a candidate for the transfer to b."""
    settings = {"sources": ["a"], "targets": ["c"], "shots": [1, 3], "draws": 2}
    settings |= {"rule": rule, "tunes": "to-b"}
    scores = transfer_scores(value, {1: [value] * 2, 3: [value] * 2}, value, targets="c")
    if rule == SOURCE_VALIDATION:
        settings |= {"shots": [], "targets": ["b"]}
        scores = transfer_scores(0, source=value, targets="")
        scores = tuple(one for one in scores if one.stage == "validation")
    scenario = f"to-b by {rule}"
    place = {"scenario": scenario, "settings": settings, "seed": seed, "scores": scores}
    return record(**place, **named(candidate), **fields)


def on_target(value: float, seed: int, **fields: object):
    curve = {1: [value] * 2, 3: [value] * 2}
    return record(seed=seed, scores=transfer_scores(value, curve, value), **fields)


def records(*, oracle: bool = True, **fields: object):
    """Return all records of a method that was tuned, the targets' of all draws among them."""
    found = []
    for seed in (0, 1):
        for candidate, (left_out, validated, scored) in DRAWS.items():
            found.append(judging(LEAVE_ONE_OUT, left_out, seed, candidate, **fields))
            found.append(judging(SOURCE_VALIDATION, validated, seed, candidate, **fields))
            if oracle or not candidate:
                found.append(on_target(scored, seed, **named(candidate), **fields))
        of_row = {**named(1), "variant": VARIANT, "chosen": CHOSEN}
        found.append(on_target(0.65, seed, **of_row, **fields))
    return found


def chosen(found, wanted=LEAVE_ONE_OUT):
    by_key = {one.trial.key: one for one in found}
    return [one[3:6] for one in tuned.choose(by_key, BOARDS, wanted)]


def test_each_rule_chooses_by_what_it_judges_and_neither_by_targets():
    assert chosen(records()) == [("to-b", LEAVE_ONE_OUT, 1)]
    assert chosen(records(), SOURCE_VALIDATION) == [("to-b", SOURCE_VALIDATION, 2)]
    assert chosen(records(oracle=False)) == chosen(records())


def test_of_equal_candidates_the_default_is_chosen():
    equal = [judging(LEAVE_ONE_OUT, 0.5, 0, candidate) for candidate in (2, 0, 1)]
    assert chosen(equal) == [("to-b", LEAVE_ONE_OUT, 0)]


def test_where_lower_is_better_the_lowest_is_chosen():
    metrics = {"metrics": ("rmse", "concordance"), "task": "regression"}
    settings = {"sources": ["a"], "targets": ["c"], "shots": [], "draws": 2}
    settings |= {"rule": LEAVE_ONE_OUT, "tunes": "to-b"}
    found = []
    for candidate, value in {0: 0.5, 1: 0.3, 2: 0.9}.items():
        scores = transfer_scores(value, targets="c", metric="rmse")
        place = {"scenario": "to-b without a", "settings": settings, "scores": scores}
        found.append(record(**place, **named(candidate), **metrics))
    assert chosen(found) == [("to-b", LEAVE_ONE_OUT, 1)]


def test_a_candidate_that_broke_somewhere_is_not_chosen():
    found = [judging(LEAVE_ONE_OUT, 0.5, seed, 0) for seed in (0, 1)]
    found.append(judging(LEAVE_ONE_OUT, 0.9, 0, 1))
    found.append(judging(LEAVE_ONE_OUT, 0.9, 1, 1, status="failed"))
    assert chosen(found) == [("to-b", LEAVE_ONE_OUT, 0)]


def test_source_validation_stands_in_where_no_source_can_be_left_out():
    found = [judging(SOURCE_VALIDATION, 0.5 + candidate / 10, 0, candidate) for candidate in (0, 1)]
    assert chosen(found) == [("to-b", SOURCE_VALIDATION, 1)]


def test_what_judges_and_other_draws_are_on_no_board_and_move_no_number_of_it():
    with_draws = records()
    plain = [one for one in with_draws if not (one.about.candidate or "rule" in one.trial.settings)]
    before, after = build(plain), build(with_draws)
    assert repr([view.methods for view in after.views]) == repr(
        [view.methods for view in before.views]
    )
    assert after.rows["label"].tolist() == ["dann", f"dann ({VARIANT})"]
    assert after.left_out.empty
    assert set(after.trials["key"]) == {
        one.trial.key for one in with_draws if one.trial.chosen or one in plain
    }


def test_a_tuned_row_is_not_ranked_and_stands_beside_its_default_and_the_oracle():
    board = build(records())
    (view,) = board.views
    assert [row.label for row in view.methods] == ["dann"]
    assert [row.label for row in view.tuned] == [f"dann ({VARIANT})"]
    assert math.isnan(view.tuned[0].cells["target 0"].rank)
    (row,) = board.tuned
    assert (row.algorithm, row.rule, row.draws, row.seeds) == ("dann", LEAVE_ONE_OUT, 3, 2)
    assert row.measure == "few-shot area"
    assert (row.default.mean, row.tuned.mean) == pytest.approx((0.7, 0.65))
    assert (row.gain.mean, row.gain.n) == (pytest.approx(-0.05), 2)
    assert row.oracle == pytest.approx(0.8)
    steps = [(step.draws, step.judged, step.on_target) for step in row.steps]
    assert steps == [
        (1, pytest.approx(0.6), pytest.approx(0.7)),
        (2, pytest.approx(0.8), pytest.approx(0.65)),
        (3, pytest.approx(0.8), pytest.approx(0.65)),
    ]


def test_without_the_draws_on_targets_there_is_no_oracle():
    (row,) = build(records(oracle=False)).tuned
    assert math.isnan(row.oracle)
    assert [step.judged for step in row.steps] == pytest.approx([0.6, 0.8, 0.8])


def test_parameters_may_differ_between_the_scenarios_of_a_tuned_row():
    fields = {"variant": VARIANT, "chosen": CHOSEN}
    found = [on_target(0.7, 0), on_target(0.6, 0, scenario="to-c")]
    found.append(on_target(0.8, 0, parameters={"weight": 1}, candidate=1, **fields))
    other = {"scenario": "to-c", "parameters": {"weight": 2}, "candidate": 2}
    found.append(on_target(0.6, 0, **other, **fields))
    (row,) = build(found).tuned
    assert (row.default.mean, row.tuned.mean) == pytest.approx((0.65, 0.7))


def test_the_page_shows_default_tuned_and_oracle_and_whether_the_order_changed():
    found = records() + records(algorithm="ewc", family="continual learning")
    better = [one for one in found if not (one.trial.algorithm == "ewc" and one.trial.chosen)]
    fields = {**named(2), "variant": VARIANT, "chosen": CHOSEN}
    better += [on_target(0.8, seed, algorithm="ewc", **fields) for seed in (0, 1)]
    files = render(build(better))
    page = files["datasets/hearts.md"].split("### Tuned without target labels")[1]
    lines = [line for line in page.splitlines() if line.startswith(("| dann", "| ewc"))]
    dann, ewc = ([cell.strip() for cell in line.split("|")[1:-1]] for line in lines)
    assert dann[0:2] + dann[4:] == ["dann", "0.700 ± 0.000", "*0.800*", "1.5", "2"]
    assert ewc[2].startswith("0.800")
    assert ewc[4:] == ["*0.800*", "1.5", "1"]
    assert "By leave-one-source-out, 3 draws, each judged with 2 seeds" in page
    assert "- Tuned: ewc, dann." in page
    assert "(hearts-draws.svg)" in page
    assert files["datasets/hearts-draws.svg"].startswith("<?xml")


def test_a_stream_has_tuned_rows_of_its_own():
    r = [[0.9, 0.5, 0.5], [0.8, 0.9, 0.5], [0.7, 0.8, 0.9]]
    fields = {**named(1), "variant": "tuned by another-order, 3 draws"}
    how = {"rule": "another-order", "draws": 3, "seeds": 1}
    found = [stream_record(scores=stream_scores(r))]
    found.append(stream_record(scores=stream_scores(r), chosen=how, **fields))
    (row,) = build(found).tuned
    assert (row.protocol, row.scenario != "") == ("stream", True)
    assert row.gain.mean == 0


def test_where_nothing_was_tuned_yet_there_is_no_board_of_what_judges():
    board = build([judging(LEAVE_ONE_OUT, 0.5, 0, candidate) for candidate in (0, 1)])
    assert (len(board.trials), board.views, board.tuned) == (0, [], ())
    assert render(board)


def test_boards_without_a_tuned_row_say_nothing_of_tuning():
    files = render(build([on_target(0.7, 0)]))
    assert "Tuned without" not in files["datasets/hearts.md"]
    assert not [name for name in files if "draws" in name]
