"""A third protocol, in which `predict` may learn from the rows that it is asked about.

And a method that gains by it.
"""

from dataclasses import dataclass

import torch

from medtl_bench.contract.algorithm import Algorithm
from medtl_bench.contract.hooks import AlgorithmEntry, ProtocolEntry, hookimpl
from medtl_bench.contract.scenario import Scenario
from medtl_bench.contract.split import concatenate
from medtl_bench.protocols.examiner import Examiner, Labels
from medtl_bench.protocols.protocol import Protocol
from medtl_bench.randomness import generator

STAGES = ("first", "again")


class TestTime(Protocol):
    """Every transfer of a dataset is a scenario; each target's test rows are asked for twice.

    The second answer may know the rows of the first one, never a label of the target.
    """

    __test__ = False  # no test of pytest's

    def scenarios(self, dataset, amount):
        for transfer in dataset.transfers:
            settings = {
                "sources": list(transfer.sources[: amount.sources]),
                "targets": list(transfer.targets[: amount.targets]),
            }
            yield Scenario(transfer.name, settings, transfer.optional)

    def run(self, dataset, scenario, make, *, seed, clock):
        task, settings = dataset.task, scenario.settings
        sources = [dataset.domain(name).train for name in settings["sources"]]
        learner = make(task, generator("learn", dataset.name, scenario.name, seed))
        examiner = Examiner(task, learner, Labels.of(task, sources), clock)
        examiner.fit(sources, concatenate(sources).x)
        for name in settings["targets"]:
            draw = generator("test-time", dataset.name, scenario.name, name, seed)
            branch, test = examiner.branch(draw), dataset.domain(name).test
            for stage in STAGES:
                yield from branch.scores(stage, test, domain=name)


PROTOCOL = TestTime()


@dataclass
class Standardising(Algorithm):
    """Standardise rows by those that were asked about before, then take the nearest centroid."""

    @classmethod
    def supports(cls, task):
        return None if task.kind == "classification" else "it tells classes"

    @classmethod
    def takes(cls, x):
        return None if isinstance(x, torch.Tensor) and x.ndim == 2 else "it takes vectors"

    def fit(self, sources, unlabelled):
        self.rows = unlabelled
        z = torch.cat([self._standard(source.x, source.x) for source in sources])
        y = torch.cat([source.y for source in sources])
        self.centroids = torch.stack([z[y == c].mean(0) for c in range(self.task.outputs)])

    def adapt(self, support):
        self.rows = support.x

    def predict(self, x):
        scores = -torch.cdist(self._standard(x, self.rows), self.centroids)
        self.rows = x
        return scores

    @staticmethod
    def _standard(x, rows):
        return (x - rows.mean(0)) / rows.std(0, correction=0).clamp_min(1e-6)


@hookimpl
def medtl_protocols():
    return [
        ProtocolEntry(
            "test-time",
            f"{__name__}:PROTOCOL",
            "Answer a target's rows twice; the second time having seen them.",
            "tests.plugins_for_tests.at_test_time_board:BOARD",
        )
    ]


@hookimpl
def medtl_algorithms():
    return [
        AlgorithmEntry(
            "standardising",
            Standardising,
            "Standardises by the rows it was asked about.",
            "test-time adaptation",
        )
    ]
