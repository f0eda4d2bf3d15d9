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
from medtl_bench.catalogue.entries import (
    ARGUMENT,
    KINDS,
    AnyEntry,
    Catalogue,
    Kind,
    Plugin,
    Registered,
)
from medtl_bench.errors import unknown
from medtl_bench.testing import algorithms, datasets, doors, plugins
from medtl_bench.testing.conformance import Conformance
from medtl_bench.testing.subject import Subject

__all__ = ["Conformance", "checks_of"]


def checks_of(target: str, plugin_files: Sequence[str] = ()) -> list[Conformance]:
    """Return the checks of a plugin and all it brings, or of one thing that it brings.

    None of them has run yet. A dataset that takes an argument is checked where `target` names it
    with one. A check raises unittest.SkipTest, which pytest takes for a skip, where
    files of a dataset are not on this machine.

    `target`: the name of a plugin or of something that one brings, or the path of a plugin
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


def _registered(catalogue: Catalogue) -> Iterator[tuple[Kind, Registered[AnyEntry]]]:
    """Yield all that plugins bring, with its kind."""
    for kind in KINDS:
        for registered in catalogue.of(kind).values():
            yield kind, registered


def _plugins(catalogue: Catalogue) -> list[Plugin]:
    bringing = [registered.plugin for _, registered in _registered(catalogue)]
    unusable = [broken.plugin for broken in catalogue.broken]
    return list(dict.fromkeys([*bringing, *unusable]))


def _of_file(catalogue: Catalogue, path: Path) -> Plugin:
    """Return the plugin of a file, also where it brings nothing."""
    plugins_there = (plugin for plugin in _plugins(catalogue) if plugin.file == str(path))
    return next(plugins_there, Plugin(path.stem, "a file", "0", str(path)))


def _named(catalogue: Catalogue, name: str) -> Plugin | None:
    return next((plugin for plugin in _plugins(catalogue) if plugin.name == name), None)


def _of_plugin(catalogue: Catalogue, plugin: Plugin, files: Sequence[str]) -> list[Conformance]:
    brought = [(kind, one.entry) for kind, one in _registered(catalogue) if one.plugin == plugin]
    reasons = [broken.reason for broken in catalogue.broken if broken.plugin == plugin]
    subject = plugins.Subject(plugin, [entry for _, entry in brought], reasons)
    checks = list(plugins.checks(subject))
    for kind, entry in brought:
        if not entry.name.endswith(ARGUMENT):  # its datasets are checked when they are named
            checks += _of(kind, entry.name, catalogue, files)
    return checks


def _of_entry(catalogue: Catalogue, name: str, files: Sequence[str]) -> list[Conformance]:
    """Return the checks of all that has a name, of whatever kind."""
    if ARGUMENT in name:
        catalogue.dataset_entry(name)  # raises where there is no such entry
        return list(_of_dataset(catalogue, name, files))
    kinds = [kind for kind in KINDS if name in catalogue.of(kind)]
    if not kinds:
        raise unknown("plugin or entry of one", name, _names(catalogue))
    return [check for kind in kinds for check in _of(kind, name, catalogue, files)]


def _of(kind: Kind, name: str, catalogue: Catalogue, files: Sequence[str]) -> list[Conformance]:
    """Return the checks of one thing of a kind."""
    if kind.one == "algorithm":
        family, load = catalogue.algorithms[name].entry.family, partial(catalogue.algorithm, name)
        return list(algorithms.checks(Subject(name, family, load)))
    if kind.one == "dataset":
        return list(_of_dataset(catalogue, name, files))
    return list(doors.checks(kind.one, doors.Subject(name, catalogue)))


def _of_dataset(catalogue: Catalogue, name: str, files: Sequence[str]) -> Iterator[Conformance]:
    entry = replace(catalogue.dataset_entry(name).entry, name=name)
    build, download = partial(catalogue.dataset, name), partial(catalogue.download, name)
    yield from datasets.checks(datasets.Subject(entry, build, tuple(files), download))


def _names(catalogue: Catalogue) -> set[str]:
    """Return every name that can be asked for."""
    entries = {registered.entry.name for _, registered in _registered(catalogue)}
    return entries | {plugin.name for plugin in _plugins(catalogue)}
