"""Planning ten thousand trials takes well under five seconds, and grows with their number."""

import time

import pytest

from medtl_bench.contract.scenario import Amount, Scenario
from medtl_bench.results.store import Store
from medtl_bench.running import plan
from medtl_bench.running.plan import AlgorithmFacts, DatasetFacts, Facts, Preset
from medtl_bench.running.request import MOST_STACKED
from medtl_bench.running.run import missing

PARAMETERS = {f"parameter_{i}": i / 7 for i in range(8)}
ALGORITHMS = [
    AlgorithmFacts(
        name=f"method-{i}",
        family="baseline",
        source="medtl-bench 0.1.0 0123456789abcdef",
        parameters=PARAMETERS,
        stacks=i % 2 == 0,
    )
    for i in range(20)
]
SETTINGS = {"sources": list("abcdefgh"), "targets": ["i"], "shots": list(plan.SHOTS), "draws": 2}
DATASETS = [
    DatasetFacts(
        name=f"data-{i}",
        digest="d" * 64,
        area="clinical",
        provenance="real",
        task="classification",
        metrics=("balanced_accuracy", "ece", "brier"),
        lower_is_better=("ece", "brier"),
        scenarios={"transfer": tuple(Scenario(f"to-{s}", SETTINGS) for s in range(10))},
    )
    for i in range(5)
]
FACTS = Facts(DATASETS, ALGORITHMS, ["transfer"], {"torch": "2.14", "numpy": "2"}, MOST_STACKED)


def planned(seeds: int, store: Store) -> int:
    chosen = Preset(seeds, Amount(plan.SHOTS, 2))
    return len(missing(plan.trials(FACTS, chosen), store))


def seconds(seeds: int, store: Store) -> float:
    def once() -> float:
        start = time.perf_counter()
        planned(seeds, store)
        return time.perf_counter() - start

    return min(once() for _ in range(3))


def test_ten_thousand_trials(benchmark, tmp_path):
    assert benchmark.pedantic(planned, args=(10, Store(tmp_path)), rounds=3) == 10_000


@pytest.mark.slow
def test_the_time_a_trial_takes_does_not_grow_with_their_number(tmp_path, capsys):
    few, many = seconds(1, Store(tmp_path)) / 1_000, seconds(10, Store(tmp_path)) / 10_000
    with capsys.disabled():
        print(
            f"\nplanning: {many * 1e4:.2f} s for 10,000 trials, "
            f"{many / few:.2f} times as long a trial as with 1,000"
        )
    # ten times, if it grew with their square; the garbage collector alone makes 1.6
    assert many <= 3 * few
    assert many * 1e4 < 5
