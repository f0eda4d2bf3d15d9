"""Writes what trials predicted, with labels, groups and splits, as one parquet file."""

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from medtl_bench.contract.split import Split
from medtl_bench.contract.task import Task
from medtl_bench.errors import IntegrityError, MedTLError
from medtl_bench.files.atomic import TEMPORARY
from medtl_bench.protocols.examiner import measure
from medtl_bench.results.predictions import Prediction
from medtl_bench.results.record import Record
from medtl_bench.running.rescoring import Judged

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

OF_TRIAL = ("key", "dataset", "algorithm", "protocol", "scenario", "seed")
TEXTS = (*OF_TRIAL[:-1], "variant", "stage", "learned", "domain", "split")
INSTALL = "Writing parquet needs pyarrow: pip install 'medtl-bench[parquet]'."


def write(judged: Iterable[Judged], file: Path) -> int:
    """Write a row for each row predicted in a trial, and return the number of trials.

    `row`: its position in the split of the domain. `answer`: a list of class scores,
    whose softmax is the probability, or of one value. Of masks, whose answers stay in the
    folder, there is the `dice` of each row in place of answer and label. The file is
    written whole or not at all. Raises MedTLError without pyarrow, IntegrityError where it
    cannot be written.
    """
    try:
        from pyarrow import parquet  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MedTLError(INSTALL) from error
    try:
        # beside the file, so that it is put in its place in one step
        with TemporaryDirectory(prefix=TEMPORARY, dir=file.parent) as folder:
            whole = Path(folder) / file.name
            with parquet.ParquetWriter(whole, _schema()) as writer:
                trials = sum(_write(writer, one) for one in judged)
            whole.replace(file)
    except OSError as error:
        raise IntegrityError(f"Could not write {file}: {error.strerror or error}.") from error
    return trials


def _write(writer: "ParquetWriter", judged: Judged) -> int:
    """Write what was predicted in one trial, and return 1."""
    for prediction, split in judged.pairs:
        writer.write_table(_table(judged.record, judged.task, prediction, split))
    return 1


def _schema() -> "pa.Schema":
    import pyarrow as pa  # noqa: PLC0415

    texts = [(name, pa.string()) for name in TEXTS]
    whole = [(name, pa.int64()) for name in ("seed", "shots", "draw", "row", "group")]
    numbers = [("label", pa.float64()), ("dice", pa.float64())]
    return pa.schema([*texts, *whole, *numbers, ("answer", pa.list_(pa.float64()))])


def _table(record: Record, task: Task, prediction: Prediction, split: Split) -> "pa.Table":
    import pyarrow as pa  # noqa: PLC0415

    trial, place, n = record.trial, prediction.place, len(split)
    same = {name: getattr(trial, name) for name in OF_TRIAL}
    same |= {"variant": record.about.variant, "split": prediction.split}
    same |= place._asdict()
    columns: dict[str, Any] = {name: [value] * n for name, value in same.items()}
    columns["row"] = prediction.rows
    columns["group"] = [None] * n if split.groups is None else split.groups.numpy()
    masks = split.y.ndim > 1
    columns |= _masks(task, prediction, split) if masks else _rows(prediction, split)
    return pa.table(columns, schema=_schema())


def _rows(prediction: Prediction, split: Split) -> dict[str, Any]:
    outputs = prediction.outputs.astype(float).reshape(len(split), -1)
    label = split.y.double().numpy()
    return {"label": label, "answer": list(outputs), "dice": [None] * len(split)}


def _masks(task: Task, prediction: Prediction, split: Split) -> dict[str, Any]:
    outputs, nothing = torch.from_numpy(prediction.outputs), [None] * len(split)
    pairs = zip(outputs.split(1), split.y.split(1), strict=True)
    overlaps = [measure(task, one, y, ["dice"]).get("dice", np.nan) for one, y in pairs]
    return {"label": nothing, "answer": nothing, "dice": overlaps}
