"""A third protocol, as small as an author would write it, on a board and on its pages."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from medtl_bench.board import build as building
from medtl_bench.board.measures import mean_by_trial
from medtl_bench.board.protocol import Block, ProtocolBoard, Reading
from medtl_bench.report.pages.protocol import Protocol, ProtocolPage
from medtl_bench.results.record import Record, Trial
from tests.boards import PROTOCOLS, build, render
from tests.records import METRIC, record, suite, transfer_scores
from tests.report.hostile import HOSTILE

LEVELS = {"dann": 0.8, "ewc": 0.6, "chance": 0.5}


class OnlineBoard(ProtocolBoard):
    headline = "online score"
    readings = (Reading("Learning while being asked", "online score"),)

    def measures(self, trials: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
        asked = scores[scores["primary"] & (scores["stage"] == "fit")]
        return pd.DataFrame({"online score": mean_by_trial(asked, trials)})


class OnlinePage(ProtocolPage):
    heading = "Learning while being asked"
    explanation = "- **Online score**: the mean over all rows, each asked once."


THREE = {**PROTOCOLS, "online": Protocol(OnlineBoard(), OnlinePage())}


def online(**fields: object) -> Record:
    """Return a record of the third protocol, whose name no trial of today may have."""
    made = record(**{"shots": (), **fields})
    content = dict(made.trial) | {"protocol": "online"}
    return made.model_copy(update={"trial": Trial.model_construct(**content)})


def online_records(metric: str = METRIC, **fields: object) -> list[Record]:
    records = []
    for (name, level), seed in product(LEVELS.items(), range(3)):
        family = "bound" if name == "chance" else "baseline"
        scores = transfer_scores(level + seed / 100, metric=metric)
        about = {"algorithm": name, "family": family, "metrics": (metric,), **fields}
        records.append(online(seed=seed, scores=scores, **about))
    return records


def keyed(records: list[Record]) -> dict[str, Record]:
    return {f"key {number:04}": made for number, made in enumerate(records)}


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    records = [*suite(["hearts", "cells"], seeds=2), *online_records()]
    return render(build(keyed(records), THREE), protocols=THREE)


def test_its_table_stands_on_its_datasets_page_alone(pages: dict[str, str]) -> None:
    section = pages["datasets/hearts.md"].split("## Learning while being asked\n")[1]
    methods, bounds = section.split("\n## ")[0].split("### Bounds, for reference")
    assert "The score is balanced accuracy; higher is better." in methods
    assert "Online score ↑" in methods
    assert "| dann" in methods.split("| ewc")[0], "ranked by its headline"
    assert "**0.855 ± 0.012**" in methods
    assert "| chance" in bounds
    assert "The 1 online scenario: data d1; seeds 0, 1, 2;" in pages["datasets/hearts.md"]
    assert OnlinePage.explanation in pages["datasets/hearts.md"]
    assert "Online" not in pages["datasets/cells.md"]


def test_its_reading_and_column_stand_on_the_overall_page(pages: dict[str, str]) -> None:
    readme = pages["README.md"]
    header = next(line for line in readme.splitlines() if line.startswith("| Dataset"))
    columns = [cell.strip() for cell in header.split("|")][-4:-1]
    assert columns == [f"Complete rows, {name}" for name in ("transfer", "stream", "online")]
    reading = readme.split("## Learning while being asked\n")[1].split("\n## ")[0]
    assert "hearts (n = 3) ↑" in reading
    assert "cells" not in reading
    assert readme.index("## Forgetting along") < readme.index("## Learning while")
    assert "online,online score,classification,all,dann" in pages["overall.csv"]


def test_the_other_tables_are_the_same_with_and_without_it(pages: dict[str, str]) -> None:
    without = render(build(suite(["hearts", "cells"], seeds=2)))
    assert pages["datasets/cells.md"] == without["datasets/cells.md"]
    section = without["datasets/hearts.md"].split("## Transfer to")[1].split("\n## Scores")[0]
    assert section in pages["datasets/hearts.md"]


def test_trials_of_a_protocol_that_nobody_brings_are_left_out_and_told() -> None:
    records = keyed([*suite(["hearts"], seeds=1), *online_records()])
    board = build(records)
    assert board.left_out[["dataset", "why", "trials"]].to_numpy().tolist() == [
        ["hearts", "a protocol that no plugin here brings", 9]
    ]
    page = render(board)["README.md"]
    assert "Left out, for a protocol that no plugin here brings: 9 trials." in page
    alone = build(keyed(online_records()))
    assert "There are no results yet." in render(alone)["README.md"]


def test_a_lower_is_better_metric_of_a_plugin_ranks_by_the_direction_told_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(building, "lower_is_better", lambda records: frozenset({"my_error"}))
    board = build(keyed(online_records("my_error")), THREE)
    (view,) = board.views
    assert [row.label for row in view.methods] == ["ewc", "dann"]
    assert not view.upwards
    assert view.higher["online score"] is False
    assert board.trials["sign"].unique().tolist() == [-1.0]
    page = render(board, protocols=THREE)["datasets/hearts.md"]
    assert "The score is my error; lower is better." in page
    assert "Online score ↓" in page
    (comparison,) = board.comparisons
    assert comparison.higher == (False,)


def test_scenarios_have_tables_of_their_own_where_the_protocol_says_so() -> None:
    class Apart(OnlineBoard):
        by_scenario = True

    records = online_records(scenario="one") + online_records(scenario="two")
    protocols = {"online": Protocol(Apart(), OnlinePage())}
    board = build(keyed(records), protocols)
    assert [view.scenario for view in board.views] == ["one", "two"]
    page = render(board, protocols=protocols)["datasets/hearts.md"]
    assert "## Learning while being asked: one\n" in page
    assert "## Learning while being asked: two\n" in page


@pytest.mark.parametrize(("conditions", "left"), [((), 0), (("shots",), 1)])
def test_settings_that_all_trials_must_share_are_told_by_the_protocol(
    conditions: tuple[str, ...], left: int
) -> None:
    half = OnlineBoard()
    half.conditions = conditions
    other = online(scenario="other", shots=(7,), metrics=(METRIC,), scores=transfer_scores(1))
    records = [*online_records(), other]
    board = build(keyed(records), {"online": Protocol(half, OnlinePage())})
    assert board.left_out["trials"].sum() == left


def test_pictures_of_two_protocols_never_take_each_others_name() -> None:
    class Drawn(OnlinePage):
        def pictures(self, view, tables):
            return {("few", "shot"): "<svg/>", ("none",): None}

        def section(self, view, tables, pictures):
            return super().section(view, tables, pictures) + "".join(sorted(pictures.values()))

    protocols = {**PROTOCOLS, "online": Protocol(OnlineBoard(), Drawn())}
    board = build(keyed([*suite(["hearts"], seeds=1), *online_records()]), protocols)
    files = render(board, protocols=protocols)
    assert files["datasets/hearts-online-few-shot.svg"] == "<svg/>"
    assert files["datasets/hearts-few-shot.svg"].startswith("<?xml")


def test_a_protocol_without_trials_or_without_one_that_is_ok_is_never_asked() -> None:
    class Strict(OnlineBoard):
        def measures(self, trials: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
            raise AssertionError

    protocols = {**PROTOCOLS, "online": Protocol(Strict(), OnlinePage())}
    assert build(suite(["hearts"], seeds=1), protocols).protocols == ("transfer", "stream")
    failed = build(keyed([online(status="failed", reason="no")]), protocols)
    assert failed.protocols == ("online",)
    assert "0 ok, 1 failed" in render(failed, protocols=protocols)["datasets/hearts.md"]


def test_names_in_the_default_section_are_inert() -> None:
    class Apart(OnlineBoard):
        by_scenario = True

    protocols = {"online": Protocol(Apart(), OnlinePage())}
    for name in HOSTILE:
        records = [online(scenario=name, algorithm=name, scores=transfer_scores(0.5))]
        page = render(build(keyed(records), protocols), protocols=protocols)["datasets/hearts.md"]
        assert "<script" not in page
        assert page.count("\n# ") == 0
        assert "](javascript" not in page


def test_a_block_knows_its_measures_and_rows() -> None:
    values = np.arange(8.0).reshape(2, 2, 2)
    rows = (("dann", "steps=2"), ("dann", ""))
    block = Block(("a", "b"), rows, values, np.array([False, False]), 1.0)
    assert block.place("dann") == 1
    assert block.place("ewc") is None
    np.testing.assert_array_equal(block.of("b"), values[1])
    assert block.of("c") is None
    assert block.extended({}) is block
    longer = block.extended({"c": values[0] * 2})
    assert longer.measures == ("a", "b", "c")
    np.testing.assert_array_equal(longer.of("c"), values[0] * 2)


@pytest.mark.parametrize(
    ("measure", "primary", "higher"),
    [
        ("online score", "dice", True),
        ("online score", "rmse", False),
        ("rmse", "dice", False),
        ("seconds", "dice", False),
        ("dice", "dice", True),
    ],
)
def test_a_measure_goes_the_way_of_the_primary_metric(
    measure: str, primary: str, higher: bool
) -> None:
    assert OnlineBoard().higher_is_better(measure, primary, {"rmse"}) is higher
