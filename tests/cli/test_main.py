"""The command line: exit codes, and one sentence for every mistake."""

import json
import re

import pytest

from medtl_bench import __version__
from medtl_bench.results.record import SCHEMA
from medtl_bench.running.run import alone

NAMES = [
    "list",
    "show",
    "plan",
    "run",
    "tune",
    "log",
    "leaderboard",
    "recommend",
    "check",
    "new",
    "data",
]


@pytest.fixture(autouse=True)
def no_boards(request, monkeypatch):
    """Skip the writing of boards, which has its own tests, but where a test asks for it."""
    if "with_boards" not in request.fixturenames:
        monkeypatch.setattr("medtl_bench.api.write_boards", lambda *anything: None)


@pytest.fixture
def with_boards():
    """Let boards be written."""


@pytest.fixture
def run(medtl, plugin_file, tmp_path):
    """Return a function that calls `run` in this process with the plugins of these tests."""

    def call(*arguments, out=tmp_path / "out"):
        plugins = ["--plugin", plugin_file("tiny"), "--plugin", plugin_file("hostile")]
        return medtl(
            "run", *plugins, "--preset", "smoke", "--on", "in-process", "--out", out, *arguments
        )

    return call


TINY = ("-d", "tiny", "-a", "column")


def test_help_names_every_command(medtl):
    shown = medtl("--help")
    assert shown.code == 0
    assert all(name in shown.out for name in NAMES)


def test_the_version_is_shown(medtl):
    assert medtl("--version").out.strip() == __version__


def test_a_run_that_goes_well_ends_with_0_and_again_has_nothing_to_do(run):
    first = run(*TINY)
    assert (first.code, first.err) == (0, "")
    assert "2 trials, 0 of them done before." in first.out
    assert "[2/2] ok" in first.out
    assert "2 trials ran, 0 were skipped, 0 failed." in first.out
    again = run(*TINY)
    assert again.code == 0
    assert "2 trials, 2 of them done before." in again.out
    assert "0 trials ran, 0 were skipped, 0 failed." in again.out


def test_a_run_with_a_failure_goes_on_ends_with_1_and_names_the_reason(run):
    done = run("-d", "tiny", "-a", "raises", "-a", "column", "-a", "only-masks")
    assert done.code == 1
    assert re.search(
        r"failed \d\.\d s tiny to-c: raises seed 0: ValueError: the sources are odd", done.out
    )
    assert "2 trials ran, 2 were skipped, 2 failed." in done.out
    assert "Traceback" not in done.out + done.err


def test_a_dataset_that_breaks_the_contract_is_one_sentence_and_a_failure(run):
    done = run("-d", "tiny-broken", "-a", "column")
    assert done.code == 1
    assert done.sentence.startswith(
        "Left out: tiny-broken: Dataset 'tiny-broken', domain 'b', test: "
        "x holds NaN or infinity in rows 3. "
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("-d", "tinny", "-a", "column"), "There is no dataset named 'tinny'; did you mean 'tiny'"),
        (
            ("-d", "tiny", "-a", "colum"),
            "There is no algorithm named 'colum'; did you mean 'column'",
        ),
        (
            (*TINY, "-p", "column.noise=loud"),
            "Parameter column.noise='loud' is not of type float: ",
        ),
        (
            (*TINY, "-p", "column.nois=1"),
            "There is no parameter of 'column' named 'nois'; did you mean 'noise'?",
        ),
        ((*TINY, "-p", "column.noise=nan"), "Parameter column.noise='nan' is not of type float: "),
        ((*TINY, "-p", "dann.weight=1"), "There is no algorithm of this run named 'dann'"),
        (
            (*TINY, "-p", "noise=1"),
            (
                "A parameter is given as ALGORITHM.NAME=VALUE, like dann.weight=0.5, "
                "but got 'noise=1'."
            ),
        ),
        ((), "Say what to run: --all, or datasets with -d and algorithms with -a."),
        ((*TINY, "--plugin", "nowhere.py"), "There is no plugin file 'nowhere.py'."),
        (
            (*TINY, "--preset", "smok"),
            "There is no preset named 'smok'; did you mean 'smoke'?",
        ),
        (
            (*TINY, "--protocol", "transfr"),
            "There is no protocol named 'transfr'; did you mean 'transfer'?",
        ),
        (
            (*TINY, "--on", "procesess"),
            "There is no executor named 'procesess'; did you mean 'processes'",
        ),
        (
            (*TINY, "-p", "colum.noise=1"),
            "There is no algorithm of this run named 'colum'; did you mean 'column'?",
        ),
    ],
)
def test_a_mistake_is_one_sentence_and_ends_with_2(run, tmp_path, arguments, told):
    answer = run(*arguments)
    assert answer.code == 2
    assert answer.sentence.startswith(told)
    assert not (tmp_path / "out" / "results").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("--seeds", "three"), ("--timeout", "soon"),
        ("--protocol", "relay"), ("--no-such-option",), ("extra",),
    ],
)  # fmt: skip
def test_an_option_that_makes_no_sense_ends_with_2(run, arguments):
    answer = run(*TINY, *arguments)
    assert answer.code == 2
    assert "Traceback" not in answer.out + answer.err


