"""Harmony (Korsunsky et al. 2019), as harmonypy has it."""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Annotated

import numpy as np
import torch

from medtl_bench.arrays import Floats, Ints
from medtl_bench.contract.algorithm import INSTALL
from medtl_bench.contract.ranges import Range
from medtl_bench.contract.task import Task
from medtl_integration.correction import Correction

CELLS_A_CLUSTER = 30
MOST_CLUSTERS = 100


@dataclass
class Harmony(Correction):
    """Cluster softly, take each batch's displacement by cluster out, and repeat.

    Clusters that lack a batch are penalised. `theta`: the weight of that penalty.
    `rounds`: how often both are done at most. Defaults are harmonypy's.
    """

    theta: Annotated[float, Range(0.25, 8, log=True)] = 2.0
    rounds: int = 10

    @classmethod
    def supports(cls, task: Task) -> str | None:
        """Return a reason where harmonypy is missing, or as all methods of correction do."""
        if find_spec("harmonypy") is None:
            return f"{INSTALL}medtl-bench[cells]: harmonypy is missing"
        return super().supports(task)

    def corrected_embedding(self, z: Floats, batch: Ints) -> Floats:
        """Return harmony's corrected components."""
        from harmonypy import run_harmony  # noqa: PLC0415 - an extra

        seed = int(torch.randint(2**31, (), generator=self.generator))
        clusters = min(max(1, round(len(z) / CELLS_A_CLUSTER)), MOST_CLUSTERS)
        result = run_harmony(
            z,
            {"batch": batch},
            "batch",
            theta=self.theta,
            max_iter_harmony=self.rounds,
            nclust=clusters,
            random_state=seed,
            ncores=1,
            verbose=False,
        )
        return np.asarray(result.Z_corr)
