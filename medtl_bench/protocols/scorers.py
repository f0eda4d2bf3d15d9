"""What scorers without target labels are taken of: rows of target and sources."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from medtl_bench.arrays import Floats
from medtl_bench.contract.split import Inputs, Split, concatenate
from medtl_bench.metrics.registry import SCORER
from medtl_bench.metrics.scorers import MIXED, Seen, scores
from medtl_bench.protocols.examiner import Examiner, defined, rows
from medtl_bench.protocols.withheld import Withheld
from medtl_bench.results.record import Score

MOST_ROWS = 500  # of target and sources each: cosines and clusters of more are slow


def scored(
    examiner: Examiner,
    unlabelled: Inputs,
    validation: Sequence[Split],
    draw: torch.Generator,
) -> Iterator[Score]:
    """Yield what scorers say of a learner just validated, at the stage `unlabelled`.

    unlabelled: inputs of the target's training rows; nothing else of it is handed here.
    validation: of the sources, in the order in which they were validated. Of many rows
    some are drawn. Where the labels of validation are withheld the learner is asked the
    same, and nothing is yielded.
    """
    seen = _seen(examiner, unlabelled[_some(unlabelled.shape[0], draw)], validation, draw)
    if seen is not None:
        named = {f"{SCORER} {name}": value for name, value in scores(seen).items()}
        yield from rows("unlabelled", len(seen.target), defined(named))


def _some(rows: int, draw: torch.Generator) -> Tensor:
    return torch.randperm(rows, generator=draw)[:MOST_ROWS].sort().values


def _seen(
    examiner: Examiner, x: Inputs, validation: Sequence[Split], draw: torch.Generator
) -> Seen | None:
    """Ask the learner for all that scorers see; None where labels are withheld."""
    pooled = concatenate(validation)
    chosen = _some(len(pooled), draw)
    partner = torch.randperm(x.shape[0], generator=draw)
    target, mixed = _outputs(examiner, x), None
    if isinstance(x, Tensor):
        mixed = _outputs(examiner, MIXED * x + (1 - MIXED) * x[partner])
    source = _numbers(torch.cat([outputs for outputs, _ in examiner.validated])[chosen])
    of_target = _features(examiner, x, target)
    of_source = _features(examiner, pooled.x[chosen], source)
    if isinstance(pooled.y, Withheld):
        return None
    y = pooled.y[chosen].numpy()
    return Seen(target, source, y, of_target, of_source, mixed, partner.numpy())


def _outputs(examiner: Examiner, x: Inputs) -> Floats:
    """Return class scores of rows of which no label is known."""
    none = torch.zeros(x.shape[0], dtype=torch.int64).as_subclass(Withheld)
    return _numbers(examiner.outputs(Split(x, none)))


def _features(examiner: Examiner, x: Inputs, outputs: Floats) -> Floats:
    """Return what a learner makes of inputs, or its outputs where it embeds none."""
    embedded = examiner.embedded(x)
    return outputs if embedded is None else embedded


def _numbers(outputs: Tensor) -> Floats:
    return np.asarray(outputs.double().numpy())
