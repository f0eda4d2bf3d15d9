"""Which trainings are so much arithmetic that a stack of them takes longer than one after another.

A stack shares what it costs to call kernels. Convolutions pay for it: those of several learners
are one with groups, which takes longer than as many without.
"""

import copy
from math import prod
from typing import Any

import torch

from medtl_bench.networks.network import Network
from medtl_bench.training.kernels import KernelMode
from medtl_bench.training.method import Training

# multiplications in the convolutions of one learner's step forward: some five images of 32 x 32
# pixels through the U-Net, or 35 through the network that answers with a class. With more, three
# to ten learners took longer as one (`tests/benchmarks/test_images.py`).
MOST = 2**24
REASON = (
    "A step of its convolutions is so much arithmetic that several learners take longer as one "
    "than one after another."
)


def refusal(training: Training) -> str:
    """Return why trainings like this one are not to be stacked, or "".

    It follows from shapes alone, so that what is stacked is the same on every machine.
    """
    learner, sources = training.learner, training.sources
    rows = min(learner.batch_size, max(map(len, sources)))
    rows *= min(learner.sources_per_step, len(sources))
    net = learner.net.of_blocks(torch.tensor([0]))
    return REASON if rows * convolved(net, sources[0].x[:1]) > MOST else ""


def convolved(net: Network, x: Any) -> int:  # noqa: ANN401
    """Return the multiplications in a network's convolutions for one row of inputs [1, ...]."""
    if all(value.ndim < 3 for value in net.parameters.values()):
        return 0
    net, counter = copy.deepcopy(net), _Counter()  # what a call changes is the copy's
    net.module.eval()
    with torch.random.fork_rng(devices=[]), torch.no_grad(), counter:
        try:
            net(x)
        except Exception:  # it is left to the training to raise
            return 0
    return counter.products


class _Counter(KernelMode):
    """Counts the multiplications of convolutions."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.products = 0

    def __torch_dispatch__(
        self,
        kernel: Any,  # noqa: ANN401
        types: object,
        args: Any = (),  # noqa: ANN401
        kwargs: Any = None,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """Run a kernel."""
        output = kernel(*args, **(kwargs or {}))
        if kernel is torch.ops.aten.convolution.default:
            x, weight, transposed = args[0], args[1], args[6]
            # each number of a map is multiplied by the weights of a channel
            self.products += (x if transposed else output).numel() * prod(weight.shape[1:])
        return output
