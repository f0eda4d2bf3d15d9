"""The progress of a run, told as one observer among others: lines, or a bar on a terminal."""

from io import StringIO

import pytest
from rich.console import Console

from medtl_bench.cli import console, progress
from medtl_bench.results.record import Record
from tests.records import record

TINY = {"dataset": "tiny", "scenario": "to-c", "variant": "weight=2", "seed": 3}
LABEL = "tiny to-c: dann (weight=2) seed 3"
WELL = record(**TINY, seconds={"total": 1.23})
BADLY = record(**TINY, status="failed", reason="bad [b]luck[/b]", seconds={})


def follow(observer: progress.Lines, records: list[Record], done: int = 0) -> None:
    """Tell an observer of a run."""
    observer.planned([one.trial for one in records], done)
    for one in records:
        observer.started(one.trial)
        observer.finished(one)
    observer.ended()


def test_without_a_terminal_each_record_is_a_line_as_it_comes(capsys):
    observer = progress.Lines()
    observer.planned([WELL.trial, BADLY.trial], 5)
    assert capsys.readouterr().out == "7 trials, 5 of them done before.\n"
    observer.finished(WELL)
    assert capsys.readouterr().out == f"[1/2] ok 1.2 s {LABEL}\n"
    observer.finished(BADLY)
    assert capsys.readouterr().out == f"[2/2] failed 0.0 s {LABEL}: bad [b]luck[/b]\n"


def test_what_is_left_out_is_told_and_only_failures_are_complaints(capsys):
    progress.Lines().left_out({"far": "not downloaded"}, {"odd": "it holds NaN"})
    out, err = capsys.readouterr()
    assert (out, err) == ("far skipped: not downloaded\n", "Left out: odd: it holds NaN\n")


@pytest.fixture
def terminal(monkeypatch) -> StringIO:
    """Return what a terminal shows."""
    shown = StringIO()
    shown.isatty = lambda: True
    monkeypatch.setattr(console, "out", Console(file=shown, force_terminal=True, width=200))
    return shown


def test_on_a_terminal_failures_stand_above_the_bar(terminal):
    observer = progress.shown()
    assert isinstance(observer, progress.Bar)
    follow(observer, [WELL, record(**TINY, status="timeout", reason="too long")])
    assert f"timeout: {LABEL}: too long" in terminal.getvalue()
    assert "ok" not in terminal.getvalue()
    assert "2/2" in terminal.getvalue()


def test_where_there_is_no_terminal_there_is_no_bar(capsys):
    assert type(progress.shown()) is progress.Lines
