"""What a plugin does when it is imported or loaded reaches nothing that does not use it."""

import json
import subprocess
import sys

import pytest

from medtl_bench.catalogue import apart, discovery
from medtl_bench.results.record import Trial
from medtl_bench.running import uses
from medtl_bench.running.executors import Limits, make
from medtl_bench.running.messages import Job, RunTrial
from medtl_bench.running.request import Request, make_plan

PATCHES = """
import random
import numpy, torch
import medtl_bench.metrics.classes
import medtl_bench.protocols.examiner
import medtl_bench.results.store
from medtl_bench.metrics.registry import METRICS
loss = torch.nn.functional.cross_entropy
torch.nn.functional.cross_entropy = lambda *a, **k: 0 * loss(*a, **k)
torch.set_default_dtype(torch.float64)
torch.manual_seed(1), random.seed(1), numpy.random.seed(1)
medtl_bench.protocols.examiner.measure = lambda *a, **k: {}
medtl_bench.metrics.classes.brier = medtl_bench.metrics.classes.balanced_accuracy = lambda p, y: 1.0
METRICS.pop("ece")
medtl_bench.results.store.Store.write = None

@hookimpl
def medtl_algorithms():
    return [AlgorithmEntry("beside", "tests.plugins_for_tests.tiny:Column", "Beside.", "baseline")]
"""
RUN = ("-d", "tiny", "-a", "fine-tune", "-a", "column", "--preset", "smoke", "--seeds", 2)


def outcomes(folder):
    """Return the scores in a folder of results, by the key of the trial."""
    records = {path.name: json.loads(path.read_text()) for path in (folder / "results").iterdir()}
    return {key: record["outcome"]["scores"] for key, record in records.items()}


@pytest.mark.slow
def test_a_plugin_that_is_merely_named_changes_no_score_and_no_key(plugins, write_plugin, tmp_path):
    patching = write_plugin(PATCHES)
    assert "beside" in discovery.find([patching]).algorithms
    program = "from medtl_bench.cli.main import main; main()"
    command = [sys.executable, "-c", program, "run", *plugins("tiny"), *map(str, RUN)]
    for name, more in (("alone", ()), ("beside", ("--plugin", patching))):
        subprocess.run([*command, "--out", tmp_path / name, *more], check=True, timeout=300)
    alone = outcomes(tmp_path / "alone")
    assert len(alone) == 8
    assert all(alone.values())
    assert outcomes(tmp_path / "beside") == alone


@pytest.mark.skipif(not apart.ABLE, reason="there is no fork here")
@pytest.mark.parametrize("fault", ["os._exit(0)", "os.chdir('/')", "os.kill(0, 9)", "os.fork()"])
def test_all_commands_do_without_a_plugin_that_does_harm_at_import(
    medtl, plugins, write_plugin, tmp_path, fault
):
    bad = ("--plugin", write_plugin(f"import os; {fault}", "does_harm"))
    words = (*plugins("tiny"), "-d", "tiny", "-a", "column", "--preset", "smoke", *bad)
    here = ("--out", tmp_path / "out")
    ran = medtl("run", *words, *here, "--on", "in-process")
    assert (ran.code, len(list((tmp_path / "out" / "results").iterdir()))) == (0, 2)
    assert "2 trials ran, 0 were skipped, 0 failed." in ran.out
    assert ran.err.startswith("Left out: plugin 'does_harm' of a file (")
    listed = medtl("list", *bad)
    assert listed.code == 0
    assert "does_harm" in listed.out
    for command in (("show", "dann"), ("leaderboard", *here), ("data", "verify", "heart-disease")):
        assert medtl(*command, *bad).code == 0
    planned = medtl("plan", *words, *here)
    assert (planned.code, planned.err) == (0, ran.err)
    assert "2 trials, of which 0 have no result" in planned.out


LAZY = """
import sys
sys.path.insert(0, {folder!r})

@hookimpl
def medtl_algorithms():
    return [AlgorithmEntry("late", "{module}:Late", "Late.", "baseline")]

@hookimpl
def medtl_datasets():
    return [DatasetEntry("late-data", "{module}:build", "Late.", "clinical")]
"""


@pytest.fixture
def lazy(write_plugin, tmp_path):
    """Return a function: a plugin whose entries are in a module of this body."""

    def write(name: str, body: str) -> tuple[str, str]:
        (tmp_path / f"{name}_module.py").write_text(body)
        text = LAZY.format(folder=str(tmp_path), module=f"{name}_module")
        return "--plugin", write_plugin(text, name)

    return write


