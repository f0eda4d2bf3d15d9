"""Imports a plugin in this process and asks its hooks what it brings."""

import importlib.util
import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from hashlib import sha256
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import pluggy

from medtl_bench.catalogue.entries import KINDS, AnyEntry, Kind, Plugin
from medtl_bench.contract import hooks
from medtl_bench.contract.hooks import GROUP

Brought = dict[Kind, list[AnyEntry]]
Say = Callable[[str], None]


class RefusedError(Exception):
    """A plugin cannot be used."""


def new_manager() -> pluggy.PluginManager:
    """Return a plugin manager that knows the hooks of the project and no plugin yet."""
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hooks)
    return manager


def brought(plugin: Plugin, manager: pluggy.PluginManager, say: Say = lambda _: None) -> Brought:
    """Import a plugin, register it, and return what its hooks bring.

    `say` is told of each step before it is taken. Raises RefusedError where one goes wrong, and
    then leaves nothing of it in the manager.
    """
    with guarded("importing it", say):
        module = _imported(plugin)
    if manager.is_registered(module):
        raise RefusedError(f"its module {module.__name__} is registered by another entry point")
    try:
        return _registered(plugin, module, manager, say)
    except RefusedError:
        if manager.is_registered(module):  # some refusals come before it was
            manager.unregister(module)
        raise


def _imported(plugin: Plugin) -> ModuleType:
    if plugin.module:
        module: ModuleType = EntryPoint(plugin.name, plugin.module, GROUP).load()
        return module
    file = Path(plugin.file)
    # two files may have one stem
    name = f"medtl_plugin_{file.stem}_{sha256(os.fsencode(file)).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file.name} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _registered(
    plugin: Plugin, module: ModuleType, manager: pluggy.PluginManager, say: Say
) -> Brought:
    with guarded("registering it", say):
        manager.register(module, str(plugin))
        manager.check_pending()
    if not manager.get_hookcallers(module):
        raise RefusedError(
            "it implements no hook; mark functions named in contract/hooks.py @hookimpl"
        )
    with guarded("calling its hooks", say):
        return {kind: _entries(kind, manager, module) for kind in KINDS}


@contextmanager
def guarded(doing: str, say: Say = lambda _: None) -> Iterator[None]:
    """Turn what the code of a plugin raises or prints into a RefusedError."""
    say(doing)
    printed = io.StringIO()
    try:
        with redirect_stdout(printed):
            yield
    except (KeyboardInterrupt, RefusedError):
        raise
    except BaseException as error:  # a plugin may even call sys.exit
        raise RefusedError(f"{doing} raised {type(error).__name__}: {error}") from error
    if printed.closed:
        raise RefusedError(f"{doing} closed standard output")
    if printed.getvalue():
        raise RefusedError(f"{doing} printed to standard output: {printed.getvalue()[:60]!r}")


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
