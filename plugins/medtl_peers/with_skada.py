"""skada's shallow domain adaptation: an adapter, then a linear model.

Gnassounou et al., doi:10.5281/zenodo.12666838. The adapter sees labelled rows of the
sources and unlabelled rows of the target; the linear model is scikit-learn's logistic
regression, or ridge regression for values, both with their defaults. At prediction every
row is taken to be the target's, because a method is not told which domain it is asked
about.

On `adapt` all is fitted again: the support joins the sources as one more labelled source,
at equal weight with all before, and its inputs join the target's.
"""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
import sklearn
import torch
from sklearn import linear_model

from medtl_bench.arrays import Floats, Ints
from medtl_bench.contract.ranges import Range
from medtl_bench.contract.split import Inputs, Split
from medtl_bench.contract.task import Task
from medtl_peers.flat import SMALLEST, FlatMethod
from medtl_peers.library import Untyped, imported, missing, seeded

TARGET = -1  # skada numbers target domains downwards from here, and sources upwards from 1


@dataclass
class SkadaMethod(FlatMethod):
    """Fit skada's pipeline on labelled rows of the sources and unlabelled ones of the target.

    `target_rows`: how many unlabelled ones at most.
    """

    target_rows: int = 300
    unlabelled: Inputs = field(init=False, repr=False)
    labels: Ints = field(init=False, repr=False)

    @classmethod
    def supports(cls, task: Task) -> str | None:
        """Return a reason for segmentation, or when skada or POT is missing."""
        return super().supports(task) or missing("skada", "ot")

    @abstractmethod
    def adapter(self, skada: Untyped, labelled: int, unlabelled: int, columns: int) -> Untyped:
        """Return skada's adapter for so many rows of the sources and of the target."""

    def fit(self, sources: Sequence[Split], unlabelled: Inputs) -> None:
        """Fit the scaling on the sources; learn from samples of them and of the target."""
        self.unlabelled = self._some(unlabelled, self.target_rows)
        super().fit(sources, unlabelled)

    def adapt(self, support: Split) -> None:
        """Learn again; of the target's rows at most half become the support's."""
        new = self._some(support.x, self.target_rows // 2)
        old = self._some(self.unlabelled, self.target_rows - new.shape[0])
        self.unlabelled = torch.cat([new, old])
        super().adapt(support)

    def _some(self, x: Inputs, rows: int) -> Inputs:
        return x[torch.randperm(x.shape[0], generator=self.generator)[:rows]]

    def learn(self, parts: Sequence[Split]) -> None:
        """Fit adapter and linear model, each part a source of its own."""
        x = [self.flat(part.x) for part in parts]
        target = self.flat(self.unlabelled)
        y = np.concatenate([part.y.numpy() for part in parts])
        self.labels = np.unique(y)
        # how skada marks a row whose label is not told
        hidden = np.full(len(target), np.nan if self.task.kind == "regression" else -1, y.dtype)
        domain = np.repeat([*range(1, len(x) + 1), TARGET], [*map(len, x), len(target)])
        with routing(), seeded(self.generator):
            skada = imported("skada")
            adapter = self.adapter(skada, len(y), len(target), target.shape[1])
            self.estimator = skada.make_da_pipeline(adapter, self.model())
            rows, labels = np.concatenate([*x, target]), np.concatenate([y, hidden])
            self.estimator.fit(rows, labels, sample_domain=domain)

    def model(self) -> Untyped:
        """Return the linear model, which takes the weights of an adapter that gives them."""
        if self.task.kind == "regression":
            return linear_model.Ridge().set_fit_request(sample_weight=True)
        return linear_model.LogisticRegression(max_iter=200).set_fit_request(sample_weight=True)

    def classes(self) -> Ints:
        """Return the classes that the linear model knows, in its order."""
        return self.labels

    def values(self, rows: Floats) -> Floats:
        """Return the pipeline's values [n] for rows of the target."""
        with routing():
            return np.asarray(self.estimator.predict(rows, sample_domain=_of_target(rows)))

    def scores(self, rows: Floats) -> Floats:
        """Return the log of the pipeline's probabilities [n, known classes] for target rows."""
        with routing():
            estimate = self.estimator.predict_proba(rows, sample_domain=_of_target(rows))
        return np.asarray(np.log(estimate.clip(SMALLEST)))


def _of_target(rows: Floats) -> Ints:
    return np.full(len(rows), TARGET)


@contextmanager
def routing() -> Iterator[None]:
    """Let scikit-learn hand on domain labels for a block.

    skada, when imported, would do so for the whole process.
    """
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@dataclass
class CORAL(SkadaMethod):
    """skada's CORAL: source inputs are whitened and given the target's covariance.

    Sun et al. 2017, algorithm 1. Covariances are shrunk as Ledoit and Wolf do, the
    library's default.
    """

    def adapter(self, skada: Untyped, labelled: int, unlabelled: int, columns: int) -> Untyped:
        """Return the adapter."""
        return skada.CORALAdapter()


@dataclass
class SubspaceAlignment(SkadaMethod):
    """skada's subspace alignment: the sources' principal axes are turned onto the target's.

    Fernando et al. 2013, equation 3. `components`: at most so many axes; the library
    would take all there are.
    """

    components: Annotated[int, Range(2, 100, log=True)] = 50

    def adapter(self, skada: Untyped, labelled: int, unlabelled: int, columns: int) -> Untyped:
        """Return the adapter, with no more axes than the sources or the target have rows."""
        axes = min(self.components, labelled, unlabelled, columns)
        return skada.SubspaceAlignmentAdapter(axes, random_state=0)


@dataclass
class OptimalTransport(SkadaMethod):
    """skada's optimal transport: source rows go to the barycentres of their target rows.

    Courty et al. 2017. The plan is the earth mover's, of squared Euclidean distances,
    without regularisation: the library's default.
    """

    @classmethod
    def supports(cls, task: Task) -> str | None:
        """Return a reason for regression.

        POT takes the NaN by which skada hides a value for a label that fits no other.
        """
        if task.kind == "regression":
            return (
                "skada hides the target's values as NaN, which POT takes for labels "
                "that no source has, so nothing is moved"
            )
        return super().supports(task)

    def adapter(self, skada: Untyped, labelled: int, unlabelled: int, columns: int) -> Untyped:
        """Return the adapter."""
        return skada.OTMappingAdapter()


@dataclass
class TransferComponentAnalysis(SkadaMethod):
    """skada's TCA: kernel components that keep variance and bring the domains' means together.

    Pan et al. 2011, with a Gaussian kernel. `components`: at most so many; the library
    would take as many as there are columns. Its weight mu is the library's 0.1.
    """

    components: Annotated[int, Range(2, 100, log=True)] = 50

    def adapter(self, skada: Untyped, labelled: int, unlabelled: int, columns: int) -> Untyped:
        """Return the adapter."""
        components = min(self.components, labelled + unlabelled, columns)
        return skada.TransferComponentAnalysisAdapter(n_components=components)


@dataclass
class KLIEP(SkadaMethod):
    """skada's KLIEP: weights that bring the density of source rows nearest to the target's.

    Sugiyama et al. 2007. The Gaussian kernels' gamma is one over columns times variance,
    which needs no search; otherwise the library's defaults.
    """

    def adapter(self, skada: Untyped, labelled: int, unlabelled: int, columns: int) -> Untyped:
        """Return the adapter."""
        return skada.KLIEPReweightAdapter(gamma="scale")
