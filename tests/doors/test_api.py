"""`import medtl_bench` is the API of a notebook: light, and the same as the command line."""

import subprocess
import sys
from pathlib import Path

import pytest

import medtl_bench
import medtl_bench.board.build
import medtl_bench.results.record
from medtl_bench import api
from medtl_bench.contract.dataset import Dataset
from medtl_bench.errors import MedTLError
from medtl_bench.running.observers import Observer
from tests.doors.conftest import records

HEAVY = ("torch", "pandas", "numpy", "scipy", "sklearn", "matplotlib", "pydantic", "typer", "rich")


def test_importing_it_is_light():
    code = "import sys, medtl_bench; print(*sorted(set(sys.modules) & set(sys.argv[1:])))"
    command = [sys.executable, "-c", code, *HEAVY, "medtl_bench.api", "medtl_bench.board"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_its_names_are_told_and_an_unknown_one_is_an_attribute_error():
    names = {"algorithms", "board", "datasets", "load", "results", "run"}
    assert names < set(dir(medtl_bench))
    assert all(callable(getattr(medtl_bench, name)) for name in names)
    with pytest.raises(AttributeError, match="has no attribute 'leaderbord'"):
        medtl_bench.leaderbord  # noqa: B018
    with pytest.raises(ImportError):
        from medtl_bench import nothing_there  # noqa: F401, PLC0415


def test_what_is_installed_is_a_table(plugin_file):
    plugins = [plugin_file("tiny")]
    data, methods = medtl_bench.datasets(plugins), medtl_bench.algorithms(plugins)
    assert data.loc["heart-disease", "area"] == "clinical"
    assert data.loc["tiny", "from"] == "a file"
    assert list(data.columns) == ["area", "summary", "from"]
    assert methods.loc["dann", "family"] == "domain adaptation"
    assert "Ganin" in methods.loc["dann", "reference"]
    assert "column" in methods.index
    assert "column" not in medtl_bench.algorithms().index


def test_a_dataset_is_loaded_or_told(plugin_file):
    data = medtl_bench.load("tiny", [plugin_file("tiny")])
    assert isinstance(data, Dataset)
    assert [domain.name for domain in data.domains] == ["a", "b", "c"]
    with pytest.raises(MedTLError, match="named 'heart-diseas'; did you mean 'heart-disease'"):
        medtl_bench.load("heart-diseas")


@pytest.fixture
def ran(plugin_file, tmp_path):
    """Return what came of a run by the API, and its folder."""
    folder = tmp_path / "by API"
    asked = (["tiny"], ["column", "fine-tune", "only-masks"])
    options = {"preset": "smoke", "plugins": [plugin_file("tiny")], "on": "in-process"}
    return medtl_bench.run(*asked, **options, seeds=2, out=folder), folder


def scores(found) -> dict[str, object]:
    return {record.trial.key: (record.outcome.status, record.outcome.scores) for record in found}


def test_it_runs_the_same_as_the_command_line(ran, run):
    came, folder = ran
    methods = ("-a", "column", "-a", "fine-tune", "-a", "only-masks")
    by_command = run("-d", "tiny", *methods, "--seeds", 2, out="by command")
    assert scores(records(folder)) == scores(by_command) == scores(came.records)
    assert len(by_command) == 8
    assert (came.count("ok"), came.skipped, came.failed, came.exit_code) == (8, 4, 0, 0)


def test_results_are_a_table_with_a_row_a_score(ran):
    came, folder = ran
    table = medtl_bench.results(folder)
    assert len(table) == sum(len(record.outcome.scores) for record in came.records)
    assert set(table["key"]) == {record.trial.key for record in came.records}
    chosen = table[(table["algorithm"] == "column") & (table["protocol"] == "stream")]
    assert set(chosen["stage"]) == {"untrained", "learn"}
    assert set(chosen["seed"]) == {0, 1}
    record = came.records[0]
    values = table[table["key"] == record.trial.key]["value"].tolist()
    assert values == [score.value for score in record.outcome.scores]


def test_a_folder_without_results_is_told(tmp_path):
    for function in (medtl_bench.results, medtl_bench.board):
        with pytest.raises(MedTLError, match="There are no results in"):
            function(tmp_path)


def test_rooms_that_share_their_name_with_a_function_can_be_called(tmp_path):
    assert medtl_bench.results is sys.modules["medtl_bench.results"]
    assert medtl_bench.board is sys.modules["medtl_bench.board"]
    with pytest.raises(MedTLError, match="There are no results in"):
        medtl_bench.results(tmp_path)
    with pytest.raises(MedTLError, match="There are no results in"):
        medtl_bench.board(out=tmp_path)
    code = (
        "import medtl_bench, medtl_bench.results.record, medtl_bench.board.build\n"
        "for room in (medtl_bench.results, medtl_bench.board):\n"
        "    try:\n        room('nowhere')\n"
        "    except Exception as error:\n        print(type(error).__name__)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["MedTLError", "MedTLError"]


def test_an_observer_made_already_is_told_and_one_that_breaks_is_warned_of(plugin_file, tmp_path):
    class Counting(Observer):
        count = 0

        def finished(self, record):
            self.count += 1
            raise OSError("full")

    watch = Counting()
    with pytest.warns(UserWarning, match="The observer 'watch' is left out .*: OSError: full"):
        came = medtl_bench.run(
            ["tiny"],
            ["column"],
            preset="smoke",
            plugins=[plugin_file("tiny")],
            on="in-process",
            watch=watch,
            out=tmp_path,
        )
    assert (watch.count, came.count("ok")) == (1, 2)


def test_a_mistake_is_told_before_anything_is_written(tmp_path):
    with pytest.raises(MedTLError, match="no preset named 'smoky'"):
        medtl_bench.run(["heart-disease"], ["dann"], preset="smoky", out=tmp_path / "out")
    with pytest.raises(MedTLError, match="no executor named 'proceses'"):
        medtl_bench.run(["heart-disease"], ["dann"], on="proceses", out=tmp_path / "out")
    assert not (tmp_path / "out" / "results").exists()


def test_a_single_name_need_not_stand_in_a_list(plugin_file, tmp_path):
    plugin = Path(plugin_file("tiny"))
    assert "tiny" in medtl_bench.datasets(plugin).index
    options = {"plugins": plugin, "preset": "smoke", "on": "in-process", "out": tmp_path}
    ran = medtl_bench.run("tiny", "column", protocols="stream", **options)
    assert [record.trial.scenario for record in ran.records] == ["all"]
    with pytest.raises(MedTLError, match="named 'tinny'; did you mean 'tiny'"):
        medtl_bench.run("tinny", "column", **options)


@pytest.mark.parametrize("names", [3, None, [3], b"tiny"])
def test_what_is_no_name_is_one_sentence(names):
    with pytest.raises(MedTLError, match=r"^A name or a list of names was expected, but got "):
        medtl_bench.run(names)


VERSION = """
from dataclasses import dataclass
from tests.plugins_for_tests.tiny import Column

@dataclass
class Mine(Column):
    "Is edited."
    noise: float = {noise}

@hookimpl
def medtl_algorithms():
    return [AlgorithmEntry("mine", Mine, "Is edited.", "baseline")]
"""


def test_a_method_that_was_edited_and_put_back_has_its_own_rows_again(
    write_plugin, plugin_file, tmp_path
):
    def row(noise: float) -> list[float]:
        plugins = [plugin_file("tiny"), write_plugin(VERSION.format(noise=noise))]
        medtl_bench.run(
            "tiny", "mine", plugins=plugins, preset="smoke", on="in-process", out=tmp_path
        )
        summary = medtl_bench.board(tmp_path, plugins).summary
        return summary["mean"].tolist()

    first, edited = row(0.1), row(30.0)
    assert first != edited
    assert row(0.1) == first
    stored = {path: path.read_bytes() for path in (tmp_path / "results").iterdir()}
    assert row(0.1) == first
    assert {path: path.read_bytes() for path in (tmp_path / "results").iterdir()} == stored
    assert row(30.0) == edited
    boards = {p: p.read_bytes() for p in tmp_path.rglob("*.csv")}
    api.rebuild(tmp_path)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*.csv")} == boards
