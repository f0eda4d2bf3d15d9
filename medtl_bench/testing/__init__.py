"""The conformance kit: what plugin authors, `medtl-bench check` and our own tests hold every plugin against.

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
from medtl_bench.catalogue.entries import ARGUMENT, Catalogue, Plugin
from medtl_bench.errors import unknown
from medtl_bench.testing import algorithms, datasets, plugins
from medtl_bench.testing.conformance import Conformance
from medtl_bench.testing.subject import Subject

__all__ = ["Conformance", "checks_of"]


def checks_of(target: str, plugin_files: Sequence[str] = ()) -> list[Conformance]:
    """Return the checks of a plugin and all it brings, or of one algorithm or dataset; none of them has run yet.

    A dataset of a family is checked where `target` names it with its argument. A check
    raises unittest.SkipTest, which pytest takes for a skip, where files of a dataset are
    not on this machine.

    `target`: the name of a plugin, an algorithm or a dataset, or the path of a plugin
    file. `plugin_files`: further plugin files to know of. Raises MedTLError, with near
    matches, when there is nothing of that name.
    """
    path = Path(target).resolve()
    is_file = target.endswith(".py") or path.is_file()
    files = list(
        dict.fromkeys(str(Path(file).resolve()) for file in [*plugin_files, *[target] * is_file])
    )
    found = discovery.find(files)
    known = _plugins(found)
    if is_file:
        nameless = Plugin(path.stem, "a file", "0", str(path))
        return _of_plugin(
            found, next((p for p in known if p.file == nameless.file), nameless), files
        )
    if plugin := next((p for p in known if p.name == target), None):
        return _of_plugin(found, plugin, files)
    if ARGUMENT in target:
        found.dataset_entry(target)
    elif target not in found.algorithms and target not in found.datasets:
        raise unknown(
            "plugin, algorithm or dataset",
            target,
            {*(p.name for p in known), *found.algorithms, *found.datasets},
        )
    data = {target} if ARGUMENT in target or target in found.datasets else ()
    return [*_of_algorithms(found, {target}), *_of_datasets(found, data, files)]


def _plugins(found: Catalogue) -> list[Plugin]:
    bringing = [
        *(r.plugin for r in found.algorithms.values()),
        *(r.plugin for r in found.datasets.values()),
    ]
    return list(dict.fromkeys([*bringing, *(broken.plugin for broken in found.broken)]))


def _of_plugin(found: Catalogue, plugin: Plugin, files: Sequence[str]) -> list[Conformance]:
    methods = [
        registered.entry for registered in found.algorithms.values() if registered.plugin == plugin
    ]
    data = [
        registered.entry for registered in found.datasets.values() if registered.plugin == plugin
    ]
    reasons = [broken.reason for broken in found.broken if broken.plugin == plugin]
    return [
        *plugins.checks(plugins.Subject(plugin, [*methods, *data], reasons)),
        *_of_algorithms(found, {entry.name for entry in methods}),
        *_of_datasets(
            found, {entry.name for entry in data if not entry.name.endswith(ARGUMENT)}, files
        ),
    ]


def _of_algorithms(found: Catalogue, names: Iterable[str]) -> Iterator[Conformance]:
    for name in sorted(set(names) & set(found.algorithms)):
        family = found.algorithms[name].entry.family
        yield from algorithms.checks(Subject(name, family, partial(found.algorithm, name)))


def _of_datasets(
    found: Catalogue, names: Iterable[str], files: Sequence[str]
) -> Iterator[Conformance]:
    for name in sorted(set(names)):
        entry = replace(found.dataset_entry(name).entry, name=name)
        build, download = partial(found.dataset, name), partial(found.download, name)
        yield from datasets.checks(datasets.Subject(entry, build, tuple(files), download))
