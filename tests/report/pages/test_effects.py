"""The page of positive controls tells verdicts, and in numbers why one is not green."""

import pytest
from markdown_it import MarkdownIt

from medtl_bench.metrics.effect import EffectEntry
from medtl_bench.report.pages.effects import effects_page
from tests.board.test_effects import ABOVE, records
from tests.boards import build, render
from tests.report.hostile import HOSTILE
from tests.report.text.test_escape import inline

PARSER = MarkdownIt("commonmark", {"html": True}).enable("table")
NEVER = EffectEntry("never", "It never is.", missing="Nothing here can show it.")


def board(level: float, *known: EffectEntry):
    return build(list(records({"one": level, "other": 0.5})), known=[ABOVE, *known])


def test_what_is_shown_is_green_with_its_numbers():
    page = effects_page(board(0.75))
    assert "🟢 shown: 1." in page
    assert "target 0: one less other, at least 0.10" in page
    assert "0.250 (0.250 to 0.250)" in page
    assert "What is not shown" not in page


def test_what_is_not_shown_says_why():
    page = effects_page(board(0.55, NEVER))
    told = "0.050 (0.050 to 0.050) over 4 seeds (seeds alone)."
    assert (
        f"🔴 turned round: One is above. On d, target 0: one less other, at least 0.10: {told}"
        in page
    )
    assert "⚪ not run: It never is. Nothing here can show it." in page


def test_the_first_page_and_that_of_the_dataset_tell_of_it():
    files = render(board(0.75, NEVER))
    assert (
        "[Positive controls](controls.md): of 2 effects that the field knows, 1 shown."
        in (files["README.md"])
    )
    assert "## Known effects" in files["datasets/d.md"]
    assert "🟢 shown: One is above." in files["datasets/d.md"]


def test_without_an_effect_there_is_no_page():
    files = render(build(list(records({"one": 0.7}))))
    assert "controls.md" not in files
    assert "Positive controls" not in files["README.md"]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_of_an_entry_is_markup(text):
    odd = EffectEntry("odd", text, "d", text, (text,), (text,), reference=text)
    page = effects_page(board(0.5, odd, EffectEntry("never", text, missing=text)))
    kinds = {token.type for token in inline(PARSER.parse(page))}
    assert not kinds & {"html_block", "html_inline", "code_block", "code_inline", "fence", "image"}
