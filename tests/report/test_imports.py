"""What boards, pages and the API that writes them may not do: load torch, and on pages, compute."""

import ast
import subprocess
import sys
from pathlib import Path

import medtl_bench.report

SCRIPT = """
import importlib, pkgutil, sys
import medtl_bench.api, medtl_bench.board, medtl_bench.report
for room in (medtl_bench.board, medtl_bench.report):
    for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
        importlib.import_module(module.name)
loaded = {name.split(".")[0] for name in sys.modules}
print(sorted(loaded & {"torch", "sklearn", "tensordict"}))
print(sum(name.startswith(("medtl_bench.board.", "medtl_bench.report.")) for name in sys.modules))
"""


def test_no_module_of_board_or_report_nor_the_api_loads_torch() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=120
    )
    loaded, modules = done.stdout.splitlines()
    assert loaded == "[]"
    assert int(modules) > 25


REDUCTIONS = {"mean", "sum", "std", "var", "median", "quantile", "agg", "nunique", "count", "size"}
TESTS = {"friedman", "mean_ranks", "mean_interval", "mark", "ranks", "tost", "kendall"}


def test_pages_compute_no_number() -> None:
    files = sorted(Path(medtl_bench.report.__file__).parent.rglob("*.py"))
    assert len(files) > 15
    for path in files:
        calls = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)]
        names = {n.func.attr for n in calls if isinstance(n.func, ast.Attribute)}
        names |= {n.func.id for n in calls if isinstance(n.func, ast.Name)}
        assert not names & (REDUCTIONS | TESTS), path
