"""The page of the experiment on scorers."""

from markdown_it import MarkdownIt

from medtl_bench.report.pages.scorers import scorers_page
from tests.board.test_scorers import records
from tests.boards import build, render
from tests.report.text.test_escape import inline

PARSER = MarkdownIt("commonmark", {"html": True}).enable("table")


def test_what_can_be_told_comes_first_and_every_scorer_has_a_line():
    page = scorers_page(build(records() + records("ewc")))
    first = "by more than the interval of the difference: a draw at random (on 1 of 1), "
    assert first + "leave-one-source-out (on 1 of 1), entropy (on 1 of 1)." in page
    assert "More regret than it: SND (on 1 of 1)." in page
    assert "None is trusted under a shift of prevalence" in page
    assert "By balanced accuracy before any target label: 6 draws of 2 methods, 2 seeds" in page
    line = next(line for line in page.splitlines() if line.startswith("| SND") and "Saito" in line)
    cells = [cell.strip() for cell in line.split("|")[1:-1]]
    assert cells[:4] == ["SND", "Saito 2021"] + ["0.300 (0.300 to 0.300)"] * 2


def test_where_nothing_can_be_told_it_says_so():
    page = scorers_page(build(records(seeds=1)))
    assert "No scorer can be told to have less regret within methods than source validation" in page


def test_the_first_page_tells_of_it_where_there_is_one():
    files = render(build(records()))
    link = "[Scorers without target labels](scorers.md): an experiment on 1 dataset."
    assert link in files["README.md"]
    assert "scorers.md" in files
    without = render(build(records(oracle=False)))
    assert "scorers.md" not in without
    assert "scorers.md" not in without["README.md"]


def test_nothing_of_a_name_is_markup():
    odd = "<b>x</b>|`*y*`"
    found = [
        one.model_copy(update={"trial": one.trial.model_copy(update={"dataset": odd})})
        for one in records()
    ]
    kinds = {token.type for token in inline(PARSER.parse(scorers_page(build(found))))}
    assert not kinds & {"html_block", "html_inline", "code_inline", "em_open"}
