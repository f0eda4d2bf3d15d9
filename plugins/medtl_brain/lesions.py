"""brain-lesions: whether a slice holds a lesion; every kind of lesion is a domain of its own."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from medtl_bench.arrays import Bools, Floats
from medtl_bench.contract.dataset import Card, Dataset
from medtl_bench.contract.scenario import Stream, Transfer
from medtl_bench.contract.split import Domain, Split
from medtl_bench.contract.task import Task
from medtl_bench.files import cache
from medtl_brain import anatomy, contrasts, scanner
from medtl_brain.anatomy import LEVELS, PIXEL, SIDE, TISSUES, Subject, stream
from medtl_brain.scanner import Scanner, flair, nulling

# drawing more to learn from costs nothing either, but with ten times as many plain training
# finds 98% of the rare lesions unseen, and nothing is left to tell methods apart
SIZES = {"val": 40, "test": 480}
FAINTEST = 0.75  # a lesion's contrast to the tissue around it varies between this and 1
CSF, GREY, WHITE = range(1, len(TISSUES) + 1)

CARD = Card(
    area="imaging",
    origin=contrasts.CARD.origin,
    licence=contrasts.CARD.licence,
    source=contrasts.CARD.source,
    citation=contrasts.CARD.citation,
    shift="Another kind of lesion, on another scanner. Common kinds, to learn from: "
    "plaques (several small bright spots), glioma (one large soft brightening) and "
    "haemorrhage (dark, with a thin bright margin). Rare kinds, new at the target: "
    "abscess (a bright ring about a darker core) and leukodystrophy (white matter of "
    "both sides bright from the back forwards). Scanners differ in echo time, blur, "
    "unevenness and noise.",
    provenance="semi-synthetic",
    privacy=contrasts.CARD.privacy,
    intended_use="Comparing few-shot and transfer methods on a rare finding in seconds. "
    "Not for diagnosis, and no estimate of how any of these diseases is recognised: the "
    "lesions are drawings.",
    notes="Measured: the tissue maps of the template. Simulated: everything else. "
    "Subjects are the template moved, turned, stretched and smoothly bent at random; "
    "images are FLAIR from signal equations with BrainWeb's relaxation times; lesions "
    "are painted, the plaques with BrainWeb's own lesion signal, the others with signals "
    "and sizes chosen here so that plain training finds most but not all of them. One "
    "slice of 32 x 32 pixels of 4 mm of each subject, half of whom are ill by design, as "
    "no clinic's patients are; a subject (group) is in one split of one domain only. An "
    "image is scaled by its own median, which a lesion hardly moves; still the mean "
    "brightness of an image alone tells who is ill with a ROC-AUC of 0.65 (haemorrhage) "
    "to 0.84 (leukodystrophy). One label space, healthy or lesion: a domain is one kind "
    "against healthy subjects of the same scanner.",
)

# clean [h, w], section (a slice) [volume, h, w] -> clean with a lesion
Paint = Callable[[Floats, Floats, np.random.Generator], Floats]


@dataclass(frozen=True)
class Kind:
    """A kind of lesion: how it is painted, its hospital's scanner, its training images."""

    paint: Paint
    scanner: Scanner
    train: int
    rare: bool = False


def plaques(clean: Floats, section: Floats, source: np.random.Generator) -> Floats:
    """Paint 3 to 6 bright spots of 3 to 6 mm radius near fluid, as in multiple sclerosis."""
    near = section[WHITE] * np.exp(-_distance(section[CSF] > 0.4) / 12)
    for _ in range(source.integers(3, 7)):
        spot = _blob(near, source.uniform(3, 6), 4, source)
        clean = _mixed(clean, spot, PLAQUE, source)
    return clean


def glioma(clean: Floats, section: Floats, source: np.random.Generator) -> Floats:
    """Paint one fading, moderately bright area of 14 to 22 mm radius in white matter."""
    area = _blob(section[WHITE], source.uniform(14, 22), 12, source)
    return _mixed(clean, area, 1.7 * GREY_SIGNAL, source)


def haemorrhage(clean: Floats, section: Floats, source: np.random.Generator) -> Floats:
    """Paint one dark, sharp area of 6 to 12 mm radius deep in the brain, with a bright margin."""
    likely, radius = _deep(section, 20), source.uniform(6, 12)
    core, margin = _nested(likely, radius, radius + 5, source)
    bright = _mixed(clean, margin, 1.4 * GREY_SIGNAL, source)
    return _mixed(bright, core, 0.3 * GREY_SIGNAL, source)


def abscess(clean: Floats, section: Floats, source: np.random.Generator) -> Floats:
    """Paint a ring: a dark core of 5 to 9 mm radius in a bright margin of 9 mm."""
    likely, radius = _deep(section, 14), source.uniform(5, 9)
    core, margin = _nested(likely, radius, radius + 9, source)
    bright = _mixed(clean, margin, 1.9 * GREY_SIGNAL, source)
    return _mixed(bright, core, 0.6 * GREY_SIGNAL, source)


def leukodystrophy(clean: Floats, section: Floats, source: np.random.Generator) -> Floats:
    """Brighten both sides from the back forwards, as in X-linked adrenoleukodystrophy."""
    front = source.uniform(0.5, 0.7) * SIDE
    behind = ((np.arange(SIDE) - front) / 6).clip(0, 1)[:, None]
    return _mixed(clean, section[WHITE] * behind, 1.5 * GREY_SIGNAL, source)


