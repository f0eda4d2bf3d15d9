"""What the integration measures are taken of.

An embedding of what a learner was handed, and labels carried over in it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from medtl_bench import arrays
from medtl_bench.arrays import Floats
from medtl_bench.contract.split import Domain, Inputs, concatenate
from medtl_bench.contract.task import Task
from medtl_bench.metrics import embeddings
from medtl_bench.metrics.registry import METRICS
from medtl_bench.protocols.withheld import Withheld

# rows that are embedded; neighbours and silhouettes of more would cost more than most methods
MOST = 4000
Embed = Callable[[Inputs], Floats | None]


@dataclass(frozen=True)
class _Embedded:
    """Rows in an embedding: `z` [n, width], their domains by number [n], their labels [n]."""

    z: Floats
    batch: arrays.Ints
    y: arrays.Ints


def measured(
    task: Task,
    embed: Embed,
    sources: Sequence[Domain],
    targets: Sequence[Domain],
    draw: torch.Generator,
) -> Iterator[tuple[int, dict[str, float]]]:
    """Yield numbers of rows and the measures taken of them, those of the task of an embedding.

    Of the training rows of all domains, each of which is a batch, at most MOST are
    embedded. Labels are carried from the sources' rows among them to the targets' test
    rows; their recall is told for each rare class too. Nothing is yielded where `embed`
    returns None, or where labels of the targets are withheld.
    """
    rows = _embedded(embed, [*sources, *targets], draw)
    if rows is None:
        return
    if not _withheld(targets):
        names = [name for name in task.embedded if METRICS[name].of == "embedding"]
        yield len(rows.z), {name: METRICS[name].score(rows.z, rows.batch, rows.y) for name in names}
    if carried := [name for name in task.embedded if METRICS[name].of == "neighbours"]:
        of_source = rows.batch < len(sources)
        labelled = _Embedded(rows.z[of_source], rows.batch[of_source], rows.y[of_source])
        yield from _carried(task, carried, embed, labelled, targets)


def _withheld(targets: Sequence[Domain]) -> bool:
    return any(isinstance(target.test.y, Withheld) for target in targets)


def _embedded(embed: Embed, domains: Sequence[Domain], draw: torch.Generator) -> _Embedded | None:
    """Return training rows of all domains, drawn and embedded."""
    handed = concatenate([domain.train for domain in domains])
    chosen = torch.randperm(len(handed), generator=draw)[:MOST].sort().values
    batch = np.repeat(np.arange(len(domains)), [len(domain.train) for domain in domains])
    z = embed(handed.x[chosen])
    return None if z is None else _Embedded(z, batch[chosen.numpy()], handed.y[chosen].numpy())


def _carried(
    task: Task, names: Sequence[str], embed: Embed, labelled: _Embedded, targets: Sequence[Domain]
) -> Iterator[tuple[int, dict[str, float]]]:
    """Yield measures of the labels that test rows get from their neighbours."""
    test = concatenate([target.test for target in targets])
    z, y = embed(test.x), test.y.numpy()
    if z is None or isinstance(test.y, Withheld):
        return
    shares = embeddings.neighbour_shares(labelled.z, labelled.y, z, task.outputs)
    yield len(test), {name: METRICS[name].score(shares, y) for name in names}
    for number in embeddings.rare(labelled.y, task.outputs):
        rows = y == number
        if rows.any():
            recall = float((shares[rows].argmax(1) == number).mean())
            yield int(rows.sum()), {f"label_transfer {task.classes[number]}": recall}
