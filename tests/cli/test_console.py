"""Text from plugins and results prints as itself."""

from io import StringIO

import pytest
from rich.console import Console

from medtl_bench.cli import console
from medtl_bench.results.record import About, Outcome, Record, Trial


def record(**outcome) -> Record:
    trial = Trial(
        dataset="tiny", dataset_digest="d", algorithm="dann", algorithm_source="s",
        parameters={}, protocol="transfer",
        scenario="to-c", seed=3, versions={},
    )  # fmt: skip
    about = About(
        area="clinical",
        provenance="real",
        task="classification",
        metrics=("a",),
        family="bound",
        variant="weight=2",
    )
    return Record(trial=trial, about=about, outcome=Outcome(**{"status": "ok"} | outcome))


@pytest.mark.parametrize(
    "text", ["[red]x[/red]", "[link=http://x]y[/link]", ":smile:", "x" * 500, "ü – 漢字"]
)
def test_markup_is_no_markup_here(capsys, text):
    console.say(text)
    console.complain(text)
    out, err = capsys.readouterr()
    assert (out, err) == (f"{text}\n", f"{text}\n")


@pytest.mark.parametrize("sign", ["\x1b[31m", "\x07", "\u202e", "\u200b", "\x9b", "\r"])
def test_control_and_direction_signs_do_not_reach_the_terminal(capsys, sign):
    console.say(f"a{sign}b")
    console.table("t", ["c"], [[f"a{sign}b"]])
    console.fields("t", {"n": f"a{sign}b"})
    assert sign[0] not in capsys.readouterr().out


def test_a_cut_surrogate_can_be_printed(capsys):
    console.say("a\ud800b")
    assert capsys.readouterr().out == "a\ufffdb\n"


def test_without_a_terminal_each_record_is_a_line_as_it_comes(capsys):
    taken = []

    def records():
        for item in (
            record(seconds={"total": 1.23}),
            record(status="failed", reason="bad [b]luck[/b]"),
        ):
            taken.append(item)
            yield item

    with console.followed(records(), 2) as followed:
        first = next(followed)
        assert len(taken) == 1
        assert capsys.readouterr().out == "[1/2] ok 1.2 s tiny to-c: dann (weight=2) seed 3\n"
        assert [first, *followed] == taken
    assert (
        capsys.readouterr().out
        == "[2/2] failed 0.0 s tiny to-c: dann (weight=2) seed 3: bad [b]luck[/b]\n"
    )


def test_on_a_terminal_failures_stand_above_the_bar(monkeypatch):
    shown = StringIO()
    monkeypatch.setattr(console, "out", Console(file=shown, force_terminal=True, width=200))
    records = [record(), record(status="timeout", reason="too long")]
    with console.followed(iter(records), 2) as followed:
        assert list(followed) == records
    assert "timeout: tiny to-c: dann (weight=2) seed 3: too long" in shown.getvalue()
    assert "2/2" in shown.getvalue()
