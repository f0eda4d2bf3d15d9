import matplotlib as mpl
import numpy as np
import pytest

from medtl_bench.board.blocks import Blocks
from medtl_bench.report.pictures.critical_difference import critical_difference_picture
from tests.report.hostile import HOSTILE, svg_tags

pytestmark = pytest.mark.filterwarnings("error")


def told(methods: int) -> Blocks:
    mean = np.linspace(1.5, methods - 0.5, methods)
    return Blocks(tuple(range(methods)), mean, 8, 0.01, methods / 3)


def test_it_is_the_same_bytes_whatever_the_users_style_is() -> None:
    first = critical_difference_picture(told(5), list("abcde"), "ranks")
    with mpl.rc_context({"font.size": 30, "svg.fonttype": "none", "svg.hashsalt": "other"}):
        assert critical_difference_picture(told(5), list("abcde"), "ranks") == first
    assert svg_tags(first)


@pytest.mark.parametrize("methods", [3, 50])
def test_few_and_many_methods_are_drawn(methods: int) -> None:
    names = [f"method-{number}" for number in range(methods)]
    assert critical_difference_picture(told(methods), names, "ranks").count("<!-- ") >= methods


def test_hostile_names_are_inert() -> None:
    drawn = critical_difference_picture(told(len(HOSTILE)), HOSTILE, HOSTILE[3])
    assert svg_tags(drawn).isdisjoint({"script", "a", "image", "text", "foreignObject"})