@pytest.mark.parametrize(
    "option",
    ["seeds 1000000000", "jobs 100000", "timeout inf", "timeout nan", "memory 1", "stack 0"],
)
def test_a_number_out_of_its_bounds_is_one_sentence_and_ends_with_2(run, tmp_path, option):
    name, value = option.split()
    answer = run(*TINY, f"--{name}", value)
    assert answer.code == 2
    assert re.match(
        rf"{name} must be an? .*number from \S+ to \S+.*, but got {value}\.", answer.sentence
    )
    assert not (tmp_path / "out").exists()


def test_a_plugin_file_that_is_not_there_is_told_with_the_nearest_that_is(run, plugin_file):
    path = plugin_file("tinny")
    told = f"There is no plugin file {path!r}. Did you mean {plugin_file('tiny')!r}?"
    assert run(*TINY, "--plugin", path).sentence == told


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["run", "--sedes", "3"], ["rum"]])
def test_help_and_mistakes_have_no_boxes_in_a_pipe(medtl, words):
    answer = medtl(*words)
    assert not re.search("[\u2500-\u257f\x1b]", answer.out + answer.err)
    if "--sedes" in words:
        assert "--seeds" in answer.err


@pytest.mark.parametrize("command", ["run", "plan"])
@pytest.mark.parametrize("option", ["--out", "--plugin", "-a", "-p"])
def test_a_name_that_is_no_text_is_one_sentence(medtl, tmp_path, command, option):
    path = tmp_path / "odd\udcff.py"
    path.touch()
    value = {"-p": "chance.x=\udcff", "-a": "\udcff"}.get(option, path)
    answer = medtl(command, "-d", "shifted-toy", "-a", "chance", "--out", tmp_path, option, value)
    if (command, option) != ("plan", "--out"):  # which reads what is there alone
        assert answer.code == 2
        assert "\\udcff" in [line for line in answer.err.splitlines() if line][-1]


def test_an_unknown_command_ends_with_2(medtl):
    assert medtl("rum").code == 2


def test_a_plugin_under_construction_that_is_broken_says_why_its_method_is_unknown(
    run, write_plugin
):
    answer = run(
        "-d", "tiny", "-a", "mine", "--plugin", write_plugin("raise ValueError('half done')")
    )
    assert answer.code == 2
    assert "importing it raised ValueError: half done" in answer.err
    assert "There is no algorithm named 'mine'" in answer.err


def test_a_folder_that_cannot_be_written_is_one_sentence_and_ends_with_3(run, tmp_path):
    (tmp_path / "file").write_text("")
    answer = run(*TINY, out=tmp_path / "file" / "out")
    assert answer.code == 3
    assert answer.sentence.startswith(f"Cannot write to {tmp_path / 'file' / 'out'}: ")


def test_a_results_folder_that_cannot_be_written_is_one_sentence_and_ends_with_3(run, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "results").write_text("")
    answer = run(*TINY)
    assert answer.code == 3
    assert answer.sentence.startswith(f"Could not write {tmp_path / 'out' / 'results'}")


def test_a_full_disk_is_one_sentence_and_ends_with_3(run, monkeypatch, tmp_path):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    answer = run(*TINY)
    assert answer.code == 3
    assert answer.sentence.endswith("bytes): No space left on device.")
    assert list((tmp_path / "out" / "results").iterdir()) == []


def test_a_folder_in_use_is_one_sentence_and_ends_with_2(run, tmp_path):
    with alone(tmp_path / "out"):
        answer = run(*TINY)
    assert answer.code == 2
    assert answer.sentence.startswith(f"Another run is writing to {tmp_path / 'out'}; wait for it")


