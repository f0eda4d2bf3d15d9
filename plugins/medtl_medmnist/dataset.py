"""MedMNIST sets as tasks of one class against the rest: common ones are sources, rare targets."""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch

from medtl_bench.arrays import Bools, Ints
from medtl_bench.contract.dataset import Card, Dataset
from medtl_bench.contract.scenario import Stream, Transfer
from medtl_bench.contract.split import Domain, Split
from medtl_bench.contract.task import Change, Task
from medtl_bench.errors import DataError
from medtl_bench.files import cache
from medtl_bench.files.downloads import content
from medtl_bench.randomness import generator
from medtl_medmnist.archive import Images, Labels, read
from medtl_medmnist.naming import chosen, joined, licences
from medtl_medmnist.sets import Set

CODE = sorted(Path(__file__).parent.glob("*.py"))
MOST = {"train": 150, "val": 30, "test": 100}  # of each of the two labels of a task
IN_STREAM = 5
METRICS = ("balanced_accuracy", "sensitivity_at_95_specificity", "roc_auc", "ece", "brier")


def build(argument: str) -> Dataset:
    """Return the dataset of the sets in an argument like "bloodmnist+dermamnist".

    Raises MedTLError on an argument that names no fitting sets, NotDownloadedError,
    IntegrityError, or DataError on a file that is not in MedMNIST's format.
    """
    sets = chosen(argument)
    tables = [load(dataset) for dataset in sets]
    share = _by_task(sets, tables, "share")
    is_rare = _by_task(sets, tables, "rare")
    if not any(is_rare.values()):
        is_rare[min(share, key=share.__getitem__)] = True
    rare = tuple(name for name in share if is_rare[name])
    common = tuple(name for name in share if not is_rare[name])
    dropped = sum(int(table["dropped"]) for table in tables)
    return Dataset(
        name=f"medmnist:{joined(sets)}",
        card=_card(sets, {name: share[name] for name in rare}, dropped),
        task=Task("classification", ("rest", "this class"), METRICS, _allowed(sets)),
        domains=_domains(sets, tables),
        transfers=(Transfer("common-to-rare", common, rare),),
        streams=(Stream("common", common[:IN_STREAM]),) if len(common) > 1 else (),
        labels="own",
    )


def _allowed(sets: Sequence[Set]) -> tuple[Change, ...]:
    """Return which changes leave labels what they are: a mirrored left kidney is a right one."""
    sides = any(label.endswith("-left") for dataset in sets for label in dataset.labels)
    return ("affine", "intensity") if sides else ("flips", "affine", "intensity")


def _by_task(sets: Sequence[Set], tables: Sequence[cache.Arrays], array: str) -> dict[str, Any]:
    """Return an array of each set, as a value of each task by the name of its domain."""
    names = chain.from_iterable(_names(dataset) for dataset in sets)
    return dict(zip(names, np.concatenate([t[array] for t in tables]).tolist(), strict=True))


def _names(dataset: Set) -> list[str]:
    return [f"{dataset.name}/{task}" for task in dataset.tasks]


def _domains(sets: Sequence[Set], tables: Sequence[cache.Arrays]) -> tuple[Domain, ...]:
    """Return a domain of each task; all have the channels of the set that has most."""
    channels = max(table["0/train/x"].shape[1] for table in tables)
    domains = []
    for dataset, table in zip(sets, tables, strict=True):
        for task, name in enumerate(_names(dataset)):
            splits = (_split(table, f"{task}/{split}", channels) for split in MOST)
            domains.append(Domain(name, *splits))
    return tuple(domains)


def _split(table: cache.Arrays, where: str, channels: int) -> Split:
    x = torch.from_numpy(table[f"{where}/x"]).float() / 255
    return Split(x.expand(-1, channels, -1, -1).contiguous(), torch.from_numpy(table[f"{where}/y"]))


