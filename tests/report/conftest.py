from collections.abc import Callable

import pytest

from medtl_bench.board.rows import View
from tests.boards import build
from tests.records import suite


@pytest.fixture
def view() -> Callable[..., View]:
    """Return a function: the view of a small board by one protocol."""

    def find(protocol: str, **more: object) -> View:
        return next(
            view
            for view in build(suite(["hearts"], seeds=2, **more)).views
            if view.protocol == protocol
        )

    return find
