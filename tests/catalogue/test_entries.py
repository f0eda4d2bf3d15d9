"""The catalogue: names, sources of plugins, and what cannot be loaded or built."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from medtl_bench.catalogue import discovery, entries
from medtl_bench.errors import MedTLError

GOOD = """
@hookimpl
def medtl_algorithms():
    return [AlgorithmEntry("good-one", "collections:OrderedDict", "Does little.", "baseline")]
"""
TINY = str(Path(__file__).parents[1] / "plugins_for_tests" / "tiny.py")


def test_a_source_changes_with_the_files_of_a_plugin(tmp_path):
    package = tmp_path / "pack"
    (package / "data").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "data" / "table.csv").write_text("1")

    def source() -> str:
        return entries.Plugin("pack", "dist", "1", str(package / "__init__.py")).source

    first = source()
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "x.pyc").write_text("compiled")
    assert source() == first
    (package / "data" / "table.csv").write_text("2")
    second = source()
    (package / "data" / "table.csv").rename(package / "data" / "other.csv")
    assert len({first, second, source()}) == 3


@pytest.mark.parametrize(
    ("where", "told"),
    [
        (
            '"not_there:Method"',
            r"names 'not_there:Method', which cannot be loaded: .*No module named",
        ),
        (
            '"collections:Method"',
            "names 'collections:Method', which cannot be loaded: .*no attribute",
        ),
        (
            '"collections:OrderedDict"',
            "is <class 'collections.OrderedDict'>, not a subclass of Algorithm",
        ),
        ('"collections"', "names 'collections', which cannot be loaded"),
        (
            '"under_test_broken:X"',
            "names 'under_test_broken:X', which cannot be loaded: .*ZeroDivisionError",
        ),
        ("3", "is 3, not a subclass of Algorithm"),
    ],
)
def test_an_algorithm_that_cannot_be_loaded_is_told_when_it_is_used(
    write_plugin, tmp_path, monkeypatch, where, told
):
    (tmp_path / "under_test_broken.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(tmp_path)
    found = discovery.find([write_plugin(GOOD.replace('"collections:OrderedDict"', where))])
    with pytest.raises(MedTLError, match=told):
        found.algorithm("good-one")


DATASET = """
def build():
    {0}

@hookimpl
def medtl_datasets():
    return [DatasetEntry("odd", build, "Odd.", "clinical")]
"""


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (
            "raise FileNotFoundError('no table.csv')",
            r"Dataset 'odd' of plugin .* FileNotFoundError: no table.csv",
        ),
        ("import rdkit_that_is_not_there", "Dataset 'odd' of plugin .* ModuleNotFoundError"),
        ("return None", "Dataset 'odd' of plugin .* is None, not a Dataset"),
        (
            "import medtl_toy.dataset; return medtl_toy.dataset.vectors()",
            "registered as 'odd' by .* calls itself 'shifted-toy'",
        ),
    ],
)
def test_a_dataset_that_cannot_be_built_is_told_in_a_sentence(write_plugin, body, told):
    found = discovery.find([write_plugin(DATASET.format(body))])
    with pytest.raises(MedTLError, match=told):
        found.dataset("odd")


def test_unknown_names_get_near_matches():
    found = discovery.find()
    with pytest.raises(MedTLError, match="There is no algorithm named 'dan'; did you mean 'dann'"):
        found.algorithm("dan")
    with pytest.raises(
        MedTLError, match="There is no dataset named 'heart-diseas'; did you mean 'heart-disease'"
    ):
        found.dataset("heart-diseas")


def test_what_is_listed_can_be_loaded():
    found = discovery.find([TINY])
    assert found.dataset("tiny").name == "tiny"
    assert dataclass(found.algorithm("column")).__name__ == "Column"