def test_an_odd_folder_name_is_no_trouble(run, tmp_path):
    assert run(*TINY, out=tmp_path / "a b – ü '$(x)'").code == 0


def spoil(tmp_path, change):
    path = sorted((tmp_path / "out" / "results").iterdir())[0]
    path.write_text(change(path.read_text()))
    return path


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (
            lambda text: json.dumps(json.loads(text) | {"schema_version": SCHEMA + 1}),
            f"newer than {SCHEMA}: update medtl-bench",
        ),
        (lambda text: text[:200], "it is not a JSON object"),
        (
            lambda text: text.replace("balanced_accuracy", "accuracy_balanced"),
            "its checksum does not match",
        ),
    ],
)
def test_a_damaged_result_is_named_in_one_sentence_and_ends_with_3(
    run, medtl, tmp_path, change, why
):
    run(*TINY)
    path = spoil(tmp_path, change)
    answer = medtl("leaderboard", "--out", tmp_path / "out")
    assert answer.code == 3
    assert answer.sentence.startswith(f"1 result files were left out of the boards: {path}: ")
    assert why in answer.sentence


def test_a_damaged_result_is_replaced_by_the_next_run(run, tmp_path):
    run(*TINY)
    spoil(tmp_path, lambda text: text[:200])
    answer = run(*TINY)
    assert answer.code == 0
    assert "2 trials, 1 of them done before." in answer.out


def test_a_damaged_result_of_another_run_stays_and_ends_with_3(run, tmp_path):
    run(*TINY)
    path = spoil(tmp_path, lambda text: text[:200])
    answer = run("-d", "tiny", "-a", "meek")
    assert (answer.code, path.read_text()[-3:] != "") == (3, True)
    assert str(path) in answer.sentence


def test_boards_of_no_results_are_refused(medtl, tmp_path):
    answer = medtl("leaderboard", "--out", tmp_path)
    assert answer.code == 2
    assert (
        answer.sentence
        == f"There are no results in {tmp_path}; a folder named `results` was expected there."
    )


def test_an_interrupt_is_one_sentence_and_ends_with_130(run, monkeypatch, tmp_path):
    def interrupted(self):
        yield from ()
        raise KeyboardInterrupt

    monkeypatch.setattr("medtl_bench.running.run.Run.__iter__", interrupted)
    answer = run(*TINY)
    assert answer.code == 130
    assert (
        answer.sentence
        == "Interrupted. What had finished is stored; the same command goes on from there."
    )
    with alone(tmp_path / "out"):
        pass


def test_list_shows_what_there_is_and_what_is_broken(medtl, plugin_file, write_plugin):
    bad = write_plugin("raise ValueError('[red]no[/red] licence')")
    shown = medtl("list", "--plugin", plugin_file("tiny"), "--plugin", bad)
    assert shown.code == 0
    for expected in ("dann", "column", "heart-disease", "tiny", "Broken plugins", "under_test"):
        assert expected in shown.out
    assert "[red]no" in shown.out.replace("\n", "")


def test_show_tells_of_a_dataset_its_card_and_sizes(medtl, plugin_file):
    shown = medtl("show", "tiny", "--plugin", plugin_file("tiny"))
    assert shown.code == 0
    for expected in (
        "CC0",
        "a shift",
        "classification",
        "balanced_accuracy",
        "x [3]",
        "no 6, yes 6",
        "to-c",
        "a-to-b",
        "all",
    ):
        assert expected in shown.out.replace("no 12, yes 12", "no 6, yes 6")


def test_show_tells_of_an_algorithm_its_parameters(medtl, plugin_file):
    shown = medtl("show", "column", "--plugin", plugin_file("tiny"))
    assert shown.code == 0
    for expected in ("Scores by a column.", "baseline", "noise", "float", "0.1"):
        assert expected in shown.out


@pytest.mark.parametrize("name", ["tiny-broken", "tiny-unreadable", "tinny"])
def test_show_of_what_cannot_be_shown_is_one_sentence(medtl, plugin_file, name):
    answer = medtl("show", name, "--plugin", plugin_file("tiny"))
    assert answer.code == 2
    assert answer.sentence


def test_data_list_goes_on_past_a_dataset_that_cannot_be_loaded(medtl, plugin_file):
    shown = medtl("data", "list", "--plugin", plugin_file("tiny"))
    assert shown.code == 0
    assert "no file named patients.csv" in shown.out
    assert "heart-disease" in shown.out


