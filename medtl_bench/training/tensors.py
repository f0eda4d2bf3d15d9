"""The tensors of a learner: what is trained, and what a step may change beside."""

from collections.abc import Sequence
from typing import Any

import torch
from torch.utils._pytree import tree_map

from medtl_bench.networks.network import Network, Parameters
from medtl_bench.training.method import GradientMethod, Training


def trained(net: Network) -> Parameters:
    """Return the parameters that are trained, by dotted name."""
    return {name: value for name, value in net.parameters.items() if value.requires_grad}


def held(learner: GradientMethod) -> dict[str, Any]:
    """Return what a learner has of tensors beside the parameters that are trained."""
    parameters = learner.net.parameters.items()
    return {
        "untrained": {name: value for name, value in parameters if not value.requires_grad},
        "buffers": learner.net.buffers,
        "state": {name: getattr(learner, name) for name in learner.state},
    }


def differing_numbers(trainings: Sequence[Training]) -> dict[str, list[float]]:
    """Return by name the numbers that are not the same for all learners, in their order."""
    columns = zip(*(training.numbers.values() for training in trainings), strict=True)
    each = zip(trainings[0].numbers, columns, strict=True)
    return {name: list(values) for name, values in each if len(set(values)) > 1}


def stacked(trees: Sequence[Any]) -> Any:  # noqa: ANN401
    """Return a tree of tensors like those of each learner, with a first axis for the learners."""
    return tree_map(lambda *leaves: torch.stack(leaves).detach(), *trees)
