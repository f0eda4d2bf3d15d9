"""What is told of a dataset before any trial of it is planned."""

from dataclasses import replace
from types import SimpleNamespace

import torch

from medtl_bench.contract.scenario import Transfer
from medtl_bench.running import describe
from medtl_bench.running.messages import DescribeDataset
from medtl_bench.testing.tiny import unlabelled


def test_all_transfers_of_a_dataset_ask_for_what_the_scarcest_target_allows() -> None:
    data = unlabelled()
    few = replace(data.domains[0], train=data.domains[0].train[torch.arange(4)])
    transfers = (
        Transfer("to-few", ("site-b",), ("site-a",)),
        Transfer("to-many", ("site-b",), ("site-c",)),
    )
    data = replace(data, domains=(few, *data.domains[1:]), transfers=transfers)
    facts = describe.describe_dataset(
        SimpleNamespace(dataset=lambda name: data), DescribeDataset(name="tiny")
    )
    assert {scenario.name: scenario.most_shots for scenario in facts.scenarios} == {
        "to-few": 3,
        "to-many": 3,
    }
