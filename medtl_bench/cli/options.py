"""The options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

PluginFiles = Annotated[
    list[str], typer.Option("--plugin", help="A plugin file under construction; may be repeated.")
]
All = Annotated[
    bool, typer.Option("--all", help="Every algorithm on every dataset, or as the preset says.")
]
Datasets = Annotated[
    list[str], typer.Option("--dataset", "-d", help="A dataset; may be repeated. Default: all.")
]
Algorithms = Annotated[
    list[str],
    typer.Option("--algorithm", "-a", help="An algorithm; may be repeated. Default: all."),
]
Protocols = Annotated[
    list[str], typer.Option("--protocol", help="A protocol; may be repeated. Default: all.")
]
Parameters = Annotated[
    list[str], typer.Option("--parameter", "-p", help="ALGORITHM.NAME=VALUE; may be repeated.")
]
Seeds = Annotated[
    int | None, typer.Option("--seeds", help="How many seeds; default: the preset's.")
]
Stack = Annotated[
    int,
    typer.Option("--stack", help="Trials of a kind that may train as one; 1: each alone."),
]
Out = Annotated[Path, typer.Option("--out", "-o", help="The folder of results and boards.")]
DEFAULT_OUT = Path("my-boards")
MOST_STACKED = 64  # as `running.request` has it, which loads more than `--help` may
Preset = Annotated[
    str,
    typer.Option(
        "--preset",
        metavar="[smoke|quick|default|published|full]",
        help="How much: seeds, shots, draws and scenarios.",
    ),
]
