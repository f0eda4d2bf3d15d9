"""The house: rooms that import downwards only, the lint contract for it, and code not dense."""

import ast
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests import density, rooms

ROOT = Path(__file__).parents[1]
CODE = density.sources([ROOT / "medtl_bench", ROOT / "plugins"])
GRAPH = rooms.modules()
ARROWS = rooms.rooms(GRAPH)


def listed(excesses: list[density.Excess]) -> str:
    """Return what is over a limit, one a line, after how many there are in each room."""
    near = [excess._replace(path=excess.path.relative_to(ROOT)) for excess in excesses]
    return "\n".join(map(str, (f"{len(near)} in {density.by_folder(near)}", *near)))


def test_no_module_and_no_room_imports_itself_in_a_circle():
    assert not rooms.circle(GRAPH)
    assert not rooms.circle(ARROWS), rooms.shown(ARROWS)


def test_no_module_imports_from_a_room_above_it():
    assert not rooms.upward(GRAPH)


def test_every_room_has_its_floor():
    assert set(ARROWS) <= {*rooms.ROOMS, "medtl_bench"}


def test_few_arrows_lead_from_room_to_room():
    assert rooms.count(ARROWS) <= rooms.MOST_ARROWS, rooms.shown(ARROWS)


LINT = (
    "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
)


@pytest.fixture
def planted(tmp_path):
    """Return a function: what the lint contract says of a copy that has one line more."""
    pytest.importorskip("importlinter", reason="the lint contract: pip install medtl-bench[lint]")
    house = tmp_path / "medtl_bench"
    shutil.copytree(rooms.PACKAGE, house, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)

    def lint(module: str, line: str) -> str:
        with (house / module).open("a") as file:
            file.write(f"\n{line}\n")
        path = os.environ | {"PYTHONPATH": str(tmp_path)}
        command = [sys.executable, "-c", LINT]
        done = subprocess.run(
            command, env=path, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 1, done.stdout + done.stderr
        return " ".join(done.stdout.split())

    return lint


@pytest.mark.parametrize(
    ("module", "line", "target"),
    [
        ("metrics/classes.py", "from medtl_bench.cli import console", "medtl_bench.cli.console"),
        ("files/npz.py", "def late():\n    import medtl_bench.metrics", "medtl_bench.metrics"),
        ("board/build.py", "import torch", "torch"),
        ("running/plan.py", "from medtl_bench.report import folder", "medtl_bench.report.folder"),
        ("training/loop.py", "import medtl_dann", "medtl_dann"),
    ],
)
def test_the_lint_contract_finds_a_planted_import(planted, module, line, target):
    name = rooms.name_of(rooms.PACKAGE / module, rooms.PACKAGE)
    assert f"- {name} -> {target} (l." in planted(module, line)


def test_the_lint_contract_keeps_every_plugin_out_of_the_core():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = project["tool"]["importlinter"]["contracts"]
    forbidden = {name for one in contracts for name in one.get("forbidden_modules", ())}
    points = project["project"]["entry-points"]["medtl_bench"]
    assert {module for name, module in points.items() if name != "core"} <= forbidden
    floors = next(one["layers"] for one in contracts if one["type"] == "layers")
    names = [name.strip("() ") for floor in floors for name in floor.split("|")]
    assert set(names) == set(rooms.ROOMS)


def test_every_room_says_what_it_is_for_and_what_it_may_import():
    folders = [path for path in rooms.PACKAGE.iterdir() if (path / "__init__.py").is_file()]
    told = {p.name: ast.get_docstring(ast.parse((p / "__init__.py").read_text())) for p in folders}
    assert len(told) == 14
    assert not [name for name, text in told.items() if "import" not in (text or "").lower()]


@pytest.mark.parametrize("check", [density.in_functions, density.in_statements, density.in_lines])
def test_no_function_statement_or_line_is_dense(check):
    excesses = [excess for source in CODE for excess in check(source)]
    assert not excesses, listed(excesses)


def test_the_code_as_a_whole_is_not_dense():
    figures = density.figures(CODE)
    assert figures.median <= density.MOST_MEDIAN_LINES, figures
    assert figures.long < density.MOST_LONG, figures


def test_few_lines_stand_twice():
    repeated = density.repeated(CODE)
    lines = sum(len(source.lines) for source in CODE)
    assert len(repeated) < density.MOST_REPEATED * lines, listed(repeated)


DENSE = '''
import torch
from a import (
    b,
)

def far(x, *rest, y: int = 0) -> list[int]:
    """Sum."""
    for row in x:
        print([[c for c in line if c and line] for line in row if row or y])
    return [one for one in rest if one if y] if all(x for x in rest) else []

class Far:
    shapes = {tuple(n for n in s) for s in ()}
'''


def test_the_measures_count_what_they_say(tmp_path):
    (tmp_path / "dense.py").write_text(DENSE)
    (source,) = density.sources([tmp_path])
    (far,) = source.functions()
    # itself and the loop; four comprehensions with four conditions; `and`, `or`; the expression
    assert density.complexity(far) == 2 + 8 + 2 + 1
    assert density.length(far) == 5
    assert density.without_annotation(far) == ["x", "rest"]
    assert {excess.line for excess in density.in_statements(source)} == {10, 14}
    assert [number for number, _ in density.telling(source)] == [7, 8, 9, 10, 11, 13, 14]
    assert density.figures([source]).median_without_docstring == 4


def test_a_run_of_six_lines_that_stands_twice_is_found_and_one_of_five_is_not(tmp_path):
    six = [f"    x = {number}" for number in range(6)]
    for name, lines in (
        ("a", six),
        ("b", [*six[:3], "", "    # a word", *six[3:]]),
        ("c", six[1:]),
    ):
        (tmp_path / f"{name}.py").write_text("\n".join(["def f():", *lines]))
    repeated = density.repeated(density.sources([tmp_path]))
    assert {(excess.path.name, excess.line) for excess in repeated} >= {("b.py", n) for n in (2, 7)}
    assert {excess.path.name for excess in repeated} == {"b.py"}


def test_importing_the_package_imports_the_standard_library_at_most_and_takes_no_time():
    code = (
        "import sys, time\nbefore, start = set(sys.modules), time.perf_counter()\n"
        "import medtl_bench\ntook = time.perf_counter() - start\n"
        "loaded = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        "print(took, *sorted(loaded - sys.stdlib_module_names))"
    )
    runs = [subprocess.check_output([sys.executable, "-c", code], text=True).split() for _ in "123"]
    assert [loaded for _, *loaded in runs] == [["medtl_bench"]] * 3
    assert min(float(took) for took, *_ in runs) < 0.05
