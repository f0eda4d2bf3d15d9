"""Where jobs run. Imports `running.messages` and `running.worker`, and what stands under them.

An executor is a function over jobs: it yields each with its reply, in the order in which they
end.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from medtl_bench.catalogue import apart
from medtl_bench.catalogue.entries import Catalogue, get
from medtl_bench.errors import MedTLError
from medtl_bench.running.messages import Job, Reply

Executor = Callable[[Iterable[Job]], Iterator[tuple[Job, Reply]]]


@dataclass(frozen=True)
class Limits:
    """What jobs may take: `jobs` at a time, each `timeout` seconds and `memory` MiB."""

    jobs: int = 1
    timeout: float = 900.0
    memory: int = 8192


def make(catalogue: Catalogue, named: str, limits: Limits) -> Executor:
    """Return the executor that a user names, as "processes" or "slurm:partition=gpu,array=4".

    Raises MedTLError if there is none of that name, or it cannot be made with these options.
    """
    name, _, options = named.partition(":")
    registered = get(catalogue.executors, "executor", name)
    load = partial(registered.load, registered.entry.make)
    apart.rehearse(registered.plugin, f"loading {name!r}", load)
    make_executor = load()
    try:
        executor = make_executor(limits, split_options(options))
    except MedTLError:
        raise
    except (Exception, SystemExit) as error:  # whatever the plugin's function raises
        why = f"{type(error).__name__}: {error}"
        raise MedTLError(f"The executor {name!r} of {registered.plugin} raised {why}.") from error
    if not callable(executor):
        raise MedTLError(
            f"The executor {name!r} of {registered.plugin} is {executor!r}, not a function of jobs."
        )
    return telling(catalogue, executor)


def telling(catalogue: Catalogue, execute: Executor) -> Executor:
    """Return an executor that tells its jobs what plugins bring, so that none asks them anew."""
    known = {"plugins": tuple(catalogue.told)}
    return lambda jobs: execute(job.model_copy(update=known) for job in jobs)


def split_options(text: str) -> dict[str, str]:
    """Return {"option": "value"} of a text like "option=value,other=value"."""
    options: dict[str, str] = {}
    for part in filter(None, text.split(",")):
        name, equals, value = part.partition("=")
        if not (equals and name):
            raise MedTLError(f"An option is given as NAME=VALUE, like array=4, but got {part!r}.")
        options[name] = value
    return options


def refuse_options(what: str, options: Mapping[str, str]) -> None:
    """Raise MedTLError where something that has no options is given some."""
    if options:
        raise MedTLError(f"{what!r} has no options, but got {', '.join(options)}.")
