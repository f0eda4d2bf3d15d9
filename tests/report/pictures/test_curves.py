import matplotlib as mpl
import pytest

from medtl_bench.report.pictures.curves import MOST_LINES, few_shot_picture
from tests.records import METHODS
from tests.report.hostile import HOSTILE, svg_tags

pytestmark = pytest.mark.filterwarnings("error")


def test_curves_are_the_same_bytes_whatever_the_users_style_is(view) -> None:
    its = view("transfer")
    first = few_shot_picture(its)
    with mpl.rc_context({"font.size": 30, "svg.fonttype": "none", "svg.hashsalt": "other"}):
        assert few_shot_picture(its) == first
    assert "<dc:date>" not in first
    assert "<text" not in first, "text is drawn as paths"
    assert svg_tags(first)


def test_at_most_so_many_lines(view) -> None:
    many = {**METHODS, **{f"method-{i}": ("baseline", 0.6) for i in range(20)}}
    picture = few_shot_picture(view("transfer", methods=many))
    assert picture.count('id="legend_1"') == 1
    assert picture.count("<!-- ") >= MOST_LINES
    assert svg_tags(picture)


def test_a_stream_has_no_curve(view) -> None:
    assert few_shot_picture(view("stream")) is None


def test_hostile_names_are_inert(view) -> None:
    methods = {name: ("baseline", 0.5 + i / 100) for i, name in enumerate(HOSTILE[:20])}
    drawn = few_shot_picture(view("transfer", methods=methods))
    assert svg_tags(drawn).isdisjoint({"script", "a", "image", "text", "foreignObject"})
