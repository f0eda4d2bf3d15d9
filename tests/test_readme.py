"""The front page is true: its commands exist, its method runs, its numbers stand on the boards."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from medtl_toy.dataset import vectors
from typer.testing import CliRunner

import medtl_bench
from medtl_bench.catalogue import discovery, entries
from medtl_bench.cli.main import app
from medtl_bench.contract import hooks
from medtl_bench.protocols.examiner import Clock
from medtl_bench.protocols.transfer import transfer
from medtl_bench.results.store import Store
from medtl_bench.running.plan import PRESETS
from tests.records import record, transfer_scores

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PAGES = "\n".join(
    path.read_text(encoding="utf-8") for path in sorted((ROOT / "leaderboards").rglob("*.md"))
)
COMMANDS = sorted(set(re.findall(r"medtl-bench (?:[a-z][^`#&\n]*)", README + CONTRIBUTING)))
OF_USERS = {"my-boards/", "~/.cache/"}  # what is made where a user says, not here


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
    for name in vars(hooks):
        if name.startswith("medtl_"):
            assert f"`{name}`" in CONTRIBUTING
    for name, preset in PRESETS.items():
        assert re.search(rf"`{name}`.*\b{preset.seeds} seed", README), name


@pytest.mark.parametrize("text", [README, CONTRIBUTING], ids=["README", "CONTRIBUTING"])
def test_every_path_exists(text: str) -> None:
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    named = {*re.findall(r"`([^`\s]+)`", prose), *re.findall(r"\]\(([^)#:\s]+)[)#]", prose)}
    paths = {one for one in named if re.search(r"/|\.(py|md|toml|cff)$", one)}
    assert len(paths) > 5
    for path in paths:
        there = [*ROOT.glob(path.replace("<name>", "*")), *(ROOT / "medtl_bench").glob(path)]
        assert there or any(path.startswith(start) for start in OF_USERS), path


def test_no_example_writes_into_the_published_boards() -> None:
    for command in COMMANDS:
        words = shlex.split(command)
        out = words[words.index("--out") + 1] if "--out" in words else "my-boards"
        assert out == "my-boards" or words[1] == "leaderboard", command


def document(*words: str) -> dict[str, object]:
    """Return what a command prints as JSON."""
    told = CliRunner().invoke(app, [*words, "--json"])
    assert told.exit_code == 0, told.output
    return json.loads(told.stdout)


def test_the_fields_of_json_are_those_of_the_table(tmp_path: Path) -> None:
    plan = ("-d", "shifted-toy", "-a", "chance", "-a", "cutmix", "--out", str(tmp_path))
    store = Store(tmp_path / "results")
    for name in ("dann", "ewc"):
        store.write(record(algorithm=name, scores=transfer_scores(0.6)))
    kept, usual = tmp_path / "kept", {"preset": "smoke", "on": "in-process", "answers": True}
    medtl_bench.run("shifted-toy", "chance", out=kept, **usual)
    commands = {
        "`list`": ("list",),
        "`show` of a dataset": ("show", "shifted-toy"),
        "`show` of an algorithm": ("show", "dann"),
        "`plan`": ("plan", *plan),
        "`data list`": ("data", "list"),
        "`data verify`": ("data", "verify", "shifted-toy"),
        "`log`": ("log", record().trial.key, "--out", str(tmp_path)),
        "`show` of a trial": ("show", record().trial.key, "--out", str(tmp_path)),
        "`compare`": ("compare", "dann", "ewc", "--out", str(tmp_path)),
        "`score`": ("score", "accuracy", "--out", str(kept)),
    }
    table = README.split("## In scripts")[1].split("\n## ")[0].splitlines()
    for label, words in commands.items():
        (line,) = [line for line in table if line.startswith(f"| {label} |")]
        named = set(re.findall(r"`(\w+)`", line.split("|")[2]))
        told = document(*words)
        rows = [
            section[:1] if isinstance(section, list) else [section] for section in told.values()
        ]
        fields = {name for (row,) in filter(None, rows) if isinstance(row, dict) for name in row}
        optional = {"file", "reason"}  # of plugins that are broken, of which there are none here
        assert set(told) <= named, label
        assert named - set(told) - optional <= fields, label
