"""The shipped brain template, and subjects: it moved, turned, stretched and bent, in slices."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import scipy
from scipy import ndimage

from medtl_bench.arrays import Floats, Ints
from medtl_bench.files.shipped import arrays, read
from medtl_bench.randomness import seed_of

FILE = Path(__file__).parent / "data" / "mni_icbm152.npz"
SHA256 = "e50477cb4be3a76119e4d01c07ac0eee31653489c267c516566ee2e9be546da1"
CODE = sorted(Path(__file__).parent.glob("*.py"))
# what drawn images depend on beside this code
IDENTITY = (SHA256, f"numpy {np.__version__}", f"scipy {scipy.__version__}")
VOLUMES = ("t1", "csf", "grey", "white")
TISSUES = VOLUMES[1:]
VOXEL = 2  # mm
PIXEL = 4  # mm
SIDE = 32  # pixels
# mm above the lowest slice that is shipped: from the midbrain to the centrum semiovale
LEVELS = (16.0, 76.0)
SPACING = 35.0  # mm between the control points of a bend
BEND = 3.5  # mm, deviation of a control point
# deviations of an angle in radians, of a scale, of a position in mm
TURN, STRETCH, MOVE = 0.07, 0.05, 3.0


def checked() -> None:
    """Raise DataError or IntegrityError unless the shipped file is as it was.

    Asked for also where images were drawn before.
    """
    read(FILE, SHA256)


@cache
def template() -> Floats:
    """Return the template [volume, x, y, z] in 0..1, in the order of VOLUMES.

    Raises DataError or IntegrityError.
    """
    shipped = arrays(FILE, SHA256)
    return np.stack([shipped[name] for name in VOLUMES]) / 255


def stream(*identity: str | int) -> np.random.Generator:
    """Return a fresh generator of random numbers seeded from an identity."""
    return np.random.default_rng(seed_of(*identity))


@dataclass(frozen=True)
class Subject:
    """One simulated person: an affine map and a smooth bend of the template.

    `matrix` [3, 3] and `offset` [3]: from a place in the scanner to one in the template,
    in mm from its middle. `bend` [3, x, y, z]: what is added there, in mm, on a grid of
    control points SPACING apart.
    """

    matrix: Floats
    offset: Floats
    bend: Floats

    @classmethod
    def drawn(cls, source: np.random.Generator) -> "Subject":
        """Draw a subject."""
        a, b, c = source.normal(scale=TURN, size=3)
        turn = np.array([[1.0, -a, b], [a, 1.0, -c], [-b, c, 1.0]])  # small angles
        matrix = turn * (1 + source.normal(scale=STRETCH, size=3))
        points = np.ceil(_extent() / SPACING).astype(int) + 2
        offset = source.normal(scale=MOVE, size=3)
        return cls(matrix, offset, source.normal(scale=BEND, size=(3, *points)))

    def slices(self, levels: Sequence[float]) -> Floats:
        """Return axial slices [level, volume, SIDE, SIDE] at heights in mm.

        Rows go from front to back, columns left to right. A pixel is the mean over 2 x 2
        places, all bent alike.
        """
        centre = np.arange(SIDE) - (SIDE - 1) / 2
        height = np.array(levels) - _extent()[2] / 2
        z, y, x = np.meshgrid(height, -PIXEL * centre, PIXEL * centre, indexing="ij")
        places = self._linear(np.stack([x, y, z]))
        places += self._bent(places)
        voxels = places / VOXEL + _column(_middle(template()))
        within = PIXEL * np.array([-0.25, 0.25])
        steps = np.stack(np.meshgrid(within, within, 0.0)).reshape(3, -1)
        near = voxels[..., None] + (self.matrix @ steps / VOXEL)[:, None, None, None]
        volumes = [ndimage.map_coordinates(v, near, order=1).mean(-1) for v in template()]
        return np.stack(volumes, 1)

    def _linear(self, points: Floats) -> Floats:
        turned: Floats = np.einsum("ij,j...->i...", self.matrix, points)
        return turned + _column(self.offset)

    def _bent(self, places: Floats) -> Floats:
        """Return what the bend adds at places [3, ...]: cubic splines of its control points."""
        knots = places / SPACING + _column(_middle(self.bend))
        axes = [ndimage.map_coordinates(a, knots, order=3, mode="mirror") for a in self.bend]
        return np.stack(axes)


def _middle(volumes: Floats) -> Floats:
    """Return the place [3] of the middle of volumes [n, x, y, z]."""
    return (np.array(volumes.shape[1:]) - 1) / 2


def _column(values: Floats) -> Floats:
    return values.reshape(3, 1, 1, 1)


def _extent() -> Floats:
    return np.array(template().shape[1:]) * float(VOXEL)


def labels(slices: Floats) -> Ints:
    """Return for slices [n, volume, h, w] the class that fills most of a pixel.

    0 is background, TISSUES follow from 1.
    """
    tissues = slices[:, 1:]
    outside = 1 - tissues.sum(1, keepdims=True)
    return np.asarray(np.concatenate([outside, tissues], 1).argmax(1))
