"""The hooks a plugin implements: each returns entries, and an entry says where the code is.

A plugin is any module that holds functions marked `@hookimpl` with these names, made known by an
entry point in the group `medtl_bench` or by `--plugin path/to/file.py`. An entry names its code
as "package.module:NAME", which is loaded when it is used; a plugin module should import nothing
heavier than this one.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import pluggy

from medtl_bench.contract.vocabulary import Application, Area, InputKind
from medtl_bench.metrics.effect import EffectEntry
from medtl_bench.metrics.entry import MetricEntry

if TYPE_CHECKING:
    from medtl_bench.contract.algorithm import Algorithm
    from medtl_bench.contract.dataset import Dataset

GROUP = "medtl_bench"

hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)

__all__ = [
    "AlgorithmEntry",
    "BackboneEntry",
    "DatasetEntry",
    "EffectEntry",
    "ExecutorEntry",
    "MetricEntry",
    "ObserverEntry",
    "ProtocolEntry",
    "hookimpl",
]


@dataclass(frozen=True)
class AlgorithmEntry:
    """One algorithm: its name, its class (or "package.module:Class"), a line about it.

    `family`: of methods, in lower case, such as "meta-learning". `reference`: its paper.
    `counterpart`: an algorithm of which this is another implementation; the boards test
    whether both score the same. `acts_from`: the verb in which it first differs from plain
    training. `keeps_data`: what of earlier domains it keeps ("nothing", "rows", "statistics",
    "a model"). `packages`: distributions that its scores depend on, such as "scikit-learn";
    their versions are part of a trial's key.
    """

    name: str
    implementation: "str | type[Algorithm]"
    summary: str
    family: str
    reference: str = ""
    counterpart: str = ""
    acts_from: Literal["fit", "adapt"] = "fit"
    keeps_data: Literal["nothing", "rows", "statistics", "a model"] = "nothing"
    packages: tuple[str, ...] = ()


@dataclass(frozen=True)
class DatasetEntry:
    """One dataset: its name, a function that builds it, a line about it, its area.

    `applications`: what the field would use it for. `download`: "package.module:NAME" of a
    `Download`, if the files are not shipped. A name that ends with a colon, as "h5ad:", is of
    datasets with an argument: `build` gets what the user writes after the colon and returns a
    Dataset of that whole name, or of one in a normal form ("h5ad:cells.h5ad" for all orders of
    options); `download` may then name a function that gets it too. Where it is not downloaded
    and the argument leads to a file or folder, results know it by that one's own name and a
    digest of the data, and by no path.
    """

    name: str
    build: "str | Callable[[], Dataset] | Callable[[str], Dataset]"
    summary: str
    area: Area
    applications: tuple[Application, ...] = ()
    download: str = ""


@dataclass(frozen=True)
class ProtocolEntry:
    """One protocol, a way to judge learners, in up to three parts, each loaded where it is used.

    `examination`: a `medtl_bench.protocols.protocol.Protocol`, its scenarios and how they are
    run. `board`: a `medtl_bench.board.protocol.ProtocolBoard`, its measures and readings.
    `page`: a `medtl_bench.report.pages.protocol.ProtocolPage`, its part of a dataset's page, or
    nothing for a plain table.
    """

    name: str
    examination: Any
    summary: str
    board: Any
    page: Any = ""


@dataclass(frozen=True)
class BackboneEntry:
    """One backbone: its name, a function that makes it, a line about it, the inputs it takes.

    The function gets inputs of the sources [n, ...] and the width of the features, and returns a
    torch module that makes features [n, width] of such inputs (of "masks", maps of features)
    and scales them by itself. `weights`: the SHA-256 of weights that it starts from, if any.
    """

    name: str
    make: str | Callable[..., Any]
    summary: str
    takes: InputKind
    weights: str = ""


@dataclass(frozen=True)
class ExecutorEntry:
    """One place where jobs run: its name, a function that makes it, a line about it.

    The function gets `medtl_bench.running.executors.Limits` and the options that the user
    wrote, as {"option": "value"}; it returns an Executor.
    """

    name: str
    make: str | Callable[..., Any]
    summary: str


@dataclass(frozen=True)
class ObserverEntry:
    """One observer of runs: its name, a function that makes it, a line about it.

    The function gets the options that the user wrote, as {"option": "value"}; it returns a
    `medtl_bench.running.observers.Observer`.
    """

    name: str
    make: str | Callable[..., Any]
    summary: str


@hookspec
def medtl_algorithms() -> Iterable[AlgorithmEntry]:
    """Return the algorithms this plugin brings."""
    return ()


@hookspec
def medtl_datasets() -> Iterable[DatasetEntry]:
    """Return the datasets this plugin brings."""
    return ()


@hookspec
def medtl_metrics() -> Iterable[MetricEntry]:
    """Return the metrics this plugin brings."""
    return ()


@hookspec
def medtl_protocols() -> Iterable[ProtocolEntry]:
    """Return the protocols this plugin brings."""
    return ()


@hookspec
def medtl_backbones() -> Iterable[BackboneEntry]:
    """Return the backbones this plugin brings."""
    return ()


@hookspec
def medtl_executors() -> Iterable[ExecutorEntry]:
    """Return the executors this plugin brings."""
    return ()


@hookspec
def medtl_observers() -> Iterable[ObserverEntry]:
    """Return the observers this plugin brings."""
    return ()


@hookspec
def medtl_effects() -> Iterable[EffectEntry]:
    """Return the effects that the boards are known to have to show."""
    return ()
