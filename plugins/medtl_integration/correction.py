"""What methods of batch correction share: an embedding, its correction, and a classifier."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from medtl_bench.arrays import Floats, Ints
from medtl_bench.contract.algorithm import Algorithm
from medtl_bench.contract.ranges import Range
from medtl_bench.contract.split import Inputs, Split, concatenate, parts
from medtl_bench.contract.task import Task

SMALLEST = 1e-6


@dataclass
class Correction(Algorithm):
    """Embed the rows of all batches, take out what is due to the batch, and classify.

    Inputs are taken in the units they come in, as is usual for expression: log counts or
    principal components of them. Batches are the sources and the unlabelled target. A row
    that was seen is embedded corrected; a new one is moved as the seen row nearest to it
    was, for nothing tells its batch. Logistic regression answers from the corrected rows
    that have a label, in units of their deviation over all components; `adapt` adds
    labelled rows, at the same total weight as all before.

    `components`: principal components, at most; 30 as harmony's authors take for cells.
    `c`: inverse strength of the classifier's L2 penalty, scikit-learn's default.
    """

    components: Annotated[int, Range(5, 50, log=True)] = 30
    c: float = 1.0
    needs_labels: ClassVar[bool] = False
    axes: PCA = field(init=False, repr=False)
    nearest: NearestNeighbors = field(init=False, repr=False)
    shift: Floats = field(init=False, repr=False)
    unit: float = field(init=False, repr=False)
    labelled: list[tuple[Floats, Ints]] = field(init=False, repr=False)
    classifier: Any = field(init=False, repr=False, default=None)

    @classmethod
    def supports(cls, task: Task) -> str | None:
        """Return a reason for tasks whose domains are no batches of the same types."""
        if task.embedded:
            return None
        return "it corrects batches of the same types, and this dataset asks for no such measure"

    def corrected_inputs(self, x: Floats, batch: Ints) -> Floats:
        """Return inputs [n, columns] without what is due to the batch [n]."""
        return x

    def corrected_embedding(self, z: Floats, batch: Ints) -> Floats:
        """Return principal components [n, components] without what is due to the batch [n]."""
        return z

    def fit(self, sources: Sequence[Split], unlabelled: Inputs) -> None:
        """Embed and correct all rows, and fit the classifier where the sources have labels."""
        pool = concatenate(sources)
        x = np.concatenate([_columns(pool.x), _columns(unlabelled)])
        sizes = [*map(len, sources), unlabelled.shape[0]]
        z = self._correct(x, np.repeat(np.arange(len(sizes)), sizes))
        self.unit = max(float(z.std()), SMALLEST)
        has_labels = self.task.kind != "integration"
        self.labelled = [(z[: len(pool)], pool.y.numpy())] if has_labels else []
        self._classify()

    def _correct(self, x: Floats, batch: Ints) -> Floats:
        """Fit axes and shifts on inputs of all batches, and return their corrected components."""
        moved = self.corrected_inputs(x, batch)
        # one start for all seeds: it is no draw
        self.axes = PCA(min(self.components, *x.shape), random_state=0).fit(moved)
        # a new row's batch is not told: what it is moved by is that of its nearest row, as
        # it was before any correction
        before: Floats = self.axes.transform(x)
        self.shift = self.corrected_embedding(self.axes.transform(moved), batch) - before
        self.nearest = NearestNeighbors(n_neighbors=1).fit(before)
        return before + self.shift

    def adapt(self, support: Split) -> None:
        """Fit the classifier again, with the support."""
        self.labelled = [*self.labelled, (self._embedded(support.x), support.y.numpy())]
        self._classify()

    def predict(self, x: Inputs) -> Tensor:
        """Return log-probabilities [n, classes]; a class never seen has a probability near zero."""
        estimate = self.classifier.predict_proba(self._embedded(x) / self.unit).clip(SMALLEST)
        probability = np.full((x.shape[0], self.task.outputs), SMALLEST)
        probability[:, self.classifier.classes_] = estimate
        return torch.from_numpy(np.log(probability)).float()

    def embed(self, x: Inputs) -> Tensor:
        """Return corrected principal components [n, components]."""
        return torch.from_numpy(self._embedded(x)).float()

    def _embedded(self, x: Inputs) -> Floats:
        z: Floats = self.axes.transform(_columns(x))
        nearest = self.nearest.kneighbors(z, return_distance=False)[:, 0]
        return np.asarray(z + self.shift[nearest])

    def _classify(self) -> None:
        if not self.labelled:
            return
        z, y = (np.concatenate(part) for part in zip(*self.labelled, strict=True))
        latest = len(self.labelled[-1][1])
        earlier = len(y) - latest
        weight = np.repeat([1 / max(1, earlier), 1 / latest], [earlier, latest])
        self.classifier = LogisticRegression(C=self.c, max_iter=500)
        self.classifier.fit(z / self.unit, y, weight / weight.mean())


def _columns(x: Inputs) -> Floats:
    return torch.cat([part.flatten(1) for part in parts(x).values()], 1).double().numpy()


@dataclass
class Uncorrected(Correction):
    """Leave the components as they are: how much the batches differ to begin with."""
