"""Rebuild the shipped file with nibabel.

`python -m medtl_brain.rebuild nilearn-0.14.1-py3-none-any.whl`
"""

import gzip
from pathlib import Path

import nibabel
import numpy as np
from numpy.typing import NDArray

from medtl_bench.arrays import Floats
from medtl_bench.files.npz import packed
from medtl_bench.files.rebuild import origin, rebuild
from medtl_brain.anatomy import FILE, VOXEL

MEMBERS = [
    f"nilearn/datasets/data/mni_icbm152_{name}_tal_nlin_sym_09a_converted.nii.gz"
    for name in ("t1", "gm", "wm")
]
SHA256 = "821742e12a11a0339c73b71713b2f5f447487303b0e25d03ba4f9dd51603b8b8"
# cut out, in voxels of 1 mm: all of the brain from the temporal poles up to the vertex
BOX = (slice(24, 174), slice(24, 212), slice(40, 140))


def make(path: Path) -> bytes:
    """Return the shipped file, made from nilearn's three volumes."""
    t1, grey, white = (_volume(content) for content in origin(path, MEMBERS, SHA256))
    csf = (255.0 * (t1 > 0) - grey - white).clip(0)  # what the brain's mask holds besides both
    volumes = {"t1": t1, "csf": csf, "grey": grey, "white": white}
    return packed({name: _coarser(volume[BOX]) for name, volume in volumes.items()})


def _volume(content: bytes) -> Floats:
    image = nibabel.Nifti1Image.from_bytes(gzip.decompress(content))
    volume: Floats = np.asanyarray(image.dataobj).astype(np.float64)
    return volume


def _coarser(volume: Floats) -> NDArray[np.uint8]:
    """Return the means over blocks of VOXEL mm a side."""
    x, y, z = (length // VOXEL for length in volume.shape)
    blocks = volume.reshape(x, VOXEL, y, VOXEL, z, VOXEL)
    means: Floats = blocks.mean((1, 3, 5))
    return np.rint(means).astype(np.uint8)


if __name__ == "__main__":
    rebuild(make, FILE)
