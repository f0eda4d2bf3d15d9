"""Inputs that no network takes: skipped with a reason before the run, not failed in each trial."""

PLUGIN = """
import torch
from dataclasses import replace
from medtl_bench.contract.dataset import Dataset
from medtl_bench.contract.split import Domain, Split
from tests.plugins_for_tests.tiny import build

def volumes(split):
    x = torch.cat([split.x, split.x], 1)[:, :4].reshape(-1, 1, 2, 2, 1)
    return Split(x, split.y)

def make():
    tiny = build()
    domains = [Domain(d.name, *map(volumes, d.splits().values())) for d in tiny.domains]
    return replace(tiny, name="volumes", domains=tuple(domains))

@hookimpl
def medtl_datasets():
    return [DatasetEntry("volumes", make, "Volumes.", "simulated")]
"""
METHODS = ("-a", "fine-tune", "-a", "dann", "-a", "logistic-regression")
WORDS = ("-d", "volumes", *METHODS, "--protocol", "transfer", "--preset", "smoke")
REASON = "but x has the shape [1, 2, 2, 1] in a row"


def test_the_plan_says_who_cannot_take_volumes_and_others_run(medtl, write_plugin, tmp_path):
    plugin = write_plugin(PLUGIN)
    plan = medtl("plan", *WORDS, "--plugin", plugin, "--out", tmp_path / "o")
    assert " ".join(plan.out.split()).count(REASON) == 2
    run = medtl("run", *WORDS, "--plugin", plugin, "--out", tmp_path / "o", "--on", "in-process")
    assert run.code == 0
    assert "1 trials ran, 2 were skipped, 0 failed" in run.out


def test_volumes_are_recommended_by_what_needs_no_network(medtl, write_plugin, tmp_path):
    out = medtl("recommend", *WORDS[:2], "--target", "c", "--plugin", write_plugin(PLUGIN))
    assert out.code == 0
    assert "There is no LogME: networks take" in " ".join(out.out.split())
