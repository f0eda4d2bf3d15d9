"""What a plugin brings, as plain JSON: so one process can ask the plugin and others need not.

Words and names are told as they are. Whatever names or holds code becomes `Held`, which imports
the plugin in the process that uses it, when it uses it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from functools import cached_property, partial
from typing import Any

from medtl_bench.catalogue import importing
from medtl_bench.catalogue.entries import KINDS, AnyEntry, Held, Kind, Plugin
from medtl_bench.catalogue.importing import Brought, RefusedError
from medtl_bench.contract.hooks import MetricEntry
from medtl_bench.errors import MedTLError

# the fields of entries that name code or hold it
CODE = {
    *("implementation", "build", "download", "examination", "board", "page", "make"),
    *("function", "resampled"),
}
SCORES = {"function": "score", "resampled": "score_resampled"}
PLAIN = (str, int, float, type(None))
Told = dict[str, Any]


class Owner:
    """A plugin that is imported when something of it is used for the first time."""

    def __init__(self, plugin: Plugin) -> None:
        """Know the plugin, and import nothing of it."""
        self.plugin = plugin

    @cached_property
    def brought(self) -> Brought:
        """Return what it brings, imported; raises MedTLError where it is broken here."""
        try:
            return importing.brought(self.plugin, importing.new_manager())
        except RefusedError as refusal:
            raise MedTLError(f"{self.plugin} is broken: {refusal}.") from refusal

    def find(self, kind: Kind, name: str, field: str) -> object:
        """Return what stands in a field of an entry; raises MedTLError where there is none."""
        for entry in self.brought[kind]:
            if entry.name == name:
                return getattr(entry, field)
        raise MedTLError(f"{self.plugin} does not bring the {kind.one} {name!r} any more.")


def tell(plugin: Plugin, brought: Brought) -> Told:
    """Return a plugin and what it brings as JSON can hold it."""
    lists = {kind.many: list(map(_told, entries)) for kind, entries in brought.items()}
    return asdict(plugin) | {"brought": {many: told for many, told in lists.items() if told}}


def _told(entry: AnyEntry) -> Told:
    values = {field.name: getattr(entry, field.name) for field in fields(entry)}
    values.pop("keywords", None)  # of a metric, which is scored by its plugin
    return {name: _plain(value, code=name in CODE) for name, value in values.items()}


def _plain(value: object, *, code: bool) -> object:
    if code:
        return repr(value) if value else ""
    if isinstance(value, list | tuple):
        return [_plain(part, code=False) for part in value]
    return value if type(value) in (*PLAIN, bool) else str(value)


def hear(told: Mapping[str, Any]) -> tuple[Plugin, Brought]:
    """Return a plugin and its entries, of which no code is imported yet."""
    plugin = Plugin(**{field.name: told[field.name] for field in fields(Plugin)})
    owner, lists = Owner(plugin), told["brought"]
    return plugin, {kind: _heard(owner, kind, lists.get(kind.many, ())) for kind in KINDS}


def _heard(owner: Owner, kind: Kind, told: Sequence[Told]) -> list[AnyEntry]:
    return [kind.entry(**_fields(owner, kind, values)) for values in told]


def _fields(owner: Owner, kind: Kind, told: Told) -> Told:
    """Return the fields of an entry; code that is told of is held."""
    values = {n: tuple(value) if isinstance(value, list) else value for n, value in told.items()}
    for name in CODE & set(told):
        if told[name]:
            # a metric's own keywords go with it
            field = SCORES.get(name, name) if kind.entry is MetricEntry else name
            values[name] = Held(told[name], partial(owner.find, kind, told["name"], field))
    return values
