"""The house as it is: which module imports which, and the arrows between rooms, by ast.

A room is a folder or a module on the first level of `medtl_bench`. Imports inside of functions
and those for types alone count like any other.
`python tests/rooms.py` prints the rooms and their arrows.
"""

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import medtl_bench

PACKAGE = Path(medtl_bench.__file__).parent
# From the ground up, as design and the contract in `pyproject.toml` have it.
ROOMS = (
    "errors", "arrays", "hashing", "randomness", "cooperative", "metrics", "files", "contract", "results",
    "catalogue", "networks", "training", "protocols", "running", "board", "report", "advice",
    "testing", "api", "cli",
)  # fmt: skip
MOST_ARROWS = 90

Graph = Mapping[str, set[str]]


def name_of(path: Path, package: Path) -> str:
    """Return the dotted name of a module by its file."""
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _statements(path: Path, package: Path) -> Iterable[ast.AST]:
    """Return what stands in a module; in the package's `__init__`, what runs when it is imported.

    That one hands names on which it loads when they are asked for (PEP 562): no arrows.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return tree.body if path == package / "__init__.py" else ast.walk(tree)


def imported(statements: Iterable[ast.AST]) -> Iterator[str]:
    """Yield the dotted names that statements import: for `from a import b`, `a.b`."""
    for node in statements:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _module(name: str, modules: Mapping[str, Path]) -> str | None:
    """Return the module in which a name stands, None where it is none of ours."""
    return name if name in modules else name.rpartition(".")[0] or None


def modules(package: Path = PACKAGE) -> Graph:
    """Return each module of the package with the modules of it that it imports."""
    paths = {name_of(path, package): path for path in sorted(package.rglob("*.py"))}
    graph: dict[str, set[str]] = {}
    for name, path in paths.items():
        names = imported(_statements(path, package))
        graph[name] = {target for n in names if (target := _module(n, paths)) in paths} - {name}
    return graph


def room(module: str) -> str:
    """Return the room of a module; that of the package's own `__init__` is the package."""
    return module.split(".")[1] if "." in module else module


def rooms(graph: Graph) -> Graph:
    """Return each room with the rooms that its modules import."""
    arrows: defaultdict[str, set[str]] = defaultdict(set)
    for module, targets in graph.items():
        arrows[room(module)] |= {room(target) for target in targets} - {room(module)}
    return dict(arrows)


def circle(graph: Graph) -> list[str]:
    """Return nodes that lead back to the first of them, nothing where there is no circle."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def upward(graph: Graph) -> list[str]:
    """Return the imports that lead from a room to one above it."""
    floor = {PACKAGE.name: -1} | {name: height for height, name in enumerate(ROOMS)}
    edges = ((module, target) for module, targets in graph.items() for target in targets)
    return [f"{a} imports {b}" for a, b in sorted(edges) if floor[room(a)] < floor[room(b)]]


def count(graph: Graph) -> int:
    """Return the number of arrows."""
    return sum(map(len, graph.values()))


def shown(graph: Graph) -> str:
    """Return a line for each node: what it imports."""
    return "\n".join(f"{node} -> {', '.join(sorted(graph[node]))}" for node in sorted(graph))


if __name__ == "__main__":
    arrows = rooms(modules())
    print(shown(arrows), f"{len(arrows)} rooms, {count(arrows)} arrows", sep="\n")
