"""Collects what every reproduction measured; `--reproductions-page PATH` writes the page that is published."""

from pathlib import Path

import pytest

from tests.reproductions.page import Page

MADE = pytest.StashKey[Page]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--reproductions-page", type=Path, help="write the page of reproductions to this file"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[MADE] = Page()


@pytest.fixture(scope="session")
def page(pytestconfig: pytest.Config) -> Page:
    """Return what the reproductions write down."""
    return pytestconfig.stash[MADE]


def pytest_sessionfinish(session: pytest.Session) -> None:
    path = session.config.getoption("--reproductions-page", None)
    if path is None:
        return
    skipped = session.config.pluginmanager.get_plugin("terminalreporter").stats.get("skipped", [])
    if skipped:  # a table without its data must not shorten the page silently
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    else:
        session.config.stash[MADE].write(path)
