"""An algorithm under examination: how it is made, shown and asked things."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch

from medtl_bench.contract.algorithm import Algorithm, copied, parameters, refusal, resolve
from medtl_bench.contract.task import Task
from medtl_bench.randomness import generator
from medtl_bench.testing.tiny import Case, cases

# enough for every check but that of learning
FEW = {"steps": "3", "adapt_steps": "2", "trees": "3"}


@dataclass(frozen=True)
class Subject:
    """An algorithm under examination."""

    name: str
    family: str
    load: Callable[[], type[Algorithm]]

    @cached_property
    def cls(self) -> type[Algorithm]:
        """Return the class, loaded."""
        return self.load()

    @cached_property
    def cases(self) -> list[Case]:
        """Return the tiny datasets whose task and inputs the algorithm supports."""
        return [case for case in cases() if self.refusal(case) is None]

    def refusal(self, case: Case) -> str | None:
        """Return why the algorithm cannot do a case, or None if it can."""
        return refusal(self.cls, case.task, case.target().x)

    @cached_property
    def fitted_once(self) -> dict[str, Algorithm]:
        """Return the learners fitted so far, by the name of the case."""
        return {}

    def learner(self, task: Task, texts: Mapping[str, str] = FEW) -> Algorithm:
        """Return a learner that was shown nothing yet.

        `texts`: its parameters, as written on the command line; those that the algorithm
        does not have are left out.
        """
        names = parameters(self.cls)
        texts = {name: text for name, text in texts.items() if name in names}
        values = resolve(self.cls, self.name, texts)
        return self.cls(task, generator("conformance"), **values)

    def made(self, task: Task, source: torch.Generator) -> Algorithm:
        """Return a learner that was shown nothing yet, as a protocol makes one."""
        return copied(self.learner(task), source)

    def fit(
        self, case: Case, texts: Mapping[str, str] = FEW, *, seed: int | None = None
    ) -> Algorithm:
        """Return a learner fitted on a case, with other random numbers for each seed."""
        learner = self.learner(case.task, texts)
        learner = learner if seed is None else copied(learner, generator("conformance", seed))
        learner.fit(case.sources(), case.target().x)
        return learner

    def fitted(self, case: Case) -> Algorithm:
        """Return a copy of one learner, which is fitted only once for each case."""
        if case.name not in self.fitted_once:
            self.fitted_once[case.name] = self.fit(case)
        return copied(self.fitted_once[case.name], generator("copy"))
