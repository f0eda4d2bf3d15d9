"""What the tests of running share: a trial of the tiny dataset, performed; requests, planned."""

import pytest

from medtl_bench.catalogue import discovery
from medtl_bench.results.record import Trial
from medtl_bench.running import worker
from medtl_bench.running.executors import inprocess
from medtl_bench.running.messages import Job, RunTrial
from medtl_bench.running.request import Request, make_plan

SETTINGS = {
    "transfer": {"sources": ["a", "b"], "targets": ["c"], "shots": [1, 2], "draws": 2},
    "stream": {"domains": ["a", "b", "c"]},
}


@pytest.fixture
def files(plugin_file):
    return plugin_file("tiny"), plugin_file("hostile")


@pytest.fixture
def trial(files):
    """Return a function: the reply to a trial of the tiny dataset."""

    def run(algorithm="column", protocol="transfer", scenario="to-c", **fields):
        trial = Trial(
            dataset="tiny",
            dataset_digest="",
            algorithm=algorithm,
            algorithm_source="",
            parameters={},
            protocol=protocol,
            scenario=scenario,
            settings=SETTINGS[protocol],
            seed=0,
            versions={},
        ).model_copy(update=fields)
        return worker.perform(Job(work=RunTrial(trial=trial), plugin_files=files))

    return run


@pytest.fixture
def planned(files):
    """Return a function: the planning of a request for the plugins of these tests."""
    usual = {"datasets": ["tiny"], "algorithms": ["column"], "preset": "smoke", "stack": 1}

    def plan(*, execute=inprocess.run, **asked):
        request = Request(**usual | {"plugin_files": files} | asked)
        return make_plan(request, discovery.find(files), execute)

    return plan
