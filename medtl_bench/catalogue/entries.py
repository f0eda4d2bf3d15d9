"""What is installed: entries by name, the plugins that bring them, and those that are broken."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar, cast

import pluggy

from medtl_bench.catalogue import identity
from medtl_bench.contract.hooks import (
    AlgorithmEntry,
    BackboneEntry,
    DatasetEntry,
    EffectEntry,
    ExecutorEntry,
    MetricEntry,
    ObserverEntry,
    ProtocolEntry,
)
from medtl_bench.errors import DataError, MedTLError, NotDownloadedError, unknown

if TYPE_CHECKING:
    from medtl_bench.contract.algorithm import Algorithm
    from medtl_bench.contract.dataset import Dataset
    from medtl_bench.files.downloads import Download

# ends the name of an entry whose datasets are named with an argument, as "h5ad:cells.h5ad"
ARGUMENT = ":"
OWN_DISTRIBUTION = "medtl-bench"
AnyEntry = (
    AlgorithmEntry
    | DatasetEntry
    | MetricEntry
    | ProtocolEntry
    | BackboneEntry
    | ExecutorEntry
    | ObserverEntry
    | EffectEntry
)
Entry_co = TypeVar("Entry_co", bound=AnyEntry, covariant=True)


class Kind(NamedTuple):
    """Something that plugins bring: what one is called, what many are, and its entry."""

    one: str
    many: str
    entry: type[AnyEntry]


KINDS = (
    Kind("algorithm", "algorithms", AlgorithmEntry),
    Kind("dataset", "datasets", DatasetEntry),
    Kind("metric", "metrics", MetricEntry),
    Kind("protocol", "protocols", ProtocolEntry),
    Kind("backbone", "backbones", BackboneEntry),
    Kind("executor", "executors", ExecutorEntry),
    Kind("observer", "observers", ObserverEntry),
    Kind("effect", "effects", EffectEntry),
)


@dataclass(frozen=True)
class Plugin:
    """A plugin as found: its name, the distribution and version it came with, and its file.

    `module`: what its entry point names; empty for a plugin file.
    """

    name: str
    distribution: str
    version: str
    file: str
    module: str = ""

    def __str__(self) -> str:
        """Return a name for messages."""
        return f"plugin {self.name!r} of {self.distribution} ({self.file})"

    @property
    def is_own(self) -> bool:
        """Return whether it comes with the project, as its code that every process may import."""
        return self.distribution == OWN_DISTRIBUTION

    @property
    def is_core(self) -> bool:
        """Return whether it is the project's own, of which the version of the project tells."""
        return self.is_own and self.name == "core"

    @cached_property
    def source(self) -> str:
        """Return distribution, version and a digest of the plugin's code and data."""
        root = Path(self.file)
        digest = sha256()
        for path in _files(root):
            digest.update(path.relative_to(root.parent).as_posix().encode() + path.read_bytes())
        return f"{self.distribution} {self.version} {digest.hexdigest()[:16]}"


def _files(root: Path) -> list[Path]:
    """Return the files that a plugin is made of: its one file, or all of its package."""
    if root.name != "__init__.py":
        return [root]
    return sorted(p for p in root.parent.rglob("*") if p.is_file() and "__pycache__" not in p.parts)


@dataclass(frozen=True, repr=False)
class Held:
    """Code that an entry names or holds, whose plugin is not imported yet.

    `found`: imports the plugin and returns it. `text`: how messages tell of it.
    """

    text: str
    found: Callable[[], object]

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:  # noqa: ANN401 - as the function
        """Find it and call it."""
        return cast("Callable[..., Any]", self.found())(*arguments, **keywords)

    def __repr__(self) -> str:
        """Return it as the entry has it."""
        return self.text


@dataclass(frozen=True)
class Registered(Generic[Entry_co]):
    """An entry and the plugin that brings it."""

    entry: Entry_co
    plugin: Plugin

    def load(self, where: object) -> Any:  # noqa: ANN401 - whatever a plugin names
        """Return what the entry names as "package.module:NAME", or what it holds itself.

        Raises MedTLError if it cannot be loaded.
        """
        if isinstance(where, Held):
            where = where.found()
        if not isinstance(where, str):
            return where
        module, _, attribute = where.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except (Exception, SystemExit) as error:  # whatever the plugin's module raises
            raise MedTLError(
                f"{self.plugin} names {where!r}, which cannot be loaded: "
                f"{type(error).__name__}: {error}."
            ) from error


@dataclass(frozen=True)
class Broken:
    """A plugin that cannot be used, and why."""

    plugin: Plugin
    reason: str

    def __str__(self) -> str:
        """Return both for messages."""
        return f"{self.plugin}: {self.reason}"


