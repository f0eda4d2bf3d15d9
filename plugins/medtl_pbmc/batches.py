"""Blood cells in four simulated batches: counts drawn as other instruments would have.

They are drawn anew from the shipped expression.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from medtl_bench.arrays import Bools, Floats, Ints
from medtl_bench.contract.dataset import Card, Dataset
from medtl_bench.contract.scenario import Stream, Transfer
from medtl_bench.contract.split import Domain, Split
from medtl_bench.contract.task import Task
from medtl_bench.files import cache
from medtl_bench.files.division import TEST, TRAIN, VAL, divided
from medtl_bench.files.shipped import read
from medtl_bench.metrics.registry import INTEGRATION, defaults
from medtl_bench.randomness import seed_of
from medtl_pbmc import dataset
from medtl_pbmc.dataset import CARD as ORIGIN
from medtl_pbmc.dataset import CLASSES, FILE, SHA256, load

NAME = "pbmc-batches"
TYPES = range(len(CLASSES))
ARRAYS = ("expression", "type", "cell")  # of each batch and split
COUNTS = 650  # of a cell in the shipped file's genes, the median when the rounding is undone
SPREAD = 0.3  # deviation of the log of a cell's counts within a batch
STEPS = 1024  # of a unit of the expression, so that processors agree on it
DISPERSION = 0.1  # of the negative binomial: its variance is mean + DISPERSION * mean^2
ROWS = {TRAIN: 200, VAL: 300, TEST: 1200}
FEWEST = {TRAIN: 5, VAL: 0, TEST: 30}  # cells of a type in a split


@dataclass(frozen=True)
class Batch:
    """How a batch was made.

    `capture`: counts relative to the original. `effect`: deviation of the log of its
    factor of each gene. `ambient`: share of ambient RNA. `doubled`: the type it holds
    twice as many of.
    """

    name: str
    capture: float
    effect: float
    ambient: float
    doubled: str


BATCHES = (
    Batch("batch-a", 1.0, 0.3, 0.02, "CD14+ Monocyte"),
    Batch("batch-b", 0.7, 0.4, 0.05, "CD19+ B"),
    Batch("batch-c", 1.5, 0.4, 0.10, "CD8+ Cytotoxic T"),
    Batch("batch-d", 0.5, 0.5, 0.20, "CD4+/CD25 T Reg"),
)
NAMES = tuple(batch.name for batch in BATCHES)

CARD = Card(
    area="genomics",
    origin=ORIGIN.origin,
    licence=ORIGIN.licence,
    source=f"simulated from {ORIGIN.source}",
    citation=f"{ORIGIN.citation}; gene factors by batch as in Zappia et al. 2017 "
    "(Splatter), Genome Biology 18; ambient RNA as in Young and Behjati 2020 (SoupX), "
    "GigaScience 9",
    shift="Four batches that catch 0.5 to 1.5 times as many molecules of a cell, each "
    "with a factor of its own for every gene (deviation of its logarithm 0.3 to 0.5), "
    "with 2% to 20% of ambient RNA from all the batch's cells, and each with one type "
    "twice as frequent. The last batch is the poorest in all three.",
    provenance="semi-synthetic",
    privacy=ORIGIN.privacy,
    intended_use="Comparing batch correction and integration where the truth is known, "
    "quickly. Real batches differ in ways that this does not draw, and effects here are "
    "the same for all types, which favours linear corrections.",
    notes="A simulated cell is drawn from a real one: its expression times the batch's "
    "gene factors, mixed with the ambient profile, gives the mean of negative-binomial "
    "counts (dispersion 0.1, counts of a cell log-normal with deviation 0.3 around 650 "
    "times the batch's capture). Input: log(1 + counts per 10,000) over the 765 genes, "
    "cell by cell. The 700 real cells are divided first, 55/10/35 by type, so that no "
    "real cell stands behind rows of two splits; behind rows of several batches it does. "
    "A split holds several drawings of one real cell, which are one group: drawings cost "
    "nothing, other real cells there are not. "
    "Four types are rare (under 5% of the rows); the rarest has 4 real cells to train on "
    "and 3 to test on, so that scores on it say little about cells beyond these.",
)


def build() -> Dataset:
    """Return the dataset."""
    table = simulated()
    metrics = (*defaults("classification"), *INTEGRATION)
    return Dataset(
        name=NAME,
        card=CARD,
        task=Task("classification", CLASSES, metrics),
        domains=tuple(_domain(name, table) for name in NAMES),
        transfers=tuple(_from_others(name) for name in reversed(NAMES)),
        streams=(Stream("batches", NAMES),),
    )


def _from_others(name: str) -> Transfer:
    others = tuple(other for other in NAMES if other != name)
    return Transfer(f"others-to-{name}", others, (name,), optional=name != NAMES[-1])


def _domain(name: str, table: cache.Arrays) -> Domain:
    return Domain(name, *(_split(f"{name} {part}", table) for part in ROWS))


def _split(place: str, table: cache.Arrays) -> Split:
    expression, y, cell = (torch.from_numpy(table[f"{place} {array}"]) for array in ARRAYS)
    return Split(expression.float() / STEPS, y, cell)


def simulated() -> cache.Arrays:
    """Return the cells of each batch and split, drawn once and then kept.

    Expression in 1 / STEPS [n, genes], type [n], and the number of the real cell [n].
    """
    read(FILE, SHA256)  # also where cells were drawn before
    code = [Path(__file__), Path(dataset.__file__)]
    return cache.arrays(NAME, [SHA256, f"numpy {np.__version__}"], code, drawn)


def drawn() -> cache.Arrays:
    """Draw them all, the same each time."""
    table = load()
    expression = np.expm1(table["expression"] / 1000.0)
    profiles = expression / expression.sum(1, keepdims=True)
    y = np.array([CLASSES.index(name) for name in table["types"]])[table["type"]]
    keys = [f"{NAME} {cell}" for cell in table["cell"]]
    part = divided(keys, y.tolist(), val=0.1, test=0.35)
    cells: cache.Arrays = {}
    for batch in BATCHES:
        cells |= _batch(batch, profiles, y, part)
    return cells


def _batch(batch: Batch, profiles: Floats, y: Ints, part: Ints) -> cache.Arrays:
    """Return the arrays of a batch's splits."""
    factors = np.exp(batch.effect * _random(batch.name, "genes").randn(profiles.shape[1]))
    changed = profiles * factors
    changed /= changed.sum(1, keepdims=True)
    soup = changed[part == TRAIN].mean(0)
    mixed = (1 - batch.ambient) * changed + batch.ambient * soup
    shares = np.bincount(y) * np.where(np.array(CLASSES) == batch.doubled, 2, 1)
    shares = shares / shares.sum()
    arrays: cache.Arrays = {}
    for which in ROWS:
        counted = _counted(batch, which, mixed, _of_types(y, part == which), shares)
        named = zip(ARRAYS, (counted[0], y[counted[1]], counted[1]), strict=True)
        arrays |= {f"{batch.name} {which} {name}": array for name, array in named}
    return arrays


