"""Draws one after another: from identity and what came before, noted in a journal."""

import sys

import pytest

from medtl_bench.catalogue import discovery
from medtl_bench.contract.ranges import Choices, Range
from medtl_bench.errors import IntegrityError, MedTLError
from medtl_bench.running import studies
from medtl_bench.running.executors import inprocess
from medtl_bench.running.request import Request
from medtl_bench.running.tuning import make_tuning

PLACE = ("tuned-tiny", "noisy")
RULE = "leave-one-source-out"


@pytest.fixture
def tuning(plugin_file):
    """Return a function that plans anew, as a run does that goes on."""
    files = [plugin_file("tuned")]
    asked = Request(["tuned-tiny"], ["noisy"], seeds=2, plugin_files=files, stack=1)

    def make(sampler="tpe"):
        return make_tuning(asked, 8, discovery.find(files), inprocess.run, sampler)

    return make


@pytest.fixture
def drawn(tuning, tmp_path):
    """Return a function: what so many draws are, each judged by how little noise it has."""

    def drawn(number, folder="out", sampler="tpe", rule=RULE, judge=lambda noise: -noise):
        (study,) = studies.opened(tuning(sampler), sampler, rule, tmp_path / folder).values()
        for _ in range(number):
            study.draw()
            study.tell({k: judge(noise(one)) for k, one in enumerate(study.drawn)})
        return [noise(one) for one in study.drawn]

    return drawn


def noise(method) -> float:
    return method.parameters["noise"]


def test_the_default_comes_first_and_draws_lie_in_the_range(drawn):
    found = drawn(7)
    assert found[0] == 3.0
    assert len(set(found)) == 8
    assert all(0.01 <= value <= 10 for value in found)


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_draws_depend_on_identity_and_not_on_when_they_are_made(drawn, sampler):
    assert drawn(5, sampler=sampler) == drawn(5, "other", sampler=sampler)
    assert drawn(5, sampler=sampler)[1:] != drawn(5, "third", sampler, "source-validation")[1:]


def test_a_run_that_was_cut_short_goes_on_as_if_it_was_not(drawn, tmp_path):
    whole = drawn(14)
    drawn(12, "cut")
    journal = tmp_path / "cut" / studies.JOURNAL
    lines = journal.read_bytes()
    # the last draw is not told, and half of its line is written
    journal.write_bytes(lines[: lines.rstrip(b"\n").rfind(b"\n") + 20])
    assert drawn(14, "cut") == whole


def test_later_draws_of_tpe_look_at_how_earlier_ones_were_judged(drawn):
    """Ten are drawn by chance first; then those that were judged well draw others near."""
    low = drawn(30, "low")
    high = drawn(30, "high", judge=lambda value: value)
    assert low[:11] == high[:11]
    assert sum(low[11:]) < sum(high[11:]) / 3


def test_a_draw_that_could_not_be_judged_is_no_end(drawn):
    assert len(drawn(12, judge=lambda value: None)) == 13


def test_other_data_or_code_begins_a_journal_of_its_own(drawn, tuning, tmp_path, monkeypatch):
    drawn(3)
    monkeypatch.setenv("MEDTL_TEST_POISON", "1")
    (study,) = studies.opened(tuning(), "tpe", RULE, tmp_path / "out").values()
    assert not study.study.trials


def test_choices_are_drawn_by_number_and_what_was_drawn_before_once():
    space = Choices(("a", "b", "c"))
    shares = [studies._share(space, number) for number in range(3)]
    assert [space.at(share) for share in shares] == ["a", "b", "c"]
    assert Range(1, 3).at(studies.BELOW_ONE, whole=True) == 3


def test_what_is_drawn_last_alone_is_judged_next(tuning, tmp_path):
    ours = tuning()
    assert {one.about.candidate for one in ours.planning.planned} == {0}
    found = studies.opened(ours, "tpe", RULE, tmp_path)
    first = ours.judging_last(studies.draw(found))
    assert {(one.about.candidate, one.about.sampler) for one in first} == {(1, "tpe")}
    assert len(first) == len(ours.planning.planned)
    second = ours.judging_last(studies.draw(found))
    assert {one.about.candidate for one in second} == {2}
    assert not {one.trial.key for one in first} & {one.trial.key for one in second}


def test_a_damaged_journal_is_told(tuning, tmp_path):
    (tmp_path / studies.JOURNAL).write_text("no JSON\n")
    with pytest.raises(IntegrityError, match="move it away to draw anew"):
        studies.opened(tuning(), "tpe", RULE, tmp_path)


def test_without_optuna_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    studies.check("quasi")
    with pytest.raises(MedTLError, match=r"pip install 'medtl-bench\[tune\]'"):
        studies.check("tpe")
    with pytest.raises(MedTLError, match="did you mean 'tpe'"):
        studies.check("tpee")
