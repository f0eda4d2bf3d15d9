"""How dense the code is: lengths, branches, comprehensions, annotations and repeated lines, by ast.

Ruff counts neither the branches of comprehensions nor how deep these lie in one another; here
both count.
`python tests/density.py FILES` prints what is over a limit, and the figures of the whole.
"""

import ast
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import NamedTuple

MOST_FUNCTION_LINES = 50  # from `def` to the last line, docstring included
MOST_MEDIAN_LINES = 6  # of all functions, counted likewise
MOST_BRANCHES = 10  # and one is the function itself
MOST_NESTED = 1  # comprehensions in one another, in one statement
LONGEST_LINE = 100
LONG_LINE = 90  # of which there may be some
MOST_LONG = 0.05  # as a share of all lines
REPEATED_RUN = 6  # lines that stand in two places one after another
MOST_REPEATED = 0.005  # as a share of all lines

Function = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
BRANCHES = (
    ast.If, ast.For, ast.AsyncFor, ast.While, ast.IfExp, ast.ExceptHandler, ast.Assert,
    ast.match_case,
)  # fmt: skip


class Excess(NamedTuple):
    """What is over a limit, and where."""

    path: Path
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}"


@dataclass(frozen=True)
class Source:
    """One file of code."""

    path: Path

    @cached_property
    def text(self) -> str:
        """What stands in it."""
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def lines(self) -> list[str]:
        """Its lines."""
        return self.text.splitlines()

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax."""
        return ast.parse(self.text)

    def functions(self) -> Iterator[Function]:
        """Yield every function, also those inside of others."""
        return (node for node in ast.walk(self.tree) if isinstance(node, FUNCTIONS))


def sources(folders: Iterable[Path]) -> list[Source]:
    """Return the Python files under folders, in order."""
    paths = {path for folder in folders for path in folder.rglob("*.py")}
    return [Source(path) for path in sorted(paths)]


def length(function: Function) -> int:
    """Return the lines of a function, without its decorators."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def _own(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what lies in a node, but not what lies in a function or class in it."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, (*FUNCTIONS, ast.ClassDef)):
            yield from _own(child)


def _weight(node: ast.AST) -> int:
    if isinstance(node, ast.comprehension):
        return 1 + len(node.ifs)
    if isinstance(node, ast.BoolOp):
        return len(node.values) - 1
    return int(isinstance(node, BRANCHES))


def complexity(function: Function) -> int:
    """Return one and the branches of a function: those of its comprehensions and conditions too."""
    return 1 + sum(_weight(node) for node in _own(function))


def nested(node: ast.AST) -> int:
    """Return how deep comprehensions lie in one another in a node, passing over its statements."""
    children = (child for child in ast.iter_child_nodes(node) if not _holds_statements(child))
    return max(map(nested, children), default=0) + isinstance(node, COMPREHENSIONS)


def _holds_statements(node: ast.AST) -> bool:
    return isinstance(node, (ast.stmt, ast.ExceptHandler, ast.match_case))


def without_annotation(function: Function) -> list[str]:
    """Return the arguments that have no type, and `return` where that has none."""
    signature = function.args
    arguments = [*signature.posonlyargs, *signature.args, *signature.kwonlyargs]
    arguments += [extra for extra in (signature.vararg, signature.kwarg) if extra]
    untyped = [argument.arg for argument in arguments if argument.annotation is None]
    untyped = [name for name in untyped if name not in {"self", "cls"}]
    return untyped + ["return"] * (function.returns is None)


def in_functions(source: Source) -> Iterator[Excess]:
    """Yield the functions that are too long, branch too often or lack a type."""
    for function in source.functions():
        place = source.path, function.lineno
        if (lines := length(function)) > MOST_FUNCTION_LINES:
            yield Excess(*place, f"{function.name} has {lines} lines")
        if (branches := complexity(function)) > MOST_BRANCHES:
            yield Excess(*place, f"{function.name} has a complexity of {branches}")
        for name in without_annotation(function):
            yield Excess(*place, f"{function.name} has no type for {name}")


