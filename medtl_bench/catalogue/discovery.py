"""Finds plugins and says what they bring. A broken plugin is reported, and the rest works."""

import importlib
import importlib.util
import io
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from hashlib import sha256
from importlib.metadata import Distribution, entry_points
from pathlib import Path
from types import ModuleType
from typing import cast, get_args

import pluggy

from medtl_bench.catalogue.entries import FAMILY, Broken, Catalogue, Entry, Plugin, Registered
from medtl_bench.contract import hooks, vocabulary
from medtl_bench.contract.hooks import GROUP, AlgorithmEntry, DatasetEntry
from medtl_bench.errors import MedTLError, unknown

OWN_DISTRIBUTION = "medtl-bench"
STRICT = "MEDTL_BENCH_STRICT"
NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?")


def find(files: Sequence[str] = ()) -> Catalogue:
    """Return what all installed plugins and the given plugin files bring.

    Plugins of this distribution come first, then others by name, then files. With the
    environment variable MEDTL_BENCH_STRICT set, a broken plugin raises MedTLError.
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
    # each asks for a file to be parsed
    told = {dist: _name_and_version(dist) for dist in {point.dist for point in points}}
    for point in sorted(
        points, key=lambda p: (told[p.dist][0] != OWN_DISTRIBUTION, told[p.dist], p.name)
    ):
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
    # two files may have one stem
    name = f"medtl_plugin_{file.stem}_{sha256(str(file).encode()).hexdigest()[:8]}"

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
    manager.add_hookspecs(hooks)
    with _guarded("registering it"):
        manager.register(module, plugin.name)
        manager.check_pending()
    if not manager.get_hookcallers(module):
        raise _RefusedError("it implements no hook; mark functions of hookspecs with @hookimpl")
    with _guarded("calling its hooks"):
        algorithms = _entries(AlgorithmEntry, manager.hook.medtl_algorithms)
        datasets = _entries(DatasetEntry, manager.hook.medtl_datasets)
    _check_known("family", [entry.family for entry in algorithms], get_args(vocabulary.Family))
    _check_known("area", [entry.area for entry in datasets], get_args(vocabulary.Area))
    _check_known(
        "application",
        [a for entry in datasets for a in entry.applications],
        get_args(vocabulary.Application),
    )
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


def _check_free(
    what: str, entries: Sequence[Entry], taken: dict[str, Registered[Entry]], ending: str = ""
) -> None:
    names = [entry.name for entry in entries]
    for name in names:
        if not (isinstance(name, str) and NAME.fullmatch(name.removesuffix(ending))):
            raise _RefusedError(
                f"the {what} name {name!r} is not of lower-case letters, digits, dots and dashes"
            )
        if name in taken:
            raise _RefusedError(f"the {what} name {name!r} is taken by {taken[name].plugin}")
        if names.count(name) > 1:
            raise _RefusedError(f"it brings the {what} name {name!r} twice")