@dataclass
class Catalogue:
    """What is installed, by kind and by name in the order of the names.

    `manager`: knows the plugins that are imported in this process. `told`: what the others
    bring, as `catalogue.told` tells it. `broken`: the plugins that do not work.
    """

    manager: pluggy.PluginManager
    algorithms: dict[str, Registered[AlgorithmEntry]] = field(default_factory=dict)
    datasets: dict[str, Registered[DatasetEntry]] = field(default_factory=dict)
    metrics: dict[str, Registered[MetricEntry]] = field(default_factory=dict)
    protocols: dict[str, Registered[ProtocolEntry]] = field(default_factory=dict)
    backbones: dict[str, Registered[BackboneEntry]] = field(default_factory=dict)
    executors: dict[str, Registered[ExecutorEntry]] = field(default_factory=dict)
    observers: dict[str, Registered[ObserverEntry]] = field(default_factory=dict)
    effects: dict[str, Registered[EffectEntry]] = field(default_factory=dict)
    told: list[dict[str, Any]] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)

    def of(self, kind: Kind) -> dict[str, Registered[AnyEntry]]:
        """Return all entries of a kind by name."""
        return cast("dict[str, Registered[AnyEntry]]", vars(self)[kind.many])

    def algorithm(self, name: str) -> "type[Algorithm]":
        """Return the class of an algorithm.

        Raises MedTLError if there is none of that name or it cannot be loaded.
        """
        # loads torch, which `list` must not
        from medtl_bench.contract.algorithm import Algorithm  # noqa: PLC0415

        registered = get(self.algorithms, "algorithm", name)
        cls = registered.load(registered.entry.implementation)
        if not (isinstance(cls, type) and issubclass(cls, Algorithm)):
            raise MedTLError(
                f"Algorithm {name!r} of {registered.plugin} is {cls!r}, not a subclass of "
                "Algorithm."
            )
        return cls

    def single_datasets(self) -> list[str]:
        """Return the names of all datasets that need no argument."""
        return [name for name in self.datasets if not name.endswith(ARGUMENT)]

    def dataset_entry(self, name: str) -> Registered[DatasetEntry]:
        """Return the entry of a dataset, also of one that is named with an argument.

        Raises MedTLError if there is none.
        """
        return get(self.datasets, "dataset", _divided(name)[0])

    def dataset(self, name: str) -> "Dataset":
        """Return a dataset, built; one that takes an argument may have another name then.

        Raises MedTLError if there is none of that name or it cannot be built;
        NotDownloadedError, which says how to get them, if it needs files that are not there,
        NotInstalledError for a package.
        """
        # loads torch, which `list` must not
        from medtl_bench.contract.dataset import Dataset  # noqa: PLC0415

        registered = self.dataset_entry(name)
        what = f"{name!r} of {registered.plugin}"
        dataset = _built(registered, name, what)
        if not isinstance(dataset, Dataset):
            raise DataError(f"Dataset {what} is {dataset!r}, not a Dataset.")
        return _identified(dataset, registered, name)

    def download(self, name: str) -> "Download | None":
        """Return what a dataset needs to be downloaded, or None if its data is shipped.

        Raises MedTLError as `dataset` does.
        """
        from medtl_bench.files.downloads import Download  # noqa: PLC0415 - `list` needs none

        registered = self.dataset_entry(name)
        if not (where := registered.entry.download):
            return None
        download = _called(registered, registered.load(where), name)
        if not isinstance(download, Download):
            raise MedTLError(
                f"{registered.plugin} names {where!r}, which is {download!r}, not a Download."
            )
        return download


def get(entries: Mapping[str, Registered[Entry_co]], what: str, name: str) -> Registered[Entry_co]:
    """Return the entry of a name; raises MedTLError, with near matches, if there is none."""
    if name not in entries:
        raise unknown(what, name, entries)
    return entries[name]


def _divided(name: str) -> tuple[str, tuple[str, ...]]:
    """Return the name of an entry and the argument that a dataset is named with, if any.

    A digest at its end is no part of that. Raises MedTLError where that is missing.
    """
    start, colon, argument = name.partition(ARGUMENT)
    if colon and not (argument and argument.isprintable()):
        raise MedTLError(
            f"The name {name!r} needs printable text after the colon, like {start}:ARGUMENT."
        )
    argument, _ = identity.without_stamp(argument)
    return (start + colon, (argument,)) if colon else (name, ())


def _identified(dataset: "Dataset", registered: Registered[DatasetEntry], name: str) -> "Dataset":
    """Return a dataset under its own name, which one with an argument chooses after its family's.

    Raises MedTLError where it is called otherwise, DataError where it is not the data meant.
    """
    start, argument = _divided(name)
    fits = dataset.name.startswith(start) if argument else dataset.name == name
    if not fits:
        raise MedTLError(
            f"The dataset registered as {name!r} by {registered.plugin} calls itself "
            f"{dataset.name!r}."
        )
    if not argument:
        return dataset
    identity.check_stamp(dataset, identity.without_stamp(name)[1])
    return dataset if registered.entry.download else identity.named(dataset, start, *argument)


def _built(registered: Registered[DatasetEntry], name: str, what: str) -> object:
    """Return what the function of an entry builds."""
    build = cast("Callable[..., object]", registered.load(registered.entry.build))
    try:
        return build(*_divided(name)[1])
    except NotDownloadedError as error:
        how = f"medtl-bench data fetch {name}" if registered.entry.download else str(error)
        raise NotDownloadedError(f"not downloaded ({how})") from error
    except MedTLError:
        raise
    except Exception as error:  # whatever the plugin's function raises
        raise DataError(f"Dataset {what} raised {type(error).__name__}: {error}.") from error


def _called(registered: Registered[DatasetEntry], download: object, name: str) -> object:
    """Return a download, or what a function makes of the argument of a dataset's name."""
    try:
        return download(*_divided(name)[1]) if callable(download) else download
    except MedTLError:
        raise
    except Exception as error:  # whatever the plugin's function raises
        raise MedTLError(
            f"{registered.plugin} knows no download for {name!r}: {type(error).__name__}: {error}."
        ) from error
