"""Learners trained beside each other and alone, for comparison."""

from functools import partial

import torch

from medtl_bench import cooperative
from medtl_bench.contract.split import Split
from medtl_bench.contract.task import Task
from medtl_bench.training import stacked

TASK = Task("classification", ("no", "yes"))
CLOSE = {"rtol": 1e-4, "atol": 1e-5}


def rows(seed: int, n: int = 24, scale: float = 1.0, shape=(5,)) -> Split:
    source = torch.Generator().manual_seed(seed)
    y = torch.arange(n) % 2
    x = torch.randn(n, *shape, generator=source) + y.view(-1, *[1] * len(shape))
    return Split(x * scale, y)


def fitted(method, seed: int, sources=None, steps: int = 12, width: int = 16, **options):
    sources = sources or [rows(10 * seed), rows(10 * seed + 1, 30)]
    learner = method(
        TASK,
        torch.Generator().manual_seed(seed),
        steps=steps,
        adapt_steps=4,
        width=width,
        **options,
    )
    learner.fit(sources, sources[0].x + 1)
    learner.adapt(rows(100 + seed, 8))
    return learner


def weights(learner) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in learner.net.module.parameters()])


def counted():
    """Return a stacker, a list, and what serves with the one and notes sizes in the other."""
    stacker, sizes = stacked.Stacker(), []

    def serve(trainings):
        sizes.append(len(trainings))
        return stacker(trainings)

    return stacker, sizes, serve


def compared(method, seeds=(0, 1, 2), close=CLOSE, **options) -> tuple[stacked.Stacker, list[int]]:
    """Train learners beside each other and alone, and assert that they agree.

    Returns the stacker and its stacks' sizes.
    """
    stacker, sizes, serve = counted()
    tasks = cooperative.run([partial(fitted, method, seed, **options) for seed in seeds], serve, 64)
    for seed, task in zip(seeds, tasks, strict=True):
        alone = fitted(method, seed, **options)
        torch.testing.assert_close(weights(task.result()), weights(alone), **close)
        x = rows(7).x if "sources" not in options else options["sources"][0].x
        torch.testing.assert_close(task.result().predict(x), alone.predict(x), **close)
    return stacker, sizes