GREY_SIGNAL = nulling(scanner.RELAXATION["grey"], echo=120)
PLAQUE = nulling(scanner.PLAQUE, echo=120)
KINDS = {
    "plaques": Kind(plaques, flair(echo=120, blur=0.3, unevenness=0.4, noise=0.04), 24),
    "glioma": Kind(glioma, flair(echo=100, blur=0.4, unevenness=0.4, noise=0.03), 24),
    "haemorrhage": Kind(haemorrhage, flair(echo=140, blur=0.5, unevenness=0.3, noise=0.04), 24),
    "abscess": Kind(abscess, flair(echo=110, blur=0.5, unevenness=0.4, noise=0.04), 16, rare=True),
    "leukodystrophy": Kind(
        leukodystrophy, flair(echo=130, blur=0.4, unevenness=0.4, noise=0.04), 16, rare=True
    ),
}
COMMON = tuple(name for name, kind in KINDS.items() if not kind.rare)
RARE = tuple(name for name, kind in KINDS.items() if kind.rare)


def build() -> Dataset:
    """Return the dataset."""
    table = images()
    return Dataset(
        name="brain-lesions",
        card=CARD,
        task=Task(
            "classification",
            ("healthy", "lesion"),
            ("balanced_accuracy", "roc_auc", "sensitivity_at_95_specificity", "ece", "brier"),
        ),
        domains=tuple(
            _domain(name, kind, torch.from_numpy(table[name])) for name, kind in KINDS.items()
        ),
        transfers=(Transfer("common-to-rare", COMMON, RARE),),
        streams=(Stream("common-kinds", COMMON),),
    )


def _domain(name: str, kind: Kind, images: Tensor) -> Domain:
    """Return a domain, whose subjects with an odd number have a lesion."""
    subjects = torch.arange(len(images)).split([kind.train, *SIZES.values()])
    return Domain(name, *(Split(images[numbers], numbers % 2, numbers) for numbers in subjects))


def images() -> cache.Arrays:
    """Return the images of each domain, drawn once and then kept."""
    anatomy.checked()
    return cache.arrays("brain-lesions", anatomy.IDENTITY, anatomy.CODE, drawn)


def drawn() -> cache.Arrays:
    """Draw them all, the same each time."""
    return {name: _images(name, kind) for name, kind in KINDS.items()}


def _images(name: str, kind: Kind) -> NDArray[np.float32]:
    """Draw one image [1, h, w] of each subject of a domain."""
    subjects = range(kind.train + sum(SIZES.values()))
    drawings = [image(name, kind, number, ill=number % 2 == 1) for number in subjects]
    return np.stack(drawings)[:, None].astype(np.float32)


def image(name: str, kind: Kind, number: int, *, ill: bool) -> Floats:
    """Return the image [h, w] of a subject of a domain, with or without the lesion of its kind."""
    source = stream("brain-lesions", name, number)
    section = Subject.drawn(source).slices([source.uniform(*LEVELS)])[0]
    clean = kind.scanner.clean(section)
    if ill:
        clean = kind.paint(clean, section, source)
    return kind.scanner.image(clean, stream("brain-lesions", name, number, "scan"))


def _mixed(clean: Floats, share: Floats, signal: float, source: np.random.Generator) -> Floats:
    """Return signals, replaced by another one in a share [h, w] of each pixel.

    Some lesions replace less than others.
    """
    share = share * source.uniform(FAINTEST, 1)
    return clean * (1 - share) + signal * share


def _deep(section: Floats, depth: float) -> Floats:
    """Return where the brain is and its surface at least so many mm away.

    Where there is no such place, the brain.
    """
    brain: Floats = section[1:].sum(0)
    inside = brain * (_distance(brain < 0.5) > depth) * (section[CSF] < 0.2)
    return inside if inside.any() else brain


def _distance(places: Bools) -> Floats:
    """Return the distance in mm to the nearest of some places [h, w], 1,000 if there are none."""
    if not places.any():
        return np.full(places.shape, 1000.0)
    return np.asarray(ndimage.distance_transform_edt(~places) * PIXEL)


def _blob(likely: Floats, radius: float, edge: float, source: np.random.Generator) -> Floats:
    """Return the share [h, w] of each pixel in an uneven blob.

    Its middle is drawn where `likely`, its edge is in mm.
    """
    return _shares(_away(likely, source), radius, edge)


def _nested(
    likely: Floats, inner: float, outer: float, source: np.random.Generator
) -> tuple[Floats, Floats]:
    """Return two such blobs about one middle, with edges of 4 mm."""
    away = _away(likely, source)
    return _shares(away, inner, 4), _shares(away, outer, 4)


def _shares(away: Floats, radius: float, edge: float) -> Floats:
    return ((radius - away) / edge + 0.5).clip(0, 1)


def _away(likely: Floats, source: np.random.Generator) -> Floats:
    """Return the distance in mm from a place drawn in proportion to `likely` [h, w].

    It is stretched at random by up to a fifth.
    """
    chance = likely.clip(0).ravel()
    place = source.choice(chance.size, p=chance / chance.sum())
    pixels = np.arange(SIDE)
    y, x = np.meshgrid(pixels - place // SIDE, pixels - place % SIDE, indexing="ij")
    a, b, c = source.uniform(-0.2, 0.2, size=3)
    return np.asarray(np.hypot((1 + a) * y + b * x, (1 + c) * x + b * y) * PIXEL)
