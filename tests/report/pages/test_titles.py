"""Titles of columns come from the entries of metrics, also of those that plugins bring."""

import pytest

from medtl_bench.metrics import registry
from medtl_bench.metrics.entry import MetricEntry
from medtl_bench.report.pages import titles
from medtl_bench.report.pages.transfer import PAGE


@pytest.fixture
def mine():
    before = list(registry.METRICS.values())
    entry = MetricEntry("my_loss", "x:y", "Mine.", ("classification",), title="My loss (nats)")
    registry.install([*before, entry])
    yield entry
    registry.install(before)


def test_a_metric_is_called_by_the_title_of_its_entry(mine):
    assert titles.title("my_loss") == PAGE.title("target 0 my_loss") == mine.title
    assert titles.title("task_aware_my_loss") == "Task-aware my loss (nats)"
    assert titles.title("task_agnostic_my_loss") == "Task-agnostic my loss (nats)"
    assert (titles.title("ece"), titles.metric("ece")) == ("ECE", "ece")
    assert (titles.title("ilisi"), titles.metric("ilisi")) == ("iLISI", "iLISI")


def test_a_metric_without_a_title_or_an_entry_is_called_by_its_name():
    assert PAGE.title("target 0 average_precision") == "average precision"
    assert titles.title("not_there") == "Not there"
