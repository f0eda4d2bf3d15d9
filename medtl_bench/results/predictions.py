"""What a learner predicted in a trial, kept on demand: one safetensors file a trial.

No inputs and no labels are among it: a method that runs later could read what is kept.
"""

import json
from collections.abc import Iterator, Sequence
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from medtl_bench.errors import IntegrityError
from medtl_bench.files.atomic import write_atomically
from medtl_bench.results.places import Place

FOLDER, SUFFIX = "answers", ".safetensors"
DAMAGED = (SafetensorError, OSError, ValueError, TypeError, KeyError, RecursionError)


class Prediction(NamedTuple):
    """What was predicted at one place of a trial.

    `split`: of the place's domain, "test" or "val". `rows`: their positions in it [n].
    `outputs`: class scores [n, classes, ...] or values [n].
    """

    place: Place
    split: str
    rows: NDArray[np.int64]
    outputs: NDArray[Any]


def path(out: Path, key: str) -> Path:
    """Return where the predictions of a trial lie in an output folder."""
    return out / FOLDER / f"{key}{SUFFIX}"


def write(file: Path, key: str, predictions: Sequence[Prediction]) -> str:
    """Store the predictions of a trial whole or not at all, and return the file's SHA-256.

    Raises IntegrityError where it cannot.
    """
    tensors: dict[str, Any] = {}
    for number, one in enumerate(predictions):
        tensors[f"rows {number}"] = np.ascontiguousarray(one.rows)
        tensors[f"outputs {number}"] = np.ascontiguousarray(one.outputs)
    asked = [[*one.place, one.split] for one in predictions]
    content = save(tensors, {"key": key, "asked": json.dumps(asked)})
    write_atomically(file, content)
    return sha256(content).hexdigest()


def read(file: Path, key: str, digest: str = "") -> list[Prediction]:
    """Return the predictions of a trial.

    digest: the file's SHA-256 as the trial's record has it, "" where it has none. Raises
    IntegrityError where the file is damaged or has another.
    """
    if file.is_symlink() or not file.is_file():
        raise IntegrityError(f"{file}: it is no regular file.")
    _check(file, digest)
    try:
        return list(_read(file, key))
    except DAMAGED as error:
        raise IntegrityError(f"{file}: it is damaged ({error}).") from error


def _check(file: Path, digest: str) -> None:
    """Raise IntegrityError where a file has another SHA-256 than a record says, if it says one."""
    with file.open("rb") as content:
        found = file_digest(content, "sha256").hexdigest() if digest else ""
    if found != digest:
        told = f"its SHA-256 is {found}, but its trial's record says {digest}"
        raise IntegrityError(f"{file}: it was changed after it was written ({told}).")


def _read(file: Path, key: str) -> Iterator[Prediction]:
    with safe_open(file, framework="numpy") as content:
        head = content.metadata() or {}
        if head["key"] != key:
            raise ValueError(f"it is of the trial {head['key']}")
        for number, (*place, split) in enumerate(json.loads(head["asked"])):
            rows = content.get_tensor(f"rows {number}")
            outputs = content.get_tensor(f"outputs {number}")
            if rows.shape != outputs.shape[:1]:
                raise ValueError(f"{len(outputs)} predictions are of {len(rows)} rows")
            yield Prediction(Place(*place), split, rows, outputs)
