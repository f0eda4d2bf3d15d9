"""What many tests share: a command line, and small datasets and plugins to call it with."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from medtl_bench.cli import main
from medtl_bench.contract.dataset import Card, Dataset
from medtl_bench.contract.scenario import Stream, Transfer
from medtl_bench.contract.split import Domain, Split
from medtl_bench.contract.task import Task
from medtl_bench.files import downloads
from medtl_bench.metrics import registry

settings.register_profile("no deadline", deadline=None)  # other work may run beside a test
settings.load_profile("no deadline")
torch.set_num_threads(1)  # as trials do: networks this small are slower on many cores
PLUGINS = Path(__file__).parent / "plugins_for_tests"
CARD = Card("simulated", "CC0", "here", "none", "a turn", "simulated", "none", "tests")


@pytest.fixture(scope="session")
def plugin_file() -> Callable[[str], str]:
    """Return a function: the path of a plugin file of these tests."""
    return lambda name: str(PLUGINS / f"{name}.py")


@pytest.fixture
def write_plugin(tmp_path: Path) -> Callable[..., str]:
    """Return a function that writes a plugin file and returns its path."""

    def write(body: str, name: str = "under_test") -> str:
        path = tmp_path / f"{name}.py"
        path.write_text(
            "from medtl_bench.contract.hooks import AlgorithmEntry, DatasetEntry, hookimpl\n" + body
        )
        return str(path)

    return write


@pytest.fixture(scope="session")
def card() -> Card:
    return CARD


def _split(rows: int, source: torch.Generator, offset: float = 0.0) -> Split:
    y = torch.arange(rows) % 2
    return Split(torch.randn(rows, 3, generator=source) + y[:, None] + offset, y)


def _domain(name: str, seed: int, rows: tuple[int, int, int] = (12, 4, 8)) -> Domain:
    source = torch.Generator().manual_seed(seed)
    return Domain(name, *(_split(n, source) for n in rows))


@pytest.fixture(scope="session")
def make_domain() -> Callable[..., Domain]:
    """Return a function: a domain of two classes, three columns, splits of 12, 4 and 8 rows."""
    return _domain


@pytest.fixture(scope="session")
def make_dataset() -> Callable[..., Dataset]:
    """Return a function: a sound dataset with domains a, b, c; any field may be given."""

    def make(**fields: object) -> Dataset:
        sound = {
            "name": "small",
            "card": CARD,
            "task": Task("classification", ("no", "yes")),
            "domains": tuple(_domain(name, seed) for seed, name in enumerate("abc")),
            "transfers": (Transfer("to-c", ("a", "b"), ("c",)),),
            "streams": (Stream("all", ("a", "b", "c")),),
        }
        return Dataset(**sound | fields)

    return make


@dataclass
class Answer:
    """What a command left: its exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The complaint; fails the test where it is no single sentence or a traceback."""
        assert "Traceback" not in self.out + self.err
        lines = [line for line in self.err.splitlines() if line.strip()]
        assert len(lines) == 1, self.err
        return lines[0]


@pytest.fixture
def medtl(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Answer]:
    """Return a function that calls the command line in this process, as the script does."""

    def call(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["medtl-bench", *map(str, arguments)])
        capsys.readouterr()
        try:
            main.main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        return Answer(code, *capsys.readouterr())

    return call


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the cache of downloads, an empty folder of this test.

    No offline folder is named, and there is no pause between tries.
    """
    monkeypatch.delenv(downloads.OFFLINE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("pooch.core.time.sleep", lambda _: None)
    return tmp_path / "cache" / "medtl-bench"


@pytest.fixture(autouse=True)
def _undisturbed_metrics() -> Iterator[None]:
    """Put back the metrics that plugins of a test have joined."""
    before = list(registry.METRICS.values())
    yield
    registry.install(before)


@pytest.fixture(autouse=True)
def _undisturbed_torch() -> Iterator[None]:
    """Put back what a trial in this process may have changed."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    torch.set_default_dtype(torch.float32)
