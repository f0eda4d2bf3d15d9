"""Datasets that are named with an argument: one file is one dataset, and no folder is told."""

import json
from pathlib import Path

import pytest

from medtl_bench import api
from medtl_bench.catalogue import discovery
from medtl_bench.errors import DataError, MedTLError

# a family as anyone may write it, which names its datasets as the user typed them
TABLES = """
import json
from pathlib import Path
import torch
from medtl_bench.contract.dataset import Card, Dataset
from medtl_bench.contract.scenario import Transfer
from medtl_bench.contract.split import Domain, Split
from medtl_bench.contract.task import Task

CARD = Card("clinical", "CC0", "here", "none", "a shift", "simulated", "none", "tests")

def domain(name, value):
    x = torch.arange(36.0).reshape(12, 3) + value
    y = torch.arange(12) % 2
    return Domain(name, Split(x[:6], y[:6]), Split(x[6:8], y[6:8]), Split(x[8:], y[8:]))

def build(argument):
    path = argument.partition("?")[0]
    names = json.loads(Path(path).expanduser().read_text())
    domains = tuple(domain(name, value) for name, value in names.items())
    transfers = (Transfer("one", (domains[0].name,), (domains[1].name,)),)
    name = NAME
    return Dataset(name, CARD, Task("classification", ("a", "b")), domains, transfers)

@hookimpl
def medtl_datasets():
    return [DatasetEntry("table:", build, "A table.", "clinical")]
"""
TYPED = "f'table:{argument}'"


@pytest.fixture
def family(write_plugin):
    """Return a function that writes a plugin whose datasets are called by an expression."""
    return lambda name=TYPED: write_plugin(TABLES.replace("NAME", name))


@pytest.fixture
def paths(tmp_path, monkeypatch):
    """Return five ways to a file, from the folder that it lies in."""
    home = tmp_path / "secret-home" / "data"
    home.mkdir(parents=True)
    file = home / "sites.json"
    file.write_text(json.dumps({"one": 0, "two": 1}))
    (tmp_path / "secret-home" / "link.json").symlink_to(file)
    monkeypatch.setenv("HOME", str(home.parent))
    monkeypatch.chdir(home)
    return ["sites.json", "./sites.json", str(file), "../link.json", "~/data/sites.json"]


def test_one_file_by_five_paths_is_one_dataset_that_runs_once(family, paths, tmp_path):
    plugin, out = family(), tmp_path / "out"
    names = [f"table:{path}?sheet=1" for path in paths]
    options = {"preset": "smoke", "plugins": [plugin], "on": "in-process", "out": out}
    ran = [api.run([name], ["logistic-regression"], **options) for name in names]
    assert [len(one.records) for one in ran] == [1, 0, 0, 0, 0]
    assert len(api.run(names, ["logistic-regression"], **options).planning.planned) == 1
    (name,) = {record.trial.dataset for record in ran[-1].contents.records.values()}
    digest = discovery.find([plugin]).dataset(names[0]).digest()
    assert name == f"table:sites.json?sheet=1#{digest[:8]}"
    assert len(list((out / "datasets").glob("*.md"))) == 1
    for file in (path for path in out.rglob("*") if path.is_file()):
        assert b"secret-home" not in file.read_bytes(), file
        assert "secret-home" not in str(file.relative_to(out))


def test_two_files_of_one_name_are_two_datasets_and_one_moved_is_the_same(family, paths, tmp_path):
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "sites.json").write_text(json.dumps({"one": 0, "two": 2}))
    found = discovery.find([family()])
    here, there = found.dataset("table:sites.json"), found.dataset(f"table:{other}/sites.json")
    assert here.name != there.name
    (other / "sites.json").write_text(json.dumps({"one": 0, "two": 1}))
    assert found.dataset(f"table:{other}/sites.json").name == here.name


def test_the_name_on_a_page_can_be_typed_where_the_file_lies_and_is_held_to_its_digest(
    family, paths
):
    found = discovery.find([family()])
    name = found.dataset("table:./sites.json").name
    assert found.dataset(name).name == name
    with pytest.raises(DataError, match=r"ends with #00000000, .* the data there has #"):
        found.dataset("table:sites.json#00000000")


def test_a_family_may_name_its_datasets_in_a_normal_form_but_by_no_other_family(family, paths):
    found = discovery.find([family("'table:normal'")])
    assert found.dataset("table:sites.json?b=2&a=1").name.startswith("table:normal#")
    found = discovery.find([family("'list:sites'")])
    with pytest.raises(MedTLError, match="calls itself 'list:sites'"):
        found.dataset("table:sites.json")


def test_trials_find_a_dataset_that_the_run_could_not_keep(family, paths, tmp_path, monkeypatch):
    def no_room(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr("medtl_bench.running.mapped.write", no_room)
    options = {"preset": "smoke", "plugins": [family()], "on": "in-process"}
    name = f"table:{paths[2]}"
    ran = api.run([name], ["logistic-regression"], **options, out=tmp_path / "out")
    assert [record.outcome.status for record in ran.records] == ["ok"]


def test_a_file_that_goes_while_a_run_lasts_is_told_without_its_folder(
    family, paths, tmp_path, monkeypatch
):
    def lost(*_):
        Path(paths[2]).unlink()
        raise OSError("No space left on device")

    monkeypatch.setattr("medtl_bench.running.mapped.write", lost)
    options = {"preset": "smoke", "plugins": [family()], "on": "in-process"}
    name = f"table:{paths[2]}"
    ran = api.run([name], ["logistic-regression"], **options, out=tmp_path / "out")
    (record,) = ran.contents.records.values()
    assert record.outcome.status == "failed"
    assert "No such file or directory: 'sites.json'" in record.outcome.reason
    assert "secret-home" not in record.to_json()


def test_a_copy_under_another_name_is_left_out_of_a_run_and_told(family, paths, tmp_path):
    copy = tmp_path / "copy.json"
    copy.write_bytes(Path(paths[2]).read_bytes())
    names = ["table:sites.json", f"table:{copy}", "table:./sites.json"]
    options = {"preset": "smoke", "plugins": [family()], "on": "in-process"}
    ran = api.run(names, ["logistic-regression"], **options, out=tmp_path / "out")
    (told,) = ran.planning.skipped.items()
    assert told[0] == names[1]
    assert told[1].startswith("it holds the same data as table:sites.json#")
    assert len(ran.records) == 1
