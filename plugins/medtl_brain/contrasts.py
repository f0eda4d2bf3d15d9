"""brain-contrasts: tissues to segment in T1, T2, proton density, FLAIR and CT.

The subjects are simulated. What a network learns on T1 fails on the other contrasts, most
where fluid is bright, and a few labelled images there bring much of it back; the tests
state by how much at least.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from medtl_bench.arrays import Floats
from medtl_bench.contract.dataset import Card, Dataset
from medtl_bench.contract.scenario import Stream, Transfer
from medtl_bench.contract.split import Domain, Split
from medtl_bench.contract.task import Task
from medtl_bench.files import cache
from medtl_brain import anatomy
from medtl_brain.anatomy import LEVELS, TISSUES, Subject, stream
from medtl_brain.scanner import CT, FLAIR, PD, T1, T2, Scanner

SCANNERS = {"t1": T1, "t2": T2, "pd": PD, "flair": FLAIR, "ct": CT}
SUBJECTS = {"train": 20, "val": 10, "test": 100}  # of each contrast
SLICES = 2  # of each subject, one in the lower and one in the upper half of LEVELS
ARRAYS = ("x", "y", "subject")  # of each domain and split
CLASSES = range(1, len(TISSUES) + 1)
OF_CLASS = tuple(f"{name}_class_{number}" for name in ("dice", "hd95") for number in CLASSES)
METRICS = ("dice", "ece", "brier", "hd95", *OF_CLASS)

CARD = Card(
    area="imaging",
    origin="ICBM152 template",
    licence="ICBM: use, copy, modify and distribute, with the copyright notice "
    "(plugins/medtl_brain/data/README.md)",
    source="MNI ICBM152 2009a symmetric template (T1, grey and white matter), from "
    "nilearn 0.14.1 on PyPI, at 2 mm",
    citation="Fonov, Evans, Botteron, Almli, McKinstry and Collins 2011, Unbiased "
    "average age-appropriate atlases for pediatric studies, NeuroImage 54(1); Kwan, "
    "Evans and Pike 1999, MRI simulation-based evaluation of image-processing and "
    "classification methods, IEEE Transactions on Medical Imaging 18(11)",
    shift="Another contrast. Fluid is dark in T1 and computed tomography, black in "
    "FLAIR, brightest in T2 and proton density; white matter is brighter than grey in T1 "
    "alone. Blur, noise and unevenness differ too. The anatomy does not shift: all "
    "contrasts show subjects drawn alike, and no subject is in two of them.",
    provenance="semi-synthetic",
    privacy="No single person's data: the template is an average over 152 healthy adults.",
    intended_use="Comparing methods across contrasts in seconds. Not for choosing a "
    "segmentation tool for patients: nobody here is ill, old or a child, no skull is "
    "shown, and a slice has 32 x 32 pixels.",
    notes="Measured: the T1 template and its tissue maps. Simulated: every subject is "
    "that one template moved, turned, stretched and smoothly bent at random, so subjects "
    "differ less than people do and scores are kinder; T2, PD and FLAIR are signal "
    "equations with BrainWeb's relaxation times at 1.5 T, computed tomography is "
    "Hounsfield units of the tissues; blur, bias field and noise are drawn. Fluid is "
    "what the brain mask holds besides grey and white matter. Classes: 0 background, 1 "
    "cerebrospinal fluid, 2 grey matter, 3 white matter, by the largest share of a pixel "
    "of 4 mm; fluid has about 4% of the pixels. A magnetic resonance image is scaled by "
    "its own median. Of each subject there are two slices, from the lower and the upper "
    "half of the 60 mm between midbrain and centrum semiovale; both stand in one split "
    "(group). Levels are not kept apart: since all subjects come from one template, a "
    "test slice resembles training slices of nearby levels.",
)


def build() -> Dataset:
    """Return the dataset."""
    table = images()
    return Dataset(
        name="brain-contrasts",
        card=CARD,
        task=Task("segmentation", ("background", *TISSUES), METRICS),
        domains=tuple(_domain(name, table) for name in SCANNERS),
        transfers=tuple(
            Transfer(f"t1-to-{name}", ("t1",), (name,), optional=name != "t2", unit="subject")
            for name in SCANNERS
            if name != "t1"
        ),
        streams=(Stream("contrasts", ("t1", "t2", "flair", "ct")),),
    )


def _domain(name: str, table: cache.Arrays) -> Domain:
    return Domain(name, *(_split(f"{name} {part}", table) for part in SUBJECTS))


def _split(place: str, table: cache.Arrays) -> Split:
    return Split(*(torch.from_numpy(table[f"{place} {array}"]) for array in ARRAYS))


def images() -> cache.Arrays:
    """Return images, masks and subjects of each domain and split, drawn once and then kept."""
    anatomy.checked()
    return cache.arrays("brain-contrasts", anatomy.IDENTITY, anatomy.CODE, drawn)


def drawn() -> cache.Arrays:
    """Draw them all, the same each time."""
    table: cache.Arrays = {}
    for name in SCANNERS:
        first = 0
        for part, count in SUBJECTS.items():
            arrays = _scans(name, range(first, first + count))
            table |= {f"{name} {part} {a}": array for a, array in zip(ARRAYS, arrays, strict=True)}
            first += count
    return table


def _scans(name: str, subjects: range) -> tuple[NDArray[Any], ...]:
    """Return images [n, 1, h, w], classes [n, h, w] and subjects [n] of all their slices."""
    slices = np.concatenate([_slices(name, subject) for subject in subjects])
    groups = np.repeat(list(subjects), SLICES)
    scans = [
        _scan(name, SCANNERS[name], section, int(subject), row % SLICES)
        for row, (section, subject) in enumerate(zip(slices, groups, strict=True))
    ]
    return np.stack(scans)[:, None].astype(np.float32), anatomy.labels(slices), groups


def _scan(name: str, scanner: Scanner, section: Floats, subject: int, number: int) -> Floats:
    source = stream("brain-contrasts", name, "scan", subject, number)
    return scanner.image(scanner.clean(section), source)


def _slices(name: str, subject: int) -> Floats:
    """Return slices [n, volume, h, w] of a subject, at random heights in equal parts of LEVELS."""
    source = stream("brain-contrasts", name, subject)
    person = Subject.drawn(source)
    low, high = LEVELS
    part = (high - low) / SLICES
    return person.slices([low + part * (number + source.uniform()) for number in range(SLICES)])
