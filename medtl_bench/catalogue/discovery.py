"""Finds plugins and says what they bring. A broken plugin is reported, and the rest works."""

import importlib.util
import io
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from difflib import get_close_matches
from hashlib import sha256
from importlib.metadata import Distribution, EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import get_args

import pluggy

from medtl_bench.catalogue.entries import (
    ARGUMENT,
    KINDS,
    AnyEntry,
    Broken,
    Catalogue,
    Kind,
    Plugin,
    Registered,
)
from medtl_bench.contract import hooks, vocabulary
from medtl_bench.contract.hooks import GROUP, AlgorithmEntry, BackboneEntry, DatasetEntry
from medtl_bench.errors import MedTLError, unknown
from medtl_bench.metrics import registry

OWN_DISTRIBUTION = "medtl-bench"
STRICT = "MEDTL_BENCH_STRICT"
NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?")
FAMILY = re.compile(r"[a-z][a-z -]{0,38}[a-z]")
Load = Callable[[], ModuleType]
_latest: list[Catalogue] = []


def find(files: Sequence[str] = ()) -> Catalogue:
    """Return what all installed plugins and the given plugin files bring.

    Plugins of this distribution come first, then others by name, then files. With the
    environment variable MEDTL_BENCH_STRICT set, a broken plugin raises MedTLError. The
    metrics found become those of this process.
    """
    catalogue = Catalogue(new_manager())
    for plugin, load in (*_installed(), *map(_from_file, files)):
        try:
            _add(catalogue, plugin, load)
        except _RefusedError as refusal:
            catalogue.broken.append(Broken(plugin, str(refusal)))
    if catalogue.broken and os.environ.get(STRICT):
        first = catalogue.broken[0]
        raise MedTLError(f"{first.plugin} is broken: {first.reason}")
    for name in ("algorithms", "datasets"):  # the others keep the order in which they were found
        setattr(catalogue, name, dict(sorted(vars(catalogue)[name].items())))
    registry.install(registered.entry for registered in catalogue.metrics.values())
    _latest[:] = [catalogue]
    return catalogue


def current() -> Catalogue:
    """Return what `find` found last in this process; what is installed, if it was not asked."""
    return _latest[0] if _latest else find()


def new_manager() -> pluggy.PluginManager:
    """Return a plugin manager that knows the hooks of the project and no plugin yet."""
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hooks)
    return manager


class _RefusedError(Exception):
    """A plugin cannot be used."""


def _installed() -> Iterator[tuple[Plugin, Load]]:
    points = {(point.name, point.value): point for point in entry_points(group=GROUP)}.values()
    distributions = {point.dist for point in points}
    # each asks for a file to be parsed
    origins = {distribution: _name_and_version(distribution) for distribution in distributions}

    def order(point: EntryPoint) -> tuple[bool, tuple[str, str], str]:
        origin = origins[point.dist]
        return origin[0] != OWN_DISTRIBUTION, origin, point.name

    for point in sorted(points, key=order):
        yield Plugin(point.name, *origins[point.dist], _file_of(point.module)), point.load


def _name_and_version(dist: Distribution | None) -> tuple[str, str]:
    return (dist.name, dist.version) if dist else ("unknown distribution", "0")


def _file_of(module: str) -> str:
    for name in (module.partition(".")[0], module):
        with suppress(Exception):
            spec = importlib.util.find_spec(name)
            if spec and spec.origin:
                return spec.origin
    return "no file"


