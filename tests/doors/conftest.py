"""What the tests of the doors share: a run on the tiny dataset with plugins of these tests."""

from collections.abc import Callable
from pathlib import Path

import pytest

from medtl_bench.results.record import Record
from medtl_bench.results.store import Store


@pytest.fixture
def plugins(plugin_file) -> Callable[..., list[str]]:
    """Return a function: the options that name plugin files of these tests."""
    return lambda *names: [word for name in names for word in ("--plugin", plugin_file(name))]


def records(out: Path) -> list[Record]:
    """Return all records in the folder of a run; fails the test where one is damaged."""
    contents = Store(out / "results").read()
    assert contents.damaged == {}
    return list(contents.records.values())


@pytest.fixture
def run(medtl, plugins, tmp_path) -> Callable[..., list[Record]]:
    """Return a function: the records of a run that must go well, in a folder of their own."""

    def call(*words: object, names=("tiny",), out: str = "out", on: str = "in-process"):
        folder = tmp_path / out
        usual = ("--preset", "smoke", "--on", on, "--out", folder)
        answer = medtl("run", *plugins(*names), *usual, *words)
        assert answer.code == 0, answer.err
        return records(folder)

    return call
