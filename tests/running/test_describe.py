"""What is told of datasets and algorithms before any trial of them is planned."""

from dataclasses import replace
from importlib.metadata import version

import pytest
import torch

from medtl_bench.catalogue import discovery
from medtl_bench.contract.scenario import Amount, Transfer
from medtl_bench.errors import MedTLError
from medtl_bench.protocols.transfer import TRANSFER
from medtl_bench.running import describe
from medtl_bench.running.messages import DescribeAlgorithm, DescribeDataset
from medtl_bench.testing.tiny import unlabelled


def test_all_transfers_of_a_dataset_ask_for_what_the_scarcest_target_allows() -> None:
    data = unlabelled()
    few = replace(data.domains[0], train=data.domains[0].train[torch.arange(4)])
    transfers = (
        Transfer("to-few", ("site-b",), ("site-a",)),
        Transfer("to-many", ("site-b",), ("site-c",)),
    )
    data = replace(data, domains=(few, *data.domains[1:]), transfers=transfers)
    scenarios = TRANSFER.scenarios(data, Amount((1, 2, 3, 4, 5), 2))
    shots = {scenario.name: scenario.settings["shots"] for scenario in scenarios}
    assert shots == {"to-few": [1, 2, 3], "to-many": [1, 2, 3]}


def test_an_amount_bounds_the_sources_and_targets_of_a_transfer() -> None:
    data = unlabelled()
    transfer = Transfer("wide", ("site-a", "site-b"), ("site-c",))
    data = replace(data, transfers=(transfer,))
    for most, names in ((1, ["site-a"]), (2, ["site-a", "site-b"]), (None, ["site-a", "site-b"])):
        (scenario,) = TRANSFER.scenarios(data, Amount((1,), 3, sources=most, targets=1))
        assert scenario.settings == {
            "sources": names,
            "targets": ["site-c"],
            "shots": [1],
            "draws": 3,
        }


def test_versions_of_the_packages_that_an_algorithm_calls_are_told(write_plugin) -> None:
    plugin = write_plugin(
        "from tests.plugins_for_tests.tiny import Column\n"
        "CALLED = ('scikit-learn', 'no-such-one')\n"
        "@hookimpl\ndef medtl_algorithms():\n"
        "    return [AlgorithmEntry('calls', Column, 'One.', 'baseline', packages=CALLED)]\n"
    )
    facts = describe.describe_algorithm(discovery.find([plugin]), DescribeAlgorithm(name="calls"))
    assert facts.packages == {
        "scikit-learn": version("scikit-learn"),
        "no-such-one": "not installed",
    }


def test_a_protocol_that_fails_is_told_and_costs_no_other(write_plugin, plugin_file) -> None:
    plugin = write_plugin(
        "from medtl_bench.contract.hooks import ProtocolEntry\n"
        "from medtl_bench.protocols.protocol import Protocol\n"
        "class Odd(Protocol):\n"
        "    def scenarios(self, dataset, amount):\n        raise ValueError('no scenario')\n"
        "    def run(self, dataset, scenario, make, *, seed, clock):\n        return iter(())\n"
        "@hookimpl\ndef medtl_protocols():\n    return [ProtocolEntry('odd', Odd(), 'Odd.', '')]\n"
    )
    catalogue = discovery.find([plugin_file("tiny"), plugin])
    asked = DescribeDataset(name="tiny", protocols=("odd", "stream"))
    facts = describe.describe_dataset(catalogue, asked)
    assert facts.failed == {"odd": "ValueError: no scenario"}
    assert [scenario.name for scenario in facts.scenarios["stream"]] == ["all"]
    assert list(facts.plugins) == ["protocol odd"]


def test_a_backbone_that_is_not_there_is_told_with_near_matches() -> None:
    asked = DescribeAlgorithm(name="fine-tune", given={"backbone": "perceptro"})
    with pytest.raises(MedTLError, match="no backbone named 'perceptro'; did you mean 'perceptr"):
        describe.describe_algorithm(discovery.find(), asked)


def test_the_origin_of_a_dataset_and_what_a_method_keeps_are_told() -> None:
    found = discovery.find()
    origins = [
        describe.describe_dataset(found, DescribeDataset(name=name)).origin
        for name in ("brain-contrasts", "brain-lesions", "shifted-toy")
    ]
    assert origins == ["ICBM152 template", "ICBM152 template", "shifted-toy"]
    keeps = [
        describe.describe_algorithm(found, DescribeAlgorithm(name=name)).keeps_data
        for name in ("fine-tune", "random-forest", "ewc")
    ]
    assert keeps == ["nothing", "rows", "statistics"]


def test_what_labels_mean_is_told_also_where_a_protocol_does_not_say(write_plugin) -> None:
    plugin = write_plugin(
        "from medtl_bench.contract.hooks import ProtocolEntry\n"
        "from medtl_bench.contract.scenario import Scenario\n"
        "from medtl_bench.protocols.protocol import Protocol\n"
        "class Odd(Protocol):\n"
        "    def scenarios(self, dataset, amount):\n        yield Scenario('one')\n"
        "    def run(self, dataset, scenario, make, *, seed, clock):\n        return iter(())\n"
        "@hookimpl\ndef medtl_protocols():\n    return [ProtocolEntry('odd', Odd(), 'Odd.', '')]\n"
    )
    catalogue = discovery.find([plugin])
    asked = DescribeDataset(name="pbmc-cell-types", protocols=("odd", "stream", "transfer"))
    told = describe.describe_dataset(catalogue, asked).scenarios.values()
    assert {one.labels for scenarios in told for one in scenarios} == {"new classes"}


def test_when_a_method_acts_is_told() -> None:
    facts = describe.describe_algorithm(discovery.find(), DescribeAlgorithm(name="ewc"))
    assert facts.acts_from == "adapt"
