"""What the integration measures are taken of: an embedding of what a learner was handed, and labels carried over in it."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from medtl_bench import arrays
from medtl_bench.arrays import Floats
from medtl_bench.contract.split import Domain, Inputs, concatenate
from medtl_bench.contract.task import Task
from medtl_bench.metrics import embeddings
from medtl_bench.metrics.registry import METRICS

# rows that are embedded; neighbours and silhouettes of more would cost more than most methods
MOST = 4000
Embed = Callable[[Inputs], Floats | None]


def measured(
    task: Task,
    embed: Embed,
    sources: Sequence[Domain],
    targets: Sequence[Domain],
    draw: torch.Generator,
) -> Iterator[tuple[int, dict[str, float]]]:
    """Yield numbers of rows and the measures taken of them, for those metrics of a task that are of an embedding.

    Of the training rows of all domains, each of which is a batch, at most MOST are
    embedded. Labels are carried from the sources' rows among them to the targets' test
    rows; their recall is told for each rare class too. Nothing is yielded where `embed`
    returns None.
    """
    domains = [*sources, *targets]
    handed = concatenate([domain.train for domain in domains])
    chosen = torch.randperm(len(handed), generator=draw)[:MOST].sort().values
    batch = np.repeat(np.arange(len(domains)), [len(domain.train) for domain in domains])[
        chosen.numpy()
    ]
    z, y = embed(handed.x[chosen]), handed.y[chosen].numpy()
    if z is None:
        return
    of_all = [name for name in task.embedded if METRICS[name].of == "embedding"]
    yield len(z), {name: METRICS[name].score(z, batch, y) for name in of_all}
    if carried := [name for name in task.embedded if METRICS[name].of == "neighbours"]:
        known = batch < len(sources)
        yield from _carried(task, carried, embed, z[known], y[known], targets)


def _carried(
    task: Task,
    names: Sequence[str],
    embed: Embed,
    z: Floats,
    y: arrays.Ints,
    targets: Sequence[Domain],
) -> Iterator[tuple[int, dict[str, float]]]:
    test = concatenate([target.test for target in targets])
    asked, truth = embed(test.x), test.y.numpy()
    if asked is None:
        return
    shares = embeddings.neighbour_shares(z, y, asked, task.outputs)
    values = {name: METRICS[name].score(shares, truth) for name in names}
    yield len(test), values
    for c in embeddings.rare(y, task.outputs):
        if (its := truth == c).any():
            yield (
                int(its.sum()),
                {f"label_transfer {task.classes[c]}": float((shares[its].argmax(1) == c).mean())},
            )
