"""Which domains to learn from for a given target, by estimates from training data.

And how well these foretold measured transfers. Of the target only training inputs are
used, and for LogME training labels, which its column says. No test split is touched.
"""

from collections.abc import Callable, Iterable
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
    """Estimates of how well each other domain would serve a target.

    `estimates`: by name and source. `missing`: why some are not there, by name. `order`:
    of the sources, as the label-free estimates give it. `measured`: what transfers gave.
    """

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
        signed = {source: sign * value for source, value in self.estimates[estimate].items()}
        return foretold.agreement(signed, self.measured)

    def rank(self, estimate: str) -> dict[str, float]:
        """Return the rank of each source by an estimate, 1 for the nearest.

        Ties share the average rank.
        """
        return _ranks(self.estimates[estimate], smaller=SMALLER_IS_BETTER[estimate])


class _Supervised(GradientMethod):
    """A network trained on a source's labels alone, whose features LogME judges."""

    def objective(self, net: Network, batch: Batch) -> Tensor:
        return self.supervised(net, batch)


def recommend(dataset: Dataset, target: str, records: Iterable[Record] = ()) -> Recommendation:
    """Rank every other domain of a dataset as a source for `target`.

    Raises MedTLError on an unknown or tiny domain.
    """
    _check_domains(dataset, target)
    rows = {domain.name: _some(dataset, domain) for domain in dataset.domains}
    sources = [domain for domain in dataset.domains if domain.name != target]
    inputs = {source.name: rows[source.name].x for source in sources}
    estimates = distances(inputs, rows[target].x, dataset.task)
    order = _order(estimates)
    missing = _without_evidence(dataset.task, rows[target])
    if not missing:
        estimates[EVIDENCE] = {s.name: evidence(dataset, s, rows[target]) for s in sources}
    measured = foretold.measured(dataset, target, records)
    return Recommendation(dataset.name, target, estimates, missing, order, measured)


def _check_domains(dataset: Dataset, target: str) -> None:
    names = [domain.name for domain in dataset.domains]
    if target not in names:
        raise unknown(f"domain of {dataset.name!r}", target, names)
    for domain in dataset.domains:
        rows = len(domain.train)
        if rows < FEWEST:
            count = f"Domain {domain.name!r} has {rows} training row"
            raise MedTLError(f"{count}, but estimates need {FEWEST}.")


def _some(dataset: Dataset, domain: Domain) -> Split:
    """Return ROWS training rows, or all, drawn by the domain's name."""
    draw = generator("recommend", dataset.name, domain.name)
    order = torch.randperm(len(domain.train), generator=draw)
    return domain.train[order[:ROWS]]


def distances(
    sources: dict[str, Inputs], target: Inputs, task: Task
) -> dict[str, dict[str, float]]:
    """Return proxy A-distance and MMD² of each source and the target, by name and source.

    They are taken in features fitted on the sources' inputs alone.
    """
    features = _features(torch.cat(list(sources.values())), task)
    near, of_target = {name: features(x) for name, x in sources.items()}, features(target)
    # one bandwidth for all, or their discrepancies could not be compared
    share = 2 * ROWS // len(near)
    some = np.concatenate([of_target, *(x[:share] for x in near.values())])
    bandwidth = transferability.median_distance(some)
    distance, discrepancy = transferability.proxy_a_distance, transferability.mmd
    return {
        DISTANCE: {name: distance(x, of_target) for name, x in near.items()},
        DISCREPANCY: {name: discrepancy(x, of_target, bandwidth) for name, x in near.items()},
    }


def _features(pool: Inputs, task: Task) -> Callable[[Inputs], Floats]:
    """Return what makes inputs vectors: their columns scaled, or of many the first COMPONENTS.

    Of principal components that is; scaling and components are fitted on the pool.
    """
    scales = {name: Standardise(part) for name, part in parts(pool).items()}

    def flat(x: Inputs) -> Floats:
        scaled = [_vector(scales[name](part), task) for name, part in parts(x).items()]
        return torch.cat(scaled, 1).numpy().astype(float)

    rows = flat(pool)
    if rows.shape[1] <= COMPONENTS:
        return flat
    components = PCA(min(COMPONENTS, *rows.shape), random_state=0).fit(rows)
    return lambda x: components.transform(flat(x))


def _vector(x: Tensor, task: Task) -> Tensor:
    """Return rows as vectors; of an image to be segmented, mean and deviation of each channel."""
    if task.kind != "segmentation":
        return x.flatten(1)
    pixels = x.flatten(2)
    return torch.cat([pixels.mean(2), pixels.std(2, correction=0)], 1)


def _without_evidence(task: Task, target: Split) -> dict[str, str]:
    """Return why there is no LogME, by its name, or nothing."""
    if task.kind == "segmentation":
        return {EVIDENCE: "it asks for one label a row, and masks have one a pixel"}
    if why := _Supervised.takes(target.x):
        return {EVIDENCE: why}
    if len(target.y.unique()) < 2:
        return {EVIDENCE: "all training labels of the target are the same"}
    return {}


def evidence(dataset: Dataset, source: Domain, target: Split) -> float:
    """Return LogME of the target's labels given its features in a network of the source.

    That is trained on the source with default options.
    """
    draw = generator("recommend", dataset.name, source.name, "network")
    learner = _Supervised(dataset.task, draw)
    labels = Labels.of(dataset.task, [source.train])
    learner.fit([labels.standard(source.train)], target.x)
    features = learner.embed(target.x).double().numpy()
    if dataset.task.kind == "regression":
        standard = Labels.of(dataset.task, [target]).standard(target)
        return transferability.log_me(features, standard.y.double().numpy())
    return transferability.log_me_of_classes(features, target.y.numpy())


def _ranks(values: dict[str, float], *, smaller: bool) -> dict[str, float]:
    """Return the rank of each value, 1 for the best; those equal to 9 digits are tied."""
    signed = np.array(list(values.values())) * (1 if smaller else -1)
    return dict(zip(values, rankdata(np.round(signed, 9)).tolist(), strict=True))


def _order(estimates: dict[str, dict[str, float]]) -> tuple[str, ...]:
    """Return the sources by their mean rank, then by name."""
    ranks = [_ranks(values, smaller=SMALLER_IS_BETTER[name]) for name, values in estimates.items()]
    return tuple(sorted(ranks[0], key=lambda source: (sum(rank[source] for rank in ranks), source)))