@pytest.mark.skipif(not apart.ABLE, reason="there is no fork here")
@pytest.mark.parametrize(
    ("name", "body", "told"),
    [
        ("exits", "import os; os._exit(0)", "ended its process with exit code 0"),
        ("sleeps", "import time; time.sleep(60)", "took longer than 1 seconds"),
        ("quits", "raise SystemExit(0)", "which cannot be loaded: SystemExit: 0"),
        ("breaks", "raise KeyboardInterrupt", "raised KeyboardInterrupt"),
    ],
)
def test_an_entry_that_does_harm_when_it_is_loaded_costs_itself_alone(
    medtl, lazy, monkeypatch, name, body, told
):
    monkeypatch.setattr(apart, "PATIENCE", 1)
    monkeypatch.setenv(apart.LIMIT, "1")
    bad = lazy(name, body)
    assert "late-data" in medtl("list", *bad).out
    for shown in ("late", "late-data"):
        answer = medtl("show", shown, *bad)
        assert answer.code == 2
        assert told in answer.sentence
    verified = medtl("data", "verify", "late-data", "heart-disease", *bad)
    assert verified.code == 2
    assert told in verified.sentence
    assert verified.out.startswith("ok   heart-disease ")


PROTOCOL = """
from medtl_bench.contract.hooks import ProtocolEntry

@hookimpl
def medtl_protocols():
    return [ProtocolEntry("ends", "{module}:ENDS", "Ends.", "{module}:BOARD")]
"""


@pytest.mark.skipif(not apart.ABLE, reason="there is no fork here")
def test_a_protocol_that_ends_the_process_that_loads_it_costs_no_other(
    medtl, plugins, write_plugin, tmp_path, monkeypatch
):
    (tmp_path / "ending_protocol.py").write_text("import os; os._exit(0)")
    monkeypatch.syspath_prepend(tmp_path)
    bad = "--plugin", write_plugin(PROTOCOL.format(module="ending_protocol"), "ends")
    words = (*plugins("tiny"), *bad, "-d", "tiny", "-a", "column", "--preset", "smoke")
    answer = medtl("run", *words, "--on", "in-process", "--out", tmp_path / "out")
    assert answer.code == 1
    assert "2 trials ran, 0 were skipped, 1 failed." in answer.out
    assert "loading 'ends' ended its process with exit code 0" in answer.out + answer.err


def test_a_job_that_is_told_of_plugins_imports_those_that_it_uses(
    plugin_file, write_plugin, tmp_path
):
    mark = tmp_path / "mark"
    beside = f"open({str(mark)!r}, 'a').write('imported ')\n" + PATCHES[PATCHES.index("@hook") :]
    catalogue = discovery.find([plugin_file("tiny"), write_plugin(beside)])
    mark.unlink()
    execute = make(catalogue, "in-process", Limits())
    request = Request(["tiny"], ["column"], ["transfer"], "smoke")
    (planned,) = make_plan(request, catalogue, execute).planned
    ((job, reply),) = execute([Job(work=RunTrial(trial=planned.trial))])
    assert reply.outcome.status == "ok"
    assert [one["name"] for one in job.plugins] == ["tiny", "under_test"]
    assert Job.model_validate_json(job.model_dump_json()) == job
    assert not mark.exists()
    trial = planned.trial.model_copy(update={"algorithm": "beside"})
    ((_, reply),) = execute([Job(work=RunTrial(trial=trial))])
    assert (reply.outcome.status, mark.read_text()) == ("ok", "imported ")


TRIAL = Trial(
    dataset="d",
    dataset_digest="",
    algorithm="a",
    algorithm_source="",
    parameters={},
    protocol="transfer",
    scenario="s",
    settings={},
    seed=0,
    versions={},
)


def test_what_a_trial_uses_is_imported_before_it_begins(write_plugin, tmp_path):
    marks = [tmp_path / name for name in ("backbone", "metric")]
    body = (
        "from medtl_bench.contract.hooks import {entry}\nopen({mark!r}, 'w')\n"
        "@hookimpl\ndef medtl_{many}():\n    return [{entry}('marked', {rest})]\n"
    )
    backbone = {"many": "backbones", "entry": "BackboneEntry", "rest": "dict, '', 'vectors'"}
    metric = {"many": "metrics", "entry": "MetricEntry", "rest": "max, '', ('classification',)"}
    pairs = zip(marks, (backbone, metric), strict=True)
    files = [write_plugin(body.format(mark=str(m), **one), one["many"]) for m, one in pairs]
    catalogue = discovery.find(files)
    for mark in marks:
        mark.unlink()
    there = [mark.exists() for mark in marks]
    uses.for_scoring(catalogue, ["accuracy", "marked"])
    there += [mark.exists() for mark in marks]
    uses.for_learning(catalogue, TRIAL)
    there += [mark.exists() for mark in marks]
    uses.for_learning(catalogue, TRIAL.model_copy(update={"parameters": {"backbone": "marked"}}))
    there += [mark.exists() for mark in marks]
    assert there == [False, False, False, True, False, True, True, True]
