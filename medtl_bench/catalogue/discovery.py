"""Finds plugins and says what they bring. A broken plugin is reported, and the rest works."""

import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from difflib import get_close_matches
from functools import partial
from importlib.machinery import ModuleSpec
from importlib.metadata import Distribution, EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import pluggy

from medtl_bench.catalogue import apart, importing, surroundings
from medtl_bench.catalogue.entries import (
    ARGUMENT,
    KINDS,
    AnyEntry,
    Broken,
    Catalogue,
    Kind,
    Plugin,
    Registered,
    get,
)
from medtl_bench.catalogue.importing import Brought, RefusedError, Say, guarded
from medtl_bench.catalogue.told import Told, hear, tell
from medtl_bench.contract import vocabulary
from medtl_bench.contract.hooks import GROUP, AlgorithmEntry, BackboneEntry, DatasetEntry
from medtl_bench.errors import MedTLError, unknown
from medtl_bench.metrics import registry

if TYPE_CHECKING:
    from medtl_bench.contract.algorithm import Algorithm
    from medtl_bench.contract.dataset import Dataset

STRICT = "MEDTL_BENCH_STRICT"
NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?")
FAMILY = re.compile(r"[a-z][a-z -]{0,38}[a-z]")
_latest: list[Catalogue] = []


def find(files: Sequence[str] = ()) -> Catalogue:
    """Return what all installed plugins and the given plugin files bring.

    Plugins of this distribution come first, then others by name, then files. Those others are
    asked in processes of their own; here they are imported when something of them is used.
    With the environment variable MEDTL_BENCH_STRICT set, a broken plugin raises MedTLError. The
    metrics found become those of this process.
    """
    plugins = [*_installed(), *map(_of_file, files)]
    catalogue = _own(plugins)
    others = [plugin for plugin in plugins if not plugin.is_own]
    for plugin, told in zip(others, _told(others, catalogue.manager), strict=True):
        if isinstance(told, RefusedError):
            catalogue.broken.append(Broken(plugin, str(told)))
        else:
            _join(catalogue, told)
    return _current(catalogue)


def own() -> Catalogue:
    """Return what the project itself brings."""
    return _current(_own(_installed()))


def heard(ours: Catalogue, told: Iterable[Told]) -> Catalogue:
    """Return what the project itself brings and what another process was told of plugins.

    Plugins are imported when something of them is used.
    """
    catalogue = Catalogue(ours.manager)
    for kind in KINDS:
        catalogue.of(kind).update(ours.of(kind))
    for one in told:
        _join(catalogue, one)
    return _current(catalogue)


def algorithm(catalogue: Catalogue, name: str) -> "type[Algorithm]":
    """Return the class of an algorithm; one that is not the project's is first loaded elsewhere.

    Raises MedTLError as `Catalogue.algorithm` does, and where loading it ends its process.
    """
    plugin = get(catalogue.algorithms, "algorithm", name).plugin
    apart.rehearse(plugin, f"loading {name!r}", lambda: catalogue.algorithm(name))
    return catalogue.algorithm(name)


def dataset(catalogue: Catalogue, name: str) -> "Dataset":
    """Return a dataset, built; one that is not the project's is first built elsewhere.

    Raises MedTLError as `Catalogue.dataset` does, and where building it ends its process.
    """
    plugin = catalogue.dataset_entry(name).plugin
    apart.rehearse(plugin, f"building {name!r}", lambda: catalogue.dataset(name))
    return catalogue.dataset(name)


def current() -> Catalogue:
    """Return what was found last in this process; what is installed, if nobody has asked."""
    return _latest[0] if _latest else find()


def _current(catalogue: Catalogue) -> Catalogue:
    """Put a catalogue in order, and make it that of this process."""
    if catalogue.broken and os.environ.get(STRICT):
        first = catalogue.broken[0]
        raise MedTLError(f"{first.plugin} is broken: {first.reason}")
    for name in ("algorithms", "datasets"):  # the others keep the order in which they were found
        setattr(catalogue, name, dict(sorted(vars(catalogue)[name].items())))
    registry.install(registered.entry for registered in catalogue.metrics.values())
    _latest[:] = [catalogue]
    return catalogue


def _own(plugins: Iterable[Plugin]) -> Catalogue:
    """Return what the project's own plugins bring, which are imported here."""
    catalogue = Catalogue(importing.new_manager())
    for plugin in plugins:
        if plugin.is_own:
            try:
                _add(catalogue, plugin, importing.brought(plugin, catalogue.manager))
            except RefusedError as refusal:
                catalogue.broken.append(Broken(plugin, str(refusal)))
    return catalogue


def _told(
    plugins: Sequence[Plugin], manager: pluggy.PluginManager
) -> Iterator[Told | RefusedError]:
    """Yield what each plugin brings, asked in a process of its own where there can be one."""
    if not apart.ABLE:
        return map(apart.answer, [partial(_ask, plugin, manager) for plugin in plugins])
    questions = [partial(_ask_fully, plugin, manager) for plugin in plugins]
    return apart.answers(questions, apart.limit())


