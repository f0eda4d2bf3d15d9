"""An embedding by chance."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from medtl_bench.contract.algorithm import Algorithm
from medtl_bench.contract.split import Inputs, Split
from medtl_bench.contract.task import Task


@dataclass
class NoiseEmbedding(Algorithm):
    """Embed every row as independent standard normal values, and answer the same for all.

    `width`: how many values, by default as many as batch correction takes of components.
    """

    width: int = 30
    needs_labels: ClassVar[bool] = False

    @classmethod
    def supports(cls, task: Task) -> str | None:
        """Return a reason for tasks of which no embedding is measured."""
        if task.embedded:
            return None
        return "this dataset asks for no measure of an embedding"

    def fit(self, sources: Sequence[Split], unlabelled: Inputs) -> None:
        """Learn nothing."""

    def adapt(self, support: Split) -> None:
        """Learn nothing."""

    def predict(self, x: Inputs) -> Tensor:
        """Return the same score for every class."""
        return torch.zeros(x.shape[0], self.task.outputs)

    def embed(self, x: Inputs) -> Tensor:
        """Return noise [n, width]."""
        return torch.randn(x.shape[0], self.width, generator=self.generator)
