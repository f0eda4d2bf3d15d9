"""What `plan` tells of the trials that a request means."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from medtl_bench.catalogue import discovery
from medtl_bench.catalogue.entries import Catalogue
from medtl_bench.cli import console, sections
from medtl_bench.cli.progress import Lines
from medtl_bench.results.store import Store
from medtl_bench.running import executors
from medtl_bench.running.plan import Planned
from medtl_bench.running.request import Planning, Request, make_plan
from medtl_bench.running.run import missing

SHOWN_SCENARIOS = 40  # on a terminal


@dataclass
class Plan:
    """The plan of a request, whose results stand in the folder `out`."""

    request: Request
    out: Path

    @cached_property
    def catalogue(self) -> Catalogue:
        """Return what is installed and what the files of the request bring."""
        return discovery.find(self.request.plugin_files)

    @cached_property
    def planning(self) -> Planning:
        """Return all trials that are asked for."""
        execute = executors.make(self.catalogue, "processes", executors.Limits())
        return make_plan(self.request, self.catalogue, execute)

    @cached_property
    def missing(self) -> list[Planned]:
        """Return those trials that can run and have no result yet."""
        return missing(self.planning.planned, Store(self.out / "results"))

    def show(self) -> None:
        """Print the trials by scenario, what is skipped, and how many there are."""
        console.broken(self.catalogue.broken)
        scenarios, total = self._scenarios(), self._total()
        most = SHOWN_SCENARIOS if console.on_terminal() else len(scenarios)
        sections.show({"trials": scenarios[:most]})
        if len(scenarios) > most:
            console.say(f"... and {len(scenarios) - most} more scenarios")
        console.say("")
        sections.show({"skipped": self._skipped()})
        there = "{trials} trials, of which {missing} have no result in {out} yet."
        skipped = " {skipped} more are skipped." if total["skipped"] else ""
        console.say((there + skipped).format(**total))
        Lines().left_out(self.planning.skipped, self.planning.unusable)

    def document(self) -> sections.Document:
        """Return all of the plan, also pair by pair of algorithm and dataset."""
        planning = self.planning
        reasons = [*planning.skipped.items(), *planning.unusable.items()]
        left_out = [
            {"name": name, "failed": name in planning.unusable, "reason": reason}
            for name, reason in reasons
        ]
        return {
            "trials": self._scenarios(),
            "pairs": self._pairs(),
            "skipped": self._skipped(),
            "left_out": left_out,
            "total": self._total(),
            **sections.broken(self.catalogue),
        }

    def _total(self) -> dict[str, object]:
        planned, possible = len(self.planning.planned), len(self.planning.possible)
        skipped, out = planned - possible, str(self.out)
        return {"trials": possible, "missing": len(self.missing), "skipped": skipped, "out": out}

    def _scenarios(self) -> list[dict[str, object]]:
        """Return how many trials can run of each scenario."""
        trials = [one.trial for one in self.planning.possible]
        counts = Counter((trial.dataset, trial.protocol, trial.scenario) for trial in trials)
        columns = ("dataset", "protocol", "scenario", "trials")
        rows = [(*scenario, count) for scenario, count in counts.items()]
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def _skipped(self) -> list[dict[str, object]]:
        """Return which methods cannot do which datasets, and why."""
        datasets: dict[tuple[str, str], dict[str, None]] = {}
        for one in self.planning.planned:
            if one.skipped:
                which = (one.trial.algorithm, one.skipped)
                datasets.setdefault(which, {})[one.trial.dataset] = None
        return [
            {"algorithm": algorithm, "datasets": list(names), "reason": reason}
            for (algorithm, reason), names in datasets.items()
        ]

    def _pairs(self) -> list[dict[str, object]]:
        """Return of each pair how many trials there are and lack a result, or why none runs."""
        planned, lacking = map(Counter, map(_by_pair, (self.planning.planned, self.missing)))
        columns = ("dataset", "algorithm", "protocol", "skipped", "trials", "missing")
        rows = [(*pair, count, lacking[pair]) for pair, count in planned.items()]
        return [dict(zip(columns, row, strict=True)) for row in rows]


def _by_pair(planned: list[Planned]) -> list[tuple[str, str, str, str]]:
    """Return dataset, algorithm, protocol and the reason to skip of each trial."""
    trials = [(one.trial, one.skipped) for one in planned]
    return [(t.dataset, t.algorithm, t.protocol, reason) for t, reason in trials]
