"""What `show` prints of data and methods."""

import pytest

from medtl_bench.catalogue import discovery
from medtl_bench.cli import sections, show
from medtl_bench.contract.algorithm import parameters


@pytest.fixture
def found(plugin_file):
    return discovery.find([plugin_file("tiny")])


@pytest.mark.parametrize(
    "name", ["tiny", "shifted-toy", "shifted-toy-images", "shifted-toy-masks", "heart-disease"]
)
def test_every_kind_of_dataset_can_be_shown(found, capsys, name):
    data = found.dataset(name)
    sections.show(show.dataset(data, found.datasets[name]))
    shown = capsys.readouterr().out.replace("\n", "")
    assert data.digest()[:40] in shown
    assert all(domain.name in shown for domain in data.domains)
    assert data.card.licence.split()[0] in shown


def test_classes_are_counted_by_domain(found, capsys):
    sections.show(show.dataset(found.dataset("tiny"), found.datasets["tiny"]))
    assert capsys.readouterr().out.count("no 12, yes 12") == 3


def test_every_algorithm_can_be_shown(found, capsys):
    for name, registered in found.algorithms.items():
        cls = found.algorithm(name)
        sections.show(show.algorithm(cls, registered))
        shown = capsys.readouterr().out
        assert shown.splitlines()[1].split() == ["name", name]
        assert ("Parameters" in shown) == bool(parameters(cls))


def test_a_dataset_that_cannot_be_loaded_is_a_line_among_others(found, capsys):
    sections.show(show.datasets(found))
    shown = capsys.readouterr().out
    assert shown.count("simulated       broken") == 2
    assert "x holds NaN" in shown
    assert "shifted-toy" in shown
