"""The page of quality control is bounded, and every row leads to a trial."""

import re

import pytest
from markdown_it import MarkdownIt

from medtl_bench.report.pages import quality
from medtl_bench.report.pages.quality import quality_page
from tests.boards import build, render
from tests.records import record, suite
from tests.report.hostile import HOSTILE
from tests.report.text.test_escape import inline

PARSER = MarkdownIt("commonmark", {"html": True}).enable("table")


def failed(n):
    return [record(seed=seed, status="failed", reason=f"odd {seed}") for seed in range(n)]


def test_every_row_begins_with_a_key_that_show_takes():
    records = failed(3)
    page = quality_page(build(records))
    keys = re.findall(r"^\| ([0-9a-f]{8}) +\|", page, re.MULTILINE)
    assert sorted(keys) == sorted(one.trial.key[:8] for one in records)
    assert "- Failed: 3." in page
    assert "medtl-bench show KEY" in page


def test_it_shows_no_more_than_so_many_and_tells_how_many_more(monkeypatch):
    monkeypatch.setattr(quality, "SHOWN", 2)
    page = quality_page(build(failed(5)))
    assert len(re.findall(r"^\| [0-9a-f]{8} ", page, re.MULTILINE)) == 2
    assert "... and 3 more." in page


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_of_a_record_is_markup(text):
    page = quality_page(build([record(status="failed", reason=text, algorithm="a", dataset=text)]))
    kinds = {token.type for token in inline(PARSER.parse(page))}
    assert not kinds & {"html_block", "html_inline", "code_block", "code_inline", "fence", "image"}
    assert len(page) < 10_000


def test_it_is_linked_from_the_first_page_and_from_each_dataset():
    files = render(build(suite(["hearts"], seeds=1)))
    assert "[Quality control](quality.md)" in files["README.md"]
    page = files["datasets/hearts.md"]
    assert "[Quality control](../quality.md)" in page
    assert "[scores.csv.gz](../scores.csv.gz)" in page
    assert "medtl-bench show KEY" in page


def test_without_records_it_says_that_nothing_was_found():
    page = quality_page(build([]))
    assert "- Failed: 0." in page
    assert "| Key" not in page