def in_statements(source: Source) -> Iterator[Excess]:
    """Yield the statements with comprehensions in comprehensions."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.stmt) and (depth := nested(node)) > MOST_NESTED:
            yield Excess(source.path, node.lineno, f"comprehensions lie {depth} deep")


def in_lines(source: Source) -> Iterator[Excess]:
    """Yield the lines that are too long."""
    for number, line in enumerate(source.lines, 1):
        if len(line) > LONGEST_LINE:
            yield Excess(source.path, number, f"the line has {len(line)} characters")


def excesses(files: Sequence[Source]) -> list[Excess]:
    """Return all that is over a limit of one function, statement or line."""
    checks = in_functions, in_statements, in_lines
    return [excess for source in files for check in checks for excess in check(source)]


def _imports(source: Source) -> set[int]:
    """Return the numbers of the lines of imports."""
    nodes = (n for n in ast.walk(source.tree) if isinstance(n, (ast.Import, ast.ImportFrom)))
    return {line for n in nodes for line in range(n.lineno, (n.end_lineno or n.lineno) + 1)}


def telling(source: Source) -> list[tuple[int, str]]:
    """Return the lines that say something: no import, comment, blank or lone punctuation."""
    passed = _imports(source)
    lines = ((number, line.strip()) for number, line in enumerate(source.lines, 1))
    return [
        (number, line)
        for number, line in lines
        if number not in passed and not line.startswith("#") and any(map(str.isalnum, line))
    ]


def runs(source: Source) -> Iterator[tuple[tuple[str, ...], list[int]]]:
    """Yield every run of telling lines, and where its lines stand."""
    lines = telling(source)
    for start in range(len(lines) - REPEATED_RUN + 1):
        numbers, texts = zip(*lines[start : start + REPEATED_RUN], strict=True)
        yield texts, list(numbers)


def repeated(files: Sequence[Source]) -> list[Excess]:
    """Return the lines of runs that stood in another place before."""
    first: dict[tuple[str, ...], tuple[Path, int]] = {}
    again: dict[tuple[Path, int], str] = {}
    for source in files:
        for texts, numbers in runs(source):
            path, line = first.setdefault(texts, (source.path, numbers[0]))
            if (path, line) != (source.path, numbers[0]):
                again |= {(source.path, n): f"stands also near {path}:{line}" for n in numbers}
    return [Excess(*place, what) for place, what in sorted(again.items())]


@dataclass(frozen=True)
class Figures:
    """What is told of many files together."""

    lines: int
    functions: int
    median: float
    median_without_docstring: float
    long: float
    repeated: float

    def __str__(self) -> str:
        return (
            f"{self.lines} lines, {self.long:.1%} over {LONG_LINE} characters, "
            f"{self.repeated:.2%} repeated; {self.functions} functions, median {self.median:g} "
            f"lines, {self.median_without_docstring:g} without docstring"
        )


def _docstring(function: Function) -> int:
    """Return the lines of the docstring of a function."""
    head = function.body[0]
    return (head.end_lineno or 0) - head.lineno + 1 if ast.get_docstring(function) else 0


def figures(files: Sequence[Source]) -> Figures:
    """Return the figures of files."""
    lines = [line for source in files for line in source.lines]
    functions = [function for source in files for function in source.functions()]
    return Figures(
        lines=len(lines),
        functions=len(functions),
        median=median(map(length, functions)),
        median_without_docstring=median(length(f) - _docstring(f) for f in functions),
        long=sum(len(line) > LONG_LINE for line in lines) / len(lines),
        repeated=len(repeated(files)) / len(lines),
    )


def by_folder(places: Iterable[Excess], depth: int = 2) -> dict[str, int]:
    """Return how many excesses each folder has."""
    counts: defaultdict[str, int] = defaultdict(int)
    for excess in places:
        counts["/".join(excess.path.parts[:depth])] += 1
    return dict(sorted(counts.items()))


def main(names: Sequence[str]) -> None:
    """Print what is over a limit in files or folders, and their figures."""
    paths = [Path(name) for name in names]
    files = sources(path for path in paths if path.is_dir())
    files += [Source(path) for path in paths if path.is_file()]
    print(*excesses(files), *repeated(files), figures(files), sep="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
