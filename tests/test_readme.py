"""The front page is true: its commands exist, its method runs, its numbers stand on the boards."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from medtl_toy.dataset import vectors
from typer.testing import CliRunner

from medtl_bench.catalogue import discovery, entries
from medtl_bench.cli.main import app
from medtl_bench.contract import hooks
from medtl_bench.protocols.examiner import Clock
from medtl_bench.protocols.transfer import transfer
from medtl_bench.running.plan import PRESETS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = "\n".join(
    path.read_text(encoding="utf-8") for path in sorted((ROOT / "leaderboards").rglob("*.md"))
)
COMMANDS = sorted(set(re.findall(r"medtl-bench (?:[a-z][^`#&\n]*)", README)))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_option_exists(command: str) -> None:
    words = shlex.split(command)[1:]
    names = [word for word in words if not word.startswith("-")]
    depth = 2 if names[0] == "data" else 1
    told = CliRunner().invoke(
        app, [*names[:depth], "--help"], env={"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}
    )
    assert told.exit_code == 0, told.output
    for option in (word for word in words if word.startswith("-")):
        assert re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", told.output), (
            option,
            told.output,
        )


def test_every_number_of_the_results_stands_on_a_board() -> None:
    results = README.split("<!-- results -->")[1].split("<!-- /results -->")[0]
    rows = [line for line in results.splitlines() if line.startswith("|")]
    assert len(rows) > 5
    told = re.findall(r"p = [\d.]+\d(?:e-\d+)?|\d\.\d+ ± \d\.\d+", results)
    assert len(told) > 5
    for number in (*rows, *told):
        assert re.search(rf"{re.escape(number)}(?![\de])", PAGES), number


def code_after(heading: str) -> str:
    """Return the first Python code under a heading of the README."""
    return re.findall(r"```python\n(.*?)```", README.split(heading)[1], re.DOTALL)[0]


def test_the_notebook_on_the_front_page_runs_as_a_script(tmp_path: Path) -> None:
    (tmp_path / "notebook.py").write_text(code_after("## In a notebook"))
    done = subprocess.run(
        [sys.executable, "notebook.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "heart-disease" in done.stdout
    assert (tmp_path / "my-boards" / "datasets" / "heart-disease.md").is_file()


def test_the_method_on_the_front_page_runs(tmp_path: Path) -> None:
    code = code_after("## Add a method")
    entry = """
from medtl_bench.contract.hooks import AlgorithmEntry, hookimpl


@hookimpl
def medtl_algorithms() -> list[AlgorithmEntry]:
    return [AlgorithmEntry("front-page", MyMethod, "From the README.", "domain adaptation")]
"""
    file = tmp_path / "front_page.py"
    file.write_text(code + entry)
    found = discovery.find([str(file)])
    assert not found.broken
    dataset = vectors()
    make = found.algorithm("front-page")
    scores = list(
        transfer(dataset, dataset.transfers[0], make, seed=0, shots=(1,), draws=1, clock=Clock())
    )
    assert {score.stage for score in scores} >= {"fit", "adapt", "full"}


def test_everything_registered_is_named() -> None:
    found = discovery.find()
    own = [
        n
        for part in (found.algorithms, found.datasets)
        for n, r in part.items()
        if r.plugin.distribution == "medtl-bench"
    ]
    assert [
        name
        for name in own
        if f"`{name}{'' if name.endswith(entries.ARGUMENT) else '`'}" not in README
    ] == []


def test_hooks_and_presets_are_documented() -> None:
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for name in vars(hooks):
        if name.startswith("medtl_"):
            assert f"`{name}`" in contributing
    for name, preset in PRESETS.items():
        assert re.search(rf"`{name}`.*\b{preset.seeds} seed", README), name
