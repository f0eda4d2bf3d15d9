"""The file of a set in MedMNIST's format: its images and labels, checked."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medtl_bench.errors import DataError
from medtl_bench.files.archives import Limits, members
from medtl_medmnist.sets import SIDE, Set

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]
LIMITS = Limits(members=20)
SPLITS = ("train", "val", "test")


def read(file: bytes, dataset: Set) -> dict[str, tuple[Images, Labels]]:
    """Return images [n, channels, side, side] and labels by split; raises DataError.

    The file must be in MedMNIST's format.
    """
    arrays = members(file, dataset.remote.path, LIMITS)
    splits = {}
    for split in SPLITS:
        images, labels = (_array(arrays, f"{split}_{x}", dataset) for x in ("images", "labels"))
        splits[split] = _checked(dataset, split, images, labels)
    return splits


def _array(arrays: dict[str, bytes], name: str, dataset: Set) -> NDArray[Any]:
    if f"{name}.npy" not in arrays:
        raise DataError(
            f"The file {dataset.remote.path} has no array {name!r}; it holds "
            f"{', '.join(sorted(arrays)) or 'nothing'}."
        )
    try:
        return np.asarray(np.load(io.BytesIO(arrays[f"{name}.npy"]), allow_pickle=False))
    except (ValueError, EOFError) as error:
        raise DataError(
            f"The array {name!r} of {dataset.remote.path} cannot be read: {error}."
        ) from error


def _checked(
    dataset: Set, split: str, images: NDArray[Any], labels: NDArray[Any]
) -> tuple[Images, Labels]:
    """Return images [n, channels, side, side] and labels [n, 1 or findings].

    Raises DataError where shape, type or a label is not MedMNIST's.
    """
    findings = dataset.kind == "findings"
    _check_shapes(dataset, split, images, labels, len(dataset.labels) if findings else 1)
    most = 1 if findings else len(dataset.labels) - 1
    integers = np.issubdtype(labels.dtype, np.integer)
    if not integers or (len(labels) and not 0 <= labels.min() <= labels.max() <= most):
        raise DataError(f"The {split} labels of {dataset.name} must be whole numbers in 0..{most}.")
    channels_first = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
    return channels_first, labels.astype(np.int64)


def _check_shapes(
    dataset: Set, split: str, images: NDArray[Any], labels: NDArray[Any], columns: int
) -> None:
    shape = (len(images), SIDE, SIDE)
    are_images = images.dtype == np.uint8 and images.shape in {shape, (*shape, 3)}
    if not are_images or labels.shape != (len(images), columns):
        raise DataError(
            f"The {split} images of {dataset.name} are {images.dtype}{list(images.shape)} "
            f"and their labels {list(labels.shape)}, but uint8 images of {SIDE} x {SIDE} "
            f"with {columns} label(s) each were expected."
        )
