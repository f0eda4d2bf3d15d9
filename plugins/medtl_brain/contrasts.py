"""brain-contrasts: the tissues of simulated subjects, to segment in T1, T2, proton density, FLAIR and computed tomography."""

from functools import cache

import numpy as np
import torch

from medtl_bench.data import Card, Dataset, Domain, Split, Stream, Task, Transfer
from medtl_brain import anatomy, scanner
from medtl_brain.anatomy import LEVELS, TISSUES, Floats, Subject, stream
from medtl_brain.scanner import Scanner

SCANNERS = {"t1": scanner.T1, "t2": scanner.T2, "pd": scanner.PD, "flair": scanner.FLAIR, "ct": scanner.CT}
SUBJECTS = {"train": 6, "val": 2, "test": 12}  # of each contrast
SLICES = 2  # of each subject, one in the lower and one in the upper half of LEVELS


def build() -> Dataset:
    """Return the dataset."""
    names = tuple(SCANNERS)
    return Dataset(
        name="brain-contrasts",
        card=CARD,
        task=Task("segmentation", ("background", *TISSUES), METRICS),
        domains=tuple(_domain(name, taken) for name, taken in SCANNERS.items()),
        transfers=(Transfer("t1-to-t2", ("t1",), ("t2",)),),
        streams=(Stream("contrasts", ("t1","t2","flair","ct")),),
    )


def _domain(name: str, taken: Scanner) -> Domain:
    first, splits = 0, []
    for count in SUBJECTS.values():
        splits.append(_split(name, taken, range(first, first + count)))
        first += count
    return Domain(name, *splits)


def _split(name: str, taken: Scanner, subjects: range) -> Split:
    slices = {number: _slices(name, number) for number in subjects}
    images = [taken.image(clean(taken, one), stream("brain-contrasts", name, number, "scan", level))
              for number, several in slices.items() for level, one in enumerate(several)]
    y = anatomy.labels(np.concatenate(list(slices.values())))
    groups = torch.tensor(list(subjects)).repeat_interleave(SLICES)
    return Split(torch.tensor(np.stack(images)[:, None], dtype=torch.float32), torch.from_numpy(y), groups)


def _slices(name: str, number: int) -> Floats:
    source = stream("brain-contrasts", name, number)
    subject = Subject.drawn(source)
    low, high = LEVELS
    height = (high - low) / SLICES
    return subject.slices([low + height * (part + source.uniform()) for part in range(SLICES)])


def clean(taken: Scanner, one: Floats) -> Floats:
    """Return the signals [h, w] of a slice [volume, h, w] before anything spoils them."""
    if taken.signal is None:
        return one[0]
    return np.tensordot([taken.signal[tissue] for tissue in TISSUES], one[1:], 1)


METRICS = ("dice", "ece", "brier", "hd95", "dice_class_1", "dice_class_2", "dice_class_3")
CARD = Card(
    area="imaging",
    licence="x", source="x", citation="x", shift="x", provenance="semi-synthetic", privacy="x", intended_use="x", notes="x")
