"""The conformance kit: what authors, `medtl-bench check` and our tests hold plugins against.

Imports all rooms but `board`, `report`, `advice` and `cli`.

A plugin's own tests are three lines:

    @pytest.mark.parametrize("check", checks_of("my-method"), ids=str)
    def test_conformance(check: Conformance) -> None:
        check()
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from medtl_bench.catalogue import discovery
from medtl_bench.catalogue.entries import ARGUMENT, Catalogue, Plugin, Registered
from medtl_bench.contract.hooks import AlgorithmEntry, DatasetEntry
from medtl_bench.errors import unknown
from medtl_bench.testing import algorithms, datasets, plugins
from medtl_bench.testing.conformance import Conformance
from medtl_bench.testing.subject import Subject

__all__ = ["Conformance", "checks_of"]


def checks_of(target: str, plugin_files: Sequence[str] = ()) -> list[Conformance]:
    """Return the checks of a plugin and all it brings, or of one algorithm or dataset.

    None of them has run yet. A dataset of a family is checked where `target` names it with
    its argument. A check raises unittest.SkipTest, which pytest takes for a skip, where
    files of a dataset are not on this machine.

    `target`: the name of a plugin, an algorithm or a dataset, or the path of a plugin
    file. `plugin_files`: further plugin files to know of. Raises MedTLError, with near
    matches, when there is nothing of that name.
    """
    path = Path(target).resolve()
    is_file = target.endswith(".py") or path.is_file()
    files = _absolute([*plugin_files, *[target] * is_file])
    catalogue = discovery.find(files)
    plugin = _of_file(catalogue, path) if is_file else _named(catalogue, target)
    if plugin:
        return _of_plugin(catalogue, plugin, files)
    return _of_entry(catalogue, target, files)


def _absolute(files: Iterable[str]) -> list[str]:
    """Return the paths of files, each once."""
    return list(dict.fromkeys(str(Path(file).resolve()) for file in files))


def _registered(
    catalogue: Catalogue,
) -> Iterator[Registered[AlgorithmEntry] | Registered[DatasetEntry]]:
    """Yield all that plugins bring."""
    yield from catalogue.algorithms.values()
    yield from catalogue.datasets.values()


def _plugins(catalogue: Catalogue) -> list[Plugin]:
    bringing = [registered.plugin for registered in _registered(catalogue)]
    unusable = [broken.plugin for broken in catalogue.broken]
    return list(dict.fromkeys([*bringing, *unusable]))


def _of_file(catalogue: Catalogue, path: Path) -> Plugin:
    """Return the plugin of a file, also where it brings nothing."""
    plugins_there = (plugin for plugin in _plugins(catalogue) if plugin.file == str(path))
    return next(plugins_there, Plugin(path.stem, "a file", "0", str(path)))


def _named(catalogue: Catalogue, name: str) -> Plugin | None:
    return next((plugin for plugin in _plugins(catalogue) if plugin.name == name), None)


def _of_plugin(catalogue: Catalogue, plugin: Plugin, files: Sequence[str]) -> list[Conformance]:
    entries = [r.entry for r in _registered(catalogue) if r.plugin == plugin]
    reasons = [broken.reason for broken in catalogue.broken if broken.plugin == plugin]
    methods = {entry.name for entry in entries if isinstance(entry, AlgorithmEntry)}
    data = {entry.name for entry in entries if isinstance(entry, DatasetEntry)}
    single = data.intersection(catalogue.single_datasets())
    return [
        *plugins.checks(plugins.Subject(plugin, entries, reasons)),
        *_of_algorithms(catalogue, methods),
        *_of_datasets(catalogue, single, files),
    ]


def _of_entry(catalogue: Catalogue, name: str, files: Sequence[str]) -> list[Conformance]:
    """Return the checks of an algorithm, a dataset, or both where they share a name."""
    if ARGUMENT in name:
        catalogue.dataset_entry(name)  # raises where there is no such family
        return list(_of_datasets(catalogue, {name}, files))
    if name not in {registered.entry.name for registered in _registered(catalogue)}:
        raise unknown("plugin, algorithm or dataset", name, _names(catalogue))
    data = {name}.intersection(catalogue.datasets)
    return [*_of_algorithms(catalogue, {name}), *_of_datasets(catalogue, data, files)]


def _names(catalogue: Catalogue) -> set[str]:
    """Return every name that can be asked for."""
    entries = {registered.entry.name for registered in _registered(catalogue)}
    return entries | {plugin.name for plugin in _plugins(catalogue)}


def _of_algorithms(catalogue: Catalogue, names: set[str]) -> Iterator[Conformance]:
    for name in sorted(names.intersection(catalogue.algorithms)):
        family, load = catalogue.algorithms[name].entry.family, partial(catalogue.algorithm, name)
        yield from algorithms.checks(Subject(name, family, load))


def _of_datasets(
    catalogue: Catalogue, names: set[str], files: Sequence[str]
) -> Iterator[Conformance]:
    for name in sorted(names):
        entry = replace(catalogue.dataset_entry(name).entry, name=name)
        build, download = partial(catalogue.dataset, name), partial(catalogue.download, name)
        yield from datasets.checks(datasets.Subject(entry, build, tuple(files), download))
