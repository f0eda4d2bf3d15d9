"""The contract of a protocol: which scenarios it makes of a dataset, and how one is run."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

from medtl_bench.catalogue.entries import Catalogue, get
from medtl_bench.contract.dataset import Dataset
from medtl_bench.contract.scenario import Amount, Scenario
from medtl_bench.errors import MedTLError
from medtl_bench.protocols.examiner import Clock, MakeLearner
from medtl_bench.results.record import Score


class Protocol(ABC):
    """A way to judge learners.

    Nothing of a test split may be handed to a learner but the inputs that it is asked to
    predict, which `medtl_bench.protocols.examiner.Examiner` sees to. What is random is drawn
    from `medtl_bench.randomness.generator`, from the identity of the dataset, scenario and
    seed, never from the algorithm.
    """

    @abstractmethod
    def scenarios(self, dataset: Dataset, amount: Amount) -> Iterator[Scenario]:
        """Yield the scenarios of a dataset; none where it has nothing that the protocol asks."""

    @abstractmethod
    def run(
        self, dataset: Dataset, scenario: Scenario, make: MakeLearner, *, seed: int, clock: Clock
    ) -> Iterator[Score]:
        """Examine a learner in one scenario, and yield its scores as they are known.

        `make(task, generator)`: returns a learner that was shown nothing yet.
        """


def load(catalogue: Catalogue, name: str) -> Protocol:
    """Return a protocol by name; raises MedTLError if there is none or it cannot be loaded."""
    registered = get(catalogue.protocols, "protocol", name)
    protocol = registered.load(registered.entry.examination)
    if not isinstance(protocol, Protocol):
        raise MedTLError(
            f"The protocol {name!r} of {registered.plugin} is {protocol!r}, not a Protocol."
        )
    return protocol
