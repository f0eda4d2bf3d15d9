"""MedMNIST sets as tasks of one class against the rest: common ones are sources, rare targets."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from medtl_bench.contract.dataset import Card, Dataset
from medtl_bench.contract.scenario import Stream, Transfer
from medtl_bench.contract.split import Domain, Split
from medtl_bench.contract.task import Task
from medtl_bench.errors import DataError
from medtl_bench.files import cache
from medtl_bench.files.archives import Limits, members
from medtl_bench.files.downloads import content
from medtl_bench.randomness import generator
from medtl_medmnist.sets import Set, chosen

CODE = sorted(Path(__file__).parent.glob("*.py"))
Images = NDArray[np.uint8]
Labels = NDArray[np.int64]
LIMITS = Limits(members=20)
SIDE = 28
MOST = {"train": 150, "val": 30, "test": 100}  # of each of the two labels of a task
IN_STREAM = 5
METRICS = ("balanced_accuracy", "sensitivity_at_95_specificity", "roc_auc", "ece", "brier")


def build(argument: str) -> Dataset:
    """Return the dataset of the sets in an argument like "bloodmnist+dermamnist".

    Raises MedTLError on an argument that names no fitting sets, NotDownloadedError,
    IntegrityError, or DataError on a file that is not in MedMNIST's format.
    """
    sets = chosen(argument)
    tables = [load(one) for one in sets]
    names = [f"{one.name}/{task}" for one in sets for task in one.tasks]
    share, is_rare = (
        np.concatenate([table[what] for table in tables]) for what in ("share", "rare")
    )
    if not is_rare.any():
        is_rare[share.argmin()] = True
    common, rare = (tuple(np.array(names)[mask].tolist()) for mask in (~is_rare, is_rare))
    channels = max(table["0/train/x"].shape[1] for table in tables)
    return Dataset(
        name=f"medmnist:{argument}",
        card=_card(
            sets,
            dict(zip(names, share.tolist(), strict=True)),
            rare,
            sum(int(table["dropped"]) for table in tables),
        ),
        task=Task("classification", ("rest", "this class"), METRICS),
        domains=tuple(
            Domain(
                f"{one.name}/{task}",
                *(_split(table, f"{number}/{split}", channels) for split in MOST),
            )
            for one, table in zip(sets, tables, strict=True)
            for number, task in enumerate(one.tasks)
        ),
        transfers=(Transfer("common-to-rare", common, rare),),
        streams=(Stream("common", common[:IN_STREAM]),) if len(common) > 1 else (),
    )


def _split(table: cache.Arrays, where: str, channels: int) -> Split:
    x = torch.from_numpy(table[f"{where}/x"]).float() / 255
    return Split(x.expand(-1, channels, -1, -1).contiguous(), torch.from_numpy(table[f"{where}/y"]))


def load(one: Set) -> cache.Arrays:
    """Return the arrays that `arranged` makes of the file of a set.

    Raises NotDownloadedError, IntegrityError or DataError.
    """
    file = content(one.remote)
    return cache.arrays(one.name, [one.md5], CODE, lambda: arranged(one, read(file, one)))


def read(file: bytes, one: Set) -> dict[str, tuple[Images, Labels]]:
    """Return images [n, channels, side, side] and labels by split; raises DataError.

    The file must be in MedMNIST's format.
    """
    held = members(file, one.remote.path, LIMITS)
    return {
        split: _checked(
            one, split, *(_array(held, f"{split}_{what}", one) for what in ("images", "labels"))
        )
        for split in MOST
    }


def arranged(one: Set, splits: dict[str, tuple[Images, Labels]]) -> cache.Arrays:
    """Return rows by task and split, "0/train/x" and "0/train/y", `share`, `rare` and `dropped`.

    An image of which an exact copy is in a later split is `dropped`, the test split being
    the last. The third of the tasks with the smallest share of the training images are
    rare. No image of a rare class is in the task of a common one, or in a rest.
    """
    images, labels, dropped = _without_copies(splits)
    its = {split: one.members(labels[split]) for split in splits}
    share = its["train"].mean(0)
    rare = share.argsort(kind="stable").argsort(kind="stable") < len(share) // 3
    arrays: cache.Arrays = {"share": share, "rare": rare, "dropped": np.array(dropped)}
    for task in range(len(share)):
        for split in splits:
            positive = its[split][:, task]
            novel = its[split][:, rare & (np.arange(len(share)) != task)].any(1)
            known = positive if rare[task] else positive & ~novel
            rows = [_drawn(one, task, split, mask) for mask in (~positive & ~novel, known)]
            arrays[f"{task}/{split}/x"] = images[split][np.concatenate(rows)]
            arrays[f"{task}/{split}/y"] = np.repeat([0, 1], [len(part) for part in rows])
    return arrays


def _without_copies(
    splits: dict[str, tuple[Images, Labels]],
) -> tuple[dict[str, Images], dict[str, Labels], int]:
    known: set[bytes] = set()
    images, labels, dropped = {}, {}, 0
    for split in reversed(MOST):
        x, y = splits[split]
        marks = [image.tobytes() for image in x]
        keep = np.array([mark not in known for mark in marks], dtype=bool)
        known.update(marks)
        images[split], labels[split] = x[keep], y[keep]
        dropped += int((~keep).sum())
    return images, labels, dropped


def _drawn(one: Set, task: int, split: str, mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return at most so many rows of a mask as a split takes of each label, the same each time."""
    rows = np.flatnonzero(mask)
    order = torch.randperm(len(rows), generator=generator("medmnist", one.name, task, split))[
        : MOST[split]
    ].numpy()
    if not len(order) and split != "val":
        raise DataError(
            f"The {split} split of {one.name} has no image on one side of the task "
            f"{one.tasks[task]!r}."
        )
    return rows[order]


