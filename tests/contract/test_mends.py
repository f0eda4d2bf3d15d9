"""Inputs and labels of other forms are refused with the way to mend them, which mends them."""

import pytest
import torch
from tensordict import TensorDict

from medtl_bench.contract.split import Domain, Split
from medtl_bench.contract.task import Task
from medtl_bench.errors import DataError

CLASSES, THREE = Task("classification", ("no", "yes")), Task("segmentation", ("b", "c", "d"))
VALUES, MASKS = Task("regression"), Task("segmentation", ("background", "blob"))


def images(rows: int, seed: int) -> torch.Tensor:
    return torch.randn(rows, 1, 6, 5, generator=torch.Generator().manual_seed(seed))


def blobs(x: torch.Tensor) -> torch.Tensor:
    return (x[:, 0] > 0).long()


def labels(x: torch.Tensor) -> torch.Tensor:
    return torch.arange(len(x)) % 2


@pytest.fixture
def built(make_dataset):
    """Return a function: a dataset of images, x and y of which went through functions."""

    def make(task: Task, x, y, of_images=None):
        def split(rows: int, seed: int) -> Split:
            drawn = images(rows, seed)
            made = (of_images or (blobs if task.kind == "segmentation" else labels))(drawn)
            return Split(x(drawn), y(made))

        domains = [
            Domain(name, *(split(rows, 10 * number + rows) for rows in (6, 2, 4)))
            for number, name in enumerate("abc")
        ]
        return make_dataset(task=task, domains=tuple(domains))

    return make


def same(tensor: torch.Tensor) -> torch.Tensor:
    return tensor


# task, how x is given, how y is given, what is told, the same as the mend has it for x and y
CASES = {
    "images of bytes": (CLASSES, lambda x: (50 * x).abs().byte(), same, r"x\.float\(\) / 255"),
    "doubles": (CLASSES, torch.Tensor.double, same, r"that by x\.float\(\)"),
    "complex": (CLASSES, lambda x: x + 0j, same, "Give real and imaginary part"),
    "one number a row": (CLASSES, lambda x: x[:, 0, 0, 0], same, r"columns: x\[:, None\]"),
    "missing": (CLASSES, lambda x: x.log(), same, r"in rows .*\. Leave these rows out, or fill x"),
    "masks of 255": (MASKS, same, lambda y: 255 * y, r"The values are 0, 255: y // 255 is 0 and 1"),
    "bytes of 255": (MASKS, same, lambda y: (255 * y).byte(), r"y\.long\(\).*: y // 255"),
    "masks of 128 and 255": (MASKS, same, lambda y: 128 + 127 * y, r"\(y == 255\)\.long\(\)"),
    "masks from 1": (MASKS, same, lambda y: y + 1, "numbered from 0, as y - 1"),
    "masks with a void": (THREE, same, lambda y: 255 * y + 1 - y, "what has no label is left out"),
    "masks of truth": (MASKS, same, torch.Tensor.bool, r"that by y\.long\(\)"),
    "masks in an axis": (MASKS, same, lambda y: y[:, None], r"y\.squeeze\(1\)"),
    "channels last": (MASKS, lambda x: x.movedim(1, 3), same, r"x\.movedim\(3, 1\)"),
    "no channel": (MASKS, lambda x: x[:, 0], same, r"width\]: x\[:, None\]"),
    "volumes": (MASKS, lambda x: x[:, None], lambda y: y[:, None], "volumes are not taken yet"),
    "classes from 1": (CLASSES, same, lambda y: y + 1, "as y - 1"),
    "signs": (CLASSES, same, lambda y: 2 * y - 1, r"\(y == 1\)\.long\(\)"),
    "none as -1": (CLASSES, same, lambda y: y - (torch.arange(len(y)) % 4 == 0).long(),
                   "what has no label is left out"),
    "classes as floats": (CLASSES, same, torch.Tensor.float, r"that by y\.long\(\)"),
    "shares as classes": (CLASSES, same, lambda y: y / 3, "Classes are whole numbers"),
    "no class": (CLASSES, same, lambda y: y.float().log(), "rows without a label out"),
    "one column": (CLASSES, same, lambda y: y[:, None], r"One label a row is y\[:, 0\]"),
    "one column a class": (CLASSES, same, torch.nn.functional.one_hot, r"y\.argmax\(1\)"),
    "several labels": (CLASSES, same, lambda y: torch.stack([y, 1 - y, y], 1), "Several labels a"),
    "several as floats": (CLASSES, same, lambda y: torch.ones(len(y), 3), "Several labels a row"),
    "masks of classes": (CLASSES, same, lambda y: y[:, None, None].expand(-1, 6, 5),
                         r'Task\("segmentation", classes\)'),
    "whole values": (VALUES, same, same, r"that by y\.float\(\)"),
    "several values": (VALUES, same, lambda y: torch.ones(len(y), 2), "Several values a row"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_is_refused_is_told_with_its_mend(built, name):
    task, x, y, told = CASES[name]
    with pytest.raises(DataError, match=rf"Dataset 'small', domain 'a', train: .*{told}.*\.$"):
        built(task, x, y)


def test_masks_of_inputs_of_several_parts_are_refused(make_dataset):
    def split(rows: int, seed: int) -> Split:
        x = images(rows, seed)
        both = TensorDict({"image": x, "record": x[:, 0, 0]}, batch_size=[rows])
        return Split(both, blobs(x))

    domains = tuple(Domain(n, *(split(k, 9 * i + k) for k in (6, 2, 4)))
                    for i, n in enumerate("abc"))  # fmt: skip
    with pytest.raises(DataError, match=r"images alone, but inputs have the parts \['image', 're"):
        make_dataset(task=MASKS, domains=domains)


@pytest.mark.parametrize(("member", "wrong"), [("task", "classification"), ("card", {"area": "x"})])
def test_a_card_or_a_task_that_is_none_is_refused(make_dataset, member, wrong):
    with pytest.raises(DataError, match=f"Dataset 'small': {member} must be a {member.title()}, "):
        make_dataset(**{member: wrong})
