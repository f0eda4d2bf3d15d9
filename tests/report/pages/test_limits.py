"""A dataset's page tells seeds and test units apart, and where no interval is honest."""

import numpy as np

from tests.board.test_resamples import records
from tests.boards import build, render


def page(made) -> str:
    found = render(build(list(made)))["datasets/hearts.md"]
    return str(found).split("### Seeds or patients\n")[1].split("\n## ")[0]


def test_both_parts_stand_beside_the_score():
    told = page(records({"dann": np.array([0.6, 0.7, 0.8])}))
    assert "| dann" in told
    assert "± by test units alone" in told
    assert "b has 30, 12 of the scarcest class" in told
    assert "honest" not in told


def test_a_class_of_few_patients_is_told():
    few = {"b": (36, 2)}
    told = page(records({"dann": np.array([0.6, 0.7, 0.8])}, units=few))
    assert "**Fewer than 5 test units of a class** in b: no interval is honest there." in told


def test_old_records_say_that_nothing_is_known_of_patients():
    told = page(records({"dann": np.array([0.6, 0.7, 0.8])}, resampled={}, units={}))
    assert "over training seeds alone" in told
    assert "Test units" not in told


def test_names_of_domains_are_made_inert():
    told = page(records({"dann": np.array([0.6, 0.7, 0.8])}, units={"<b>x</b>|": (3, 3)}))
    assert "<b>" not in told
