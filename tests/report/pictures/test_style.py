import matplotlib as mpl
from matplotlib.figure import Figure

from medtl_bench.report.pictures.style import drawable, style, svg
from tests.report.hostile import HOSTILE, svg_tags


def test_a_style_leaves_no_trace_and_heeds_none_of_the_users() -> None:
    with mpl.rc_context({"font.size": 30, "svg.fonttype": "none", "svg.hashsalt": "other"}):
        before = dict(mpl.rcParams)
        with style():
            assert (mpl.rcParams["font.size"], mpl.rcParams["svg.fonttype"]) == (9.0, "path")
        assert dict(mpl.rcParams) == before


def test_text_is_on_one_line_and_what_the_font_has() -> None:
    assert drawable("α and a\nline") == "α and a line"
    assert drawable("片") == "?"
    assert len(drawable("x" * 200)) < 40


def test_a_title_is_inert_and_the_bytes_tell_no_date() -> None:
    for title in HOSTILE:
        with style():
            drawn = svg(Figure(figsize=(1, 1)), title)
        assert svg_tags(drawn).isdisjoint({"script", "a", "image", "text", "foreignObject"})
        assert "<dc:date>" not in drawn
