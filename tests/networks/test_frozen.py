"""Parts of a network that are not trained."""

import pytest
import torch

from medtl_bench.contract.task import Task
from medtl_bench.errors import MedTLError
from medtl_bench.networks.build import build
from medtl_bench.networks.frozen import freeze

TASK = Task("classification", ("no", "yes"))


def test_only_the_named_parts_are_frozen():
    net = build(torch.randn(8, 3), TASK, 4)
    freeze(net, ["features"])
    trained = {name for name, value in net.parameters.items() if value.requires_grad}
    assert trained == {"head.weight", "head.bias"}


def test_what_is_not_there_or_leaves_nothing_is_told():
    net = build(torch.randn(8, 3), TASK, 4)
    with pytest.raises(MedTLError, match="'feature'; did you mean 'features'"):
        freeze(net, ["feature"])
    with pytest.raises(MedTLError, match="Without features and head nothing of the network is"):
        freeze(net, ["features", "head"])