def _array(held: dict[str, bytes], name: str, one: Set) -> NDArray[Any]:
    if f"{name}.npy" not in held:
        raise DataError(
            f"The file {one.remote.path} has no array {name!r}; it holds "
            f"{', '.join(sorted(held)) or 'nothing'}."
        )
    try:
        return np.load(io.BytesIO(held[f"{name}.npy"]), allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise DataError(
            f"The array {name!r} of {one.remote.path} cannot be read: {error}."
        ) from error


def _checked(
    one: Set, split: str, images: NDArray[Any], labels: NDArray[Any]
) -> tuple[Images, Labels]:
    columns = len(one.labels) if one.kind == "findings" else 1
    shape = (len(images), SIDE, SIDE)
    if (
        images.dtype != np.uint8
        or images.shape not in {shape, (*shape, 3)}
        or labels.shape != (len(images), columns)
    ):
        told = (
            f"The {split} images of {one.name} are {images.dtype}{list(images.shape)} "
            f"and their labels {list(labels.shape)}"
        )
        raise DataError(
            f"{told}, but uint8 images of {SIDE} x {SIDE} with {columns} label(s) each "
            "were expected."
        )
    most = 1 if one.kind == "findings" else len(one.labels) - 1
    if not np.issubdtype(labels.dtype, np.integer) or (
        len(labels) and not 0 <= labels.min() <= labels.max() <= most
    ):
        raise DataError(f"The {split} labels of {one.name} must be whole numbers in 0..{most}.")
    return images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2), labels.astype(
        np.int64
    )


def _card(sets: Sequence[Set], share: dict[str, float], rare: Sequence[str], dropped: int) -> Card:
    told = ", ".join(f"{name} {share[name]:.1%}" for name in rare)
    return Card(
        area="imaging",
        licence=", ".join(f"{one.licence} ({one.name})" for one in sets),
        source=f"MedMNIST v2 in 28 x 28 pixels, {', '.join(one.name for one in sets)}, "
        "Zenodo record 10519652",
        citation="Yang et al. 2023, MedMNIST v2, Scientific Data 10:41, and the source "
        "of each set that is named there",
        shift="Another class, and where sets are joined another organ and camera. The "
        "rare classes are in no task of a common one: they are as a new disease is, of "
        "which few images are known.",
        provenance="real",
        privacy="Public, de-identified images; see each source.",
        intended_use="Comparing transfer and few-shot methods. The images are far too "
        "small for any diagnosis.",
        notes="A task is one class against the other, common classes of its set; in "
        "retinamnist a grade or a higher one, in chestmnist a finding, and sets with two "
        "classes make one task, the disease. The rarest third of a set's tasks are the "
        f"targets (share of the training images: {told}). Of each label at most "
        f"{MOST['train']} images are drawn for training, {MOST['val']} for validation "
        f"and {MOST['test']} for testing, so prevalence is not the clinic's. The "
        f"official splits are kept, but {dropped} images were dropped for an exact copy "
        "in validation or test. The files do not say which patient an image is of, so "
        "there are no groups, and images of one patient may be on both sides. Grey "
        "images are repeated to three channels where a joined set has colours.",
    )
