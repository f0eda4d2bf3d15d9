"""What `show` prints of data and methods."""

import pytest

from medtl_bench.catalogue import discovery
from medtl_bench.cli import show


@pytest.fixture
def found(plugin_file):
    return discovery.find([plugin_file("tiny")])


@pytest.mark.parametrize(
    "name", ["tiny", "shifted-toy", "shifted-toy-images", "shifted-toy-masks", "heart-disease"]
)
def test_every_kind_of_dataset_can_be_shown(found, capsys, name):
    data = found.dataset(name)
    show.dataset(data, found.datasets[name])
    shown = capsys.readouterr().out.replace("\n", "")
    assert data.digest()[:40] in shown
    assert all(domain.name in shown for domain in data.domains)
    assert data.card.licence.split()[0] in shown


def test_classes_are_counted_by_domain(found, capsys):
    show.dataset(found.dataset("tiny"), found.datasets["tiny"])
    assert capsys.readouterr().out.count("no 12, yes 12") == 3


def test_every_algorithm_can_be_shown(found, capsys):
    for name, registered in found.algorithms.items():
        cls = found.algorithm(name)
        show.algorithm(cls, registered)
        shown = capsys.readouterr().out
        assert shown.startswith(f"{name}: ")
        assert "Parameters" in shown


def test_a_dataset_that_cannot_be_loaded_is_a_line_among_others(found, capsys):
    show.datasets(found)
    shown = " ".join(capsys.readouterr().out.split())
    assert shown.count("cannot be loaded") == 2
    assert "shifted-toy" in shown
