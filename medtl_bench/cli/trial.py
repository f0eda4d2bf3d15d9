"""What `show` tells of one trial: all of its record, and the commands that repeat it."""

import shlex
from pathlib import Path

from medtl_bench.cli import log
from medtl_bench.cli.options import DEFAULT_OUT
from medtl_bench.cli.sections import Document
from medtl_bench.results.record import Record
from medtl_bench.results.store import SHORT
from medtl_bench.running.plan import preset_of

ANEW = "another-folder"


def document(record: Record, out: Path) -> Document:
    """Return what a record in an output folder says of a trial, and how to repeat it."""
    trial, told = record.trial, dict(log.document(record))
    place = {
        "dataset": trial.dataset,
        "dataset_digest": trial.dataset_digest,
        "scenario": trial.scenario,
        "seed": trial.seed,
        "threads": trial.threads,
    }
    result, printed = told.pop("result"), told.pop("log")
    assert isinstance(result, dict)  # noqa: S101 - it is one of names
    return {
        "trial": {**result, **place},
        "settings": trial.settings,
        **told,
        "plugins": trial.plugins,
        "scores": [score._asdict() for score in record.outcome.scores],
        "log": printed,
        "commands": {"repeat_and_compare": again(record, out), "run_anew": anew(record)},
    }


def again(record: Record, out: Path) -> str:
    """Return the command that repeats a trial and compares the scores.

    One that is not ok has none to compare: the same run runs it again.
    """
    where = [] if out == DEFAULT_OUT else ["--out", str(out)]
    if record.outcome.status != "ok":
        return shlex.join(["medtl-bench", "run", *_options(record), *where])
    key = record.trial.key[:SHORT]
    return shlex.join(["medtl-bench", "verify", "--trial", key, *where])


def anew(record: Record) -> str:
    """Return the command that runs a trial in a folder where it has no result.

    Plugin files that were named are to be named again.
    """
    return shlex.join(["medtl-bench", "run", *_options(record), "--out", ANEW])


def _options(record: Record) -> list[str]:
    trial, variant = record.trial, "" if record.trial.chosen else record.about.variant
    changed = variant.split(", ") if variant else []
    options = ["-d", trial.dataset, "-a", trial.algorithm, "--protocol", trial.protocol]
    for parameter in changed:
        options += ["-p", f"{trial.algorithm}.{parameter}"]
    options += ["--preset", preset_of(trial, variant), "--seeds", str(trial.seed + 1)]
    return options if trial.stacked else [*options, "--stack", "1"]
