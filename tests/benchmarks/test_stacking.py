"""What it brings to train trials as one program, against a bare PyTorch loop for each in turn."""

import timeit
from collections.abc import Callable, Sequence
from functools import partial

import pytest
import torch
from medtl_baselines.finetune import FineTune
from medtl_heart.dataset import build
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from medtl_bench.contract.dataset import Dataset
from medtl_bench.contract.split import Split, concatenate
from medtl_bench.protocols.examiner import Clock
from medtl_bench.protocols.transfer import transfer
from medtl_bench.randomness import generator
from tests.together import stacked

pytestmark = pytest.mark.slow
STEPS, ROWS = 200, 32  # the defaults of every gradient method
ALONE = 10  # trials that are timed one after the other: more take as much longer
SHOTS = (1, 2, 5, 10, 20, 50)
PRODUCTS = ("aten::bmm", "aten::mm", "aten::addmm", "aten::baddbmm")


@pytest.fixture(scope="module")
def heart() -> Dataset:
    return build()


def sources(heart: Dataset) -> tuple[list[Split], Tensor]:
    scenario = heart.transfers[0]
    return [heart.domain(name).train for name in scenario.sources], heart.domain(
        scenario.targets[0]
    ).train.x


def bare(splits: Sequence[Split]) -> None:
    """Train once as the bench does, with nothing in between."""
    pool, draw = concatenate(splits), generator("bare")
    mean, deviation = pool.x.mean(0), pool.x.std(0).clamp_min(1e-6)
    net = nn.Sequential(
        nn.Linear(pool.x.shape[1], 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 2)
    )
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)
    rows = torch.randint(len(pool), (STEPS, ROWS * len(splits)), generator=draw)
    for step in range(STEPS):
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(
            net((pool.x[rows[step]] - mean) / deviation), pool.y[rows[step]]
        )
        loss.backward()
        optimiser.step()


def fitted(heart: Dataset, splits: Sequence[Split], unlabelled: Tensor, seed: int) -> FineTune:
    learner = FineTune(heart.task, generator("stacked", seed), steps=STEPS, sampling="natural")
    learner.fit(splits, unlabelled)
    return learner


@pytest.mark.parametrize("threads", [1], indirect=True)
@pytest.mark.parametrize(
    ("hospitals", "trials", "bar"), [(1, 20, 3.5), (1, 60, 6.0), (3, 20, 2.3), (3, 60, 2.5)]
)
def test_trials_trained_as_one_program(
    speed, side_by_side, threads: int, heart: Dataset, hospitals: int, trials: int, bar: float
) -> None:
    splits, unlabelled = sources(heart)
    splits = splits[:hospitals]
    ours = partial(stacked, partial(fitted, heart, splits, unlabelled), trials)
    found = side_by_side(
        ours, lambda: [bare(splits) for _ in range(ALONE)], pairs=3, bar=bar, part=ALONE / trials
    )
    rows = f"{hospitals * ROWS} rows of {hospitals} hospital{'s' * (hospitals > 1)}"
    what = f"{trials} trainings on heart-disease as one program, {STEPS} steps of {rows}"
    speed.faster(what, "a bare PyTorch loop", threads, found, bar)


@pytest.mark.parametrize("threads", [1], indirect=True)
def test_whole_trials_side_by_side(speed, side_by_side, threads: int, heart: Dataset) -> None:
    def trial(seed: int) -> None:
        list(
            transfer(
                heart, heart.transfers[0], FineTune, seed=seed, shots=SHOTS, draws=1, clock=Clock()
            )
        )

    ours, theirs = partial(stacked, trial, 20), lambda: [trial(seed) for seed in range(ALONE)]
    found = side_by_side(ours, theirs, pairs=3, bar=1.5, part=ALONE / 20)
    what = (
        "20 whole trials on heart-disease side by side: "
        "training, 7 adaptations of copies, all scores"
    )
    speed.faster(what, "the same one by one", threads, found, 1.5)


def shares(work: Callable[[], object]) -> tuple[float, float]:
    """Return the shares of the time in matrix products, and in all kernels of torch."""
    with profile(activities=[ProfilerActivity.CPU]) as found:
        work()
    events = found.key_averages()
    kernels = {
        event.key: event.self_cpu_time_total for event in events if event.key.startswith("aten::")
    }
    total = sum(event.self_cpu_time_total for event in events)
    wall = max(e.time_range.end for e in found.events()) - min(
        e.time_range.start for e in found.events()
    )
    return sum(kernels.get(name, 0.0) for name in PRODUCTS) / max(wall, total), sum(
        kernels.values()
    ) / max(wall, total)


@pytest.mark.parametrize("threads", [1], indirect=True)
def test_where_the_time_goes(speed, threads: int, heart: Dataset) -> None:
    splits, unlabelled = sources(heart)
    work: dict[str, tuple[Callable[[], object], int]] = {
        "a bare PyTorch loop": (lambda: bare(splits), 1),
        "one trial of the bench": (lambda: fitted(heart, splits, unlabelled, 0), 1),
        "20 trials stacked": (lambda: stacked(partial(fitted, heart, splits, unlabelled), 20), 20),
        "60 trials stacked": (lambda: stacked(partial(fitted, heart, splits, unlabelled), 60), 60),
    }
    rows, each, arithmetic = [], {}, {}
    for name, (function, trials) in work.items():
        function()
        each[name] = min(timeit.repeat(function, number=1, repeat=3)) / trials
        products, kernels = shares(function)
        arithmetic[name] = products * each[name]
        rows.append(f"| {name} | {1000 * each[name]:.0f} | {products:.0%} | {kernels:.0%} |")
        assert 0 < products < kernels <= 1
    head = (
        f"| training on heart-disease, {STEPS} steps of {len(splits) * ROWS} rows "
        "| ms a training | matrix products | all of torch's kernels |\n|:---|---:|---:|---:|\n"
    )
    most = each["a bare PyTorch loop"] / arithmetic["60 trials stacked"]
    told = (
        "Shares of the time, by torch's profiler, which itself takes some. "
        "The rest is Python and the dispatch of kernels: "
        "what stacking shares among the trials of a stack. "
        "If all but the matrix products cost nothing, 60 stacked trials "
        f"would be {most:.1f} times faster than the bare loop on these rows."
    )
    speed.sections.append(("Where the time goes", f"{told}\n\n{head}" + "\n".join(rows)))
