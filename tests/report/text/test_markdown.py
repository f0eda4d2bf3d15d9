import math

import pytest

from medtl_bench.board.rows import Cell
from medtl_bench.report.text.escape import Safe
from medtl_bench.report.text.markdown import number, rank, score, table

NAN = math.nan


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (Cell(0.8124, 0.0131, 3), "0.812 ± 0.013"),
        (Cell(0.8124, 0.0131, 3, best=True), "**0.812 ± 0.013**"),
        (Cell(0.8124, 0.0131, 3, tied=True), "0.812 ± 0.013 †"),
        (Cell(0.8124, NAN, 1), "0.812"),
        (Cell(0.8124, 0.0131, 3, low=0.7993, high=0.8255), "0.812 ± 0.013"),
        (Cell(0.99, 0.02, 3, best=True, low=0.97, high=1.0), "**0.990 (0.970 to 1.000)**"),
        (Cell(-0.00001, 0.0, 2), "0.000 ± 0.000"),
        (Cell(NAN, NAN, 0), "–"),
        (None, "–"),
    ],
)
def test_score(cell: Cell | None, text: str) -> None:
    assert score(cell) == text


def test_numbers_and_ranks() -> None:
    assert (number(-0.0004), number(12.345, 1), rank(1.5), rank(2.0), rank(NAN)) == (
        "0.000",
        "12.3",
        "1.5",
        "2",
        "–",
    )


def test_table_aligns_numbers_to_the_right_and_escapes_all_that_is_not_safe() -> None:
    lines = table(["Method", "k"], [["a|b", Safe("**1**")], ["*c*", "0.10"]]).splitlines()
    assert lines[1].startswith("|:--")
    assert lines[1].endswith("--:|")
    assert "a&#124;b" in lines[2]
    assert "**1**" in lines[2]
    assert "&#42;c&#42;" in lines[3]
    assert "0.10" in lines[3]
