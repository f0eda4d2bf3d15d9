"""Finds plugins and says which algorithms and datasets they bring. A broken plugin is reported, and the rest works."""

import importlib
import importlib.util
import io
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from importlib.metadata import Distribution, entry_points
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, get_args

import pluggy

from medtl_bench import hookspecs
from medtl_bench.errors import DataError, MedTLError, NotDownloadedError, unknown
from medtl_bench.hookspecs import GROUP, AlgorithmEntry, DatasetEntry

if TYPE_CHECKING:
    from medtl_bench.algorithm import Algorithm
    from medtl_bench.data import Dataset
    from medtl_bench.downloads import Download

OWN_DISTRIBUTION = "medtl-bench"
STRICT = "MEDTL_BENCH_STRICT"
NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?")
FAMILY = ":"  # ends the name of an entry whose datasets are named with an argument, as "h5ad:cells.h5ad"
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
        files = [root] if root.name != "__init__.py" else sorted(p for p in root.parent.rglob("*") if _counts(p))
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
        """Return the class of an algorithm; raises MedTLError if there is none of that name or it cannot be loaded."""
        from medtl_bench.algorithm import Algorithm  # noqa: PLC0415 - loads torch, which `list` must not

        registered = _get(self.algorithms, "algorithm", name)
        found = _resolved(registered.entry.implementation, registered.plugin)
        if not (isinstance(found, type) and issubclass(found, Algorithm)):
            raise MedTLError(f"Algorithm {name!r} of {registered.plugin} is {found!r}, not a subclass of Algorithm.")
        return found

    def single_datasets(self) -> list[str]:
        """Return the names of all datasets that need no argument."""
        return [name for name in self.datasets if not name.endswith(FAMILY)]

    def dataset_entry(self, name: str) -> Registered[DatasetEntry]:
        """Return the entry of a dataset, or of the family it is of; raises MedTLError if there is none."""
        return _get(self.datasets, "dataset", _divided(name)[0])

    def dataset(self, name: str) -> "Dataset":
        """Return a dataset, built; raises MedTLError if there is none of that name or it cannot be built.

        NotDownloadedError, which says how to get them, if it needs files that are not there, NotInstalledError for a package.
        """
        from medtl_bench.data import Dataset  # noqa: PLC0415 - loads torch, which `list` must not

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
            raise DataError(f"Dataset {name!r} of {registered.plugin} raised {type(error).__name__}: {error}.") from error
        if not isinstance(dataset, Dataset):
            raise DataError(f"Dataset {name!r} of {registered.plugin} is {dataset!r}, not a Dataset.")
        if dataset.name != name:
            raise MedTLError(f"The dataset registered as {name!r} by {registered.plugin} calls itself {dataset.name!r}.")
        return dataset

    def download(self, name: str) -> "Download | None":
        """Return what a dataset needs to be downloaded, or None if its data is shipped; raises MedTLError as `dataset` does."""
        from medtl_bench.downloads import Download  # noqa: PLC0415 - `list` needs none

        registered = self.dataset_entry(name)
        if not (where := registered.entry.download):
            return None
        found = _resolved(where, registered.plugin)
        try:
            found = found(*_divided(name)[1]) if callable(found) else found
        except MedTLError:
            raise
        except Exception as error:  # whatever the plugin's function raises
            raise MedTLError(f"{registered.plugin} knows no download for {name!r}: {type(error).__name__}: {error}.") from error
        if not isinstance(found, Download):
            raise MedTLError(f"{registered.plugin} names {where!r}, which is {found!r}, not a Download.")
        return found


def _divided(name: str) -> tuple[str, tuple[str, ...]]:
    """Return the name of an entry and, for a dataset of a family, its argument; raises MedTLError where that is missing."""
    family, colon, argument = name.partition(FAMILY)
    if colon and not (argument and argument.isprintable()):
        raise MedTLError(f"The name {name!r} needs printable text after the colon, like {family}:ARGUMENT.")
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
        raise MedTLError(f"{plugin} names {where!r}, which cannot be loaded: {type(error).__name__}: {error}.") from error


def find(files: Sequence[str] = ()) -> Catalogue:
    """Return what all installed plugins and the given plugin files bring.

    Plugins of this distribution come first, then others by name, then files. With the environment variable
    MEDTL_BENCH_STRICT set, a broken plugin raises MedTLError.
    """
    catalogue = Catalogue()
    for plugin, load in (*_installed(), *map(_from_file, files)):
        try:
            _add(catalogue, plugin, load)
        except _RefusedError as refusal:
            catalogue.broken.append(Broken(plugin, str(refusal)))
    if catalogue.broken and os.environ.get(STRICT):
        first = catalogue.broken[0]
        raise MedTLError(f"{first.plugin} is broken: {first.reason}")
    catalogue.algorithms = dict(sorted(catalogue.algorithms.items()))
    catalogue.datasets = dict(sorted(catalogue.datasets.items()))
    return catalogue


