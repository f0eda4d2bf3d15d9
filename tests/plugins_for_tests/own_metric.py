"""A metric for which lower is better, and a dataset that is scored by it."""

from dataclasses import replace

import numpy as np

from medtl_bench.contract.hooks import DatasetEntry, MetricEntry, hookimpl
from medtl_bench.contract.task import Task
from tests.plugins_for_tests.tiny import build as tiny


def log_loss(probability, y):
    chosen = probability[np.arange(len(y)), y]
    return float(-np.log(chosen.clip(1e-12)).mean())


def build():
    task = Task("classification", ("no", "yes"), ("balanced_accuracy", "log_loss"))
    return replace(tiny(), name="tiny-odds", task=task)


@hookimpl
def medtl_metrics():
    kinds = ("classification",)
    return [MetricEntry("log_loss", log_loss, "surprise at the label", kinds, False)]


@hookimpl
def medtl_datasets():
    return [DatasetEntry("tiny-odds", build, "Tiny, scored by its log loss.", "simulated")]
