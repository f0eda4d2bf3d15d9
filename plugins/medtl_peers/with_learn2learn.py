"""learn2learn's MAML and ANIL (Arnold et al. 2020, arXiv:2008.12284).

The library clones the network and takes the inner steps; batches, network, outer
optimiser and budget are those of every gradient method of the bench. There is no wheel of
learn2learn 0.2.0, and the C files it ships are too old for Python 3.11; with the extra's
`Cython<3.1` and `setuptools<81` installed, the command in BUILD builds it.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn

from medtl_bench.contract.ranges import Range
from medtl_bench.contract.split import Inputs, Split
from medtl_bench.contract.task import Task
from medtl_bench.networks.network import Network
from medtl_bench.training.batches import Batch
from medtl_bench.training.heads import WhichHeads
from medtl_bench.training.method import GradientMethod
from medtl_peers.library import Untyped, imported, missing

BUILD = "build it with: pip install --no-deps --no-build-isolation --use-pep517 "
BUILD += "--config-settings=--global-option=build_ext learn2learn==0.2.0"


@dataclass
class InnerLoop(GradientMethod):
    """Minimise the mean query loss over sources after learn2learn's inner steps on the support.

    Each step halves the minibatch of every source into support and query, and defaults
    are those of this bench's MAML, with one head for all tasks.
    """

    adapt_steps: int = 10
    one_by_one: ClassVar[str] = "learn2learn clones modules, whose parameters cannot be stacked"
    inner_steps: int = 1
    inner_rate: Annotated[float, Range(0.01, 0.4, log=True)] = 0.1
    first_order: bool = False
    heads: WhichHeads = field(init=False, default="one")

    @classmethod
    def supports(cls, task: Task) -> str | None:
        """Return a reason when learn2learn or what it imports is missing."""
        why = missing("learn2learn", "gym", "requests", "tqdm")
        return f"{why}; {BUILD}" if why and "learn2learn" in why else why

    @abstractmethod
    def learner(self, net: Network) -> tuple[nn.Module, Untyped]:
        """Return a part that inner steps leave alone, and the wrapped part they move."""

    def wrapped(self, part: nn.Module) -> Untyped:
        """Return learn2learn's MAML around a part of the network."""
        return imported("learn2learn.algorithms").MAML(
            part, lr=self.inner_rate, first_order=self.first_order
        )

    def objective(self, net: Network, batch: Batch) -> Tensor:
        """Return the mean over sources of the query loss after the inner steps on the support."""
        half = batch.y.shape[1] // 2
        fixed, moved = self.learner(net)
        losses = []
        for x, y in zip(batch.x, batch.y, strict=True):
            clone = moved.clone()
            self.inner(fixed, clone, x[:half], y[:half], self.inner_steps)
            losses.append(self.task.loss(clone(fixed(x[half:])), y[half:]))
        return torch.stack(losses).mean()

    def inner(self, fixed: nn.Module, clone: Untyped, x: Inputs, y: Tensor, steps: int) -> None:
        """Let learn2learn take inner steps on labelled rows."""
        for _ in range(steps):
            clone.adapt(self.task.loss(clone(fixed(x)), y))

    def validation_loss(self, net: Network, splits: Sequence[Split]) -> Tensor:
        """Return the loss of every second row after the inner steps on the others."""
        (split,) = splits  # of one head
        rows = torch.arange(len(split))
        support, query = split[rows[::2]], split[rows[1::2]]
        fixed, moved = self.learner(net)
        with torch.enable_grad():
            clone = moved.clone(first_order=True)
            self.inner(fixed, clone, support.x, support.y, self.inner_steps)
        adapted = dict(zip(map(id, moved.parameters()), clone.parameters(), strict=True))
        theta = {name: adapted.get(id(value), value) for name, value in net.parameters.items()}
        return super().validation_loss(net.with_parameters(theta), [query])

    def adapt(self, support: Split) -> None:
        """Take `adapt_steps` inner steps on all support rows."""
        fixed, moved = self.learner(self.net)
        # the same steps, without a graph that nothing would use
        clone = moved.clone(first_order=True)
        self.inner(fixed, clone, support.x, support.y, self.adapt_steps)
        for parameter, adapted in zip(moved.parameters(), clone.parameters(), strict=True):
            parameter.data = adapted.detach()


@dataclass
class MAML(InnerLoop):
    """learn2learn's MAML: inner steps move the whole network (Finn et al. 2017, algorithm 2)."""

    def learner(self, net: Network) -> tuple[nn.Module, Untyped]:
        """Return nothing fixed, and features and head together."""
        whole = nn.Sequential(net.module["features"], net.module["head"])
        return nn.Identity(), self.wrapped(whole)


@dataclass
class ANIL(InnerLoop):
    """ANIL of learn2learn's parts: the inner steps move the head alone, the outer loop all.

    Raghu et al. 2020, section 4.
    """

    def learner(self, net: Network) -> tuple[nn.Module, Untyped]:
        """Return the features, and the head."""
        return net.module["features"], self.wrapped(net.module["head"])