def load(dataset: Set) -> cache.Arrays:
    """Return the arrays that `arranged` makes of the file of a set.

    Raises NotDownloadedError, IntegrityError or DataError.
    """
    file = content(dataset.remote)

    def make() -> cache.Arrays:
        return arranged(dataset, read(file, dataset))

    return cache.arrays(dataset.name, [dataset.md5], CODE, make)


def arranged(dataset: Set, splits: dict[str, tuple[Images, Labels]]) -> cache.Arrays:
    """Return rows by task and split, "0/train/x" and "0/train/y", `share`, `rare` and `dropped`.

    An image of which an exact copy is in a later split is `dropped`, the test split being
    the last. The third of the tasks with the smallest share of the training images are
    rare. No image of a rare class is in the task of a common one, or in a rest.
    """
    images, labels, dropped = _without_copies(splits)
    positive = {split: dataset.members(labels[split]) for split in splits}
    share = positive["train"].mean(0)
    rare = share.argsort(kind="stable").argsort(kind="stable") < len(share) // 3
    arrays: cache.Arrays = {"share": share, "rare": rare, "dropped": np.array(dropped)}
    for task in range(len(share)):
        for split in splits:
            rest, members = _sides(positive[split], task, rare)
            rows = [_drawn(dataset, task, split, side) for side in (rest, members)]
            arrays[f"{task}/{split}/x"] = images[split][np.concatenate(rows)]
            arrays[f"{task}/{split}/y"] = np.repeat([0, 1], [len(side) for side in rows])
    return arrays


def _sides(positive: Bools, task: int, rare: Bools) -> tuple[Bools, Bools]:
    """Return which images [n] may stand for the rest and for the class of a task.

    `positive`: [n, tasks]. `rare`: [tasks].
    """
    members = positive[:, task]
    novel = positive[:, rare & (np.arange(len(rare)) != task)].any(1)
    return ~members & ~novel, members if rare[task] else members & ~novel


def _without_copies(
    splits: dict[str, tuple[Images, Labels]],
) -> tuple[dict[str, Images], dict[str, Labels], int]:
    later: set[bytes] = set()
    images, labels, dropped = {}, {}, 0
    for split in reversed(MOST):
        x, y = splits[split]
        pixels = [image.tobytes() for image in x]
        new = np.array([image not in later for image in pixels], dtype=bool)
        later.update(pixels)
        images[split], labels[split] = x[new], y[new]
        dropped += int((~new).sum())
    return images, labels, dropped


def _drawn(dataset: Set, task: int, split: str, side: Bools) -> Ints:
    """Return at most so many rows of a mask as a split takes of each label, the same each time."""
    rows = np.flatnonzero(side)
    source = generator("medmnist", dataset.name, task, split)
    order = torch.randperm(len(rows), generator=source)[: MOST[split]].numpy()
    if not len(order) and split != "val":
        raise DataError(
            f"The {split} split of {dataset.name} has no image on one side of the task "
            f"{dataset.tasks[task]!r}."
        )
    return np.asarray(rows[order])


def _card(sets: Sequence[Set], rare: dict[str, float], dropped: int) -> Card:
    shares = ", ".join(f"{name} {share:.1%}" for name, share in rare.items())
    names = ", ".join(dataset.name for dataset in sets)
    return Card(
        area="imaging",
        licence=licences(sets),
        source=f"MedMNIST v2 in 28 x 28 pixels, {names}, Zenodo record 10519652",
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
        "retinamnist a grade or a higher one, in chestmnist a finding (an image may have "
        "several, and each is asked for by itself: no task has several labels a row), and "
        "sets with two classes make one task, the disease. The rarest third of a set's "
        f"tasks are the targets (share of the training images: {shares}). Of each label at most "
        f"{MOST['train']} images are drawn for training, {MOST['val']} for validation "
        f"and {MOST['test']} for testing, so prevalence is not the clinic's. The "
        f"official splits are kept, but {dropped} images were dropped for an exact copy "
        "in validation or test. The files do not say which patient an image is of, so "
        "there are no groups, and images of one patient may be on both sides. Grey "
        "images are repeated to three channels where a joined set has colours.",
    )