def test_data_verify_names_what_is_wrong_and_goes_on(medtl, plugin_file):
    answer = medtl(
        "data", "verify", "tiny-broken", "tiny-unreadable", "tiny", "--plugin", plugin_file("tiny")
    )
    assert answer.code == 2
    assert "ok   tiny " in answer.out
    assert "FAIL tiny-broken: Dataset 'tiny-broken', domain 'b'" in answer.err
    assert "FAIL tiny-unreadable: " in answer.err
    assert medtl("data", "verify", "tiny", "--plugin", plugin_file("tiny")).code == 0


def test_a_run_writes_boards_and_leaderboard_writes_the_same_again(
    with_boards, run, medtl, tmp_path
):
    assert run(*TINY).code == 0
    out = tmp_path / "out"
    first = {path.relative_to(out): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert any(path.name == "README.md" for path in first)
    assert medtl("leaderboard", "--out", out).code == 0
    assert {
        path.relative_to(out): path.read_bytes() for path in out.rglob("*") if path.is_file()
    } == first


def test_plan_says_what_would_run_and_runs_nothing(medtl, run, plugin_file, tmp_path):
    run(*TINY)
    plugin = ("--plugin", plugin_file("tiny"))
    shown = medtl(
        "plan", *TINY, *plugin, "--preset", "smoke", "--seeds", "2", "--out", tmp_path / "out"
    )
    assert shown.code == 0
    assert "4 trials, of which 4 have no result" not in shown.out
    assert f"4 trials, of which 2 have no result in {tmp_path / 'out'} yet." in shown.out
    assert len(list((tmp_path / "out" / "results").iterdir())) == 2


def test_recommend_ranks_the_sources_and_says_that_nothing_was_measured(medtl, tmp_path):
    done = medtl("recommend", "-d", "shifted-toy", "--target", "batch-a", "--out", tmp_path)
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0].startswith("Sources of shifted-toy for batch-a, nearest first")
    assert "LogME (needs labels)" in lines[1]
    assert [line.split()[:2] for line in lines[2:5]][2] == ["3", "batch-d"]
    assert "how well this foretells is not known" in done.out


def test_recommend_compares_its_order_with_what_was_measured(medtl, tmp_path):
    run = (
        "run",
        "-d",
        "heart-disease",
        "-a",
        "nearest-centroid",
        "--protocol",
        "transfer",
        "--preset",
        "full",
        "--seeds",
        1,
    )
    assert medtl(*run, "--on", "in-process", "--out", tmp_path).code == 0
    done = medtl("recommend", "-d", "heart-disease", "--target", "hungary", "--out", tmp_path)
    assert done.code == 0
    assert "Measured: roc auc on hungary before any label of it" in done.out
    assert "mean over nearest-centroid, and over seeds" in done.out
    assert done.out.count("too few sources for an interval") == 3


def test_recommend_says_why_masks_have_no_logme(medtl, tmp_path):
    done = medtl("recommend", "-d", "shifted-toy-masks", "--target", "weak", "--out", tmp_path)
    assert "There is no LogME: it asks for one label a row" in done.out


def test_recommend_wants_a_domain_that_is_there(medtl, tmp_path):
    done = medtl("recommend", "-d", "heart-disease", "--target", "hungry", "--out", tmp_path)
    assert done.code == 2
    assert (
        done.sentence
        == "There is no domain of 'heart-disease' named 'hungry'; did you mean 'hungary'?"
    )


def test_recommend_names_damaged_results(medtl, tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "x.json").write_text("{")
    done = medtl("recommend", "-d", "shifted-toy", "--target", "batch-a", "--out", tmp_path)
    assert done.code == 3
    assert "1 result files were left out" in done.sentence


def test_show_tells_which_plugins_are_broken_where_it_finds_nothing(medtl, write_plugin):
    answer = medtl("show", "mine", "--plugin", write_plugin("raise ValueError('my mistake')"))
    assert answer.code == 2
    assert "ValueError: my mistake" in answer.err
    assert "There is no algorithm or dataset named 'mine'" in answer.err


def test_no_board_is_made_of_nothing(with_boards, run, tmp_path):
    answer = run("-d", "tiny-broken", "-a", "column")
    assert answer.code == 1
    assert "The boards are in" not in answer.out
    assert not (tmp_path / "out" / "README.md").exists()
