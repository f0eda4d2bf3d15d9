"""Which domains to learn from for a given target: estimates from training data, and how well they foretold measured transfers.

Of the target only training inputs are used, and for LogME training labels, which its
column says. No test split is touched.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import rankdata
from sklearn.decomposition import PCA
from torch import Tensor

from medtl_bench.advice import foretold, transferability
from medtl_bench.advice.foretold import Measured, Tau
from medtl_bench.arrays import Floats
from medtl_bench.contract.dataset import Dataset
from medtl_bench.contract.split import Domain, Inputs, Split, parts
from medtl_bench.contract.task import Task
from medtl_bench.errors import MedTLError, unknown
from medtl_bench.networks.network import Network
from medtl_bench.networks.scaling import Standardise
from medtl_bench.protocols.examiner import Labels
from medtl_bench.randomness import generator
from medtl_bench.results.record import Record
from medtl_bench.training.batches import Batch
from medtl_bench.training.method import GradientMethod

FEWEST = 2
ROWS = 500  # of a domain at most: the distances ask every pair of rows
COMPONENTS = 50
DISTANCE, DISCREPANCY, EVIDENCE = "proxy A-distance", "MMD²", "LogME"
SMALLER_IS_BETTER = {DISTANCE: True, DISCREPANCY: True, EVIDENCE: False}
LABEL_FREE = (DISTANCE, DISCREPANCY)


@dataclass(frozen=True)
class Recommendation:
    """Estimates by name and source, why some are not there, and the sources in the order that the label-free ones give."""

    dataset: str
    target: str
    estimates: dict[str, dict[str, float]]
    missing: dict[str, str]
    order: tuple[str, ...]
    measured: Measured | None
    label_free: tuple[str, ...] = LABEL_FREE

    def foretold(self, estimate: str) -> Tau:
        """Return how well the order by an estimate agrees with that of the measured scores.

        NaN where none are.
        """
        if self.measured is None:
            return Tau(np.nan, np.nan, np.nan)
        sign = -1.0 if SMALLER_IS_BETTER[estimate] else 1.0
        promised = {source: sign * value for source, value in self.estimates[estimate].items()}
        return foretold.agreement(promised, self.measured)

    def rank(self, estimate: str) -> dict[str, float]:
        """Return the rank of each source by an estimate, 1 for the nearest; ties share the average rank."""
        return _ranks(self.estimates[estimate], smaller=SMALLER_IS_BETTER[estimate])


class _Supervised(GradientMethod):
    """A network trained on a source's labels alone, whose features LogME judges."""

    def objective(self, net: Network, batch: Batch) -> Tensor:
        return self.supervised(net, batch)


def recommend(dataset: Dataset, target: str, records: Iterable[Record] = ()) -> Recommendation:
    """Rank every other domain of a dataset as a source for `target`.

    Raises MedTLError on an unknown or tiny domain.
    """
    if target not in (names := [domain.name for domain in dataset.domains]):
        raise unknown(f"domain of {dataset.name!r}", target, names)
    sources = [domain for domain in dataset.domains if domain.name != target]
    for domain in dataset.domains:
        if len(domain.train) < FEWEST:
            raise MedTLError(
                f"Domain {domain.name!r} has {len(domain.train)} training row, but estimates need {FEWEST}."
            )
    drawn = {d.name: _some(dataset, d) for d in dataset.domains}
    estimates = distances({d.name: drawn[d.name].x for d in sources}, drawn[target].x, dataset.task)
    why = _without_evidence(dataset.task, drawn[target])
    if not why:
        estimates[EVIDENCE] = {s.name: evidence(dataset, s, drawn[target]) for s in sources}
    order = _order({name: estimates[name] for name in LABEL_FREE})
    found = foretold.measured(dataset, target, records)
    return Recommendation(
        dataset.name, target, estimates, {EVIDENCE: why} if why else {}, order, found
    )


def _some(dataset: Dataset, domain: Domain) -> Split:
    order = torch.randperm(
        len(domain.train), generator=generator("recommend", dataset.name, domain.name)
    )
    return domain.train[order[:ROWS]]


def distances(
    sources: dict[str, Inputs], target: Inputs, task: Task
) -> dict[str, dict[str, float]]:
    """Return proxy A-distance and MMD² of each source and the target, in features fitted on the sources' inputs alone."""
    pool = torch.cat(list(sources.values()))
    scales = {name: Standardise(part) for name, part in parts(pool).items()}

    def flat(x: Inputs) -> Floats:
        scaled = [_vector(scales[name](part), task) for name, part in parts(x).items()]
        return torch.cat(scaled, 1).numpy().astype(float)

    rows = flat(pool)
    project = PCA(min(COMPONENTS, *rows.shape), random_state=0).fit(rows)
    wide = rows.shape[1] > COMPONENTS
    seen = {name: project.transform(flat(x)) if wide else flat(x) for name, x in sources.items()}
    asked = project.transform(flat(target)) if wide else flat(target)
    # one bandwidth for all, or their discrepancies could not be compared
    share = 2 * ROWS // len(seen)
    bandwidth = transferability.median_distance(
        np.concatenate([asked, *(x[:share] for x in seen.values())])
    )
    return {
        DISTANCE: {name: transferability.proxy_a_distance(x, asked) for name, x in seen.items()},
        DISCREPANCY: {name: transferability.mmd(x, asked, bandwidth) for name, x in seen.items()},
    }


def _vector(x: Tensor, task: Task) -> Tensor:
    """Return rows as vectors; of an image to be segmented, mean and deviation of each channel."""
    if task.kind != "segmentation":
        return x.flatten(1)
    pixels = x.flatten(2)
    return torch.cat([pixels.mean(2), pixels.std(2, correction=0)], 1)


def _without_evidence(task: Task, target: Split) -> str:
    """Return why there is no LogME, or nothing."""
    if task.kind == "segmentation":
        return "it asks for one label a row, and masks have one a pixel"
    return "" if len(target.y.unique()) > 1 else "all training labels of the target are the same"


def evidence(dataset: Dataset, source: Domain, target: Split) -> float:
    """Return LogME of the target's labels given its features in a network trained on the source with default options."""
    learner = _Supervised(
        dataset.task, generator("recommend", dataset.name, source.name, "network")
    )
    labels = Labels.of(dataset.task, [source.train])
    learner.fit([labels.standard(source.train)], target.x)
    features = learner.embed(target.x).double().numpy()
    if dataset.task.kind == "regression":
        asked = Labels.of(dataset.task, [target]).standard(target)
        return transferability.log_me(features, asked.y.double().numpy())
    return transferability.log_me_of_classes(features, target.y.numpy())


def _ranks(values: dict[str, float], *, smaller: bool) -> dict[str, float]:
    signed = np.array(list(values.values())) * (1 if smaller else -1)
    return dict(zip(values, rankdata(np.round(signed, 9)).tolist(), strict=True))


def _order(estimates: dict[str, dict[str, float]]) -> tuple[str, ...]:
    """Return the sources by their mean rank, then by name."""
    ranks = [_ranks(values, smaller=SMALLER_IS_BETTER[name]) for name, values in estimates.items()]
    return tuple(sorted(ranks[0], key=lambda source: (sum(rank[source] for rank in ranks), source)))
