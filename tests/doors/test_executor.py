"""An executor comes as a plugin, and is chosen by its name and options."""

import pytest

TINY = ("-d", "tiny", "-a", "column")


def test_it_runs_all_jobs_with_its_options_and_limits(run, tmp_path):
    diary = tmp_path / "diary"
    on = f"written-down:diary={diary}"
    limits = ("--jobs", 3, "--timeout", 60, "--memory", 4096)
    records = run(*TINY, *limits, names=("tiny", "own_executor"), on=on)
    lines = [line.split("|") for line in diary.read_text().splitlines()]
    verbs = ["describe algorithm", "describe dataset", "run trial", "run trial"]
    assert lines == [[verb, "3", "60.0", "4096"] for verb in verbs]
    here = run(*TINY, out="here")
    scores = {record.trial.key: record.outcome.scores for record in records}
    assert scores == {record.trial.key: record.outcome.scores for record in here}


@pytest.mark.parametrize(
    ("on", "told"),
    [
        ("written-dow", "no executor named 'written-dow'; did you mean 'written-down'?"),
        ("written-down:diry=x", "no option of written-down named 'diry'; did you mean 'diary'?"),
        ("written-down:diary", "is given as NAME=VALUE, like array=4, but got 'diary'."),
        ("processes:jobs=2", "'processes' has no options, but got jobs."),
        ("in-process:a=1,b=2", "'in-process' has no options, but got a, b."),
        ("none", "is None, not a function of jobs."),
        ("raises", "raised OSError: no cluster."),
        ("lost", "names 'nowhere:make', which cannot be loaded: ModuleNotFoundError"),
    ],
)
def test_a_mistake_is_one_sentence(medtl, plugins, write_plugin, tmp_path, on, told):
    wrong = write_plugin(
        "from medtl_bench.contract.hooks import ExecutorEntry\n"
        "def fail(limits, options):\n    raise OSError('no cluster')\n"
        "@hookimpl\ndef medtl_executors():\n"
        "    return [ExecutorEntry('none', lambda limits, options: None, 'None.'),\n"
        "            ExecutorEntry('raises', fail, 'Raises.'),\n"
        "            ExecutorEntry('lost', 'nowhere:make', 'Lost.')]\n"
    )
    words = (*plugins("tiny", "own_executor"), "--plugin", wrong, "--out", tmp_path / "out")
    answer = medtl("run", *words, *TINY, "--on", on)
    assert answer.code == 2
    assert told in answer.sentence
    assert not (tmp_path / "out").exists()
