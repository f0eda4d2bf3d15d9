"""What the tests of running share: a trial of the tiny dataset, performed."""

import pytest

from medtl_bench.results.record import Trial
from medtl_bench.running import worker
from medtl_bench.running.messages import Job, RunTrial

SETTINGS = {
    "transfer": {"sources": ["a", "b"], "targets": ["c"], "shots": [1, 2], "draws": 2},
    "stream": {"domains": ["a", "b", "c"]},
}


@pytest.fixture
def trial(plugin_file):
    """Return a function: the reply to a trial of the tiny dataset."""

    def run(algorithm="column", protocol="transfer", scenario="to-c", **fields):
        trial = Trial(
            dataset="tiny", dataset_digest="", algorithm=algorithm, algorithm_source="", parameters={}, protocol=protocol,
            scenario=scenario, settings=SETTINGS[protocol], seed=0, versions={},
        ).model_copy(update=fields)  # fmt: skip
        files = (plugin_file("tiny"), plugin_file("hostile"))
        return worker.perform(Job(work=RunTrial(trial=trial), plugin_files=files))

    return run
