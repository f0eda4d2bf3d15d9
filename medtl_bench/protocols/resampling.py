"""A trial's headline measures on resamples of the test units, the same for every learner."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from medtl_bench.arrays import Floats, Ints
from medtl_bench.contract.dataset import Dataset
from medtl_bench.contract.split import Domain
from medtl_bench.contract.task import Task
from medtl_bench.errors import MedTLError
from medtl_bench.metrics import resamples
from medtl_bench.metrics.registry import METRICS
from medtl_bench.metrics.resamples import RESAMPLES, Resamples
from medtl_bench.protocols.meaning import answers
from medtl_bench.protocols.withheld import Withheld
from medtl_bench.randomness import generator
from medtl_bench.results.places import Place


class Resampling:
    """Scores by the primary metric on resamples of test splits, by place.

    `units`: by domain how many test units there are, and the fewest of a class.
    """

    def __init__(self, dataset: Dataset, domains: Sequence[Domain]) -> None:
        """Resample the test splits of these domains."""
        self.dataset, self.domains = dataset, {domain.name: domain for domain in domains}
        self.units: dict[str, tuple[int, int]] = {}
        self._drawn: dict[str, Resamples] = {}
        self._values: dict[Place, Floats] = {}

    def note(self, outputs: Tensor, place: Place) -> None:
        """Score outputs for the test split of a place's domain; not where labels are withheld.

        Raises MedTLError where the metric gives what its entry says that it cannot be.
        """
        task, domain = self.dataset.task, self.domains.get(place.domain or "")
        metric = METRICS[task.primary]
        if domain is None or isinstance(domain.test.y, Withheld) or metric.of != "predictions":
            return
        drawn = self._of(domain)
        values = drawn.of(metric, answers(task, outputs), domain.test.y.numpy())
        there = values[np.isfinite(values)]
        for extreme in (there.min(initial=np.inf), there.max(initial=-np.inf)):
            if len(there) and (wrong := metric.beyond(float(extreme))):
                raise MedTLError(f"The metric {metric.name!r} is {wrong}, as its entry says.")
        if len(there):
            self._values[place] = values

    def mean(self, place: Callable[[str], Sequence[Place]]) -> Floats:
        """Return the mean [resamples] over those domains that have scores, of all their places.

        NaN of none. place: the places of a domain.
        """
        by_domain = [self._mean(place(name)) for name in self.domains]
        there = [values for values in by_domain if np.isfinite(values).any()]
        return np.mean(there, axis=0) if there else np.full(RESAMPLES, np.nan)

    def _mean(self, places: Sequence[Place]) -> Floats:
        values = [self.at(place) for place in places]
        return np.mean(values, axis=0) if values else np.full(RESAMPLES, np.nan)

    def at(self, place: Place) -> Floats:
        """Return the scores [resamples] of a place, NaN where it has none."""
        return self._values.get(place, np.full(RESAMPLES, np.nan))

    def _of(self, domain: Domain) -> Resamples:
        """Return the resamples of a domain, drawn from its identity."""
        if domain.name not in self._drawn:
            draw = generator("resample", self.dataset.name, domain.name)
            drawn = _resamples(self.dataset.task, domain, draw)
            self._drawn[domain.name] = drawn
            self.units[domain.name] = drawn.units, drawn.fewest
        return self._drawn[domain.name]


def _resamples(task: Task, domain: Domain, draw: torch.Generator) -> Resamples:
    test = domain.test
    classes = test.y.numpy() if task.kind == "classification" else None
    groups = None if test.groups is None else test.groups.numpy()
    unit, stratum = resamples.strata(classes, groups, len(test))
    sizes = np.unique(stratum, return_counts=True)[1]
    return resamples.resamples(unit, stratum, [_drawn(int(m), draw) for m in sizes])


def _drawn(units: int, draw: torch.Generator) -> Ints:
    """Return which units of a stratum each resample draws [resamples, units - 1]."""
    return torch.randint(units, (RESAMPLES, units - 1), generator=draw).numpy()


def known(measures: Mapping[str, Floats]) -> dict[str, Floats]:
    """Return those measures that some resample has."""
    return {name: values for name, values in measures.items() if np.isfinite(values).any()}
