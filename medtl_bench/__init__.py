"""MedTL-Bench: domain adaptation, meta-learning and continual learning on one table.

This is the API of a notebook. Its names load what they need when they are first used, so that
`import medtl_bench` and `medtl-bench --help` start without torch and pandas:

    import medtl_bench

    medtl_bench.datasets()                       # a table of what is installed
    heart = medtl_bench.load("heart-disease")    # a Dataset
    medtl_bench.run(["heart-disease"], ["dann", "fine-tune"], out="my-boards")
    medtl_bench.tune("heart-disease", "dann")    # hyper-parameters, without the target's labels
    medtl_bench.results("my-boards")             # a row a score
    medtl_bench.board("my-boards").summary       # means, intervals, ranks

Plugin authors import from `contract`, `training`, `networks`, `protocols` and `files`.
"""

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from medtl_bench.api import algorithms, board, datasets, export, load, results, run, score, tune

__version__ = "0.7.0"
__all__ = [
    "__version__",
    "algorithms",
    "board",
    "datasets",
    "export",
    "load",
    "results",
    "run",
    "score",
    "tune",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - functions of several types
    """Return a function of the API (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from medtl_bench import api  # noqa: PLC0415 - this is what makes the import of this file light

    return getattr(api, name)


def __dir__() -> list[str]:
    """Return the names of the API."""
    return sorted(__all__)


class _Room(ModuleType):
    """A folder of this package that shares its name with a function of the API."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        """Call the function."""
        return __getattr__(self.__name__.rpartition(".")[2])(*arguments, **options)


def share_name(room: str) -> None:
    """Let a folder be called like the function of the API that it shares its name with.

    Whoever imports from `medtl_bench.board` puts it in the place of the function `board`.
    """
    sys.modules[room].__class__ = _Room
