"""Tasks, and learners that write down what they are shown, for the tests of protocols."""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from medtl_bench.contract.algorithm import Algorithm
from medtl_bench.contract.split import Domain, Split
from medtl_bench.contract.task import Task
from medtl_bench.protocols.examiner import Clock
from medtl_bench.protocols.transfer import transfer

TASK = Task("classification", ("no", "yes"))
CLASSES = Task("classification", ("p", "q", "r", "s"))
VALUES = Task("regression")
MASKS = Task("segmentation", ("background", "blob"))


def marks(x: Tensor) -> set[bytes]:
    return {row.numpy().tobytes() for row in x}


@dataclass
class Spy(Algorithm):
    """Writes down, in a diary that its copies share, all that it was shown."""

    diary: list = field(default_factory=list)

    def __deepcopy__(self, memo):
        return type(self)(self.task, memo[id(self.generator)], self.diary)

    def fit(self, sources, unlabelled):
        self.diary.append(("fit", list(sources), unlabelled))

    def adapt(self, support):
        self.diary.append(("adapt", [support], None))

    def predict(self, x):
        self.diary.append(("predict", [], x))
        return torch.stack([-x[:, 0], x[:, 0]], 1)


@dataclass
class DrawingSpy(Spy):
    """Uses the randomness it is handed, as far as it can."""

    def fit(self, sources, unlabelled):
        super().fit(sources, unlabelled)
        torch.rand(100, generator=self.generator)

    def adapt(self, support):
        super().adapt(support)
        torch.rand(7, generator=self.generator)
        torch.rand(9)


def watched(dataset, spy=Spy, run=transfer, scenario="to-c", **options):
    diary = []
    options = (
        {"seed": 0, "shots": (1, 3), "draws": 2} | options
        if run is transfer
        else {"seed": 0} | options
    )
    where = dataset.transfer(scenario) if run is transfer else dataset.stream(scenario)
    scores = list(
        run(dataset, where, lambda task, source: spy(task, source, diary), clock=Clock(), **options)
    )
    return diary, scores


def supports(diary) -> list[Split]:
    return [shown[0] for verb, shown, _ in diary if verb == "adapt"]


def telling(name: str, place: float) -> Domain:
    """Return a domain whose column 1 is the label and whose column 0 lies at a place."""

    def split(n: int, start: int) -> Split:
        y = torch.arange(n) % 2
        return Split(torch.stack([place + (start + torch.arange(n)) / 100, y.float()], 1), y)

    return Domain(name, split(12, 0), split(4, 12), split(8, 16))


def every_second_row_marked(domain: Domain) -> Domain:
    """Return a domain in which every second row of every split is marked."""
    return Domain(
        domain.name,
        *(replace(s, marked=torch.arange(len(s)) % 2 == 0) for s in domain.splits().values()),
    )


@dataclass
class ValuedSpy(Spy):
    """Predicts values."""

    def predict(self, x):
        return super().predict(x)[:, 1]


@dataclass
class Told(Algorithm):
    """Right about a domain that it has learned if it is told which it is, else about the latest."""

    seen: tuple[str, ...] = ()
    asked: list = field(default_factory=list)

    def __deepcopy__(self, memo):
        return type(self)(self.task, memo[id(self.generator)], self.seen, self.asked)

    def fit(self, sources, unlabelled):
        self.seen = tuple(source.domain for source in sources)

    def adapt(self, support):
        self.seen = (*self.seen, support.domain)

    def predict(self, x):
        self.asked.append("")
        return self.answers(self.seen[-1], x)

    def predict_for(self, domain, x):
        self.asked.append(domain)
        return self.answers(domain, x)

    def answers(self, domain, x):
        place = float(x[:, 0].min() // 10)
        right = domain in self.seen and place == float("abc".index(domain) + 1)
        score = (x[:, 1] * 2 - 1) * (1 if right else -1)
        return torch.stack([-score, score], 1)
