"""Scores what was predicted in trials by any metric, without a run."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from medtl_bench.catalogue import discovery
from medtl_bench.catalogue.entries import Catalogue
from medtl_bench.contract.dataset import Dataset
from medtl_bench.contract.split import Split
from medtl_bench.contract.task import Task
from medtl_bench.errors import DataError, IntegrityError, MedTLError, unknown
from medtl_bench.metrics.registry import METRICS
from medtl_bench.protocols.examiner import measure
from medtl_bench.results import predictions
from medtl_bench.results.places import Place
from medtl_bench.results.predictions import Prediction
from medtl_bench.results.record import DECIMALS, Record, Score

NOT_KEPT = "what was predicted is not kept (run them again with --answers)"
OTHER_DATA = "the data here are not those that they were judged by"


class Judged(NamedTuple):
    """A trial that is ok, what was predicted in it, and of which labelled rows."""

    record: Record
    task: Task
    pairs: tuple[tuple[Prediction, Split], ...]


@dataclass
class Judging:
    """The trials of a folder of which is kept what was predicted, with the labels.

    `left_out`: why trials are not among them, and how many, once they were gone through.
    """

    out: Path
    records: Mapping[str, Record]
    catalogue: Catalogue
    left_out: Counter[str] = field(default_factory=Counter)

    def __iter__(self) -> Iterator[Judged]:
        """Yield each trial by dataset and key; raises IntegrityError on a damaged file."""
        for name, keys in self._by_dataset().items():
            dataset = self._dataset(name, len(keys))
            for key in keys if dataset else ():
                if judged := dataset and self._judged(self.records[key], dataset):
                    yield judged

    def _by_dataset(self) -> dict[str, list[str]]:
        """Return the keys of the trials that count, by dataset."""
        keys = defaultdict[str, list[str]](list)
        for key, record in sorted(self.records.items()):
            if record.outcome.status != "ok":
                continue
            if predictions.path(self.out, key).is_file():
                keys[record.trial.dataset].append(key)
            else:
                self.left_out[NOT_KEPT] += 1
        return dict(sorted(keys.items()))

    def _dataset(self, name: str, trials: int) -> Dataset | None:
        try:
            return discovery.dataset(self.catalogue, name)
        except MedTLError as error:
            self.left_out[f"{name} is {error}"] += trials
            return None

    def _judged(self, record: Record, dataset: Dataset) -> Judged | None:
        if dataset.digest() != record.trial.dataset_digest:
            self.left_out[OTHER_DATA] += 1
            return None
        file = predictions.path(self.out, record.trial.key)
        kept = predictions.read(file, record.trial.key, record.outcome.answers)
        # a plugin's protocol may ask for rows that are of no one domain
        names = {domain.name for domain in dataset.domains}
        of_domains = [one for one in kept if one.place.domain in names]
        try:
            pairs = tuple((one, _rows(dataset, one)) for one in of_domains)
        except (LookupError, RuntimeError) as error:
            why = f"it is of rows that are not there ({error})"
            raise IntegrityError(f"{file}: {why}.") from error
        return Judged(record, dataset.task, pairs)


def _rows(dataset: Dataset, prediction: Prediction) -> Split:
    """Return the rows that were predicted, with their labels."""
    splits = dataset.domain(str(prediction.place.domain)).splits()
    return splits[prediction.split][torch.from_numpy(prediction.rows)]


def check(metric: str) -> None:
    """Raise MedTLError unless predictions can be scored by a metric."""
    if metric not in METRICS:
        raise unknown("metric", metric, METRICS)
    if (of := METRICS[metric].of) != "predictions":
        what = "an embedding" if of == "embedding" else "neighbours in an embedding"
        told = f"The metric {metric!r} is taken of {what}"
        raise MedTLError(f"{told}, of which nothing is kept.")


def fits(task: Task, metric: str) -> bool:
    """Return whether a metric is defined for a task."""
    try:
        replace(task, metrics=tuple(dict.fromkeys((*task.metrics, metric))))
    except (DataError, MedTLError):
        return False
    return True


def scores(judged: Judged, metric: str) -> list[Score]:
    """Return the scores of a trial by a metric, as its protocol takes them.

    What is `retained` is the mean over the sources. A place where the metric is not
    defined has none.
    """
    values = defaultdict[Place, list[tuple[float, int]]](list)
    for prediction, split in judged.pairs:
        outputs = torch.from_numpy(prediction.outputs)
        place = prediction.place
        if place.stage == "retained":
            place = place._replace(domain=None)
        for value in measure(judged.task, outputs, split.y, [metric]).values():
            values[place].append((value, len(split)))
    return [_mean(place, metric, those) for place, those in values.items()]


def _mean(place: Place, metric: str, those: list[tuple[float, int]]) -> Score:
    value = round(float(np.mean([value for value, _ in those])), DECIMALS)
    return Score(*place, metric, value, sum(n for _, n in those))
