"""The command `verify`: whether stored results are whole, and whether they come out again."""

# ruff: noqa: PLC0415 - `--help` must start without torch and pandas
# ruff: noqa: B006 - typer reads defaults, it never changes them
from typing import Annotated

import typer

from medtl_bench.cli import console
from medtl_bench.cli.options import DEFAULT_OUT, Out, PluginFiles
from medtl_bench.errors import IntegrityError

Rerun = Annotated[int, typer.Option("--rerun", min=0, help="Trials to repeat, drawn at random.")]
Key = Annotated[str, typer.Option("--trial", metavar="KEY", help="Repeat this one.")]
Seed = Annotated[
    int | None, typer.Option("--seed", min=0, help="Which trials are drawn; default: any.")
]
Jobs = Annotated[int, typer.Option("--jobs", "-j", min=0, help="Trials at a time; 0: one a core.")]
OTHER_MACHINE = "Another processor may round differently: see which machine a record is of."


def verify(
    rerun: Rerun = 0,
    trial: Key = "",
    seed: Seed = None,
    jobs: Jobs = 0,
    plugin: PluginFiles = [],
    out: Out = DEFAULT_OUT,
) -> None:
    """Check every stored result, and repeat a sample of the trials to compare their scores.

    Exit code: 0 all is whole and equal, 3 a file is damaged or a score differs.
    """
    from medtl_bench import api

    verified = api.verify(out, rerun=rerun, trial=trial, seed=seed, plugins=plugin, jobs=jobs)
    console.say(f"{len(verified.contents.records)} results are whole, as far as they tell.")
    if rerun or trial:
        for why, count in verified.hindered.items():
            console.say(f"{count} trials cannot be repeated here: {why}.")
        drawn = "" if trial else f" (--seed {verified.seed})"
        console.say(f"{len(verified.repeated)} trials were repeated{drawn}.")
    for record, difference in verified.different:
        of = record.trial
        name = f"{of.dataset} {of.scenario} {of.algorithm}, seed {of.seed}"
        console.complain(f"{name} ({of.key}): {difference}.")
    if verified.different:
        console.complain(OTHER_MACHINE)
    console.damaged(verified.contents.damaged)
    raise typer.Exit(IntegrityError.exit_code if verified.different else 0)
