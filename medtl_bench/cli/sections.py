"""What a command tells, in one form: as text for people, or as JSON for programs."""

import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import typer

from medtl_bench.catalogue.entries import Catalogue
from medtl_bench.cli import console, streams

# a text, names with their values, or rows that all have the same columns
Section = str | Mapping[str, object] | Sequence[Mapping[str, object]]
Document = Mapping[str, Section]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def tell(make: Callable[[], Document], *, as_json: bool) -> None:
    """Print what a function makes, and nothing else to standard output if as JSON."""
    if not as_json:
        show(make())
        return
    with streams.aside():
        document = make()
    sys.stdout.write(json.dumps(_finite(document), indent=1, default=str) + "\n")


def show(document: Document) -> None:
    """Print a document as text; sections without rows are left out."""
    for place, (name, section) in enumerate(document.items()):
        if section and place:
            console.say("")
        _show(name.replace("_", " ").capitalize(), section)


def broken(catalogue: Catalogue) -> Document:
    """Return the plugins that are left out, each with the reason."""
    rows = [
        {"name": one.plugin.name, "from": one.plugin.distribution, "file": one.plugin.file,
         "reason": one.reason}
        for one in catalogue.broken
    ]  # fmt: skip
    return {"broken_plugins": rows}


def _show(title: str, section: Section) -> None:
    """Print a section."""
    if isinstance(section, str):
        console.paragraph(section)
    elif isinstance(section, Mapping):
        texts = {name.replace("_", " "): _text(value) for name, value in section.items()}
        if any(texts.values()):
            console.fields(title, {name: text for name, text in texts.items() if text})
    elif section:
        columns = [name.replace("_", " ") for name in section[0]]
        rows = [list(map(_text, row.values())) for row in section]
        console.table(title, columns, rows)


def _text(value: object) -> str:
    """Return a value as text; of names with values, and of several values, all of them."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {inner}" for name, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def _finite(value: Any) -> Any:  # noqa: ANN401 - whatever stands in a document
    """Return a value as JSON can hold it, which knows neither infinity nor NaN."""
    if isinstance(value, Mapping):
        return {str(name): _finite(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return list(map(_finite, value))
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
