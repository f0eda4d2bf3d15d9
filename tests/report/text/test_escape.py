import re
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from medtl_bench.report.text.escape import csv_cell, escape_cell, file_names, plain, slug
from medtl_bench.report.text.markdown import table
from tests.report.hostile import HOSTILE

TEXTS = st.one_of(
    st.sampled_from(HOSTILE), st.text(), st.text("|\\`*_[]()<>&#!$~:@.=+-\n\t wx", max_size=30)
)
PARSER = MarkdownIt("commonmark", {"html": True}).enable("table").enable("strikethrough")


def inline(tokens: Iterable[Token] | None) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from inline(token.children or ())


@given(TEXTS)
def test_a_cell_is_shown_as_it_is_and_nothing_else(text: str) -> None:
    page = table(["left", "right"], [[text, "end"]])
    tokens = list(inline(PARSER.parse(page)))
    kinds = {token.type for token in tokens}
    assert kinds <= {"text", "text_special", "inline"} | {
        f"{part}_{side}"
        for part in ("table", "thead", "tbody", "tr", "th", "td")
        for side in ("open", "close")
    }
    cells = [token for token in tokens if token.type == "inline"]
    assert len(cells) == 4
    assert "".join(child.content for child in cells[2].children) == plain(text)


@given(TEXTS)
def test_a_heading_or_sentence_with_a_name_stays_one(text: str) -> None:
    tokens = PARSER.parse(f"# {escape_cell(text)}\n\nThe data is {escape_cell(text)}.")
    assert [t.type for t in tokens] == [
        "heading_open",
        "inline",
        "heading_close",
        "paragraph_open",
        "inline",
        "paragraph_close",
    ]
    assert {t.type for t in inline(tokens)} <= {
        "heading_open",
        "heading_close",
        "paragraph_open",
        "paragraph_close",
        "inline",
        "text",
        "text_special",
    }


@pytest.mark.parametrize(
    "text", ["dann", "heart-disease", "dann (weight=0.5)", "balanced_accuracy", "to hospital 3, 4"]
)
def test_plain_names_stay_readable(text: str) -> None:
    assert escape_cell(text) == text


@given(TEXTS)
def test_a_csv_cell_is_no_formula_and_one_line(text: str) -> None:
    cell = csv_cell(text)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert len(cell) <= 801
    assert cell.isprintable()
    cell.encode()


@given(TEXTS)
def test_a_slug_is_a_harmless_file_name(text: str) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-+[a-z0-9]+)*", slug(text))
    assert len(slug(text)) <= 69
    assert slug(text).split("-")[0] not in {"con", "nul"} or "-" in slug(text)


def test_slugs_of_plain_names_are_the_names() -> None:
    assert [slug(name) for name in ("heart-disease", "chembl30", "drug discovery")] == [
        "heart-disease",
        "chembl30",
        "drug-discovery",
    ]


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=8))
def test_file_names_are_distinct(wanted: list[tuple[str, str]]) -> None:
    names = file_names(wanted)
    assert set(names) == set(wanted)
    assert len(set(names.values())) == len(names)


def test_file_names_that_would_clash() -> None:
    names = file_names([("a", "b-c"), ("a-b", "c"), ("a", "few", "shot"), ("a", "few-shot")])
    assert len(set(names.values())) == 4
    assert names["a", "b-c"] == "a-b-c"


def test_a_very_long_name_is_cut() -> None:
    assert len(plain("x" * 1_000_000)) == 80
    assert plain("ab" * 60, 10) == "ababababa…"