def _ask_fully(plugin: Plugin, manager: pluggy.PluginManager, say: Say) -> Told:
    """Return what a plugin brings if it leaves its surroundings as they were."""
    with surroundings.unchanged(say):
        return _ask(plugin, manager, say)


def _ask(plugin: Plugin, manager: pluggy.PluginManager, say: Say) -> Told:
    brought = importing.brought(plugin, manager, say)
    with guarded("telling what it brings", say):
        return tell(plugin, brought)


def _join(catalogue: Catalogue, told: Told) -> None:
    """Add what was told of a plugin, or nothing where it claims what it may not."""
    plugin, brought = hear(told)
    try:
        _add(catalogue, plugin, brought)
        catalogue.told.append(told)
    except RefusedError as refusal:
        catalogue.broken.append(Broken(plugin, str(refusal)))


def _installed() -> list[Plugin]:
    """Return the plugins that are installed, those of the project first."""
    points = {(point.name, point.value): point for point in entry_points(group=GROUP)}.values()
    distributions = {point.dist for point in points}
    # each asks for a file to be parsed
    origins = {distribution: _name_and_version(distribution) for distribution in distributions}
    plugins = [_of_point(point, origins[point.dist]) for point in points]
    return sorted(plugins, key=lambda p: (not p.is_own, p.distribution, p.version, p.name))


def _of_point(point: EntryPoint, origin: tuple[str, str]) -> Plugin:
    return Plugin(point.name, *origin, _file_of(point.module), point.value)


def _name_and_version(dist: Distribution | None) -> tuple[str, str]:
    return (dist.name, dist.version) if dist else ("unknown distribution", "0")


def _file_of(module: str) -> str:
    """Return the file of the package that a module is in; nothing of it is imported."""
    path: Sequence[str] | None = None
    parts = module.split(".")
    for depth in range(1, len(parts) + 1):
        spec = _spec(".".join(parts[:depth]), path)
        if spec is None:
            break
        if spec.origin:
            return spec.origin
        path = list(spec.submodule_search_locations or ())  # of a namespace
    return "no file"


def _spec(name: str, path: Sequence[str] | None) -> ModuleSpec | None:
    for finder in sys.meta_path:
        with suppress(Exception):
            if spec := finder.find_spec(name, path):
                return spec
    return None


def _of_file(path: str) -> Plugin:
    file = Path(path).resolve()
    if not file.is_file():
        near = get_close_matches(file.name, _python_files(file.parent), n=1)
        hint = f" Did you mean {str(Path(path).with_name(near[0]))!r}?" if near else ""
        raise MedTLError(f"There is no plugin file {path!r}.{hint}")
    return Plugin(file.stem, "a file", "0", str(file))


def _python_files(folder: Path) -> list[str]:
    """Return the names of the Python files in a folder, none where there is no such folder."""
    return [path.name for path in folder.glob("*.py")] if folder.is_dir() else []


def _add(catalogue: Catalogue, plugin: Plugin, brought: Brought) -> None:
    """Add all that a plugin brings, or nothing of it; raises RefusedError."""
    with guarded("checking what it brings"):
        for kind, entries in brought.items():
            _check(kind, entries, catalogue)
    for kind, entries in brought.items():
        catalogue.of(kind).update({entry.name: Registered(entry, plugin) for entry in entries})


def _check(kind: Kind, entries: Sequence[AnyEntry], catalogue: Catalogue) -> None:
    """Raise RefusedError where an entry uses a word or a name that it may not."""
    _check_free(kind, entries, catalogue.of(kind))
    for entry in entries:
        if isinstance(entry, AlgorithmEntry) and not FAMILY.fullmatch(str(entry.family)):
            raise RefusedError(f"the family {entry.family!r} is not of lower-case words")
        if isinstance(entry, DatasetEntry):
            _check_known("area", [entry.area], vocabulary.Area)
            _check_known("application", entry.applications, vocabulary.Application)
        if isinstance(entry, BackboneEntry):
            _check_known("kind of input", [entry.takes], vocabulary.InputKind)


def _check_known(what: str, words: Iterable[str], vocabulary_of: object) -> None:
    for word in words:
        if word not in get_args(vocabulary_of):
            raise RefusedError(str(unknown(what, str(word), get_args(vocabulary_of))))


def _check_free(
    kind: Kind, entries: Sequence[AnyEntry], taken: dict[str, Registered[AnyEntry]]
) -> None:
    what, names = kind.one, [entry.name for entry in entries]
    ending = ARGUMENT if kind.entry is DatasetEntry else ""
    for name in names:
        if not (isinstance(name, str) and NAME.fullmatch(name.removesuffix(ending))):
            raise RefusedError(
                f"the {what} name {name!r} is not of lower-case letters, digits, dots and dashes"
            )
        if name in taken:
            raise RefusedError(f"the {what} name {name!r} is taken by {taken[name].plugin}")
        if names.count(name) > 1:
            raise RefusedError(f"it brings the {what} name {name!r} twice")