class _RefusedError(Exception):
    """A plugin cannot be used."""


def _installed() -> Iterator[tuple[Plugin, Callable[[], ModuleType]]]:
    points = {(point.name, point.value): point for point in entry_points(group=GROUP)}.values()
    told = {dist: _name_and_version(dist) for dist in {point.dist for point in points}}  # each asks for a file to be parsed
    for point in sorted(points, key=lambda p: (told[p.dist][0] != OWN_DISTRIBUTION, told[p.dist], p.name)):
        yield Plugin(point.name, *told[point.dist], _file_of(point.module)), point.load


def _name_and_version(dist: Distribution | None) -> tuple[str, str]:
    return (dist.name, dist.version) if dist else ("unknown distribution", "0")


def _file_of(module: str) -> str:
    for name in (module.partition(".")[0], module):
        with suppress(Exception):
            spec = importlib.util.find_spec(name)
            if spec and spec.origin:
                return spec.origin
    return "no file"


def _from_file(path: str) -> tuple[Plugin, Callable[[], ModuleType]]:
    file = Path(path).resolve()
    name = f"medtl_plugin_{file.stem}_{sha256(str(file).encode()).hexdigest()[:8]}"  # two files may have one stem

    def load() -> ModuleType:
        spec = importlib.util.spec_from_file_location(name, file)
        if spec is None or spec.loader is None:
            raise ImportError(f"{file.name} is not a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module

    if not file.is_file():
        raise MedTLError(f"There is no plugin file {path!r}.")
    return Plugin(file.stem, "a file", "0", str(file)), load


def _add(catalogue: Catalogue, plugin: Plugin, load: Callable[[], ModuleType]) -> None:
    with _guarded("importing it"):
        module = load()
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    with _guarded("registering it"):
        manager.register(module, plugin.name)
        manager.check_pending()
    if not manager.get_hookcallers(module):
        raise _RefusedError("it implements no hook; mark functions of hookspecs with @hookimpl")
    with _guarded("calling its hooks"):
        algorithms = _entries(AlgorithmEntry, manager.hook.medtl_algorithms)
        datasets = _entries(DatasetEntry, manager.hook.medtl_datasets)
    _check_known("family", [entry.family for entry in algorithms], get_args(hookspecs.Family))
    _check_known("area", [entry.area for entry in datasets], get_args(hookspecs.Area))
    _check_known("application", [a for entry in datasets for a in entry.applications], get_args(hookspecs.Application))
    _check_free("algorithm", algorithms, catalogue.algorithms)
    _check_free("dataset", datasets, catalogue.datasets, FAMILY)
    catalogue.algorithms |= {entry.name: Registered(entry, plugin) for entry in algorithms}
    catalogue.datasets |= {entry.name: Registered(entry, plugin) for entry in datasets}


@contextmanager
def _guarded(doing: str) -> Iterator[None]:
    printed = io.StringIO()
    try:
        with redirect_stdout(printed):
            yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plugin may even call sys.exit
        raise _RefusedError(f"{doing} raised {type(error).__name__}: {error}") from error
    if printed.getvalue():
        raise _RefusedError(f"{doing} printed to standard output: {printed.getvalue()[:60]!r}")


def _entries(kind: type[Entry], hook: pluggy.HookCaller) -> list[Entry]:
    returned: list[Iterable[object]] = hook()
    if hook.get_hookimpls() and not returned:  # pluggy leaves None out
        raise TypeError(f"{hook.name} returned nothing, but a list of {kind.__name__} was expected")
    entries = [entry for entries in returned for entry in entries]
    for entry in entries:
        if not isinstance(entry, kind):
            raise TypeError(f"a hook returned {entry!r}, which is no {kind.__name__}")
    return cast("list[Entry]", entries)


def _check_known(what: str, given: Iterable[str], known: tuple[str, ...]) -> None:
    for name in given:
        if name not in known:
            raise _RefusedError(str(unknown(what, str(name), known)))


def _check_free(what: str, entries: Sequence[Entry], taken: dict[str, Registered[Entry]], ending: str = "") -> None:
    names = [entry.name for entry in entries]
    for name in names:
        if not (isinstance(name, str) and NAME.fullmatch(name.removesuffix(ending))):
            raise _RefusedError(f"the {what} name {name!r} is not of lower-case letters, digits, dots and dashes")
        if name in taken:
            raise _RefusedError(f"the {what} name {name!r} is taken by {taken[name].plugin}")
        if names.count(name) > 1:
            raise _RefusedError(f"it brings the {what} name {name!r} twice")