def _of_types(y: Ints, rows: Bools) -> list[Ints]:
    """Return the numbers of the real cells of each type among some rows."""
    return [np.flatnonzero(rows & (y == number)) for number in TYPES]


def _counted(
    batch: Batch, which: int, mixed: Floats, cells: Sequence[Ints], shares: Floats
) -> tuple[NDArray[np.uint16], Ints]:
    """Return cells drawn from real ones: expression [n, genes], and the real cell of each [n].

    Those of each type in its share of the rows.
    """
    random = _random(batch.name, which)
    of_type = zip(cells, shares, strict=True)
    rows = np.concatenate([_parents(random, real, share, which) for real, share in of_type])
    size = COUNTS * batch.capture * np.exp(SPREAD * random.randn(len(rows), 1))
    # a Poisson number whose mean is gamma-distributed is negative-binomial
    counts = random.poisson(random.gamma(1 / DISPERSION, DISPERSION * size * mixed[rows]))
    x = np.log1p(1e4 * counts / counts.sum(1, keepdims=True))
    # logarithms differ in the last bits between processors; a dataset's digest must not
    return np.rint(x * STEPS).astype(np.uint16), rows


def _parents(random: np.random.RandomState, cells: Ints, share: float, which: int) -> Ints:
    """Return the real cells behind the rows of a type in a split."""
    number = max(FEWEST[which], round(share * ROWS[which])) if len(cells) else 0
    return random.choice(cells, number) if number else np.array([], dtype=np.int64)


def _random(*identity: str | int) -> np.random.RandomState:
    """Return numpy's legacy generator, whose numbers no later version changes."""
    return np.random.RandomState(seed_of(NAME, *identity) % 2**32)
