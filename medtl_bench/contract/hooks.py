"""The hooks a plugin implements.

Each returns entries; an entry says where the code is, and the code loads when used.

A plugin is any module that holds functions marked `@hookimpl` with these names, made
known by an entry point in the group `medtl_bench` or by `--plugin path/to/file.py`. A
plugin module should import nothing heavier than this one.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pluggy

from medtl_bench.contract.vocabulary import Application, Area, Family

if TYPE_CHECKING:
    from medtl_bench.contract.algorithm import Algorithm
    from medtl_bench.contract.dataset import Dataset

GROUP = "medtl_bench"

hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


@dataclass(frozen=True)
class AlgorithmEntry:
    """One algorithm: its name, its class (or "package.module:Class"), a line about it, its family and its paper.

    `counterpart`: an algorithm of which this is another implementation; the boards test
    whether both score the same.
    """

    name: str
    implementation: "str | type[Algorithm]"
    summary: str
    family: Family
    reference: str = ""
    counterpart: str = ""


@dataclass(frozen=True)
class DatasetEntry:
    """One dataset: its name, a function that builds it (or "package.module:function"), a line about it, its area.

    `applications`: what the field would use it for. `download`: "package.module:NAME" of
    a `downloads.Download`, if the files are not shipped. A name that ends with a colon,
    as "h5ad:", is a family of datasets: `build` gets what the user writes after the colon
    and returns a Dataset of the whole name; `download` may then name a function that gets
    it too.
    """

    name: str
    build: "str | Callable[[], Dataset] | Callable[[str], Dataset]"
    summary: str
    area: Area
    applications: tuple[Application, ...] = ()
    download: str = ""


@hookspec
def medtl_algorithms() -> Iterable[AlgorithmEntry]:
    """Return the algorithms this plugin brings."""
    return ()


@hookspec
def medtl_datasets() -> Iterable[DatasetEntry]:
    """Return the datasets this plugin brings."""
    return ()
