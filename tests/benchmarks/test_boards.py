"""How long boards take: under 10 s from 10,000 records with resamples, and no more of more."""

from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import pytest

from medtl_bench.metrics.formulas import HEADLINES
from medtl_bench.metrics.resamples import RESAMPLES
from medtl_bench.results.record import Record
from medtl_bench.results.resamples import encode
from medtl_bench.results.store import Store
from tests.boards import build, write_boards
from tests.records import METHODS, suite

MOST_GROWTH = 1.5
DATASETS = tuple(f"dataset-{number}" for number in range(5))
TWENTY = {
    **METHODS,
    **{f"variant-{number}": ("baseline", 0.6 + number / 100) for number in range(10)},
}


def records(seeds: int) -> list[Record]:
    """Return 2,000 records a seed: 5 datasets, 20 methods, 19 transfers and a stream."""
    made = [resampled(one) for one in suite(DATASETS, TWENTY, scenarios=19, seeds=seeds, draws=4)]
    assert len({record.trial.key for record in made}) == 2_000 * seeds
    return made


def resampled(one: Record) -> Record:
    """Return a record with the headline measures of its protocol on resamples."""
    draw = np.random.default_rng(one.trial.seed)
    values = {name: draw.uniform(0.4, 0.6, RESAMPLES) for name in HEADLINES[one.trial.protocol]}
    found = {"resampled": encode(values), "units": {"site-0": (90, 40), "site-1": (88, 32)}}
    return one.model_copy(update={"outcome": one.outcome.model_copy(update=found)})


def seconds(function: Callable[[], object]) -> float:
    """Return the shorter of two processor times, which other work does not count in."""
    times = []
    for _ in range(2):
        start = process_time()
        function()
        times.append(process_time() - start)
    return min(times)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Return a store of 10,000 records."""
    folder = tmp_path_factory.mktemp("results")
    for record in records(5):
        (folder / f"{record.trial.key}.json").write_text(record.to_json())
    return Store(folder)


@pytest.mark.slow
@pytest.mark.benchmark(group="boards")
def test_boards_from_10_000_records(benchmark: Any, store: Store, tmp_path: Path) -> None:
    contents = store.read()
    assert (len(contents.records), contents.damaged) == (10_000, {})
    benchmark.pedantic(lambda: write_boards(contents.records, {}, tmp_path), rounds=3)
    assert (tmp_path / "README.md").is_file()


@pytest.mark.slow
@pytest.mark.benchmark(group="boards")
def test_boards_from_10_000_files(benchmark: Any, store: Store, tmp_path: Path) -> None:
    benchmark.pedantic(lambda: write_boards(store.read().records, {}, tmp_path), rounds=3)


@pytest.mark.slow
def test_the_time_for_a_record_does_not_grow(tmp_path: Path) -> None:
    few, many = records(1), records(5)
    start = perf_counter()
    each = [seconds(lambda its=its: build(its)) / len(its) for its in (few, many)]
    print(
        f"build: {each[0] * 1e6:.0f} us a record of 2,000, {each[1] * 1e6:.0f} us of 10,000 "
        f"({perf_counter() - start:.1f} s)"
    )
    assert each[1] < MOST_GROWTH * each[0]
    each = [
        seconds(lambda its=its: write_boards(its, {}, tmp_path)) / len(its) for its in (few, many)
    ]
    assert each[1] < MOST_GROWTH * each[0]
