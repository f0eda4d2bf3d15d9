"""An observer comes as a plugin; a broken one is left out and costs no trial."""

import pytest

from medtl_bench.errors import MedTLError

TINY = ("-d", "tiny", "-a", "column", "-a", "raises")
NAMES = ("tiny", "hostile", "own_observers")


@pytest.fixture
def call(medtl, plugins, tmp_path):
    """Return a function: what `run` prints."""
    usual = ("--preset", "smoke", "--on", "in-process", "--out", tmp_path / "out")
    return lambda *words: medtl("run", *plugins(*NAMES), *usual, *words)


def events(path) -> list[list[str]]:
    return [line.split() for line in path.read_text().splitlines()]


def test_it_is_told_of_all_that_a_run_does(call, tmp_path):
    notes = tmp_path / "notes"
    watching = ("--observe", f"notebook:path={notes}")
    assert call(*TINY, "-d", "tiny-broken", *watching).code == 1
    told = events(notes)
    assert told[0] == ["left", "out", "[]", "['tiny-broken']"]
    assert told[1] == ["planned", "4", "0"]
    assert told[-1] == ["ended"]
    started, finished = ([t for t in told if t[0] == verb] for verb in ("started", "finished"))
    assert {t[1] for t in started} == {t[1] for t in finished}
    assert len(started) == len(finished) == 4
    assert sorted(t[2] for t in finished) == ["failed", "failed", "ok", "ok"]
    for start, finish in zip(started, finished, strict=True):
        assert told.index(start) < told.index(finish)
    notes.unlink()
    call(*TINY, *watching)
    assert events(notes)[1] == ["planned", "2", "2"]


def test_of_a_group_only_what_is_wanted_is_told(call, tmp_path):
    notes, words = tmp_path / "notes", ("-d", "tiny", "-a", "fine-tune", "--protocol", "transfer")
    call(*words, "--seeds", 2)
    call(*words, "--seeds", 3, "--observe", f"notebook:path={notes}")
    told = events(notes)
    assert [t[0] for t in told[1:]] == ["planned", "started", "finished", "ended"]
    assert told[1] == ["planned", "1", "2"]


def test_one_that_breaks_costs_no_trial_and_is_complained_of_once(call, tmp_path):
    notes = tmp_path / "notes"
    watching = ("--observe", "clumsy", "--observe", f"notebook:path={notes}")
    answer = call("-d", "tiny", "-a", "column", *watching)
    assert answer.code == 0
    why = "ConnectionError: the tracking service is gone"
    assert answer.sentence == f"The observer 'clumsy' is left out from here on: {why}"
    assert "2 trials ran, 0 were skipped, 0 failed." in answer.out
    assert len(events(notes)) == 7


def test_two_of_one_name_are_both_told(call, tmp_path):
    paths = [tmp_path / "one", tmp_path / "two"]
    watching = [word for path in paths for word in ("--observe", f"notebook:path={path}")]
    assert call("-d", "tiny", "-a", "column", *watching).code == 0
    assert events(paths[0]) == events(paths[1]) != []


@pytest.mark.parametrize(
    ("observe", "told"),
    [
        ("notebok", "There is no observer named 'notebok'; did you mean 'notebook'"),
        ("notebook:path", "An option is given as NAME=VALUE, like array=4, but got 'path'."),
        ("nothing", "is None, not an Observer."),
        ("raises", "raised OSError: no service."),
    ],
)
def test_a_mistake_is_one_sentence(call, write_plugin, observe, told):
    wrong = write_plugin(
        "from medtl_bench.contract.hooks import ObserverEntry\n"
        "def fail(options):\n    raise OSError('no service')\n"
        "@hookimpl\ndef medtl_observers():\n"
        "    return [ObserverEntry('nothing', lambda options: None, 'None.'),\n"
        "            ObserverEntry('raises', fail, 'Raises.')]\n"
    )
    answer = call("-d", "tiny", "-a", "column", "--plugin", wrong, "--observe", observe)
    assert answer.code == MedTLError.exit_code
    assert told in answer.sentence
