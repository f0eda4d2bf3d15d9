import numpy as np
import pytest

from medtl_bench.report.pictures.matrices import Captions, matrix_picture
from tests.report.hostile import HOSTILE, svg_tags

CAPTIONS = Captions("name", "heading", "line")
pytestmark = pytest.mark.filterwarnings("error")


def test_nothing_to_draw(view) -> None:
    its = view("stream")
    assert matrix_picture(its, [("a", np.full((2, 2), np.nan))], ["x", "y"], CAPTIONS) is None
    assert matrix_picture(its, [], [], CAPTIONS) is None


@pytest.mark.parametrize("t", [2, 5, 13, 30])
def test_matrices_of_any_size(t: int, view) -> None:
    r = np.random.default_rng(0).random((t, t))
    r[0, 1] = np.nan
    its = view("stream")
    names = [f"domain {i}" for i in range(t)]
    svg = matrix_picture(its, [("dann", r), ("flat", np.ones((t, t)))], names, CAPTIONS)
    assert svg_tags(svg)


def test_hostile_names_are_inert(view) -> None:
    its = view("stream")
    for start in range(0, len(HOSTILE), 12):
        names = HOSTILE[start : start + 12]
        drawn = matrix_picture(its, [(name, np.eye(len(names))) for name in names], names, CAPTIONS)
        assert svg_tags(drawn).isdisjoint({"script", "a", "image", "text", "foreignObject"})
