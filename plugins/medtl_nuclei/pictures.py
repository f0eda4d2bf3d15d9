"""Reads the files of the archive: one image a folder and a mask for each of its nuclei."""

import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, UnidentifiedImageError

from medtl_bench.arrays import Bools
from medtl_bench.errors import DataError

MEMBER = re.compile(r"stage1_train/([0-9a-f]{64})/(images|masks)/[\w-]+\.png")
MOST_PIXELS = 2048**2
# mean difference of the largest and the smallest of red, green and blue, of 255; grey
# images have none
COLOURED = 5
BRIGHT = 128  # median of a grey image, of 255
HISTOLOGY, BRIGHTFIELD, FLUORESCENCE = "stained-histology", "brightfield", "fluorescence"

Tile = tuple[NDArray[np.uint8], Bools]  # grey values and nuclei, [side, side]


@dataclass(frozen=True, eq=False)
class Picture:
    """One image: its name, how it was taken, grey values and nuclei (0 or 255).

    Both are pillow images of one size.
    """

    name: str
    modality: str
    grey: Image.Image
    nuclei: Image.Image


def pictures(files: Mapping[str, bytes]) -> list[Picture]:
    """Return the pictures among the files of the archive, in the order of their names.

    Raises DataError, with the name, on any other file, a folder without one image and
    some masks, a file that is no PNG or too large, or a mask of another size than its
    image.
    """
    images, masks = _members(files)
    for name in images.keys() | masks.keys():
        if len(images.get(name, [])) != 1 or name not in masks:
            raise DataError(
                f"The folder {name} has {len(images.get(name, []))} images and "
                f"{len(masks.get(name, []))} masks; one image and a mask for each of its "
                "nuclei were expected."
            )
    return [_picture(files, name, images[name][0], masks[name]) for name in sorted(images)]


def _members(files: Iterable[str]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return the images and the masks of each folder; raises DataError on any other file."""
    images: dict[str, list[str]] = {}
    masks: dict[str, list[str]] = {}
    for member in files:
        match = MEMBER.fullmatch(member)
        if not match:
            raise DataError(
                f"The archive of nuclei holds {member[:200]!r}, which is neither an image "
                "nor a mask."
            )
        folder, kind = match.groups()
        (images if kind == "images" else masks).setdefault(folder, []).append(member)
    return images, masks


def _picture(files: Mapping[str, bytes], name: str, image: str, masks: Sequence[str]) -> Picture:
    colours = decoded(files[image], image).convert("RGB")
    nuclei = Image.new("L", colours.size)
    for member in masks:
        mask = decoded(files[member], member).convert("L")
        if mask.size != colours.size:
            raise DataError(
                f"The mask {member} has {mask.size} pixels, but its image has {colours.size}."
            )
        nuclei = ImageChops.lighter(nuclei, mask)
    return Picture(name, modality(np.asarray(colours.reduce(2))), colours.convert("L"), nuclei)


def decoded(content: bytes, name: str) -> Image.Image:
    """Return a PNG as a pillow image; raises DataError if it is none or too large."""
    try:
        image = Image.open(io.BytesIO(content), formats=["PNG"])
        if image.width * image.height > MOST_PIXELS:
            raise DataError(
                f"The picture {name} has {image.size} pixels; at most {MOST_PIXELS:,} "
                "were expected."
            )
        image.load()
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise DataError(f"The picture {name} cannot be read: {error}.") from error
    return image


def modality(colours: NDArray[np.uint8]) -> str:
    """Return how an image [height, width, 3] was taken.

    Stained if coloured, else brightfield if bright, else fluorescence.
    """
    channels = colours.astype(np.int16)
    if (channels.max(2) - channels.min(2)).mean() > COLOURED:
        return HISTOLOGY
    return BRIGHTFIELD if np.median(channels) > BRIGHT else FLUORESCENCE


def tiles(picture: Picture, side: int, shrink: int) -> Iterator[Tile]:
    """Yield grey values and nuclei [side, side] of the whole tiles of a shrunk picture, by row.

    A pixel is of a nucleus if half of what it was shrunk from is.
    """
    grey = np.asarray(picture.grey.reduce(shrink))
    nuclei = np.asarray(picture.nuclei.reduce(shrink)) >= 128
    height, width = grey.shape
    for top in range(0, height - side + 1, side):
        for left in range(0, width - side + 1, side):
            here = slice(top, top + side), slice(left, left + side)
            yield grey[here], nuclei[here]
