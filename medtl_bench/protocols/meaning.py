"""What outputs are scored as, and those that look like something else."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from medtl_bench.arrays import Floats
from medtl_bench.contract.task import Task
from medtl_bench.errors import InvalidOutputError

ROUNDED = 1e-3  # how far from 1 probabilities may sum to, in half precision or rounded
# in deviations of the sources' labels: outputs so far off have another scale, and lie near
# labels that were not standardised
FAR, VERY_FAR, NEAR = 4.0, 20.0, 2.0
SURE = 10.0


def answers(task: Task, outputs: Tensor, classes: Sequence[int] | None = None) -> Floats:
    """Return outputs as metrics take them: probabilities [n, classes, ...], or values [n].

    `classes`: to which scores are masked first.
    """
    given = outputs.double()
    if classes is not None:
        allowed = torch.zeros(given.shape[1], dtype=torch.bool)
        allowed[list(classes)] = True
        given = given.masked_fill(~allowed.view(-1, *[1] * (given.ndim - 2)), -torch.inf)
    return np.asarray((given if task.kind == "regression" else given.softmax(1)).numpy())


def refuse_probabilities(task: Task, outputs: Tensor) -> None:
    """Raise InvalidOutputError where scores [n, classes, ...] are probabilities.

    That is: no score is negative and those of every row or pixel sum to 1. Their softmax would
    be taken for the probability, which would spoil all measures of calibration. So are hard
    votes of 0 and 1. Scores that are all equal, as zeros, and logarithms of probabilities are
    none.
    """
    if task.kind == "regression" or not len(outputs) or outputs.min() < 0:
        return
    if ((outputs.double().sum(1) - 1).abs() < ROUNDED).all():
        raise InvalidOutputError(
            "predict returned probabilities: none is negative, and those of every row sum to 1 "
            "over the classes. Scores whose softmax is the probability were expected: return "
            "their logarithm, p.clamp(min=1e-6).log()."
        )


def remarks_on_scale(outputs: Tensor, mean: float, deviation: float) -> Iterator[str]:
    """Yield what is odd about the scale of values [n], which must be in standard units.

    `mean`, `deviation`: of the labels of the sources, by which labels were standardised. Raises
    InvalidOutputError where values are surely in the units of the labels.
    """
    values = outputs.double()
    size, size_if_raw = _size(values), _size((values - mean) / deviation)
    seen = (
        f"predict returned values of mean {values.mean():.4g} and deviation "
        f"{values.std(correction=0):.4g}, but labels are handed over in standard units (mean 0, "
        "deviation 1), and values are expected in these"
    )
    raw = (
        f"{seen}. These look like the units of the labels (mean {mean:.4g}, deviation "
        f"{deviation:.4g}): return (value - {mean:.4g}) / {deviation:.4g}, or what was learned "
        "from the labels as they were handed over."
    )
    if size_if_raw < NEAR and size > SURE:
        raise InvalidOutputError(raw)
    if size_if_raw < NEAR and size > FAR:
        yield raw
    elif size > VERY_FAR:
        yield f"{seen}: they lie {size:.3g} deviations from the labels' mean."


def _size(values: Tensor) -> float:
    return float(values.square().mean().sqrt())
