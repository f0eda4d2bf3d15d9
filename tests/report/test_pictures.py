import warnings
from collections.abc import Iterator

import matplotlib as mpl
import numpy as np
import pytest

from medtl_bench.leaderboard import build
from medtl_bench.report.pictures import MOST_LINES, few_shot_picture, matrix_picture, stream_captions
from medtl_bench.report.views import View, views
from tests.records import METHODS, suite
from tests.report.hostile import HOSTILE, svg_tags


@pytest.fixture(autouse=True)
def no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def view(protocol: str, **more: object) -> View:
    return next(view for view in views(build(suite(["hearts"], seeds=2, **more))) if view.protocol == protocol)


def test_curves_are_the_same_bytes_whatever_the_users_style_is() -> None:
    its = view("transfer")
    first = few_shot_picture(its)
    with mpl.rc_context({"font.size": 30, "svg.fonttype": "none", "svg.hashsalt": "other"}):
        assert few_shot_picture(its) == first
    assert "<dc:date>" not in first
    assert "<text" not in first, "text is drawn as paths"
    assert svg_tags(first)


def test_pictures_leave_no_trace_in_the_global_style() -> None:
    before = dict(mpl.rcParams)
    few_shot_picture(view("transfer"))
    assert dict(mpl.rcParams) == before


def test_at_most_so_many_lines() -> None:
    many = {**METHODS, **{f"method-{i}": ("baseline", 0.6) for i in range(20)}}
    picture = few_shot_picture(view("transfer", methods=many))
    assert picture.count('id="legend_1"') == 1
    assert picture.count("<!-- ") >= MOST_LINES
    assert svg_tags(picture)


def test_nothing_to_draw() -> None:
    its = view("stream")
    assert few_shot_picture(its) is None
    assert matrix_picture(its, [("a", np.full((2, 2), np.nan))], ["x", "y"], stream_captions(its)) is None
    assert matrix_picture(its, [], [], stream_captions(its)) is None


@pytest.mark.parametrize("t", [2, 5, 13, 30])
def test_matrices_of_any_size(t: int) -> None:
    r = np.random.default_rng(0).random((t, t))
    r[0, 1] = np.nan
    its = view("stream")
    names = [f"domain {i}" for i in range(t)]
    svg = matrix_picture(its, [("dann", r), ("flat", np.ones((t, t)))], names, stream_captions(its))
    assert svg_tags(svg)


def test_hostile_names_are_inert() -> None:
    methods = {name: ("baseline", 0.5 + i / 100) for i, name in enumerate(HOSTILE[:20])}
    pictures = [few_shot_picture(view("transfer", methods=methods))]
    its = view("stream")
    for start in range(0, len(HOSTILE), 12):
        names = HOSTILE[start : start + 12]
        pictures.append(matrix_picture(its, [(name, np.eye(len(names))) for name in names], names, stream_captions(its)))
    for svg in pictures:
        assert svg_tags(svg).isdisjoint({"script", "a", "image", "text", "foreignObject"})
