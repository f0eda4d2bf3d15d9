"""The command `tune`."""

# ruff: noqa: PLC0415 - `--help` must start without torch and pandas
# ruff: noqa: B006 - typer reads defaults, it never changes them
from typing import TYPE_CHECKING, Annotated, TypedDict

import typer

from medtl_bench.cli import console, runs
from medtl_bench.cli.options import (
    DEFAULT_OUT,
    MOST_STACKED,
    Algorithms,
    All,
    Datasets,
    Out,
    PluginFiles,
    Preset,
    Protocols,
    Seeds,
    Stack,
)

if TYPE_CHECKING:
    from medtl_bench.api import Tuned

DRAWS = 20  # as `running.tuning` has it, which loads more than `--help` may
Draws = Annotated[
    int, typer.Option("--draws", help="Settings to choose among, the default one of them.")
]
Rule = Annotated[
    str,
    typer.Option(
        "--rule",
        metavar="[leave-one-source-out|source-validation]",
        help="What a setting is judged by; a stream has a rule of its own.",
    ),
]
Sampler = Annotated[
    str,
    typer.Option(
        "--sampler",
        metavar="[quasi|random|tpe]",
        help="What draws settings: quasi all at once; Optuna's random and tpe one by one.",
    ),
]
Oracle = Annotated[
    bool,
    typer.Option("--oracle", help="Run all draws on the targets too, to show the best one apart."),
]


class Limits(TypedDict):
    """How many trials run at a time, and what each may take."""

    jobs: int
    timeout: float
    memory: int


def tune(
    all_: All = False,
    dataset: Datasets = [],
    algorithm: Algorithms = [],
    protocol: Protocols = [],
    draws: Draws = DRAWS,
    rule: Rule = "leave-one-source-out",
    sampler: Sampler = "quasi",
    oracle: Oracle = False,
    seeds: Seeds = None,
    preset: Preset = "default",
    plugin: PluginFiles = [],
    on: runs.On = "processes",
    jobs: runs.Jobs = 0,
    timeout: runs.Timeout = 900.0,
    memory: runs.Memory = 8192,
    stack: Stack = MOST_STACKED,
    observe: runs.Observers = [],
    out: Out = DEFAULT_OUT,
) -> None:
    """Choose hyper-parameters without a target's labels, run what was chosen, write the boards.

    Each method gets the same number of draws from its ranges. Exit code: as of `run`.
    """
    limits: Limits = {"jobs": jobs, "timeout": timeout, "memory": memory}
    runs.ask(all_ or dataset or algorithm, seeds=seeds, stack=stack, draws=draws, **limits)
    from medtl_bench import api

    with runs.resumable():
        tuned = api.tune(
            dataset,
            algorithm,
            draws=draws,
            rule=rule,
            sampler=sampler,
            oracle=oracle,
            protocols=protocol,
            preset=preset,
            seeds=seeds,
            plugins=plugin,
            on=on,
            **limits,
            stack=stack,
            observe=observe,
            watch=runs.progress(),
            complain=console.complain,
            out=out,
        )
    _chosen(tuned)
    runs.end(tuned, out)


def _chosen(tuned: "Tuned") -> None:
    """Print which draw was chosen for each scenario, and how it and the default were judged."""
    columns = ["dataset", "method", "scenario", "by", "chosen", "judged", "default"]
    rows = [
        (one.dataset, one.algorithm, one.scenario, one.rule, one.variant or "the default",
         f"{one.score:.3f}", f"{one.default:.3f}")
        for one in tuned.choices
    ]  # fmt: skip
    console.table("Chosen", columns, rows)
