"""How what is wrong with inputs or labels is mended, in a sentence each."""

import torch
from torch import Tensor

from medtl_bench.contract.task import Task

SHOWN_VALUES = 6
LATER = "are not taken yet"
OF_ROWS = "Names are numbered first: torch.from_numpy(numpy.unique(names, return_inverse=True)[1])."


def of_inputs(part: Tensor) -> str:
    """Say how inputs of another type become float32."""
    if part.dtype == torch.uint8 and part.ndim == 4:
        return "Images of 0..255 become that by x.float() / 255."
    if part.is_complex():
        return "Give real and imaginary part as columns or channels of their own."
    return "They become that by x.float()."


def of_missing(name: str) -> str:
    """Say what to do with values that are not there."""
    return f"Leave these rows out, or fill {name} in and say on the card how."


def of_label_type(task: Task, y: Tensor) -> str:
    """Say how labels of another type become those that a task takes."""
    if y.ndim == 2 and task.kind == "classification":
        return _of_several_labels(y)
    if task.kind == "regression":
        return "They become that by y.float()."
    if y.is_floating_point() and not y.isfinite().all():
        return "Leave rows without a label out."
    if y.is_floating_point() and (y != y.round()).any():
        return "Classes are whole numbers, from 0."
    mend = "They become that by y.long()."
    inside = y.min() >= 0 and y.max() < task.outputs
    return mend if inside else f"{mend} {of_label_range(y.long(), task.outputs)}"


def of_label_shape(task: Task, y: Tensor) -> str:
    """Say what labels of another shape probably are, and what is taken."""
    if y.ndim == 2 and y.shape[1] == 1:
        return "One label a row is y[:, 0]."
    if task.kind == "classification" and y.ndim == 2:
        return _of_several_labels(y)
    if task.kind == "regression" and y.ndim == 2:
        return f"Several values a row {LATER}: give each as a dataset or domain of its own."
    if task.kind == "segmentation" and y.ndim == 4:
        return f"Masks are [n, height, width]; those of volumes {LATER}: give slices."
    if y.ndim == 3:
        return 'Masks have a task of their own: Task("segmentation", classes).'
    return "One label a row is expected, for masks one a pixel."


def _of_several_labels(y: Tensor) -> str:
    if (y.sum(1) == 1).all():
        return "One class a row in columns of 0 and 1 becomes its number by y.argmax(1)."
    return f"Several labels a row {LATER}: give each as a dataset or domain of its own."


def of_mask_shape(x: Tensor, masks: torch.Size) -> str:
    """Say how images [n, ...] or masks [n, ...] are given, where they do not fit."""
    if x.ndim == 4 and x.shape[1:3] == masks:
        return "Images are [n, channels, height, width]: x.movedim(3, 1)."
    if x.ndim == 3 and x.shape[1:] == masks:
        return "Images are [n, channels, height, width]: x[:, None]."
    if len(masks) == 3 and masks[1:] == x.shape[2:]:
        return "Masks are the number of a class for each pixel: y.squeeze(1) or y.argmax(1)."
    return "Masks are [n, height, width], images [n, channels, height, width]."


def of_label_range(y: Tensor, classes: int) -> str:
    """Say which values labels have, and how they become numbers of classes."""
    values = y.unique().tolist()
    more = f" and {len(values) - SHOWN_VALUES} more" if len(values) > SHOWN_VALUES else ""
    seen = f"The values are {', '.join(map(str, values[:SHOWN_VALUES]))}{more}"
    return f"{seen}: {_numbering(values, classes)}."


def _numbering(values: list[int], classes: int) -> str:
    """Say how values become 0..classes - 1."""
    low, high = min(values), max(values)
    if low == 1 and high <= classes:
        return "classes are numbered from 0, as y - 1"
    if classes == 2 and (low < high or low > 1) and len(values) <= 2:
        zero = low in {0, high}
        return f"y // {high} is 0 and 1" if zero else f"(y == {high}).long() is 0 and 1"
    if low < 0 or high == 255:
        return "what has no label is left out, or is a class of its own"
    return "classes are numbered from 0, the same in all domains"
