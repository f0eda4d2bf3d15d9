"""What is installed: entries by name, the plugins that bring them, and those that are broken."""

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from medtl_bench.contract.hooks import AlgorithmEntry, DatasetEntry
from medtl_bench.errors import DataError, MedTLError, NotDownloadedError, unknown

if TYPE_CHECKING:
    from medtl_bench.contract.algorithm import Algorithm
    from medtl_bench.contract.dataset import Dataset
    from medtl_bench.files.downloads import Download
# ends the name of an entry whose datasets are named with an argument, as "h5ad:cells.h5ad"
FAMILY = ":"
Entry = TypeVar("Entry", AlgorithmEntry, DatasetEntry)


@dataclass(frozen=True)
class Plugin:
    """A plugin as found: its name, the distribution and version it came with, and its file."""

    name: str
    distribution: str
    version: str
    file: str

    def __str__(self) -> str:
        """Return a name for messages."""
        return f"plugin {self.name!r} of {self.distribution} ({self.file})"

    @cached_property
    def source(self) -> str:
        """Return distribution, version and a digest of the plugin's files, which change when its code or data do."""
        root = Path(self.file)
        files = (
            [root]
            if root.name != "__init__.py"
            else sorted(p for p in root.parent.rglob("*") if _counts(p))
        )
        digest = sha256()
        for path in files:
            digest.update(path.relative_to(root.parent).as_posix().encode() + path.read_bytes())
        return f"{self.distribution} {self.version} {digest.hexdigest()[:16]}"


def _counts(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts


@dataclass(frozen=True)
class Registered(Generic[Entry]):
    """An entry and the plugin that brings it."""

    entry: Entry
    plugin: Plugin


@dataclass(frozen=True)
class Broken:
    """A plugin that cannot be used, and why."""

    plugin: Plugin
    reason: str


@dataclass
class Catalogue:
    """What is installed: algorithms and datasets by name, in the order of their names, and the plugins that are broken."""

    algorithms: dict[str, Registered[AlgorithmEntry]] = field(default_factory=dict)
    datasets: dict[str, Registered[DatasetEntry]] = field(default_factory=dict)
    broken: list[Broken] = field(default_factory=list)

    def algorithm(self, name: str) -> "type[Algorithm]":
        """Return the class of an algorithm.

        Raises MedTLError if there is none of that name or it cannot be loaded.
        """
        # loads torch, which `list` must not
        from medtl_bench.contract.algorithm import Algorithm  # noqa: PLC0415

        registered = _get(self.algorithms, "algorithm", name)
        found = _resolved(registered.entry.implementation, registered.plugin)
        if not (isinstance(found, type) and issubclass(found, Algorithm)):
            raise MedTLError(
                f"Algorithm {name!r} of {registered.plugin} is {found!r}, not a subclass of Algorithm."
            )
        return found

    def single_datasets(self) -> list[str]:
        """Return the names of all datasets that need no argument."""
        return [name for name in self.datasets if not name.endswith(FAMILY)]

    def dataset_entry(self, name: str) -> Registered[DatasetEntry]:
        """Return the entry of a dataset, or of the family it is of.

        Raises MedTLError if there is none.
        """
        return _get(self.datasets, "dataset", _divided(name)[0])

    def dataset(self, name: str) -> "Dataset":
        """Return a dataset, built.

        Raises MedTLError if there is none of that name or it cannot be built.

        NotDownloadedError, which says how to get them, if it needs files that are not
        there, NotInstalledError for a package.
        """
        # loads torch, which `list` must not
        from medtl_bench.contract.dataset import Dataset  # noqa: PLC0415

        registered = self.dataset_entry(name)
        build = cast("Callable[..., Dataset]", _resolved(registered.entry.build, registered.plugin))
        try:
            dataset = build(*_divided(name)[1])
        except NotDownloadedError as error:
            how = f"medtl-bench data fetch {name}" if registered.entry.download else str(error)
            raise NotDownloadedError(f"not downloaded ({how})") from error
        except MedTLError:
            raise
        except Exception as error:  # whatever the plugin's function raises
            raise DataError(
                f"Dataset {name!r} of {registered.plugin} raised {type(error).__name__}: {error}."
            ) from error
        if not isinstance(dataset, Dataset):
            raise DataError(
                f"Dataset {name!r} of {registered.plugin} is {dataset!r}, not a Dataset."
            )
        if dataset.name != name:
            raise MedTLError(
                f"The dataset registered as {name!r} by {registered.plugin} calls itself {dataset.name!r}."
            )
        return dataset

    def download(self, name: str) -> "Download | None":
        """Return what a dataset needs to be downloaded, or None if its data is shipped.

        Raises MedTLError as `dataset` does.
        """
        from medtl_bench.files.downloads import Download  # noqa: PLC0415 - `list` needs none

        registered = self.dataset_entry(name)
        if not (where := registered.entry.download):
            return None
        found = _resolved(where, registered.plugin)
        try:
            found = found(*_divided(name)[1]) if callable(found) else found
        except MedTLError:
            raise
        except Exception as error:  # whatever the plugin's function raises
            raise MedTLError(
                f"{registered.plugin} knows no download for {name!r}: {type(error).__name__}: {error}."
            ) from error
        if not isinstance(found, Download):
            raise MedTLError(
                f"{registered.plugin} names {where!r}, which is {found!r}, not a Download."
            )
        return found


def _divided(name: str) -> tuple[str, tuple[str, ...]]:
    """Return the name of an entry and, for a dataset of a family, its argument.

    Raises MedTLError where that is missing.
    """
    family, colon, argument = name.partition(FAMILY)
    if colon and not (argument and argument.isprintable()):
        raise MedTLError(
            f"The name {name!r} needs printable text after the colon, like {family}:ARGUMENT."
        )
    return (family + colon, (argument,)) if colon else (name, ())


def _get(known: dict[str, Registered[Entry]], what: str, name: str) -> Registered[Entry]:
    if name not in known:
        raise unknown(what, name, known)
    return known[name]


def _resolved(where: Any, plugin: Plugin) -> Any:  # noqa: ANN401
    if not isinstance(where, str):
        return where
    module, _, attribute = where.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except Exception as error:  # whatever the plugin's module raises
        raise MedTLError(
            f"{plugin} names {where!r}, which cannot be loaded: {type(error).__name__}: {error}."
        ) from error
