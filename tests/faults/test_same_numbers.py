"""The same seed gives the same numbers, whichever executor runs trials, however many at a time."""

import json

import pytest

from medtl_bench.catalogue import discovery
from medtl_bench.results.store import Store
from medtl_bench.running.executors import inprocess
from medtl_bench.running.executors.processes import Processes
from medtl_bench.running.request import Request, make_plan
from medtl_bench.running.run import Run

ALGORITHMS = [
    "chance",
    "fine-tune",
    "dann",
    "maml",
    "ewc",
    "nearest-centroid",
    "logistic-regression",
    "random-forest",
]


@pytest.fixture(scope="module")
def stored(plugin_file, tmp_path_factory):
    """Return a function: the scores as stored in each record, by key, of a run with an executor."""
    files = [plugin_file("tiny")]
    request = Request(["tiny"], ALGORITHMS, preset="smoke", plugin_files=files)
    planned = make_plan(request, discovery.find(files), inprocess.run).planned
    assert not any(one.skipped for one in planned)

    def run(execute, order=1):
        store = Store(tmp_path_factory.mktemp("results"))
        for record in Run(planned[::order], store, execute, files):
            assert record.outcome.status == "ok", record.outcome.reason
        contents = {
            path.stem: json.loads(path.read_text())["outcome"] for path in store.folder.iterdir()
        }
        assert len(contents) == len(planned)
        return {
            key: (outcome["status"], json.dumps(outcome["scores"]))
            for key, outcome in contents.items()
        }

    return run


def test_one_process_two_processes_and_none_give_the_same_bytes_in_any_order(stored):
    one = stored(Processes(1))
    assert stored(Processes(2), order=-1) == one
    assert stored(inprocess.run, order=-1) == one
