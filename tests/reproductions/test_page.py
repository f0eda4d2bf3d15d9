"""The page is drawn from what was measured, and tells what does not reproduce."""

import math

import pandas as pd
import pytest

from tests.reproductions.page import FAILED, HELD, Line, Page
from tests.reproductions.runs import Scores

RESULTS = pd.DataFrame(
    [
        ("svm", "rmse", "full", "a", 0, 0.6),
        ("svm", "rmse", "full", "b", 0, 0.8),
        ("svm", "rmse", "full", "a", 1, 0.7),
        ("svm", "rmse", "full", "b", 1, 0.9),
        ("svm", "rmse", "fit", "a", 0, 2.0),
        ("forest", "rmse", "full", "a", 0, 5.0),
    ],
    columns=["algorithm", "metric", "stage", "domain", "seed", "value"],
)


@pytest.fixture
def drawn() -> str:
    page, scores = Page(), Scores(RESULTS)
    table = page.table("SVM", "a paper", "three targets")
    table.number("RMSE", 0.74, scores.of("svm", "rmse", "full"))
    table.number("RMSE of a", 0.60, scores.of("svm", "rmse", "full", domain="a"))
    table.finding("order", "svm before forest", "forest before svm", holds=False)
    table.cause("The forest saw one target.")
    return page.markdown()


def line(drawn: str, start: str) -> list[str]:
    """Return the cells of the row whose first cell reads so."""
    rows = [[cell.strip() for cell in text.split("|")[1:-1]] for text in drawn.splitlines()]
    (row,) = [cells for cells in rows if cells[:1] == [start]]
    return row


def test_a_number_within_its_tolerance_is_reproduced(drawn: str) -> None:
    what, published, ours, n, difference, tolerance, verdict = line(drawn, "RMSE")
    assert (what, published, n, tolerance, verdict) == ("RMSE", "0.740", "2", "0.020", HELD)
    assert ours.startswith("0.750 ±")
    assert difference == "+0.010"


def test_a_number_beyond_its_tolerance_is_told_as_not_reproduced(drawn: str) -> None:
    assert line(drawn, "RMSE of a")[-2:] == ["0.020", FAILED]
    assert line(drawn, "order")[-1] == FAILED


def test_the_page_begins_with_how_much_of_each_table_holds(drawn: str) -> None:
    assert line(drawn, "SVM") == ["SVM", "1 of 3"]
    assert drawn.endswith("- The forest saw one target.\n")


def test_what_came_out_as_no_number_is_never_reproduced() -> None:
    assert not Line("nothing", 0.5, (math.nan,), 1.0).holds


def test_one_seed_has_no_interval() -> None:
    assert Line("alone", 0.5, (0.5,), 0.1).cells()[2:4] == ("0.500", "1")


def test_tables_stand_in_the_order_of_their_titles() -> None:
    page = Page()
    for title in ("b", "a"):
        page.table(title, "", "").number("x", 1.0, [1.0])
    assert page.markdown().index("## a") < page.markdown().index("## b")


def test_a_score_that_is_not_there_is_an_error() -> None:
    with pytest.raises(AssertionError, match="No score fits"):
        Scores(RESULTS).of("svm", "rmse", "adapt")


def test_a_page_without_tables_is_not_written(tmp_path) -> None:
    Page().write(tmp_path / "page.md")
    assert not (tmp_path / "page.md").exists()
