"""Collects what every reproduction measured; `--reproductions-page PATH` writes the page that is published."""

from pathlib import Path

import pytest

from tests.reproductions.page import Page
from tests.reproductions.runs import Runner

MADE = pytest.StashKey[Page]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--reproductions-page", type=Path, help="write the page of reproductions to this file"
    )
    parser.addoption(
        "--reproductions-results", type=Path, help="keep results here, and run what is not there"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[MADE] = Page()


@pytest.fixture(scope="session")
def page(pytestconfig: pytest.Config) -> Page:
    """Return what the reproductions write down."""
    return pytestconfig.stash[MADE]


@pytest.fixture(scope="session")
def run(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """Return what runs methods on a dataset."""
    kept = pytestconfig.getoption("--reproductions-results", None)
    return Runner(kept or tmp_path_factory.mktemp("reproductions"))


def pytest_sessionfinish(session: pytest.Session) -> None:
    path = session.config.getoption("--reproductions-page", None)
    if path is None:
        return
    skipped = session.config.pluginmanager.get_plugin("terminalreporter").stats.get("skipped", [])
    if skipped:  # a table without its data must not shorten the page silently
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    else:
        session.config.stash[MADE].write(path)