def _from_file(path: str) -> tuple[Plugin, Load]:
    file = Path(path).resolve()
    # two files may have one stem
    name = f"medtl_plugin_{file.stem}_{sha256(os.fsencode(file)).hexdigest()[:8]}"

    def load() -> ModuleType:
        spec = importlib.util.spec_from_file_location(name, file)
        if spec is None or spec.loader is None:
            raise ImportError(f"{file.name} is not a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module

    if not file.is_file():
        near = get_close_matches(file.name, _python_files(file.parent), n=1)
        hint = f" Did you mean {str(Path(path).with_name(near[0]))!r}?" if near else ""
        raise MedTLError(f"There is no plugin file {path!r}.{hint}")
    return Plugin(file.stem, "a file", "0", str(file)), load


def _python_files(folder: Path) -> list[str]:
    """Return the names of the Python files in a folder, none where there is no such folder."""
    return [path.name for path in folder.glob("*.py")] if folder.is_dir() else []


def _add(catalogue: Catalogue, plugin: Plugin, load: Load) -> None:
    """Register a plugin and all it brings, or nothing of it; raises _RefusedError."""
    with _guarded("importing it"):
        module = load()
    manager = catalogue.manager
    if manager.is_registered(module):
        raise _RefusedError(f"its module {module.__name__} is registered by another entry point")
    try:
        with _guarded("registering it"):
            manager.register(module, str(plugin))
            manager.check_pending()
        if not manager.get_hookcallers(module):
            raise _RefusedError(
                "it implements no hook; mark functions named in contract/hooks.py @hookimpl"
            )
        with _guarded("calling its hooks"):
            brought = {kind: _entries(kind, manager, module) for kind in KINDS}
        with _guarded("checking what it brings"):
            for kind, entries in brought.items():
                _check(kind, entries, catalogue)
    except _RefusedError:
        if manager.is_registered(module):  # some refusals come before it was
            manager.unregister(module)
        raise
    for kind, entries in brought.items():
        catalogue.of(kind).update({entry.name: Registered(entry, plugin) for entry in entries})


@contextmanager
def _guarded(doing: str) -> Iterator[None]:
    printed = io.StringIO()
    try:
        with redirect_stdout(printed):
            yield
    except (KeyboardInterrupt, _RefusedError):
        raise
    except BaseException as error:  # a plugin may even call sys.exit
        raise _RefusedError(f"{doing} raised {type(error).__name__}: {error}") from error
    if printed.getvalue():
        raise _RefusedError(f"{doing} printed to standard output: {printed.getvalue()[:60]!r}")


def _entries(kind: Kind, manager: pluggy.PluginManager, module: ModuleType) -> list[AnyEntry]:
    """Return the entries of a kind that one plugin brings."""
    others = [plugin for plugin in manager.get_plugins() if plugin is not module]
    hook = manager.subset_hook_caller(f"medtl_{kind.many}", others)
    lists: list[Iterable[object]] = hook()
    expected = kind.entry.__name__
    if hook.get_hookimpls() and not lists:  # pluggy leaves None out
        raise TypeError(f"{hook.name} returned nothing, but a list of {expected} was expected")
    entries: list[AnyEntry] = []
    for returned in lists:
        for entry in returned:
            if not isinstance(entry, kind.entry):
                raise TypeError(f"a hook returned {entry!r}, which is no {expected}")
            entries.append(entry)
    return entries


def _check(kind: Kind, entries: Sequence[AnyEntry], catalogue: Catalogue) -> None:
    """Raise _RefusedError where an entry uses a word or a name that it may not."""
    _check_free(kind, entries, catalogue.of(kind))
    for entry in entries:
        if isinstance(entry, AlgorithmEntry) and not FAMILY.fullmatch(str(entry.family)):
            raise _RefusedError(f"the family {entry.family!r} is not of lower-case words")
        if isinstance(entry, DatasetEntry):
            _check_known("area", [entry.area], vocabulary.Area)
            _check_known("application", entry.applications, vocabulary.Application)
        if isinstance(entry, BackboneEntry):
            _check_known("kind of input", [entry.takes], vocabulary.InputKind)


def _check_known(what: str, words: Iterable[str], vocabulary_of: object) -> None:
    for word in words:
        if word not in get_args(vocabulary_of):
            raise _RefusedError(str(unknown(what, str(word), get_args(vocabulary_of))))


def _check_free(
    kind: Kind, entries: Sequence[AnyEntry], taken: dict[str, Registered[AnyEntry]]
) -> None:
    what, names = kind.one, [entry.name for entry in entries]
    ending = ARGUMENT if kind.entry is DatasetEntry else ""
    for name in names:
        if not (isinstance(name, str) and NAME.fullmatch(name.removesuffix(ending))):
            raise _RefusedError(
                f"the {what} name {name!r} is not of lower-case letters, digits, dots and dashes"
            )
        if name in taken:
            raise _RefusedError(f"the {what} name {name!r} is taken by {taken[name].plugin}")
        if names.count(name) > 1:
            raise _RefusedError(f"it brings the {what} name {name!r} twice")
