from collections.abc import Callable

import pytest

from medtl_bench.board.build import build
from medtl_bench.report.rows import View, views
from tests.records import suite


@pytest.fixture
def view() -> Callable[..., View]:
    """Return a function: the view of a small board by one protocol."""

    def find(protocol: str, **more: object) -> View:
        return next(
            view
            for view in views(build(suite(["hearts"], seeds=2, **more)))
            if view.protocol == protocol
        )

    return find
